//! The commands around a broker's directory: making it, bringing signed things into it,
//! checking it, copying its records.

mod backup;
mod check;
mod import;
mod init;

pub use backup::backup;
pub use check::{Report, check};
pub use import::import;
pub use init::{Init, init};
