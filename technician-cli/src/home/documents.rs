//! The organisation's signed documents as this technician holds them.
//!
//! The first root is pinned when it is first seen; from then on only what it vouches for is
//! taken, and versions never fall. New documents are on disk before they are used.

use distans_proto::link::Documents;
use distans_proto::time::Timestamp;
use distans_trust::bundle::Bundle;
use distans_trust::expiry::{self, Stage};
use distans_trust::root::Root;
use distans_trust::store::{Staged, Trust, TrustError};

use super::{Guard, Home, HomeError};
use crate::format;
use crate::lang;
use crate::say;

const FILE: &str = "documents.json";

/// What taking a bundle's documents did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The organisation was not known here: its root is pinned now.
    Pinned,
    /// Something was newer.
    Newer,
    /// Nothing was.
    Nothing,
}

impl Home {
    /// The verified documents.
    ///
    /// # Errors
    /// [`HomeError::NotLoggedIn`] if there are none, else what is wrong with them.
    pub fn trust(&self) -> Result<Trust, HomeError> {
        self.stored_trust()?.ok_or_else(|| HomeError::NotLoggedIn(self.dir().to_owned()))
    }

    /// Version and SHA-256 of the newest root, for comparing by eye or telephone.
    ///
    /// # Errors
    /// As [`Self::trust`].
    pub fn root_fingerprint(&self) -> Result<String, HomeError> {
        Ok(self.trust()?.root_sha256().to_string())
    }

    /// Takes newer documents from a message; gives the documents now in force.
    ///
    /// # Errors
    /// [`HomeError::Rejected`] if they do not hold; nothing changes then.
    pub fn take_documents(&self, documents: &Documents) -> Result<Trust, HomeError> {
        let guard = self.lock()?;
        let held = self.trust()?;
        match held.stage_documents(documents).map_err(|error| rejected(&error))? {
            Some(staged) => self.put_in_force(&guard, staged),
            None => Ok(held),
        }
    }

    /// Takes a bundle's documents; the first ones ever are pinned.
    ///
    /// # Errors
    /// [`HomeError::Rejected`] if they do not hold or are another organisation's.
    pub(super) fn take_bundle(&self, guard: &Guard, bundle: &Bundle) -> Result<(Trust, Taken), HomeError> {
        let held = self.stored_trust()?;
        let Some(held) = held else {
            let fresh = Trust::first_use(&bundle.roots).map_err(|error| rejected(&error))?;
            let staged = fresh.stage(&[], bundle.policy.as_ref()).map_err(|error| rejected(&error))?;
            let trust = match staged {
                Some(staged) => self.put_in_force(guard, staged)?,
                None => {
                    self.write(guard, FILE, &fresh.to_bytes())?;
                    fresh
                }
            };
            return Ok((trust, Taken::Pinned));
        };
        let other = bundle.roots.first().and_then(|root| Root::open_pinned(root).ok());
        if let Some(other) = other.filter(|other| other.document().head.org != *held.org()) {
            return Err(HomeError::Rejected(say!(
                en: "the bundle is of the organisation {}, and this folder belongs to {}; use another folder (--home) for it",
                sv: "bunten är från organisationen {}, och den här mappen hör till {}; använd en annan mapp (--home) för den",
                other.document().head.org,
                held.org()
            )));
        }
        match held.stage(&bundle.roots, bundle.policy.as_ref()).map_err(|error| rejected(&error))? {
            Some(staged) => Ok((self.put_in_force(guard, staged)?, Taken::Newer)),
            None => Ok((held, Taken::Nothing)),
        }
    }

    fn stored_trust(&self) -> Result<Option<Trust>, HomeError> {
        match self.read(FILE)? {
            Some(bytes) => Trust::restore(&bytes).map(Some).map_err(|error| self.damaged(FILE, error)),
            None => Ok(None),
        }
    }

    fn put_in_force(&self, guard: &Guard, staged: Staged) -> Result<Trust, HomeError> {
        self.write(guard, FILE, &staged.to_bytes())?;
        Ok(staged.commit())
    }
}

fn rejected(error: &TrustError) -> HomeError {
    HomeError::Rejected(if error.is_alarm() {
        say!(
            en: "the signed documents were refused: {error}; tell your administrator at once",
            sv: "de signerade dokumenten godtogs inte: {error}; säg till din administratör genast"
        )
    } else {
        say!(
            en: "the signed documents were refused: {error}",
            sv: "de signerade dokumenten godtogs inte: {error}"
        )
    })
}

/// Warnings about documents that are running out, from `stage` on.
pub fn expiry_warnings(trust: &Trust, stage: Stage, now: Timestamp) -> Vec<String> {
    let root = &trust.root().head;
    let policy = trust.policy().map(|policy| &policy.head);
    let lang = lang::current();
    let heads = [
        (lang.pick("the root document", "rotdokumentet"), Some(root)),
        (lang.pick("the policy", "policyn"), policy),
    ];
    let mut warnings = Vec::new();
    for (name, head) in heads {
        let Some(head) = head else {
            warnings.push(say!(
                en: "{name} is missing here; ask your administrator to publish it",
                sv: "{name} saknas här; be din administratör publicera det"
            ));
            continue;
        };
        let Some(warning) =
            expiry::warning(head.issued, head.expires, now).filter(|warning| warning.stage >= stage)
        else {
            continue;
        };
        warnings.push(match warning.stage {
            Stage::Expired => say!(
                en: "{name} (version {}) expired {}; ask your administrator for a new one",
                sv: "{name} (version {}) gick ut {}; be din administratör om nytt",
                head.version,
                format::local(head.expires)
            ),
            _ => say!(
                en: "{name} (version {}) expires {}, in {}; remind your administrator",
                sv: "{name} (version {}) går ut {}, om {}; påminn din administratör",
                head.version,
                format::local(head.expires),
                format::span(warning.left)
            ),
        });
    }
    warnings
}
