//! Who the technician is: session key, certificate, and where the broker is.
//!
//! A login begins with a fresh key and a request ([`LoginRequest`]) that the administrator
//! certifies; the answer is a [`Bundle`]. The running login stays usable until the new one is
//! complete, and is then replaced in one write.

use std::sync::Arc;

use distans_platform::secret::{self, Bound};
use distans_proto::ids::{OrgId, TechnicianId};
use distans_proto::time::Timestamp;
use distans_trust::bundle::Bundle;
use distans_trust::certs::{CertError, CheckTime, TechnicianIdentity};
use distans_trust::hash::Sha256;
use distans_trust::issue;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::outer::Snapshot;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::documents::Taken;
use super::{Home, HomeError};
use crate::base64_text;
use crate::say;

const LOGIN: &str = "login.json";
const NEXT: &str = "next-login.json";

/// The format of a request file.
pub const REQUEST_FORMAT: &str = "distans-login-request/1";

/// What a technician sends to be certified. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// [`REQUEST_FORMAT`].
    pub format: String,
    /// Who asks; the administrator checks that it is true.
    pub technician: TechnicianId,
    /// PKCS#10 request, DER, base64 in JSON.
    #[serde(with = "base64_text")]
    pub csr: Vec<u8>,
}

/// A login under way: waits for its certificate.
#[derive(Serialize, Deserialize)]
struct Next {
    technician: TechnicianId,
    broker: Option<String>,
    #[serde(with = "base64_text")]
    key: Vec<u8>,
}

/// A complete login.
#[derive(Serialize, Deserialize)]
struct Login {
    technician: TechnicianId,
    org: OrgId,
    broker: String,
    #[serde(with = "base64_text")]
    key: Vec<u8>,
    #[serde(with = "base64_text")]
    certificate: Vec<u8>,
    certificate_ends: Timestamp,
}

/// What a connection needs to know about its technician.
#[derive(Debug, Clone)]
pub struct Account {
    /// Id in the roster.
    pub technician: TechnicianId,
    /// Organisation.
    pub org: OrgId,
    /// The broker's address, `host:port`.
    pub broker: String,
    /// Session key.
    pub key: Arc<P256Key>,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// When it ends.
    pub certificate_ends: Timestamp,
}

impl Account {
    /// SHA-256 of the certificate: names it in grants.
    pub fn certificate_sha256(&self) -> Sha256 {
        Sha256::of(&self.certificate)
    }
}

/// What installing a bundle did.
#[derive(Debug)]
pub struct Installed {
    /// With the documents.
    pub documents: Taken,
    /// The new certificate, if the bundle held one.
    pub identity: Option<TechnicianIdentity>,
}

impl Home {
    /// The login, complete.
    ///
    /// # Errors
    /// [`HomeError::NotLoggedIn`], or what is wrong with it.
    pub fn account(&self) -> Result<Account, HomeError> {
        let login: Login =
            self.read_json(LOGIN)?.ok_or_else(|| HomeError::NotLoggedIn(self.dir().to_owned()))?;
        Ok(Account {
            technician: login.technician,
            org: login.org,
            broker: login.broker,
            key: Arc::new(self.open_key(LOGIN, &login.key)?),
            certificate: CertificateDer::from(login.certificate),
            certificate_ends: login.certificate_ends,
        })
    }

