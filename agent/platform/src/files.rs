//! What differs about files: names as bytes, permission bits, and a whole file system's sync.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;

use cap_std::fs::{DirBuilder, OpenOptions};

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

/// Lets a file be made with these permission bits (0o777, less the umask) from its first moment
/// on, so that nobody opens it before they are set. Where there are none, it is made as usual.
pub fn make_file_with(options: &mut OpenOptions, mode: u32) {
    imp::files::make_file_with(options, mode);
}

/// Makes folders with these permission bits from their first moment on, as [`make_file_with`].
pub fn make_folder_with(mode: u32) -> DirBuilder {
    let mut builder = DirBuilder::new();
    imp::files::make_folder_with(&mut builder, mode);
    builder
}

/// True if the file belongs to the account this program runs as: nobody else made it, and nobody
/// else holds it open for writing unless that account let them.
///
/// # Errors
/// What the system says.
pub fn is_own(file: &File) -> io::Result<bool> {
    imp::files::is_own(file)
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
    fn what_is_closed_is_so_from_its_first_moment_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = cap_std::fs::Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority());
        let dir = dir.expect("opened");
        dir.create_dir_with("closed", &make_folder_with(0o700)).expect("made");
        let mut options = OpenOptions::new();
        make_file_with(options.write(true).create_new(true), 0o600);
        dir.open_with("file", &options).expect("made");
        for name in ["closed", "file"] {
            let metadata = std::fs::metadata(folder.path().join(name)).expect("there");
            assert!(mode(&metadata).is_none_or(|mode| mode & 0o077 == 0), "{name}");
        }
    }

    #[test]
    fn what_we_make_is_ours() {
        assert!(is_own(&tempfile::tempfile().expect("made")).expect("told"));
    }

    #[test]
    fn names_go_to_bytes_and_back() {
        for name in ["Grövelsjön.txt", "a b", "-rf"] {
            let name = OsString::from(name);
            assert_eq!(name_from_bytes(name.as_encoded_bytes()), Some(name));
        }
        assert_eq!(name_from_bytes(b"\xff").is_some(), names() == Names::Unix);
    }
}
