//! Opening the folder's private keys, asking for each passphrase once.

use anyhow::{Context, bail};
use distans_trust::documents;
use distans_trust::envelope::Envelope;
use distans_trust::issue::Ca;
use distans_trust::key_file::{self, KeyFileError};
use distans_trust::keys::{Ed25519Key, P256Key, Signer, Zeroizing};
use distans_trust::policy::Policy;
use distans_trust::root::{self, Root};
use distans_trust::store::Trust;
use inquire::{Password, PasswordDisplayMode};

use super::folder::Folder;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::screen::Screen;

/// Environment variable with the passphrase, for scripts.
pub const PASSPHRASE: &str = "DISTANS_PASSPHRASE";

/// Fewest characters of a passphrase.
const SHORTEST: usize = 12;

/// How often a passphrase may be typed wrongly.
const TRIES: usize = 3;

/// A new passphrase, typed twice or from the environment.
///
/// # Errors
/// If it is too short, or nobody can be asked.
pub fn new_passphrase(screen: Screen) -> anyhow::Result<Zeroizing<String>> {
    let passphrase = match from_environment() {
        Some(passphrase) => passphrase,
        None if screen.may_ask() => Zeroizing::new(
            Password::new("Passphrase for the organisation's keys:")
                .with_display_mode(PasswordDisplayMode::Masked)
                .with_custom_confirmation_message("The same again:")
                .with_custom_confirmation_error_message("the two are not the same")
                .prompt()?,
        ),
        None => return Err(nobody_to_ask().into()),
    };
    if passphrase.chars().count() < SHORTEST {
        let text =
            format!("the passphrase must have at least {SHORTEST} characters; a few words are easiest");
        return Err(Stop::new(Exit::Usage, text).into());
    }
    Ok(passphrase)
}

fn from_environment() -> Option<Zeroizing<String>> {
    std::env::var(PASSPHRASE).ok().filter(|value| !value.is_empty()).map(Zeroizing::new)
}

fn nobody_to_ask() -> Stop {
    Stop::new(
        Exit::Usage,
        format!("the keys have a passphrase and nobody can be asked for it here; set {PASSPHRASE}"),
    )
}

/// The folder's keys.
pub struct Keyring<'a> {
    folder: &'a Folder,
    screen: Screen,
    known: Vec<Zeroizing<String>>,
}

impl<'a> Keyring<'a> {
    /// Nothing is opened yet.
    pub fn new(folder: &'a Folder, screen: Screen) -> Self {
        Self { folder, screen, known: from_environment().into_iter().collect() }
    }

    /// The Ed25519 key in `keys/NAME.pem`.
    ///
    /// # Errors
    /// If the file is missing or does not open.
    pub fn ed25519(&mut self, name: &str) -> anyhow::Result<Ed25519Key> {
        self.open(name, key_file::read_ed25519)
    }

    /// The P-256 key in `keys/NAME.pem`.
    ///
    /// # Errors
    /// If the file is missing or does not open.
    pub fn p256(&mut self, name: &str) -> anyhow::Result<P256Key> {
        self.open(name, key_file::read_p256)
    }

    /// The CA in `keys/NAME.pem` with its certificate, which is one of `certificates`.
    ///
    /// # Errors
    /// If the key does not open or belongs to none of them.
    pub fn ca(&mut self, name: &str, certificates: &[root::Ca]) -> anyhow::Result<Ca> {
        // The newest CA stands last; the key is opened once and tried on each.
        let key = self.p256(name)?;
        for certificate in certificates.iter().rev() {
            let key = P256Key::from_pkcs8(key.to_pkcs8())?;
            if let Ok(ca) = Ca::new(key, &certificate.0) {
                return Ok(ca);
            }
        }
        bail!("the key keys/{name}.pem belongs to none of the root's certificates for it");
    }

    /// Signs a policy with the policy key.
    ///
    /// # Errors
    /// If the key does not open or the policy breaks a rule.
    pub fn sign_policy(&mut self, policy: &Policy) -> anyhow::Result<Envelope> {
        let key = self.ed25519("policy")?;
        documents::make(policy, &[&key]).context("the policy was not signed")
    }

    /// Signs the successor of `trust`'s root with as many root keys as both need.
    ///
    /// # Errors
    /// If too few root keys are here.
    pub fn sign_root(&mut self, root: &Root, trust: &Trust) -> anyhow::Result<Envelope> {
        let needed = root.roles.root.threshold.max(trust.root().roles.root.threshold);
        let mut keys = Vec::new();
        for name in self.folder.key_names()?.iter().filter(|name| name.starts_with("root-")) {
            if keys.len() == needed {
                break;
            }
            keys.push(self.ed25519(name)?);
        }
        if keys.len() < needed {
            bail!(
                "{needed} root keys are needed and {} are here; connect the media that hold them",
                keys.len()
            );
        }
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        documents::make(root, &signers).context("the root was not signed")
    }

    fn open<K>(
        &mut self,
        name: &str,
        read: fn(&str, Option<&str>) -> Result<K, KeyFileError>,
    ) -> anyhow::Result<K> {
        let pem = Zeroizing::new(self.folder.read_key(name)?);
        let file = self.folder.key_path(name);
        if !key_file::is_encrypted(&pem) {
            return read(&pem, None).with_context(|| format!("{} does not open", file.display()));
        }
        for known in &self.known {
            match read(&pem, Some(known)) {
                Err(KeyFileError::WrongPassphrase) => {}
                other => return other.with_context(|| format!("{} does not open", file.display())),
            }
        }
        if !self.screen.may_ask() {
            if self.known.is_empty() {
                return Err(nobody_to_ask().into());
            }
            bail!("{} does not open: {PASSPHRASE} is not its passphrase", file.display());
        }
        for _ in 0..TRIES {
            let typed = Password::new(&format!("Passphrase of {}:", file.display()))
                .with_display_mode(PasswordDisplayMode::Masked)
                .without_confirmation()
                .prompt()?;
            let typed = Zeroizing::new(typed);
            match read(&pem, Some(&typed)) {
                Ok(key) => {
                    self.known.push(typed);
                    return Ok(key);
                }
                Err(KeyFileError::WrongPassphrase) => self.screen.warn("that is not its passphrase"),
                Err(error) => return Err(error).with_context(|| format!("{} does not open", file.display())),
            }
        }
        bail!("{} does not open without its passphrase", file.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::folder::Settings;

    #[test]
    fn encrypted_keys_open_with_their_passphrase_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let settings = Settings { org: "mora".parse().expect("a label"), broker: "localhost:4433".into() };
        let folder = Folder::create(&dir.path().join("org"), settings).expect("made");
        let key = Ed25519Key::generate().expect("a key");
        let pem = key_file::write_ed25519(&key, Some("tre ord och ett till")).expect("written");
        folder.write_key("policy", &pem).expect("kept");
        assert!(folder.unencrypted_keys().expect("read").is_empty());

        let known = |passphrase: &str| Keyring {
            folder: &folder,
            screen: Screen::detect(true), // JSON: nobody is asked
            known: vec![Zeroizing::new("en annan".into()), Zeroizing::new(passphrase.into())],
        };
        let opened = known("tre ord och ett till").ed25519("policy").expect("opens");
        assert_eq!(opened.public(), key.public());
        assert!(known("fel").ed25519("policy").is_err());
        assert!(known("tre ord och ett till").p256("policy").is_err(), "another kind of key");
        assert!(known("tre ord och ett till").ed25519("enrol").is_err(), "not here");
    }
}
