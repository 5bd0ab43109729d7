//! The broker: it introduces, relays, records and counts. It cannot command.
//!
//! Decisions are in `distans-broker-core`, records in `distans-broker-store`; here are the
//! sockets, files and tasks around them. Nothing here can read what is relayed: this package
//! does not depend on the end-to-end session's.
//!
//! | module | what |
//! |---|---|
//! | [`config`], [`files`], `identity` | the directory: configuration, keys, certificate |
//! | [`setup`] | `init`, `import`, `check-config`, `backup` |
//! | `start` | [`Broker::start`] and [`Running::shutdown`] |
//! | `listener` | handshakes, and who is who |
//! | `strangers` | enrolment |
//! | `agents`, `messages` | a PC's control stream |
//! | `desk` | a technician's requests |
//! | `relay` | bytes from one to the other |
//! | `documents` | the organisation's signed documents |
//! | `housekeeping` | what happens from time to time |
//! | `http`, `metrics`, [`logging`] | how it is watched |
#![forbid(unsafe_code)]

mod agents;
mod clock;
pub mod config;
mod desk;
mod disk;
mod documents;
pub mod files;
mod housekeeping;
mod http;
mod identity;
mod listener;
pub mod logging;
mod messages;
mod metrics;
pub mod notify;
mod relay;
pub mod setup;
mod shared;
mod start;
mod strangers;

pub use config::Config;
pub use start::{Broker, Running};
