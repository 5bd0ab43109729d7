//! What each operation asks for and answers, one file an operation or a family of them.
//!
//! Answers that are more than bytes of a program are *items*: frames ([`crate::frame`], at most
//! [`ITEM_LIMIT`]) one after the other in the operation's primary output, and likewise in its
//! input. So they are resumed after a lost line, bounded and counted like any output.

pub mod diagnose;
pub mod files;
pub mod forward;
pub mod look;
pub mod people;
pub mod power;
pub mod repair;
pub mod shell;

/// Largest item of an operation's input or output, in bytes of body.
pub const ITEM_LIMIT: usize = 64 * 1024;
