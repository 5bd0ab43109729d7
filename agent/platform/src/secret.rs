//! Keys at rest, bound to the machine or the user where the system can do that.
//!
//! On Windows the bytes are sealed with DPAPI: a copied file is worthless on another machine.
//! On Unix they pass through unchanged, and [`crate::private`] keeps others from reading them.

use std::io;

use crate::imp;

/// Who can open a protected secret again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Any account of this machine that may read the file: for the service.
    Machine,
    /// This user alone: for the technician's keys.
    User,
}

/// The bytes to keep on disk for `secret`.
///
/// # Errors
/// When the system cannot protect it.
pub fn protect(secret: &[u8], bound: Bound) -> io::Result<Vec<u8>> {
    imp::secret::protect(secret, bound)
}

/// The secret in what [`protect`] gave. The caller wipes it after use.
///
/// # Errors
/// When the bytes come from another machine or user, or were changed.
pub fn unprotect(kept: &[u8], bound: Bound) -> io::Result<Vec<u8>> {
    imp::secret::unprotect(kept, bound)
}
