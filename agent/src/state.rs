//! The agent's state folder: for its owner alone, used by one program at a time.
//!
//! | file | what |
//! |---|---|
//! | `agent.lock` | held while an agent runs or enrols |
//! | `identity.json` | who this PC is; written last, so its presence means "enrolled" |
//! | `device.key` | the device key (PKCS#8, under DPAPI on Windows) |
//! | `device.crt` | the outer certificate, DER |
//! | `documents.json` | the verified roots and policy |
//! | `journal` | see [`crate::journal`] |
//! | `status.json` | for `distans-agent status` |
//!
//! Every file is replaced by writing beside it, syncing and renaming: after `kill -9` at any
//! point the old or the new content is there whole.

use std::path::{Path, PathBuf};

use distans_platform::private::{self, Lock, PrivateError};
use distans_platform::secret::{self, Bound};
use distans_proto::ids::{DeviceId, GroupId, OrgId};
use distans_proto::time::Timestamp;
use distans_trust::keys::{KeyError, P256Key};
use distans_trust::store::{STORED_LIMIT, Trust, TrustError};
use serde::{Deserialize, Serialize};

const LOCK: &str = "agent.lock";
const IDENTITY: &str = "identity.json";
const KEY: &str = "device.key";
const CERTIFICATE: &str = "device.crt";
const DOCUMENTS: &str = "documents.json";
const JOURNAL: &str = "journal";
pub(crate) const STATUS: &str = "status.json";

/// Largest small file taken, in bytes.
const SMALL: u64 = 64 * 1024;

/// Format of `identity.json`.
const FORMAT: &str = "distans-agent/1";

/// What is wrong with the state folder.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or a file in it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Another agent uses it.
    #[error("another agent runs with the state folder {0}; stop it first")]
    InUse(PathBuf),
    /// Nobody has enrolled here.
    #[error("this PC is not enrolled (no {0}); run distans-agent enrol TOKEN")]
    NotEnrolled(PathBuf),
    /// A file cannot be understood.
    #[error("{path} cannot be used: {problem}; restore it from a backup, or enrol again")]
    Broken {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The key file cannot be opened here.
    #[error("the device key cannot be opened on this machine: {0}; enrol again")]
    Secret(std::io::Error),
    /// The key is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The documents do not hold.
    #[error("the stored documents do not hold: {0}; enrol again")]
    Trust(#[from] TrustError),
}

/// Who this PC is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    format: String,
    /// Organisation.
    pub org: OrgId,
    /// The id it chose for itself.
    pub device: DeviceId,
    /// Its group, as the enrol key says.
    pub group: GroupId,
    /// The broker's `host:port`.
    pub broker: String,
    /// When it enrolled, by its own clock.
    pub enrolled: Timestamp,
}

impl Identity {
    /// Of a PC that has just enrolled.
    pub fn new(org: OrgId, device: DeviceId, group: GroupId, broker: String, enrolled: Timestamp) -> Self {
        Self { format: FORMAT.to_owned(), org, device, group, broker, enrolled }
    }
}

/// An open state folder; nobody else uses it meanwhile.
#[derive(Debug)]
pub struct StateDir {
    files: Files,
    _lock: Lock,
}

/// The files of a state folder, without the lock: for looking.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    dir: PathBuf,
}

/// All that an enrolled PC holds.
#[derive(Debug)]
pub struct Enrolled {
    /// Who it is.
    pub identity: Identity,
    /// Its key.
    pub key: P256Key,
    /// Its outer certificate, DER.
    pub certificate: Vec<u8>,
    /// Its verified documents.
    pub trust: Trust,
}

