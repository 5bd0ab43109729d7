//! The broker from outside: a real one on loopback, raw QUIC peers with real certificates.
#![allow(missing_docs, reason = "a test program has no users")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod bad_input;
mod commands;
mod documents;
mod enrolment;
mod fleet;
mod organisation;
mod peers;
mod presence;
mod records;
mod relay;
mod stopping;
mod watching;
mod world;
