//! The promises, each tried by attack. One binary; every module is one subject.
//!
//! Run one subject with `cargo test -p distans-tests --test promises malicious_broker`.
#![allow(clippy::expect_used, clippy::panic)] // a test stops at the first surprise, its helpers too

mod enrol;
mod tls;
mod walls;