impl StateDir {
    /// Opens the folder, making it if it is missing.
    ///
    /// # Errors
    /// [`StateError`], for instance if another agent uses it or others can read it.
    pub fn open(dir: &Path) -> Result<Self, StateError> {
        private::create_dir(dir)?;
        let lock = match private::lock(&dir.join(LOCK)) {
            Err(PrivateError::InUse { .. }) => return Err(StateError::InUse(dir.to_owned())),
            other => other?,
        };
        Ok(Self { files: Files { dir: dir.to_owned() }, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.files.dir
    }

    /// What an enrolled PC holds.
    ///
    /// # Errors
    /// [`StateError::NotEnrolled`], or what is wrong with a file.
    pub fn enrolled(&self) -> Result<Enrolled, StateError> {
        self.files.enrolled()
    }

    /// True if the PC has enrolled.
    pub fn is_enrolled(&self) -> bool {
        self.files.dir.join(IDENTITY).exists()
    }

    /// Keeps the result of an enrolment. The identity comes last: a PC killed half-way is not
    /// enrolled and starts over.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn enrol(&self, enrolled: &Enrolled) -> Result<(), StateError> {
        let kept = secret::protect(enrolled.key.to_pkcs8(), Bound::Machine).map_err(StateError::Secret)?;
        self.write(KEY, &kept)?;
        self.write(DOCUMENTS, &enrolled.trust.to_bytes())?;
        self.write(CERTIFICATE, &enrolled.certificate)?;
        let identity = serde_json::to_vec_pretty(&enrolled.identity).map_err(|error| StateError::Broken {
            path: self.files.dir.join(IDENTITY),
            problem: error.to_string(),
        })?;
        self.write(IDENTITY, &identity)
    }

    /// Keeps a renewed outer certificate.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn write_certificate(&self, certificate: &[u8]) -> Result<(), StateError> {
        self.write(CERTIFICATE, certificate)
    }

    /// Keeps newer documents; only after this may they be in force.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn write_documents(&self, documents: &[u8]) -> Result<(), StateError> {
        self.write(DOCUMENTS, documents)
    }

    /// Where the journal is.
    pub fn journal(&self) -> PathBuf {
        self.files.dir.join(JOURNAL)
    }

    /// Replaces the status file.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn write_status(&self, status: &[u8]) -> Result<(), StateError> {
        self.write(STATUS, status)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        Ok(private::write(&self.files.dir.join(name), bytes)?)
    }
}

impl Files {
    /// Looks into a folder that must be there.
    pub(crate) fn look(dir: &Path) -> Result<Self, StateError> {
        private::check_dir(dir).map_err(|error| match error {
            error if error.is_not_found() => StateError::NotEnrolled(dir.join(IDENTITY)),
            error => error.into(),
        })?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// True if an agent holds the lock.
    pub(crate) fn is_in_use(&self) -> bool {
        self.dir.join(LOCK).exists()
            && matches!(private::lock(&self.dir.join(LOCK)), Err(PrivateError::InUse { .. }))
    }

    /// The newest status, as the agent wrote it.
    pub(crate) fn status(&self) -> Result<Vec<u8>, StateError> {
        Ok(private::read(&self.dir.join(STATUS), SMALL)?)
    }

    pub(crate) fn enrolled(&self) -> Result<Enrolled, StateError> {
        let path = self.dir.join(IDENTITY);
        let bytes = match private::read(&path, SMALL) {
            Err(error) if error.is_not_found() => return Err(StateError::NotEnrolled(path)),
            other => other?,
        };
        let broken = |problem: String| StateError::Broken { path: path.clone(), problem };
        let identity: Identity = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        if identity.format != FORMAT {
            return Err(broken(format!("its format is not {FORMAT}")));
        }
        let kept = private::read(&self.dir.join(KEY), SMALL)?;
        let key =
            P256Key::from_pkcs8(&secret::unprotect(&kept, Bound::Machine).map_err(StateError::Secret)?)?;
        let documents = private::read(&self.dir.join(DOCUMENTS), STORED_LIMIT as u64)?;
        Ok(Enrolled {
            identity,
            key,
            certificate: private::read(&self.dir.join(CERTIFICATE), SMALL)?,
            trust: Trust::restore(&documents)?,
        })
    }
}
