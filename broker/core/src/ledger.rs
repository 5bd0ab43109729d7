//! The kilometre ledger: entries that are only ever added, each frozen at booking and chained
//! by hash to the one before.
//!
//! | part | what |
//! |---|---|
//! | [`body`] | what one entry says, and its one canonical text |
//! | [`chain`] | how entries are linked, and finding the one that was changed |
//! | [`rules`] | which bookings are taken, and which entries they make |
//!
//! A later settlement reads bodies alone: each carries its distance, site revision, factor set
//! and method, so no figure of the past depends on a table of today.

pub mod body;
pub mod chain;
pub mod rules;

pub use body::Body;
pub use chain::{ChainError, Fault, Head, Link, Verifier};
pub use rules::{BookError, Booking, Frozen, History, Ids, Plan, Target};

/// The method by which saved kilometres are counted; frozen into every entry.
pub const METHOD: &str = "avoided-trips/1";
