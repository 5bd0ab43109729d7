//! The organisation's folder: which file is what, and documents verified whenever they are read.
//!
//! ```text
//! organisation.toml     org and broker address
//! keys/                 root-1.pem root-2.pem policy.pem enrol.pem technician-ca.pem service-ca.pem
//! public/               root-N.json policy-N.json broker-certificate.pem   (nothing secret)
//! public/tokens/        ID.json
//! ```
//! Old versions stay: they are the organisation's own record of what it signed.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use distans_platform::private::{self, Lock};
use distans_proto::ids::{OrgId, TokenId};
use distans_trust::device;
use distans_trust::documents::Verified;
use distans_trust::enrolment::TokenCert;
use distans_trust::envelope::{ENVELOPE_LIMIT, Envelope};
use distans_trust::expiry::Stage;
use distans_trust::key_file;
use distans_trust::policy::Policy;
use distans_trust::store::Trust;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::home::documents::expiry_warnings;
use crate::verbs::App;

/// Largest small file (keys, settings, certificates), in bytes.
const SMALL: u64 = 64 * 1024;

/// Most root versions looked for.
const ROOTS: u64 = 64;

/// What `organisation.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The organisation.
    pub org: OrgId,
    /// The broker's address, `host:port`.
    pub broker: String,
}

impl Settings {
    /// The broker's host name.
    pub fn broker_host(&self) -> &str {
        host(&self.broker)
    }
}

/// The host of `host:port`.
pub fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// An organisation's folder, held by one program at a time.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    settings: Settings,
    _lock: Lock,
}

impl Folder {
    /// Opens the folder and warns about unencrypted keys and about what runs out soon.
    ///
    /// # Errors
    /// If it is no organisation's folder, is open to others or in use.
    pub fn open(app: &App, dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("organisation.toml");
        if !path.exists() {
            let text = format!(
                "{} is no organisation's folder (no organisation.toml); name it with --dir, or found one with distans admin init",
                dir.display()
            );
            return Err(Stop::new(Exit::Usage, text).into());
        }
        private::check_dir(dir)?;
        let lock = private::lock(&dir.join("lock"))?;
        let text =
            String::from_utf8(private::read(&path, SMALL)?).context("organisation.toml is not UTF-8")?;
        let settings: Settings =
            toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?;
        let folder = Self { dir: dir.to_owned(), settings, _lock: lock };
        folder.warn_about_keys(app)?;
        if let Ok(trust) = folder.trust() {
            for warning in expiry_warnings(&trust, Stage::Late, format::now()) {
                app.screen.warn(warning);
            }
        }
        Ok(folder)
    }

    /// Makes the folder of a new organisation. The settings are written last, by [`Self::finish`]:
    /// a folder without them is not an organisation's.
    ///
    /// # Errors
    /// If the folder is an organisation's already or cannot be made.
    pub(super) fn create(dir: &Path, settings: Settings) -> anyhow::Result<Self> {
        if dir.join("organisation.toml").exists() || dir.join("keys").exists() {
            let text = format!("{} holds an organisation already; choose another folder", dir.display());
            return Err(Stop::new(Exit::Usage, text).into());
        }
        private::create_dir(dir)?;
        let lock = private::lock(&dir.join("lock"))?;
        for part in ["keys", "public", "public/tokens"] {
            private::create_dir(&dir.join(part))?;
        }
        Ok(Self { dir: dir.to_owned(), settings, _lock: lock })
    }

