//! Everything that differs between operating systems, behind one facade.
//!
//! Outside this package there is no `cfg(windows)` and no `unsafe`. Inside, the side is chosen
//! once, below: each module here states the API and its meaning, `imp` does it, and both sides
//! of `imp` have the same names. Nothing in here knows a type of Distans.
//!
//! | module | what |
//! |---|---|
//! | [`facts`] | what the machine is and how it is: name, memory, disks, name look-ups |
//! | [`local`] | socket or pipe between the agent and the helper, the peer known |
//! | [`private`] | owner-only folders, writes that survive a power cut, one-instance lock |
//! | [`process`] | one command with pipes, and the end of everything it started |
//! | [`secret`] | keys at rest: DPAPI where it exists |
//! | [`session_user`] | who sits at the machine |
//! | [`stop`] | when the system or the person asks this program to stop |

#[cfg(any(windows, test))]
mod command_line;
pub mod facts;
pub mod local;
pub mod private;
pub mod process;
pub mod secret;
pub mod session_user;
pub mod stop;
mod thread;
mod user;

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
