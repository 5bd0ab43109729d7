//! Is this a genuine record of that session on that PC?
//!
//! The broker stores what PC and technician signed. It cannot and need not judge what was done;
//! it checks that the PC's key signed both parts, that they belong together and to the session,
//! PC and technician they are stored under, and that the certificate is the one the grant names.
//! Whether the technician signed too is told only of a certificate that the organisation's
//! technician CA issued and that was valid when the grant was given: a PC can make up any other.

use std::time::Duration;

use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{DeviceId, OrgId, SessionId, TechnicianId};
use distans_proto::link::SessionRecord;
use distans_proto::time::Timestamp;
use distans_trust::certs::{self, CheckTime};
use distans_trust::envelope::Envelope;
use distans_trust::hash::Sha256;
use distans_trust::json;
use distans_trust::keys::PublicKey;
use distans_trust::policy::CERT_HOURS_LIMIT;
use distans_trust::rfc3339;
use distans_trust::store::Trust;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Longest payload of either part, in bytes.
const PAYLOAD_LIMIT: usize = 1024 * 1024;

/// Why a record is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefusal {
    /// Unreadable.
    #[error("the record's {part} cannot be read: {why}")]
    Malformed {
        /// Grant, receipt or certificate.
        part: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Not signed by the PC's key.
    #[error("the record's {0} is not signed by the pc's key")]
    NotSigned(&'static str),
    /// The parts name different things, or others than they should.
    #[error("the record's {0} does not match")]
    Mismatch(&'static str),
}

impl ReceiptRefusal {
    /// The reason to tell over the wire.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::Malformed { .. } => RefusalCode::BadRequest,
            Self::NotSigned(_) | Self::Mismatch(_) => RefusalCode::BadProof,
        }
    }
}

/// The fields of a grant that the broker looks at.
#[derive(Deserialize)]
struct Grant {
    org: OrgId,
    session: SessionId,
    technician: TechnicianId,
    certificate_sha256: Sha256,
    device: DeviceId,
    #[serde(with = "rfc3339")]
    start: Timestamp,
}

/// The fields of a receipt that the broker looks at.
#[derive(Deserialize)]
struct Receipt {
    org: OrgId,
    session: SessionId,
    device: DeviceId,
    technician: TechnicianId,
    grant_sha256: Sha256,
}

/// A record that was read and holds together, and whose signatures are still to be checked.
#[derive(Debug)]
pub struct Claimed {
    grant: Envelope,
    receipt: Envelope,
    certificate: Vec<u8>,
    start: Timestamp,
    session: SessionId,
    device: DeviceId,
    technician: TechnicianId,
}

/// A record that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Which session.
    pub session: SessionId,
    /// On which PC.
    pub device: DeviceId,
    /// By whom.
    pub technician: TechnicianId,
    /// True if the technician's session key signed both parts too.
    pub countersigned: bool,
}

impl Claimed {
    /// Reads a record and checks that its parts belong together.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(record: &SessionRecord, org: &OrgId) -> Result<Self, ReceiptRefusal> {
        let (grant, granted) = open::<Grant>(&record.grant, "grant")?;
        let (receipt, receipted) = open::<Receipt>(&record.receipt, "receipt")?;
        let certificate =
            certs::inspect(&record.certificate).map_err(|error| malformed("certificate", &error))?;
        let same = |is_same: bool, what| if is_same { Ok(()) } else { Err(ReceiptRefusal::Mismatch(what)) };
        same(granted.org == *org && receipted.org == *org, "organisation")?;
        same(granted.session == receipted.session, "session")?;
        same(granted.device == receipted.device, "pc")?;
        same(granted.technician == receipted.technician, "technician")?;
        same(granted.certificate_sha256 == certificate.sha256, "certificate")?;
        same(receipted.grant_sha256 == grant.sha256(), "grant")?;
        Ok(Self {
            grant,
            receipt,
            certificate: record.certificate.clone(),
            start: granted.start,
            session: granted.session,
            device: granted.device,
            technician: granted.technician,
        })
    }

    /// The PC it names; not proved yet.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The technician it names; not proved yet.
    pub const fn technician(&self) -> &TechnicianId {
        &self.technician
    }

    /// Checks the signatures with the key of the PC that [`Self::device`] names, and the
    /// technician's as the documents stand.
    ///
    /// # Errors
    /// [`ReceiptRefusal::NotSigned`].
    pub fn check(self, device_key: &PublicKey, trust: &Trust) -> Result<Checked, ReceiptRefusal> {
        for (part, envelope) in [("grant", &self.grant), ("receipt", &self.receipt)] {
            if !envelope.verified_by(device_key) {
                return Err(ReceiptRefusal::NotSigned(part));
            }
        }
        let countersigned = self
            .technician_key(trust)
            .is_some_and(|key| self.grant.verified_by(&key) && self.receipt.verified_by(&key));
        Ok(Checked { session: self.session, device: self.device, technician: self.technician, countersigned })
    }
}

