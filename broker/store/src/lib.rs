//! The broker's records in SQLite, with frozen migrations.
#![forbid(unsafe_code)]
