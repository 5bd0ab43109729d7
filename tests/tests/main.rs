//! The promises, each tried by attack. One binary; every module is one subject.
//!
//! Run one subject with `cargo test -p distans-tests --test promises malicious_broker`.
#![allow(clippy::expect_used, clippy::panic)] // a test stops at the first surprise, its helpers too

mod chaos;
mod doctor;
mod documents;
mod enrol;
mod files;
mod fleet;
mod forward;
mod look;
mod malicious_agent;
mod malicious_broker;
mod people;
mod power;
mod run;
mod session;
mod shell;
mod tls;
mod verbs;
mod wake;
mod walls;