impl Claimed {
    /// The technician's key, if the certificate is what the organisation issued to that
    /// technician. At the time of the session: it lived for a day.
    fn technician_key(&self, trust: &Trust) -> Option<PublicKey> {
        let anchors: Vec<_> =
            trust.root().technician_ca.iter().filter_map(|ca| certs::anchor(&ca.0).ok()).collect();
        let span = Duration::from_secs(u64::from(CERT_HOURS_LIMIT) * 3600);
        let time = CheckTime::exact(self.start);
        let identity =
            certs::verify_technician(&self.certificate.as_slice().into(), &anchors, trust.org(), time, span)
                .ok()?;
        if identity.id == self.technician { PublicKey::from_spki(&identity.spki).ok() } else { None }
    }
}

/// True if two envelopes say the same, whoever has signed them since: one of them may only have
/// gained a countersignature.
pub fn same_content(one: &[u8], other: &[u8]) -> bool {
    let content = |bytes| Envelope::parse(bytes).map(|envelope| (envelope.sha256(), envelope.doc_type));
    one == other || matches!((content(one), content(other)), (Ok(one), Ok(other)) if one == other)
}

fn open<P: DeserializeOwned>(bytes: &[u8], part: &'static str) -> Result<(Envelope, P), ReceiptRefusal> {
    let envelope = Envelope::parse(bytes).map_err(|error| malformed(part, &error))?;
    if envelope.doc_type != part {
        return Err(malformed(part, &"it is another kind of document"));
    }
    let payload =
        json::from_slice(&envelope.payload, PAYLOAD_LIMIT).map_err(|error| malformed(part, &error))?;
    Ok((envelope, payload))
}

