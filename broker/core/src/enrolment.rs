//! Taking a PC in: what a token allows, whether the proofs hold, and how often one may try.
//!
//! Uses are counted and freezing is recorded by the store, in the same transaction as the new
//! PC; everything else is decided here.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use distans_proto::enrol::{Enrol, RefusalCode};
use distans_proto::ids::TokenId;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_trust::device::{self, DeviceError, VerifiedDevice};
use distans_trust::documents::DocumentError;
use distans_trust::envelope::Envelope;
use distans_trust::keys::PublicKey;
use distans_trust::store::Trust;

use crate::presence::bounded_hostname;

/// So many proofs that do not hold freeze a token for good.
pub const BAD_PROOFS: u32 = 5;

const MINUTE: Duration = Duration::from_secs(60);

/// Why a PC is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolRefusal {
    /// No such token, or its certificate was never published.
    #[error("this token is unknown to the broker; publish it or create a new one")]
    UnknownToken,
    /// Too many bad proofs.
    #[error("this token is frozen after {BAD_PROOFS} proofs that did not hold; create a new one")]
    Frozen,
    /// All uses are taken.
    #[error("this token has been used as often as it may; create a new one")]
    UsedUp,
    /// Expired, or revoked by policy.
    #[error("{0}")]
    NotUsable(DeviceError),
    /// Too many attempts in a minute.
    #[error("too many attempts with this token in a minute; wait a minute")]
    TooOften,
    /// A signature or what it covers does not hold.
    #[error("the proof does not hold: {0}")]
    BadProof(String),
    /// The PC's id or key belongs to another PC.
    #[error("another pc is enrolled with this id or this key; remove the agent's state and enrol afresh")]
    Taken,
    /// The broker cannot decide yet.
    #[error("the broker holds no policy yet; publish one first")]
    NoPolicy,
}

impl EnrolRefusal {
    /// The reason to tell over the wire.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::UnknownToken | Self::Frozen | Self::UsedUp | Self::NotUsable(_) => RefusalCode::Token,
            Self::TooOften => RefusalCode::Busy,
            Self::BadProof(_) => RefusalCode::BadProof,
            Self::Taken => RefusalCode::Conflict,
            Self::NoPolicy => RefusalCode::Other,
        }
    }

    /// True if it counts towards freezing the token: somebody has the token's id and not its seed.
    pub const fn is_bad_proof(&self) -> bool {
        matches!(self, Self::BadProof(_))
    }
}

/// What the broker has recorded about a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenRecord<'a> {
    /// Envelope of type `token-cert`.
    pub cert: &'a [u8],
    /// Frozen for good.
    pub frozen: bool,
}

/// A PC whose proofs hold. Room in the token's uses is the store's to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The PC.
    pub device: VerifiedDevice,
    /// Its name for itself, bounded.
    pub hostname: Untrusted,
    /// How many PCs the token may take in.
    pub max_uses: u32,
}

/// Checks a request. `key` is the key of its signing request, `None` if that was not signed by
/// its own key.
///
/// # Errors
/// What stands against it.
pub fn examine(
    trust: &Trust,
    token: Option<TokenRecord<'_>>,
    request: &Enrol,
    key: Option<&PublicKey>,
    now: Timestamp,
) -> Result<Proven, EnrolRefusal> {
    let policy = trust.policy().ok_or(EnrolRefusal::NoPolicy)?;
    let token = token.ok_or(EnrolRefusal::UnknownToken)?;
    if token.frozen {
        return Err(EnrolRefusal::Frozen);
    }
    let envelope = Envelope::parse(token.cert).map_err(|error| not_usable(error.into()))?;
    let cert = device::verify_token_cert(trust.root(), &envelope).map_err(not_usable)?;
    if cert.document().token_id != request.token {
        return Err(EnrolRefusal::UnknownToken);
    }
    device::usable(cert.document(), policy, now).map_err(EnrolRefusal::NotUsable)?;
    let key = key.ok_or_else(|| bad_proof("the signing request is not signed by its own key"))?;
    let endorsement = Envelope::parse(&request.endorsement).map_err(|error| bad_proof(&error))?;
    let device = device::verify_enrolment(trust.root(), policy, &envelope, &endorsement, key.spki(), now)
        .map_err(|error| match error {
            DeviceError::Time(_) | DeviceError::Revoked(_) | DeviceError::TokenExpired => {
                EnrolRefusal::NotUsable(error)
            }
            error => bad_proof(&error),
        })?;
    if device.id() != request.device {
        return Err(bad_proof("the endorsement is for another pc"));
    }
    let hostname = bounded_hostname(device.hostname());
    Ok(Proven { device, hostname, max_uses: cert.document().max_uses })
}

fn not_usable(error: DocumentError) -> EnrolRefusal {
    EnrolRefusal::NotUsable(DeviceError::Document(error))
}

fn bad_proof(what: impl std::fmt::Display) -> EnrolRefusal {
    EnrolRefusal::BadProof(what.to_string())
}

/// How often was tried with each token in the last minute.
#[derive(Debug)]
pub struct Attempts {
    per_minute: usize,
    recent: HashMap<TokenId, VecDeque<Instant>>,
}

