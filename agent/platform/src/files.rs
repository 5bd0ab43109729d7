//! What differs about files: names as bytes, permission bits, and a whole file system's sync.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;

use crate::imp;

/// Names with which this system's files can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Any bytes but `/` and zero, capital letters count.
    Unix,
    /// Unicode without some characters and reserved names, capital letters do not count.
    Windows,
}

/// Those of this system.
pub const fn names() -> Names {
    imp::files::NAMES
}

/// A name from its bytes (those of `OsStr::as_encoded_bytes` on a machine of any kind); `None` if
/// this system cannot have such a name: on Windows, what is not UTF-8.
pub fn name_from_bytes(bytes: &[u8]) -> Option<OsString> {
    imp::files::name_from_bytes(bytes)
}

/// Permission bits (0o777), where the system has any.
pub fn mode(metadata: &Metadata) -> Option<u32> {
    imp::files::mode(metadata)
}

/// Sets permission bits; where there are none, a file nobody may write becomes read-only.
///
/// # Errors
/// What the system says.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    imp::files::set_mode(file, mode)
}

/// Brings all that was written in the file system of `file` to the disk. False if the system
/// cannot do that for an ordinary account: then each file must be synced by itself.
///
/// # Errors
/// What the system says: something written earlier may not be on the disk.
pub fn sync_file_system(file: &File) -> io::Result<bool> {
    imp::files::sync_file_system(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_bytes_and_back() {
        for name in ["Grövelsjön.txt", "a b", "-rf"] {
            let name = OsString::from(name);
            assert_eq!(name_from_bytes(name.as_encoded_bytes()), Some(name));
        }
        assert_eq!(name_from_bytes(b"\xff").is_some(), names() == Names::Unix);
    }
}
