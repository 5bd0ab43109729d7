//! What the broker decides: presence, routing, admission, enrolment, ledger; sans-I/O.
#![forbid(unsafe_code)]
pub mod config;
pub mod presence;
pub mod sessions;
