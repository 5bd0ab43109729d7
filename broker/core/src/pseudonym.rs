//! Names in the ledger that tell two people or PCs apart without saying who they are.
//!
//! A pseudonym is the shortened HMAC-SHA256 of an id under the broker's ledger key. The key lies
//! in a file of the broker and never in the database, so that a stolen copy of the database does
//! not let anybody try out all technicians.

use std::fmt;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use distans_proto::ids::{DeviceId, TechnicianId};
use serde::{Deserialize, Serialize};

/// Bytes of the HMAC that are kept: 80 bits tell a million PCs apart.
const KEPT: usize = 10;

/// Stands for one technician (`t-…`) or one PC (`d-…`) in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// One that was kept.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text as it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// Makes pseudonyms under one ledger key.
#[derive(Clone)]
pub struct Pseudonyms {
    key: hmac::Key,
}

impl Pseudonyms {
    /// With the broker's ledger key, 32 random bytes made once at set-up.
    pub fn new(ledger_key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, ledger_key) }
    }

    /// Stands for a technician.
    pub fn technician(&self, id: &TechnicianId) -> Pseudonym {
        self.name("t", b"technician\0", id.as_str().as_bytes())
    }

    /// Stands for a PC.
    pub fn device(&self, id: &DeviceId) -> Pseudonym {
        self.name("d", b"device\0", id.as_bytes())
    }

    /// Tells later whether a database's pseudonyms were made with this key; reveals nothing of it.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hmac::sign(&self.key, b"ledger key fingerprint\0").as_ref());
        fingerprint
    }

    fn name(&self, prefix: &str, domain: &[u8], id: &[u8]) -> Pseudonym {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(domain);
        context.update(id);
        let tag = context.sign();
        Pseudonym(format!("{prefix}-{}", HEXLOWER.encode(&tag.as_ref()[..KEPT])))
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Pseudonyms(key not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_stable_under_its_key_and_another_under_another() {
        let (ours, theirs) = (Pseudonyms::new(&[7; 32]), Pseudonyms::new(&[8; 32]));
        let anna: TechnicianId = "anna".parse().expect("a label");
        assert_eq!(ours.technician(&anna), Pseudonyms::new(&[7; 32]).technician(&anna));
        assert_ne!(ours.technician(&anna), theirs.technician(&anna));
        assert_ne!(ours.fingerprint(), theirs.fingerprint());
    }

    #[test]
    fn nothing_of_the_id_shows_and_kinds_do_not_mix() {
        let names = Pseudonyms::new(&[7; 32]);
        let anna = names.technician(&"anna".parse().expect("a label"));
        assert!(!anna.as_str().contains("anna"));
        assert_eq!(anna.as_str().len(), 2 + 2 * KEPT);
        let bytes = *b"aaaaaaaaaaaaaaaa";
        let device = names.device(&DeviceId::from_bytes(bytes));
        let technician = names.technician(&"aaaaaaaaaaaaaaaa".parse().expect("a label"));
        assert_ne!(device.as_str()[2..], technician.as_str()[2..]);
    }
}
