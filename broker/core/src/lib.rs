//! What the broker decides: presence, routing, admission, enrolment, ledger; sans-I/O.
#![forbid(unsafe_code)]
pub mod config;
pub mod dates;
pub mod factors;
pub mod ledger;
pub mod needs;
pub mod presence;
pub mod pseudonym;
pub mod roads;
pub mod sessions;