    /// Writes the settings: from here on the folder is an organisation's.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        let text = format!(
            "# Made by distans admin init. Nothing in this file is secret.\n{}",
            toml::to_string(&self.settings)?
        );
        self.write("organisation.toml", text.as_bytes())
    }

    /// What `organisation.toml` says.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where a key file is.
    pub fn key_path(&self, name: &str) -> PathBuf {
        self.dir.join("keys").join(format!("{name}.pem"))
    }

    /// Names of the key files that are here, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn key_names(&self) -> anyhow::Result<Vec<String>> {
        names(&self.dir.join("keys"), ".pem")
    }

    /// Reads a key file's text.
    pub(super) fn read_key(&self, name: &str) -> anyhow::Result<String> {
        let path = self.key_path(name);
        if !path.exists() {
            bail!("the key {} is not here; connect the medium that holds it", path.display());
        }
        String::from_utf8(private::read(&path, SMALL)?)
            .with_context(|| format!("{} is not text", path.display()))
    }

    pub(super) fn write_key(&self, name: &str, pem: &str) -> anyhow::Result<()> {
        self.write(&format!("keys/{name}.pem"), pem.as_bytes())
    }

    /// Names of keys that no passphrase protects.
    ///
    /// # Errors
    /// If a key file cannot be read.
    pub fn unencrypted_keys(&self) -> anyhow::Result<Vec<String>> {
        let mut open = Vec::new();
        for name in self.key_names()? {
            if !key_file::is_encrypted(&self.read_key(&name)?) {
                open.push(name);
            }
        }
        Ok(open)
    }

    pub(super) fn warn_about_keys(&self, app: &App) -> anyhow::Result<()> {
        let open = self.unencrypted_keys()?;
        if !open.is_empty() {
            app.screen.warn(format!(
                "DEMO KEYS: {} in {} are NOT encrypted. Whoever copies this folder commands every PC of {}. Never use it for real PCs.",
                open.join(", "),
                self.dir.join("keys").display(),
                self.settings.org
            ));
        }
        Ok(())
    }

    /// The roots and the newest policy, verified.
    ///
    /// # Errors
    /// If a document is missing, unreadable or does not hold.
    pub fn trust(&self) -> anyhow::Result<Trust> {
        let mut roots = Vec::new();
        for version in 1..=ROOTS {
            let name = format!("public/root-{version}.json");
            if !self.dir.join(&name).exists() {
                break;
            }
            roots.push(self.read_envelope(&name)?);
        }
        let trust = Trust::first_use(&roots).context("the folder's root documents do not hold")?;
        if trust.org() != &self.settings.org {
            bail!("the root documents are of {}, organisation.toml says {}", trust.org(), self.settings.org);
        }
        let versions = names(&self.dir.join("public"), ".json")?;
        let version = |name: &String| name.strip_prefix("policy-")?.parse::<u64>().ok();
        let Some(newest) = versions.iter().filter_map(version).max() else { return Ok(trust) };
        let policy = self.read_envelope(&format!("public/policy-{newest}.json"))?;
        let staged = trust.stage(&[], Some(&policy)).context("the folder's policy does not hold")?;
        Ok(staged.map_or(trust, distans_trust::store::Staged::commit))
    }

    /// Keeps a root or policy that was just signed, under its version.
    pub(super) fn keep(&self, kind: &str, version: u64, envelope: &Envelope) -> anyhow::Result<()> {
        let name = format!("public/{kind}-{version}.json");
        if self.dir.join(&name).exists() {
            bail!("{} exists already and is not replaced", self.dir.join(&name).display());
        }
        self.write(&name, &envelope.to_json())
    }

    pub(super) fn keep_token(&self, id: TokenId, envelope: &Envelope) -> anyhow::Result<()> {
        self.write(&format!("public/tokens/{id}.json"), &envelope.to_json())
    }

    /// Every token certificate that still holds under the newest root, oldest first.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn tokens(&self, trust: &Trust) -> anyhow::Result<Vec<Verified<TokenCert>>> {
        let mut tokens = Vec::new();
        for name in names(&self.dir.join("public/tokens"), ".json")? {
            let envelope = self.read_envelope(&format!("public/tokens/{name}.json"))?;
            tokens.extend(device::verify_token_cert(trust.root(), &envelope).ok());
        }
        tokens.sort_by_key(|token| token.document().head.issued);
        Ok(tokens)
    }

    pub(super) fn keep_broker_certificate(&self, pem: &str) -> anyhow::Result<()> {
        self.write("public/broker-certificate.pem", pem.as_bytes())
    }

    /// The broker's newest certificate, PEM, if one was made.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn broker_certificate(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match private::read(&self.dir.join("public/broker-certificate.pem"), SMALL) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read_envelope(&self, name: &str) -> anyhow::Result<Envelope> {
        let path = self.dir.join(name);
        let bytes = private::read(&path, u64::try_from(ENVELOPE_LIMIT).unwrap_or(u64::MAX))?;
        Envelope::parse(&bytes).with_context(|| format!("{} cannot be read", path.display()))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(private::write(&self.dir.join(name), bytes)?)
    }
}

/// The policy in `trust`.
///
/// # Errors
/// If there is none.
pub fn policy(trust: &Trust) -> anyhow::Result<&Policy> {
    trust.policy().context("the folder holds no policy that its newest root allows; sign one with distans admin policy sign FILE")
}

/// File names in `dir` that end in `ending`, without it, sorted.
fn names(dir: &Path, ending: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(ending)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
