//! Caches that may be emptied: a fixed list. Nothing in here that a person made.

use std::io;
use std::time::Duration;

use super::Answer;
use crate::imp;
use crate::session_user::SignedIn;

/// Temporary files are old when nobody has touched them for so long.
pub const TEMPORARY_AGE: Duration = Duration::from_secs(10 * 86_400);

/// What is left of the system's journal.
pub const JOURNAL_KEEP: u64 = 200_000_000;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Packages that were fetched and installed.
    Packages,
    /// The system's journal beyond [`JOURNAL_KEEP`].
    Journal,
    /// Small pictures of files, of the signed-in user.
    Thumbnails,
    /// Temporary files older than [`TEMPORARY_AGE`].
    Temporary,
    /// Windows updates that were fetched.
    Updates,
}

/// The caches that are here and what each would give back, bytes.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn sizes(user: Option<&SignedIn>) -> Answer<Vec<(Cache, u64)>> {
    imp::probe::caches::sizes(user).await
}

/// Empties one and tells the bytes freed. Needs root or administrator rights.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is no such cache here, else what the system said.
pub async fn free(cache: Cache, user: Option<&SignedIn>) -> io::Result<u64> {
    imp::probe::caches::free(cache, user).await
}