fn malformed(part: &'static str, why: &dyn std::fmt::Display) -> ReceiptRefusal {
    ReceiptRefusal::Malformed { part, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{GROUP, NOW, Organisation, Pc, org, technician};
    use distans_trust::issue::{Ca, CaRole, new_ca};
    use distans_trust::keys::{P256Key, Signer};
    use proptest::prelude::*;
    use serde_json::json;

    struct World {
        organisation: Organisation,
        pc: Pc,
        technician: P256Key,
        certificate: Vec<u8>,
    }

    fn world() -> World {
        let key = P256Key::generate().expect("a key");
        let ca = new_ca(CaRole::Technician, &org(), &key, NOW, [1; 16]).expect("a CA");
        let ca = Ca::new(key, &ca).expect("a CA");
        let organisation = Organisation::with_technician_ca(ca.certificate());
        assert!(organisation.trust.policy().is_some_and(|policy| policy.groups[0].id.as_str() == GROUP));
        let key = P256Key::generate().expect("a key");
        let life = std::time::Duration::from_secs(3600);
        let certificate = ca
            .issue_technician(&org(), &technician("anna"), key.public(), life, NOW, [2; 16])
            .expect("issued");
        World { organisation, pc: Pc::new(7), technician: key, certificate }
    }

    impl World {
        fn record(&self, change: impl Fn(&mut serde_json::Value, &mut serde_json::Value)) -> SessionRecord {
            let session = SessionId::from_bytes([9; 16]);
            let mut grant = json!({
                "org": "mora", "session": session, "technician": "anna", "device": self.pc.id,
                "certificate_sha256": Sha256::of(&self.certificate), "scopes": ["diagnose"],
                "start": rfc3339::format(NOW),
            });
            let mut receipt = json!({
                "org": "mora", "session": session, "technician": "anna", "device": self.pc.id, "operations": [],
            });
            change(&mut grant, &mut receipt);
            let grant = self.sign("grant", &grant);
            if receipt.get("grant_sha256").is_none() {
                receipt["grant_sha256"] = json!(grant.sha256());
            }
            SessionRecord {
                grant: grant.to_json(),
                receipt: self.sign("receipt", &receipt).to_json(),
                certificate: self.certificate.clone(),
            }
        }

        fn sign(&self, doc_type: &str, payload: &serde_json::Value) -> Envelope {
            let mut envelope = Envelope::new(doc_type, payload.to_string().into_bytes());
            envelope.sign(&self.pc.private).expect("signed");
            envelope.sign(&self.technician).expect("signed");
            envelope
        }

        fn check(&self, record: &SessionRecord) -> Result<Checked, ReceiptRefusal> {
            Claimed::read(record, &org())?.check(self.pc.key(), &self.organisation.trust)
        }
    }

    #[test]
    fn a_genuine_record_holds_and_tells_whether_both_signed() {
        let world = world();
        let mut record = world.record(|_, _| {});
        let checked = world.check(&record).expect("genuine");
        assert!(checked.countersigned);
        assert_eq!((checked.device, checked.technician), (world.pc.id, technician("anna")));
        let mut receipt = Envelope::parse(&record.receipt).expect("an envelope");
        receipt.sigs.truncate(1);
        record.receipt = receipt.to_json();
        assert!(!world.check(&record).expect("genuine").countersigned);
    }

    #[test]
    fn a_certificate_that_was_not_issued_here_signs_for_nobody() {
        let world = world();
        let stranger = Organisation::new(|_| {});
        let record = world.record(|_, _| {});
        let claimed = || Claimed::read(&record, &org()).expect("reads");
        let by = |trust| claimed().check(world.pc.key(), trust).expect("the PC signed").countersigned;
        assert!(by(&world.organisation.trust) && !by(&stranger.trust));
        let (year, day) = (365 * 86_400, 86_400);
        for start in [NOW.plus(Duration::from_secs(year)), NOW.minus(Duration::from_secs(day))] {
            let record = world.record(|grant, _| grant["start"] = json!(rfc3339::format(start)));
            assert!(!world.check(&record).expect("the PC signed").countersigned, "not valid then");
        }
        let other = |grant: &mut serde_json::Value, receipt: &mut serde_json::Value| {
            (grant["technician"], receipt["technician"]) = (json!("bo"), json!("bo"));
        };
        assert!(!world.check(&world.record(other)).expect("the PC signed").countersigned);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let world = world();
        let other = json!(SessionId::from_bytes([1; 16]));
        type Change<'a> = &'a dyn Fn(&mut serde_json::Value, &mut serde_json::Value);
        let changes: [(Change<'_>, &str); 7] = [
            (&|grant, _| grant["org"] = json!("falun"), "organisation"),
            (&|grant, _| grant["session"] = other.clone(), "session"),
            (&|_, receipt| receipt["session"] = other.clone(), "session"),
            (&|_, receipt| receipt["device"] = other.clone(), "pc"),
            (&|grant, _| grant["technician"] = json!("bo"), "technician"),
            (&|grant, _| grant["certificate_sha256"] = json!(Sha256::of(b"other")), "certificate"),
            (&|_, receipt| receipt["grant_sha256"] = json!(Sha256::of(b"other")), "grant"),
        ];
        for (change, what) in changes {
            assert_eq!(world.check(&world.record(change)), Err(ReceiptRefusal::Mismatch(what)));
        }
    }

    #[test]
    fn another_pcs_signature_and_swapped_parts_are_refused() {
        let world = world();
        let record = world.record(|_, _| {});
        let claimed = Claimed::read(&record, &org()).expect("reads");
        assert_eq!(
            claimed.check(Pc::new(8).key(), &world.organisation.trust),
            Err(ReceiptRefusal::NotSigned("grant"))
        );
        let swapped = SessionRecord {
            grant: record.receipt.clone(),
            receipt: record.grant.clone(),
            certificate: record.certificate,
        };
        assert!(matches!(world.check(&swapped), Err(ReceiptRefusal::Malformed { part: "grant", .. })));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused(
            grant in proptest::collection::vec(any::<u8>(), 0..200),
            receipt in proptest::collection::vec(any::<u8>(), 0..200),
            certificate in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let record = SessionRecord { grant, receipt, certificate };
            prop_assert!(Claimed::read(&record, &org()).is_err());
        }
    }
}
