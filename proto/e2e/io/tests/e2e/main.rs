//! The end-to-end session over in-memory streams: real documents, real certificates, real TLS,
//! and a relay in the middle that does as it likes.
#![allow(clippy::expect_used, clippy::panic)] // a test stops at the first surprise, its helpers too

mod handshake;
mod org;
mod relay;
mod streams;
mod tampered;
