//! The technician's own folder: who I am, what I trust, which sessions are open.
//!
//! `$DISTANS_HOME`, else `$XDG_CONFIG_HOME/distans` or `~/.config/distans`, on Windows
//! `%APPDATA%\distans`. For its owner alone; every file is replaced whole.
//!
//! | module | file | what |
//! |---|---|---|
//! | [`login`] | `login.json`, `session-key.pem`, `certificate.pem`, `next-key.pem` | technician, broker, key and certificate |
//! | [`documents`] | `documents.json` | verified root and policy; versions never fall |
//! | [`names`] | `names.txt` | PCs, sites and groups last seen, for completions |
//! | [`sessions`] | `sessions/ID.json` | open sessions, so that the next command finds them |

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use distans_platform::private::{self, PrivateError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Cause;
use crate::exit::Exit;
use crate::lang::{self, Lang};

pub mod documents;
pub mod login;
pub mod names;
pub mod sessions;

/// Largest file in here, in bytes: the documents.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No folder could be named.
    #[error("no home folder is known; set DISTANS_HOME to a folder of your own")]
    Nowhere,
    /// Nobody has logged in here.
    #[error("nobody is logged in here ({}); start with: distans login --id YOU --broker HOST:PORT --request-out request.json", .0.display())]
    NotLoggedIn(PathBuf),
    /// A file or the folder itself.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// A file does not hold what it should.
    #[error("{} cannot be read ({cause}); move it away and log in again", .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The lock.
    #[error("cannot lock {}: {error}", .path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A bundle or document was refused.
    #[error("{0}")]
    Rejected(String),
    /// A key could not be made or used.
    #[error("cannot make a key: {0}")]
    Key(String),
}

impl HomeError {
    /// What is wrong and what to do, in the language of this program.
    pub fn say(&self) -> String {
        match (lang::current(), self) {
            (Lang::English, error) => error.to_string(),
            (_, Self::Nowhere) => {
                "ingen hemmapp är känd; sätt DISTANS_HOME till en mapp som är din egen".to_owned()
            }
            (_, Self::NotLoggedIn(path)) => format!(
                "ingen är inloggad här ({}); börja med: distans login --id DU --broker VÄRD:PORT --request-out request.json",
                path.display()
            ),
            (_, Self::Damaged { path, cause }) => {
                format!("{} går inte att läsa ({cause}); flytta undan den och logga in igen", path.display())
            }
            (_, Self::Lock { path, error }) => format!("kan inte låsa {}: {error}", path.display()),
            (_, Self::Key(cause)) => format!("en nyckel går inte att skapa: {cause}"),
            // Of the system, or of a bundle: as they say it.
            (_, Self::Private(_) | Self::Rejected(_)) => self.to_string(),
        }
    }

    /// The exit code that says it best.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NotLoggedIn(_) => Exit::Login,
            Self::Rejected(_) => Exit::Untrusted,
            _ => Exit::Failed,
        }
    }
}

/// The folder. Cheap to clone; nothing is read until it is asked for.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

/// Held while files are changed; other programs of the same technician wait.
#[derive(Debug)]
pub struct Guard {
    _file: File,
}

impl Home {
    /// The folder to use: `explicit`, else as the module says. Nothing is made yet.
    ///
    /// # Errors
    /// [`HomeError::Nowhere`].
    pub fn locate(explicit: Option<PathBuf>) -> Result<Self, HomeError> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config =
            || variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
        // APPDATA is Windows' own; elsewhere nothing sets it.
        let folder = || variable("APPDATA").or_else(config).map(|folder| folder.join("distans"));
        let dir = explicit.or_else(|| variable("DISTANS_HOME")).or_else(folder);
        dir.map(Self::at).ok_or(HomeError::Nowhere)
    }

    /// This folder.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits for other programs and keeps them waiting until the guard is dropped; makes the
    /// folder if it is missing.
    ///
    /// # Errors
    /// [`HomeError::Private`] or [`HomeError::Lock`].
    pub fn lock(&self) -> Result<Guard, HomeError> {
        private::create_dir(&self.dir)?;
        let path = self.dir.join("lock");
        let lock = || -> io::Result<File> {
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock()
            .map(|file| Guard { _file: file })
            .map_err(|error| HomeError::Lock { path: path.clone(), error })
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HomeError> {
        match private::read(&self.dir.join(name), FILE_LIMIT) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, HomeError> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.damaged(name, error))
    }

    fn write(&self, _: &Guard, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        Ok(private::write(&self.dir.join(name), bytes)?)
    }

    fn write_json(&self, guard: &Guard, name: &str, value: &impl Serialize) -> Result<(), HomeError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|error| self.damaged(name, error))?;
        self.write(guard, name, &bytes)
    }

    fn remove(&self, _: &Guard, name: &str) -> Result<(), HomeError> {
        let path = self.dir.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PrivateError::Io { path, error }.into())
            }
            _ => Ok(()),
        }
    }

    fn damaged(&self, name: &str, cause: impl Into<Cause>) -> HomeError {
        HomeError::Damaged { path: self.dir.join(name), cause: cause.into().to_string() }
    }
}
