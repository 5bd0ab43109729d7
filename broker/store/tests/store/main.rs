//! The store from outside, on real SQLite files in temporary folders.
#![allow(clippy::expect_used, clippy::panic)] // a helper that cannot go on fails its test

mod backup;
mod common;
mod devices;
mod documents;
mod durability;
mod ledger;
mod ledger_at_once;
mod schema;
mod sessions;
mod sites;
