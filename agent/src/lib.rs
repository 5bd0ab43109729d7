//! The agent on each PC: one outbound connection; verifies, decides, executes, journals.
//!
//! Decisions are taken in `distans-agent-core`; here are the sockets, files and processes
//! around it.
//!
//! | module | what |
//! |---|---|
//! | [`agent`] | [`Agent::start`] and [`Running::shutdown`] |
//! | [`config`], [`state`] | `agent.toml`; the state folder |
//! | [`enrol`], [`doctor`], [`status`] | the commands besides `run` |
//! | `link`, `relay` | the connection to the broker, and the streams it opens |
//! | `session`, `operations` | the technician's side of things: control streams, operations |
//! | `desk` | the person's side of things: questions, notices, Stop |
//! | `machine` | the machine under it, or what stands for it in development |
//! | `recording` | what was shown in shells, encrypted |
//! | [`journal`] | what is on disk before anything is done |
#![forbid(unsafe_code)]

pub mod agent;
mod clock;
pub mod config;
mod desk;
pub mod doctor;
pub mod enrol;
pub mod journal;
mod link;
mod machine;
mod operations;
mod recording;
mod relay;
mod session;
mod shared;
pub mod state;
pub mod status;
#[cfg(test)]
mod testing;

pub use agent::{Agent, Running, StartError};
pub use config::Config;
pub use link::dial::DialError;
pub use operations::files::worker;
