//! What an agent's messages do: facts and records go to disk, certificates are renewed.
//!
//! Each answers with at most one message; a refusal leaves the connection as it is.

use distans_broker_core::admission::{AdmissionRefusal, has_room, refused};
use distans_broker_core::presence::{bounded, bounded_findings};
use distans_broker_core::receipts::{Checked, Claimed, ReceiptRefusal};
use distans_broker_store::{NewCertificate, NewRecord, StoreError};
use distans_proto::enrol::{RefusalCode, Refused};
use distans_proto::facts::Facts;
use distans_proto::link::{ReceiptStored, Renew, Renewed, SessionRecord, Standing, ToAgent};
use distans_trust::issue::{self, IssueError, LEAF_LIFE};
use distans_trust::keys::{KeyError, PublicKey, random};

use crate::agents::Agent;
use crate::clock;
use crate::disk;
use crate::shared::Shared;

/// Longest user name and version kept in memory for every PC, in characters.
const TOLD_LIMIT: usize = 64;

/// Keeps facts. They are only a picture of the PC: no answer, and a failure is logged.
pub(crate) async fn inventory(agent: &Agent<'_>, mut facts: Facts) -> Option<ToAgent> {
    let shared = agent.shared;
    facts.agent_version = bounded(&facts.agent_version, TOLD_LIMIT);
    facts.user = facts.user.map(|user| bounded(&user, TOLD_LIMIT));
    {
        let mut fleet = shared.fleet();
        if fleet.inventory(agent.id, facts.agent_version.clone(), facts.user.clone()) {
            shared.news(&fleet);
        }
    }
    if let Err(error) = shared.timed(shared.store.put_facts(agent.id, facts)).await {
        tracing::error!(device = %agent.id, %error, "cannot store a pc's facts");
    }
    None
}

/// Keeps findings, as [`inventory`] keeps facts.
pub(crate) async fn findings(agent: &Agent<'_>, standing: Standing) -> Option<ToAgent> {
    let shared = agent.shared;
    let findings = bounded_findings(standing.findings);
    {
        let mut fleet = shared.fleet();
        if !fleet.findings(agent.id, findings.clone()) {
            return None;
        }
        shared.news(&fleet);
    }
    if let Err(error) = shared.timed(shared.store.put_findings(agent.id, Standing { findings })).await {
        tracing::error!(device = %agent.id, %error, "cannot store a pc's findings");
    }
    None
}

/// Why a certificate is not renewed.
#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error("the request is for another key than the pc is enrolled with")]
    OtherKey,
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Random(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RenewError {
    const fn code(&self) -> RefusalCode {
        match self {
            Self::OtherKey | Self::Issue(IssueError::Request | IssueError::Key) => RefusalCode::BadProof,
            Self::Issue(_) | Self::Random(_) => RefusalCode::Other,
            Self::Store(error) => error.code(),
        }
    }
}

/// A new outer certificate for the same key.
pub(crate) async fn renew(agent: &Agent<'_>, request: &Renew) -> Option<ToAgent> {
    Some(match issue_again(agent, request).await {
        Ok(certificate) => {
            tracing::info!(device = %agent.id, "a pc's certificate is renewed");
            ToAgent::Renewed(Renewed { certificate })
        }
        Err(error) => refuse(agent.shared, refused(error.code(), &error)),
    })
}

async fn issue_again(agent: &Agent<'_>, request: &Renew) -> Result<Vec<u8>, RenewError> {
    let shared = agent.shared;
    let key = issue::read_request(&request.csr)?;
    if key.spki() != &*agent.spki {
        return Err(RenewError::OtherKey);
    }
    let (now, serial) = (clock::now(), random::<16>()?);
    let org = &shared.config.settings.broker.organisation;
    let certificate = shared.device_ca.issue_device(org, agent.id, &key, now, *serial)?;
    let recorded = NewCertificate { serial: serial.to_vec(), not_after: now.plus(LEAF_LIFE) };
    shared.timed(shared.store.put_certificate(agent.id, recorded, now)).await?;
    Ok(certificate)
}

/// Why a session's record is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// It does not hold.
    #[error(transparent)]
    Receipt(#[from] ReceiptRefusal),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A PC alone could make up any number of such.
    #[error("no such session went through this broker, and the technician has not signed the record")]
    Unheard,
    /// There is no room for what the broker did not make room for.
    #[error(transparent)]
    Room(#[from] AdmissionRefusal),
}

impl RecordError {
    /// As it travels.
    pub(crate) fn refused(&self) -> Refused {
        match self {
            Self::Receipt(refusal) => refused(refusal.code(), refusal),
            Self::Store(error) => refused(error.code(), error),
            Self::Unheard => refused(RefusalCode::NotFound, self),
            Self::Room(refusal) => refused(refusal.code(), refusal),
        }
    }
}

/// A record that the PC brings itself; acknowledged after it is on disk.
pub(crate) async fn receipt(agent: &Agent<'_>, record: SessionRecord) -> Option<ToAgent> {
    Some(match store_own(agent, record).await {
        Ok(checked) => ToAgent::ReceiptStored(ReceiptStored { session: checked.session }),
        Err(error) => {
            tracing::warn!(device = %agent.id, %error, "a session's record is refused");
            refuse(agent.shared, error.refused())
        }
    })
}

async fn store_own(agent: &Agent<'_>, record: SessionRecord) -> Result<Checked, RecordError> {
    let claimed = Claimed::read(&record, &agent.shared.config.settings.broker.organisation)?;
    if claimed.device() != agent.id {
        return Err(ReceiptRefusal::Mismatch("pc").into());
    }
    let key = PublicKey::from_spki(&agent.spki).map_err(|_| ReceiptRefusal::NotSigned("grant"))?;
    let checked = claimed.check(&key, &agent.shared.documents.current().trust)?;
    store(agent.shared, checked, record).await
}

/// Keeps a record that holds. Each session of this broker has one, for which the disk's reserve is
/// there. A session it never saw, or forgot with a restored backup, must be signed by the
/// technician, too, and finds room like a new one.
pub(crate) async fn store(
    shared: &Shared,
    checked: Checked,
    record: SessionRecord,
) -> Result<Checked, RecordError> {
    if shared.store.session(checked.session).await?.is_none() {
        if !checked.countersigned {
            return Err(RecordError::Unheard);
        }
        let least = shared.config.settings.limits.disk_free_percent;
        has_room(disk::free_permille(shared.config.directory.path()), least)?;
    }
    let new = NewRecord {
        session: checked.session,
        device: checked.device,
        technician: checked.technician.clone(),
        countersigned: checked.countersigned,
        record,
        at: clock::now(),
    };
    shared.timed(shared.store.store_record(new)).await?;
    shared.metrics.records.inc();
    Ok(checked)
}

fn refuse(shared: &Shared, refused: Refused) -> ToAgent {
    shared.metrics.refused(refused.code);
    ToAgent::Refused(refused)
}
