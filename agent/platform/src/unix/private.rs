//! Modes 0700 and 0600, and our own uid.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::private::PrivateError;

pub(crate) fn service_dir() -> PathBuf {
    PathBuf::from("/var/lib/distans-agent")
}

pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

pub(crate) fn check(path: &Path, found: &Metadata) -> Result<(), PrivateError> {
    let own = rustix::process::geteuid().as_raw();
    let exposed =
        |found: String, advice: String| Err(PrivateError::Exposed { path: path.to_owned(), found, advice });
    if found.uid() != own {
        return exposed(
            format!("it belongs to user {}, this program runs as user {own}", found.uid()),
            "start the program as the owner, or give it the folder with chown".to_owned(),
        );
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        let right = if found.is_dir() { "700" } else { "600" };
        return exposed(format!("mode {mode:03o}"), format!("run: chmod {right} {}", path.display()));
    }
    Ok(())
}

pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

pub(crate) fn replace(temporary: &Path, path: &Path) -> io::Result<()> {
    std::fs::rename(temporary, path)?;
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => sync_dir(dir),
        _ => sync_dir(Path::new(".")),
    }
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)
}
