//! The two documents that bring a PC in: the token certificate, signed by the organisation,
//! and the endorsement of one device key, signed by the token.

use std::time::Duration;

use distans_proto::ids::{DeviceId, GroupId, TokenId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::documents::{Document, Head};
use crate::hash::Sha256;
use crate::keys::{Algorithm, PublicKey};
use crate::rfc3339;

/// What one enrolment token may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCert {
    /// Organisation, version (1), times; `expires` = `not_after`.
    #[serde(flatten)]
    pub head: Head,
    /// Which token.
    pub token_id: TokenId,
    /// The token's public key.
    pub token_key: PublicKey,
    /// The group its PCs join.
    pub group: GroupId,
    /// How many PCs at most.
    pub max_uses: u32,
    /// No enrolment after this.
    #[serde(with = "rfc3339")]
    pub not_after: Timestamp,
}

impl Document for TokenCert {
    const TYPE: &'static str = "token-cert";
    const LIMIT: usize = 16 * 1024;
    const LIFE: Duration = Duration::from_secs(30 * 86_400);

    fn head(&self) -> &Head {
        &self.head
    }

    fn rules(&self) -> Result<(), String> {
        if self.max_uses == 0 {
            return Err("max_uses must be at least 1".into());
        }
        if self.not_after != self.head.expires {
            return Err("not_after and expires differ".into());
        }
        if self.token_key.algorithm() != Algorithm::Ed25519 {
            return Err("token_key must be an Ed25519 key".into());
        }
        Ok(())
    }
}

/// One device key, brought in by a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// Organisation, version (1), times; counts as long as the installation.
    #[serde(flatten)]
    pub head: Head,
    /// The id the PC chose.
    pub device_id: DeviceId,
    /// SHA-256 of the device key's SPKI.
    pub device_spki_sha256: Sha256,
    /// The token's group.
    pub group: GroupId,
    /// The PC's name for itself.
    pub hostname: Untrusted,
    /// When, by the PC's clock.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// Random, so that no two endorsements are alike.
    pub nonce: String,
}

impl Endorsement {
    /// Longest life: an installation's.
    pub const LIFE: Duration = Duration::from_secs(20 * 365 * 86_400);
}

impl Document for Endorsement {
    const TYPE: &'static str = "endorsement";
    const LIMIT: usize = 16 * 1024;
    const LIFE: Duration = Self::LIFE;

    fn head(&self) -> &Head {
        &self.head
    }

    fn rules(&self) -> Result<(), String> {
        if self.hostname.raw().len() > 255 {
            return Err("hostname is longer than 255 bytes".into());
        }
        if !(16..=64).contains(&self.nonce.len()) {
            return Err("nonce must be 16 to 64 characters".into());
        }
        if self.time != self.head.issued {
            return Err("time and issued differ".into());
        }
        Ok(())
    }
}
