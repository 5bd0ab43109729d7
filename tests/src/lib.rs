//! The world from outside: integration, hostile peers, benchmarks.
#![forbid(unsafe_code)]

pub mod bench;
pub mod dice;
pub mod evil_broker;
pub mod fake_pc;
pub mod measure;
pub mod netsim;
pub mod org;
pub mod pc;
pub mod peer;
pub mod programs;
pub mod world;
