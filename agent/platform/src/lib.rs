//! Everything that differs between operating systems, behind one facade.
//!
//! Outside this package there is no `cfg(windows)` and no `unsafe`. Inside, the side is chosen
//! once, below: each module here states the API and its meaning, `imp` does it, and both sides
//! of `imp` have the same names. Nothing in here knows a type of Distans.
//!
//! | module | what |
//! |---|---|
//! | [`console`] | the terminal this program is used from: raw keys, size, and its way back |
//! | [`facts`] | what the machine is and how it is: name, memory, disks, name look-ups |
//! | [`files`] | names as bytes, permission bits, a file system's sync |
//! | [`load`], [`logs`], [`software`], [`users`] | how busy it is, its log, its packages, its accounts and logins |
//! | [`local`] | socket or pipe between the agent and the helper, the peer known |
//! | [`power`] | restart, shutdown, sign-out, lock; which run of the machine this is |
//! | [`net`] | interfaces, routes, name servers, sockets |
//! | [`fix`] | small repairs: print queues, the cache of names |
//! | [`private`] | owner-only folders, writes that survive a power cut, one-instance lock |
//! | [`probe`] | looking at the machine piece by piece, for a diagnosis |
//! | [`process`] | one command with pipes, and the end of everything it started |
//! | [`pty`] | a program in a terminal of its own |
//! | [`processes`] | which processes there are, and ending one |
//! | [`secret`] | keys at rest: DPAPI where it exists |
//! | [`services`] | services, and starting and stopping them |
//! | [`session_user`] | who sits at the machine |
//! | [`stop`] | when the system or the person asks this program to stop |

#[cfg(any(windows, test))]
mod command_line;
pub mod console;
pub mod facts;
pub mod files;
pub mod fix;
pub mod load;
pub mod local;
pub mod logs;
pub mod net;
pub mod power;
pub mod private;
pub mod probe;
pub mod process;
pub mod processes;
pub mod pty;
pub mod secret;
pub mod services;
pub mod session_user;
pub mod software;
pub mod stop;
mod thread;
mod user;
pub mod users;
pub mod wake;

pub use user::UserId;

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod imp;

#[cfg(windows)]
#[path = "windows/mod.rs"]
mod imp;

/// True if this program runs as root, or on Windows as LocalSystem.
pub fn is_privileged() -> bool {
    UserId::current().is_ok_and(|user| user.is_system())
}
