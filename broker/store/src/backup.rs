//! A consistent copy of the database while the broker goes on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sql;
use crate::store::connect;
use crate::{Store, StoreError};

impl Store {
    /// Writes a consistent copy of the database to a new file, for its owner alone, while the
    /// broker goes on, and makes sure it is on disk.
    ///
    /// # Errors
    /// If the file exists already or cannot be written.
    pub async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        let partial = partial_of(target);
        let result = self.copy(&partial, target).await;
        if result.is_err() {
            // Best effort: the error that led here is the one to tell.
            let _ = fs::remove_file(&partial);
        }
        result
    }

    async fn copy(&self, partial: &Path, target: &Path) -> Result<(), StoreError> {
        if target.exists() {
            return Err(StoreError::BackupExists(target.to_owned()));
        }
        let text = partial.to_str().ok_or_else(|| {
            failed(partial)(io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8"))
        })?;
        // Left over from a backup that was interrupted.
        match fs::remove_file(partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(partial)(error)),
            _ => {}
        }
        // SQLite takes an empty file; made here, so that nobody else may read the copy.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial).map_err(failed(partial))?;
        let source = connect(self.path(), 1, false).await?;
        let copied = sql::run(&source, "VACUUM INTO $1", [text.into()]).await;
        source.close().await?;
        copied?;
        let (from, to) = (partial.to_owned(), target.to_owned());
        tokio::task::spawn_blocking(move || settle(&from, &to))
            .await
            .map_err(|error| failed(target)(io::Error::other(error)))?
            .map_err(failed(target))
    }
}

/// Flushes the copy, gives it its name and flushes that too: once it has its name it is whole.
fn settle(partial: &Path, target: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, target)?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn partial_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { path, source }
}
