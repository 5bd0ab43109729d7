//! The broker's directory: which file is what, and writing so that a crash leaves the old file
//! or the new one, never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The broker's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory(PathBuf);

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Only the broker's own user.
    Owner,
    /// Everybody: nothing secret is in it.
    All,
}

impl Directory {
    /// At that path; whether it is there shows when it is used.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes it if it is not there, for the owner alone.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self) -> anyhow::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0).with_context(|| format!("cannot make the directory {}", self.0.display()))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("broker.toml")
    }

    /// Private key of the broker's TLS certificate, PKCS#8 PEM.
    pub fn tls_key(&self) -> PathBuf {
        self.0.join("broker-key.pem")
    }

    /// The broker's TLS certificate, PEM; comes with the first import.
    pub fn certificate(&self) -> PathBuf {
        self.0.join("broker-certificate.pem")
    }

    /// Private key of the CA that issues PCs' outer certificates, PKCS#8 PEM.
    pub fn device_ca_key(&self) -> PathBuf {
        self.0.join("device-ca-key.pem")
    }

    /// Certificate of that CA, PEM.
    pub fn device_ca(&self) -> PathBuf {
        self.0.join("device-ca.pem")
    }

    /// Secret behind the ledger's pseudonyms; kept out of the database on purpose.
    pub fn ledger_key(&self) -> PathBuf {
        self.0.join("ledger-key")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("records.sqlite")
    }

    /// Changed by every import, so that a running broker notices.
    pub fn imported(&self) -> PathBuf {
        self.0.join("last-import")
    }

    /// What the administrator certifies.
    pub fn request(&self) -> PathBuf {
        self.0.join("broker-request.json")
    }
}

/// Writes a file that must not be there yet, and makes sure it is on disk.
///
/// # Errors
/// It is there already, or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> anyhow::Result<()> {
    let written = create(path, readers).and_then(|file| finish(file, bytes)).and_then(|()| sync_parent(path));
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} exists already and is not overwritten", path.display())
        }
        written => written.with_context(|| format!("cannot write {}", path.display())),
    }
}

/// Writes a file in place of the one that may be there.
///
/// # Errors
/// It cannot be written; the old one is then untouched.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> anyhow::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let replaced = match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => create(&fresh, readers)
            .and_then(|file| finish(file, bytes))
            .and_then(|()| fs::rename(&fresh, path))
            .and_then(|()| sync_parent(path)),
    };
    replaced.with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a secret; refuses one that others may read.
///
/// # Errors
/// It cannot be read, or others could read it.
pub fn read_private(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("{0} may be read by others (mode {1:o}); run chmod 600 {0}", path.display(), mode & 0o777);
        }
    }
    Ok(bytes)
}

/// Reads a secret of 32 bytes.
///
/// # Errors
/// It cannot be read, others could read it, or it has another length.
pub fn read_secret(path: &Path) -> anyhow::Result<[u8; 32]> {
    match read_private(path)?.try_into() {
        Ok(secret) => Ok(secret),
        Err(_) => bail!("{} is damaged: it must be 32 bytes; put the file of a backup back", path.display()),
    }
}

fn create(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = readers;
    options.open(path)
}

fn finish(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts the directory's entry for the file on disk too.
fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_never_overwrites_and_a_replaced_one_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write_new(&path, b"one", Readers::Owner).expect("written");
        let told = write_new(&path, b"two", Readers::Owner).expect_err("is there").to_string();
        assert!(told.contains("not overwritten"), "{told}");
        assert_eq!(read_private(&path).expect("private"), b"one");
        replace(&path, b"three", Readers::All).expect("replaced");
        assert_eq!(fs::read(&path).expect("there"), b"three");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        write_new(&path, b"secret", Readers::All).expect("written");
        let told = read_private(&path).expect_err("readable by all").to_string();
        assert!(told.contains("chmod 600"), "{told}");
    }
}
