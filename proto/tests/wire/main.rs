//! The wire from outside: golden bytes, versions to come, and hostile bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test stops at the first surprise

mod golden;
mod never_panics;
mod samples;
