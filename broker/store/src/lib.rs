//! The broker's records in SQLite, with frozen migrations.
//!
//! [`Store`] is the one door. Reads run side by side on a small pool; every write goes through
//! one writer, which puts what has piled up into one transaction and answers after its commit,
//! so that *what was acknowledged is on disk* and many small writes share one fsync.
//!
//! | module | records |
//! |---|---|
//! | `documents` | signed root, policy and token certificates |
//! | `devices` | PCs and their facts |
//! | `enrolment` | taking PCs in, their certificates |
//! | `sessions` | sessions as the broker saw them, and their signed records |
//! | `sites` | sites, road legs and factor sets, by revision |
//! | `ledger` | the kilometre ledger: needs, entries, the chain |
//! | `booking` | what a booking is about, looked up |
//! | `backup`, `integrity` | a copy while running; the check of everything |
//! | `migrations` | how the tables came to be |
//! | `writer` | the one writer and its shared commits |
#![forbid(unsafe_code)]

mod backup;
mod booking;
mod devices;
mod documents;
mod enrolment;
mod error;
mod integrity;
mod ledger;
mod migrations;
mod records;
mod sessions;
mod sites;
mod sql;
mod store;
mod writer;

pub use error::StoreError;
pub use records::*;
pub use store::Store;
