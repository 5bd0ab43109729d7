//! The broker and the PCs as seen from the technician's desk.
//!
//! [`Desk`] is the connection to the broker: requests and answers. [`Session`] is the
//! end-to-end conversation with one PC, through the broker and unread by it: open, resume,
//! operations, end. Both come back by themselves after a lost line. Nothing here prints;
//! [`Notice`]s tell what is worth telling.
//!
//! | module | what |
//! |---|---|
//! | `dial` | from an address to a verified connection |
//! | [`desk`] | requests to the broker, and documents kept fresh |
//! | [`lookup`] | from a name to a PC whose identity holds |
//! | [`ledger`] | bookings, entries, sites |
//! | `relay`, `attach` | a stream to a PC; the handshake and the grant on it |
//! | [`session`] | a session's life, re-attaching |
//! | `keeper`, `settle` | a session's control stream; what its receipt must say |
//! | [`operation`] | one operation to its end, whatever the line does |
//! | [`diagnose`] | a diagnosis as it comes, within bounds |
//! | [`watch`] | all PCs and every change of them |
//! | [`power`] | restarting the PC and meeting it again |
//! | [`tunnel`] | connections through a PC, each on a stream of its own |
//! | [`people`] | words with the person at the PC |
//! | [`wake`] | waking a PC through a neighbour |
//! | [`record`] | signed records of sessions, verified |

mod attach;
pub mod desk;
pub mod diagnose;
mod dial;
mod error;
mod feed;
pub mod items;
mod keeper;
pub mod ledger;
pub mod lookup;
pub mod operation;
pub mod people;
pub mod power;
pub mod record;
mod relay;
pub mod session;
mod settle;
#[cfg(test)]
mod testing;
pub mod tunnel;
pub mod wake;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

pub use desk::Desk;
pub use diagnose::Diagnosis;
pub(crate) use error::Cause;
pub use error::{Candidate, Error};
pub use items::Items;
pub use lookup::Target;
pub use operation::{Discard, Io, Sink, Stream};
pub use session::{Closing, NewSession, Session};

/// Something worth telling while a call is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The person at the PC is being asked; silence means no after so long.
    Asking(Duration),
    /// They are not being asked any more: they answered, or the question is void.
    Answered,
    /// The line is lost; trying to come back.
    LineLost(String),
    /// Back again.
    LineBack,
    /// The technician's folder could not be written; what was done stands all the same.
    NotKept(String),
}

/// Lets the tasks of dropped sessions and desks send their last words. To be awaited before a
/// program ends; takes no time worth mentioning.
pub async fn farewell() {
    // Session's task, connection's task, socket: each needs a turn or two.
    for _ in 0..12 {
        tokio::task::yield_now().await;
    }
}

/// Takes notices; called from async code, so it must not block.
pub type Listener = Arc<dyn Fn(Notice) + Send + Sync>;