    /// Makes a fresh key and the request for its certificate. Without an id the one logged in
    /// before is taken, likewise the broker.
    ///
    /// # Errors
    /// [`HomeError::NotLoggedIn`] if no id is known, or if the key cannot be made or kept.
    pub fn begin_login(
        &self,
        id: Option<TechnicianId>,
        broker: Option<String>,
    ) -> Result<LoginRequest, HomeError> {
        let guard = self.lock()?;
        let before: Option<Login> = self.read_json(LOGIN)?;
        let known = before.map(|login| (login.technician, login.broker));
        let technician = id.or_else(|| known.as_ref().map(|(technician, _)| technician.clone()));
        let technician = technician.ok_or_else(|| HomeError::NotLoggedIn(self.dir().to_owned()))?;
        let broker = broker.or(known.map(|(_, broker)| broker));
        let failed = |error: &dyn std::fmt::Display| HomeError::Key(error.to_string());
        let key = P256Key::generate().map_err(|error| failed(&error))?;
        let csr = issue::new_request(&key).map_err(|error| failed(&error))?;
        let kept = secret::protect(key.to_pkcs8(), Bound::User).map_err(|error| failed(&error))?;
        self.write_json(&guard, NEXT, &Next { technician: technician.clone(), broker, key: kept })?;
        Ok(LoginRequest { format: REQUEST_FORMAT.into(), technician, csr })
    }

    /// Installs what the administrator handed over: documents, and the certificate for a key
    /// that was made here.
    ///
    /// # Errors
    /// [`HomeError::Rejected`] if anything in it does not hold; nothing of the login changes then.
    pub fn install(
        &self,
        bundle: &Bundle,
        broker: Option<String>,
        now: Timestamp,
    ) -> Result<Installed, HomeError> {
        let guard = self.lock()?;
        let (trust, documents) = self.take_bundle(&guard, bundle)?;
        let Some(pem) = &bundle.technician_certificate else {
            return Ok(Installed { documents, identity: None });
        };
        let unreadable = |_| {
            HomeError::Rejected(say!(
                en: "the certificate in the bundle cannot be read",
                sv: "certifikatet i bunten går inte att läsa"
            ))
        };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(unreadable)?;
        let identity = Snapshot::new(&trust)
            .technician(&certificate, CheckTime::exact(now))
            .map_err(|error| refused_certificate(&error))?;
        let (next, before): (Option<Next>, Option<Login>) = (self.read_json(NEXT)?, self.read_json(LOGIN)?);
        let sources =
            [next.as_ref().map(|next| (NEXT, &next.key)), before.as_ref().map(|login| (LOGIN, &login.key))];
        let mut key = None;
        for (name, kept) in sources.into_iter().flatten() {
            if self.open_key(name, kept)?.public().spki() == identity.spki {
                key = Some(kept.clone());
                break;
            }
        }
        let key = key.ok_or_else(|| {
            HomeError::Rejected(say!(
                en: "the certificate is for a key that was not made here; make a new request: distans login --request-out request.json",
                sv: "certifikatet gäller en nyckel som inte är skapad här; gör en ny begäran: distans login --request-out request.json"
            ))
        })?;
        let broker = broker
            .or(next.and_then(|next| next.broker))
            .or_else(|| bundle.broker.clone())
            .or(before.map(|login| login.broker))
            .ok_or_else(|| {
                HomeError::Rejected(say!(
                    en: "the bundle does not name the broker; add --broker HOST:PORT",
                    sv: "bunten säger inte vilken förmedlaren är; lägg till --broker VÄRD:PORT"
                ))
            })?;
        let login = Login {
            technician: identity.id.clone(),
            org: identity.org.clone(),
            broker,
            key,
            certificate: certificate.to_vec(),
            certificate_ends: identity.not_after,
        };
        self.write_json(&guard, LOGIN, &login)?;
        self.remove(&guard, NEXT)?;
        Ok(Installed { documents, identity: Some(identity) })
    }

    fn open_key(&self, name: &str, kept: &[u8]) -> Result<P256Key, HomeError> {
        let pkcs8 = secret::unprotect(kept, Bound::User).map_err(|error| self.damaged(name, error))?;
        P256Key::from_pkcs8(&pkcs8).map_err(|error| self.damaged(name, error))
    }
}

fn refused_certificate(error: &CertError) -> HomeError {
    HomeError::Rejected(say!(
        en: "the certificate in the bundle was refused: {error}",
        sv: "certifikatet i bunten godtogs inte: {error}"
    ))
}
