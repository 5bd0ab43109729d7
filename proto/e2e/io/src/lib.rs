//! The end-to-end session over asynchronous streams.
//!
//! Any pair of tokio reader and writer carries it: a relayed QUIC stream, a pipe, a test's
//! duplex. Two things are on offer, and nothing else needs to know TLS or sealed records:
//!
//! * [`Control`]: the session's control stream, whole messages both ways;
//! * [`OpReader`] and [`OpWriter`]: one operation's stream, messages and raw bytes; [`pipe`]
//!   joins one to a socket.
//!
//! All reads are bounded in size; waiting for the other side is bounded until the handshake
//! stands, and after it is the caller's to bound. What may be dropped half-way says so.
#![forbid(unsafe_code)]

mod control;
mod error;
mod op;
pub mod pipe;
mod sealed;

pub use control::{Connecting, Control, HANDSHAKE_LIMIT, read_preface};
pub use error::{ControlError, StreamError};
pub use op::{OpReader, OpWriter, Unit};
pub use sealed::{SealedReader, SealedWriter};
