//! The Linux side of the facade.

mod account;
pub(crate) mod facts;
pub(crate) mod local;
pub(crate) mod private;
pub(crate) mod process;
mod procfs;
pub(crate) mod secret;
pub(crate) mod session_user;
pub(crate) mod stop;
pub(crate) mod user;
