//! Folders and files that only their owner can read, and writes that survive a power cut.
//!
//! On Unix: folder 0700, file 0600, owned by us. On Windows: a protected access list with
//! SYSTEM and the owner alone; files inherit it from their folder.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::imp;

/// Why a folder or file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// Others could read or change it.
    #[error("{} can be read or changed by others ({found}); {advice}", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
        /// What to do.
        advice: String,
    },
    /// It is not what it should be.
    #[error("{} is not {wanted}; move it away", path.display())]
    NotA {
        /// Which.
        path: PathBuf,
        /// `a folder`, `a file`.
        wanted: &'static str,
    },
    /// Larger than the caller allows.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Another program holds the lock.
    #[error("{} is in use by another running program; stop that one first", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// What the system said.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl PrivateError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    /// True if there is no such file or folder.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Where the service of an installed machine keeps its state.
pub fn service_dir() -> PathBuf {
    imp::private::service_dir()
}

/// Makes `path` (and what is missing above it) as a folder for the owner alone; if it exists,
/// checks it as [`check_dir`] does.
///
/// # Errors
/// [`PrivateError`]; an existing folder is never opened up or changed silently.
pub fn create_dir(path: &Path) -> Result<(), PrivateError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => return check_dir(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(PrivateError::io(path, error)),
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|error| PrivateError::io(parent, error))?;
    }
    match imp::private::make_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_dir(path),
        other => other.map_err(|error| PrivateError::io(path, error)),
    }
}

/// Refuses a folder that is missing, is a link, belongs to somebody else or is open to others.
///
/// # Errors
/// [`PrivateError`] with what to do.
pub fn check_dir(path: &Path) -> Result<(), PrivateError> {
    let found = std::fs::symlink_metadata(path).map_err(|error| PrivateError::io(path, error))?;
    if !found.is_dir() {
        return Err(PrivateError::NotA { path: path.to_owned(), wanted: "a folder" });
    }
    imp::private::check(path, &found)
}

/// Replaces `path` by `bytes`: after it returns the new content is on disk, and at every moment
/// before either the old or the new content is there whole. The file is for the owner alone.
///
/// # Errors
/// [`PrivateError`]; the old content then still stands.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    let temporary = temporary_name(path)?;
    let outcome = write_and_rename(&temporary, path, bytes);
    if outcome.is_err() {
        // The write failed: the half-written copy is of no use, and its removal may fail alike.
        let _ = std::fs::remove_file(&temporary);
    }
    outcome.map_err(|error| PrivateError::io(path, error))
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = imp::private::create_file(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    imp::private::replace(temporary, path)
}

/// Beside the target, so that renaming stays within one file system. A leftover of a killed
/// write has the same name and is replaced by the next one.
fn temporary_name(path: &Path) -> Result<PathBuf, PrivateError> {
    let Some(name) = path.file_name() else {
        return Err(PrivateError::NotA { path: path.to_owned(), wanted: "a file" });
    };
    let mut temporary = name.to_owned();
    temporary.push(".new");
    Ok(path.with_file_name(temporary))
}

/// A new file for the owner alone, to be written bit by bit; one of that name is replaced.
///
/// # Errors
/// [`PrivateError`].
pub fn create(path: &Path) -> Result<File, PrivateError> {
    imp::private::create_file(path).map_err(|error| PrivateError::io(path, error))
}

/// Opens a file that nobody else could have read or changed, for reading bit by bit.
///
/// # Errors
/// [`PrivateError`]; [`PrivateError::is_not_found`] tells a missing file apart.
pub fn open(path: &Path) -> Result<File, PrivateError> {
    let io = |error| PrivateError::io(path, error);
    let file = File::open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?;
    if !found.is_file() {
        return Err(PrivateError::NotA { path: path.to_owned(), wanted: "a file" });
    }
    imp::private::check(path, &found)?;
    Ok(file)
}

/// Reads a file of at most `limit` bytes that nobody else could have read or changed.
///
/// # Errors
/// [`PrivateError`]; [`PrivateError::is_not_found`] tells a missing file apart.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let io = |error| PrivateError::io(path, error);
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(PrivateError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// Makes what was renamed, made or removed in `dir` survive a power cut. [`write()`] does it itself.
///
/// # Errors
/// What the system says.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    imp::private::sync_dir(dir)
}

/// Held for as long as the value lives; released by the system if the program dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock file `path`, so that one program at a time uses a folder.
///
/// # Errors
/// [`PrivateError::InUse`] if another program holds it.
pub fn lock(path: &Path) -> Result<Lock, PrivateError> {
    let file = imp::private::open_lock(path).map_err(|error| PrivateError::io(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(std::fs::TryLockError::WouldBlock) => Err(PrivateError::InUse { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(PrivateError::io(path, error)),
    }
}
