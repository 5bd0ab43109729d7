//! The world from outside: integration, hostile peers, benchmarks.
#![forbid(unsafe_code)]

pub mod org;
pub mod peer;
pub mod world;
