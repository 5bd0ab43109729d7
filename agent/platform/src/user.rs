//! Who a user is to the operating system.

use std::{fmt, io};

use crate::imp;

/// One user: the uid on Unix, the SID on Windows. `Display` writes it as the system does:
/// `1000`, `S-1-5-21-…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(pub(crate) imp::user::Raw);

impl UserId {
    /// The user this program runs as.
    ///
    /// # Errors
    /// When the system does not tell (Windows only).
    pub fn current() -> io::Result<Self> {
        imp::user::current().map(Self)
    }

    /// True for root, and on Windows for LocalSystem.
    pub fn is_system(&self) -> bool {
        imp::user::is_system(&self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0.to_string())
    }
}
