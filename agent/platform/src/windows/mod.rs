//! The Windows side of the facade.

pub(crate) mod facts;
pub(crate) mod local;
pub(crate) mod private;
pub(crate) mod process;
mod registry;
pub(crate) mod secret;
mod security;
pub(crate) mod session_user;
mod spawn;
pub(crate) mod stop;
mod sys;
pub(crate) mod user;