impl Attempts {
    /// At most `per_minute` for each token.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: usize::try_from(per_minute).unwrap_or(usize::MAX), recent: HashMap::new() }
    }

    /// Counts an attempt with a token that exists (others are not remembered, so that nobody can
    /// fill this up).
    ///
    /// # Errors
    /// [`EnrolRefusal::TooOften`].
    pub fn count(&mut self, token: TokenId, now: Instant) -> Result<(), EnrolRefusal> {
        self.recent.retain(|_, times| {
            while times.front().is_some_and(|time| now.duration_since(*time) >= MINUTE) {
                times.pop_front();
            }
            !times.is_empty()
        });
        let times = self.recent.entry(token).or_default();
        if times.len() >= self.per_minute {
            return Err(EnrolRefusal::TooOften);
        }
        times.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, Organisation, Pc, Token};

    struct World {
        organisation: Organisation,
        token: Token,
        pc: Pc,
    }

    fn world() -> World {
        let organisation = Organisation::new(|_| {});
        let token = organisation.token(1);
        World { token, pc: Pc::new(7), organisation }
    }

    impl World {
        fn examine(&self, change: impl Fn(&mut Enrol), now: Timestamp) -> Result<Proven, EnrolRefusal> {
            let mut request = self.pc.enrol(&self.organisation, &self.token);
            change(&mut request);
            let record = TokenRecord { cert: &self.token.cert, frozen: false };
            examine(&self.organisation.trust, Some(record), &request, Some(self.pc.key()), now)
        }
    }

    #[test]
    fn a_pc_with_a_good_token_is_proven() {
        let proven = world().examine(|_| {}, NOW).expect("all proofs hold");
        assert_eq!((proven.max_uses, proven.hostname.raw()), (2, "PC-7"));
        assert_eq!(proven.device.id(), world().pc.id);
    }

    #[test]
    fn every_wrong_proof_counts_towards_freezing() {
        let world = world();
        let other = Pc::new(8).enrol(&world.organisation, &world.token);
        let strange = world.pc.enrol(&world.organisation, &world.organisation.token(2));
        let changes: [&dyn Fn(&mut Enrol); 4] = [
            &|request| request.device = other.device,
            &|request| request.endorsement.clone_from(&other.endorsement),
            &|request| request.endorsement.clone_from(&strange.endorsement),
            &|request| request.endorsement = b"{}".to_vec(),
        ];
        for change in changes {
            let refusal = world.examine(change, NOW).expect_err("a bad proof");
            assert!(refusal.is_bad_proof() && refusal.code() == RefusalCode::BadProof, "{refusal:?}");
        }
        let request = world.pc.enrol(&world.organisation, &world.token);
        let record = TokenRecord { cert: &world.token.cert, frozen: false };
        let refusal = examine(&world.organisation.trust, Some(record), &request, None, NOW);
        assert!(refusal.is_err_and(|refusal| refusal.is_bad_proof()));
    }

    #[test]
    fn frozen_expired_revoked_and_unknown_tokens_are_told_and_are_no_bad_proof() {
        let world = world();
        let request = world.pc.enrol(&world.organisation, &world.token);
        let key = Some(world.pc.key());
        let trust = &world.organisation.trust;
        assert_eq!(examine(trust, None, &request, key, NOW), Err(EnrolRefusal::UnknownToken));
        let frozen = TokenRecord { cert: &world.token.cert, frozen: true };
        assert_eq!(examine(trust, Some(frozen), &request, key, NOW), Err(EnrolRefusal::Frozen));
        let late = NOW.plus(Duration::from_secs(8 * 86_400));
        assert_eq!(world.examine(|_| {}, late), Err(EnrolRefusal::NotUsable(DeviceError::TokenExpired)));
        let revoking = Organisation::new(|policy| policy.revoked.tokens.push(world.token.id));
        let token = revoking.token(1);
        let request = world.pc.enrol(&revoking, &token);
        let record = TokenRecord { cert: &token.cert, frozen: false };
        let refusal = examine(&revoking.trust, Some(record), &request, key, NOW).expect_err("revoked");
        assert!(matches!(refusal, EnrolRefusal::NotUsable(DeviceError::Revoked(_))), "{refusal:?}");
        let forged = TokenRecord { cert: &world.token.cert, frozen: false };
        let refusal = examine(&revoking.trust, Some(forged), &request, key, NOW).expect_err("others' token");
        assert!(!refusal.is_bad_proof(), "{refusal:?}");
    }

    #[test]
    fn ten_a_minute_for_each_token() {
        let mut attempts = Attempts::new(10);
        let (one, two) = (TokenId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]));
        let start = Instant::now();
        for second in 0..10 {
            attempts.count(one, start + Duration::from_secs(second)).expect("within the limit");
        }
        let now = start + Duration::from_secs(59);
        assert_eq!(attempts.count(one, now), Err(EnrolRefusal::TooOften));
        attempts.count(two, now).expect("another token");
        attempts.count(one, start + Duration::from_secs(60)).expect("the first has passed");
        assert_eq!(attempts.count(one, start + Duration::from_secs(60)), Err(EnrolRefusal::TooOften));
        attempts.count(two, start + Duration::from_secs(600)).expect("long after");
        assert_eq!(attempts.recent.len(), 1, "what is over is forgotten");
    }
}
