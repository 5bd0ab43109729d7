//! The Windows side of the facade.

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
pub(crate) mod pty;
mod registry;
pub(crate) mod secret;
mod security;
pub(crate) mod services;
pub(crate) mod session_user;
pub(crate) mod software;
mod spawn;
pub(crate) mod stop;
mod sys;
pub(crate) mod user;
pub(crate) mod users;
pub(crate) mod wake;
