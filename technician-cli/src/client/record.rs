//! Signed records of sessions: fetched from the broker, believed only after checking.

use distans_e2e::grant::Grant;
use distans_e2e::receipt::Receipt;
use distans_e2e::signed::Signed;
use distans_proto::desk::{DeskReply, DeskRequest, SessionFilter, SessionSummary};
use distans_proto::ids::SessionId;
use distans_proto::link::SessionRecord;
use distans_trust::certs::{self, CheckTime};
use distans_trust::envelope::Envelope;
use distans_trust::keys::PublicKey;
use distans_trust::store::Trust;
use rustls::pki_types::CertificateDer;

use super::{Cause, Closing, Desk, Error};

/// A record whose signatures hold.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What was granted.
    pub grant: Signed<Grant>,
    /// What was done.
    pub receipt: Signed<Receipt>,
    /// True if the technician signed the grant.
    pub grant_countersigned: bool,
    /// True if the technician signed the receipt; false if they were gone at the end.
    pub receipt_countersigned: bool,
}

impl Verified {
    /// Of a session that ended here just now: both were checked and signed here.
    pub fn just_ended(closing: &Closing) -> Self {
        Self {
            grant: closing.grant.clone(),
            receipt: closing.receipt.clone(),
            grant_countersigned: true,
            receipt_countersigned: true,
        }
    }
}

impl Desk {
    /// Sessions that match, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sessions(&self, filter: SessionFilter) -> Result<Vec<SessionSummary>, Error> {
        let replies = self.request(&DeskRequest::Sessions(filter)).await?;
        let session = |reply| if let DeskReply::Session(session) = reply { Some(session) } else { None };
        Ok(replies.into_iter().filter_map(session).collect())
    }

    /// The record of one session, every signature in it checked here.
    ///
    /// # Errors
    /// [`Error::Forged`] if anything in it does not hold, or what the broker answers.
    pub async fn verified_record(&self, session: SessionId) -> Result<Verified, Error> {
        let replies = self.request(&DeskRequest::SessionRecord(session)).await?;
        let record = replies
            .into_iter()
            .find_map(|reply| if let DeskReply::Record(record) = reply { Some(record) } else { None });
        let record = record.ok_or_else(|| Error::broker("no record in the answer"))?;
        // Which PC's key must have signed it; the claim is checked below.
        let device = claimed_device(&record)?;
        let (device, target) = self.look_up(&device.to_string()).await?;
        let target = target?;
        let spki = device.spki.as_ref().filter(|spki| target.verified.has_key(spki));
        let spki = spki.ok_or_else(|| forged("the PC's key", "it is not the endorsed one"))?;
        let key = PublicKey::from_spki(spki).map_err(|error| forged("the PC's key", error))?;
        verify(&self.trust(), &record, session, &key)
    }
}

/// Checks a record made on the PC that holds `device_key`.
///
/// # Errors
/// [`Error::Forged`].
pub fn verify(
    trust: &Trust,
    record: &SessionRecord,
    session: SessionId,
    device_key: &PublicKey,
) -> Result<Verified, Error> {
    let grant =
        Signed::<Grant>::open(&record.grant, device_key).map_err(|error| forged("the grant", error))?;
    let receipt =
        Signed::<Receipt>::open(&record.receipt, device_key).map_err(|error| forged("the receipt", error))?;
    let (granted, done) = (grant.payload(), receipt.payload());
    let same = |is_same: bool, field: &str| {
        if is_same { Ok(()) } else { Err(forged("the record", format!("its {field} is another's"))) }
    };
    same(granted.session == session && done.session == session, "session")?;
    same(done.grant_sha256 == grant.sha256(), "grant")?;
    same(granted.org == *trust.org() && done.org == granted.org, "organisation")?;
    same(done.device == granted.device, "PC")?;
    same(done.technician == granted.technician, "technician")?;
    let certificate = CertificateDer::from(record.certificate.as_slice());
    let anchors: Vec<_> =
        trust.root().technician_ca.iter().filter_map(|ca| certs::anchor(&ca.0).ok()).collect();
    let span = std::time::Duration::from_secs(u64::from(distans_trust::policy::CERT_HOURS_LIMIT) * 3600);
    // At the time of the session: the certificate lived for a day.
    let technician =
        certs::verify_technician(&certificate, &anchors, trust.org(), CheckTime::exact(granted.start), span)
            .map_err(|error| forged("the technician's certificate", error))?;
    same(
        technician.id == granted.technician && technician.sha256 == granted.certificate_sha256,
        "certificate",
    )?;
    let key =
        PublicKey::from_spki(&technician.spki).map_err(|error| forged("the technician's key", error))?;
    let (grant_countersigned, receipt_countersigned) =
        (grant.is_countersigned_by(&key), receipt.is_countersigned_by(&key));
    Ok(Verified { grant, receipt, grant_countersigned, receipt_countersigned })
}

fn claimed_device(record: &SessionRecord) -> Result<distans_proto::ids::DeviceId, Error> {
    let envelope = Envelope::parse(&record.grant).map_err(|error| forged("the grant", error))?;
    let claim: Grant = distans_trust::json::from_slice(&envelope.payload, 64 * 1024)
        .map_err(|error| forged("the grant", error))?;
    Ok(claim.device)
}

fn forged(what: &'static str, cause: impl Into<Cause>) -> Error {
    Error::Forged { what, cause: cause.into().to_string() }
}
