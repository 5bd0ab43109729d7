//! The Linux side of the facade.

mod account;
pub(crate) mod console;
pub(crate) mod facts;
pub(crate) mod files;
pub(crate) mod fix;
pub(crate) mod load;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod net;
pub(crate) mod power;
pub(crate) mod private;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod processes;
mod procfs;
pub(crate) mod pty;
pub(crate) mod secret;
pub(crate) mod services;
pub(crate) mod session_user;
pub(crate) mod software;
pub(crate) mod stop;
mod tool;
pub(crate) mod user;
pub(crate) mod users;
pub(crate) mod wake;
