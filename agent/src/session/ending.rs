//! A session's end: cut at once, then the receipt, then the technician's signature under it.
//! Every granted session comes through here exactly once.

use std::sync::Arc;
use std::time::Duration;

use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::{Countersigned, Receipt as ReceiptRecord, SessionEnded};
use distans_agent_core::journal::state::{Papers, SessionEntry};
use distans_agent_core::session::Phase;
use distans_e2e::grant::Grant;
use distans_e2e::receipt::{EndReason, Receipt, next_head};
use distans_e2e::signed::{Signed, SignedError};
use distans_proto::ids::SessionId;
use distans_proto::link::SessionRecord;
use distans_trust::certs;
use distans_trust::keys::{PublicKey, Signer};
use tracing::{error, info};

use crate::clock;
use crate::journal::JournalError;
use crate::recording::Shelf;
use crate::session::Live;
use crate::shared::Shared;

/// How long killed operations may take to be journalled before the receipt is written anyway.
const OPERATIONS_GRACE: Duration = Duration::from_secs(5);

/// How long the technician may take to countersign the receipt.
pub(super) const RECEIPT_WINDOW: Duration = Duration::from_secs(10);

/// No receipt could be written now; it is written when the agent starts again.
#[derive(Debug, thiserror::Error)]
enum ReceiptError {
    #[error("the journal knows nothing of the session")]
    Unknown,
    #[error(transparent)]
    Signed(#[from] SignedError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Shared {
    /// Ends a session, if it is not over: its operations are cut at once, the receipt follows.
    pub(crate) fn end_session(self: &Arc<Self>, session: SessionId, reason: EndReason) {
        let before = self.decisions().sessions.end(session, reason);
        match before {
            None => {}
            Some(Phase::WaitingAck | Phase::Live) => match self.live(session) {
                Some(live) => self.close_at_once(live, reason),
                None => error!(%session, "a granted session has no running part"),
            },
            Some(_) => self.desk.withdraw(session),
        }
    }

    /// Cuts a session that the decisions have ended.
    pub(super) fn close_at_once(self: &Arc<Self>, live: Arc<Live>, reason: EndReason) {
        info!(session = %live.id, reason = reason.words(), "session over");
        live.ended.cancel();
        self.desk.over(live.id);
        let shared = Arc::clone(self);
        self.tasks.spawn(async move { close(&shared, &live, reason).await });
    }

    /// Writes the end and the receipt of a session; the receipt's envelope.
    async fn write_receipt(&self, session: SessionId, reason: EndReason) -> Result<Vec<u8>, ReceiptError> {
        let _one_at_a_time = self.receipts.lock().await;
        let now = clock::now();
        let shelf = Shelf::in_state(self.state.path());
        let hashing = tokio::task::spawn_blocking(move || shelf.digest(session)).await;
        let recording = hashing.map_err(std::io::Error::other).flatten().unwrap_or_else(|error| {
            // The session's other acts are to be signed all the same.
            error!(%session, %error, "a recording cannot be read; the receipt does not name it");
            None
        });
        // Before the journal's lock: elsewhere that one is taken inside the decisions' lock.
        let policy = self.decisions().trust.versions().policy;
        let (receipt, is_ended) = {
            let state = self.journal.state();
            let entry = state.session(session).ok_or(ReceiptError::Unknown)?;
            let (end, reason) = entry.ended.unwrap_or((now, reason));
            let lines = state.lines(session);
            let mut receipt =
                self.receipt(session, entry, policy, (end, reason), lines, state.receipt_head())?;
            receipt.recording_sha256 = recording;
            (receipt, entry.ended.is_some())
        };
        let (end, reason) = (receipt.end, receipt.reason);
        let signed = Signed::sign(receipt, &self.key)?;
        let envelope = signed.to_json();
        let head = *next_head(&signed).as_bytes();
        // As a rule the end was journalled when it happened.
        let ended = (!is_ended).then_some(Record::SessionEnded(SessionEnded { session, at: end, reason }));
        let receipt = ReceiptRecord { session, envelope: envelope.clone(), head };
        self.journal.append(ended.into_iter().chain([Record::Receipt(receipt)]).collect()).await?;
        Ok(envelope)
    }

    fn receipt(
        &self,
        session: SessionId,
        entry: &SessionEntry,
        policy_version: u64,
        (end, reason): (distans_proto::time::Timestamp, EndReason),
        operations: Vec<distans_e2e::receipt::OperationLine>,
        chain_head: distans_trust::hash::Sha256,
    ) -> Result<Receipt, ReceiptError> {
        let papers = entry.papers.as_ref().ok_or(ReceiptError::Unknown)?;
        let grant = Signed::<Grant>::open(&papers.grant, self.key.public())?;
        Ok(Receipt {
            org: self.identity.org.clone(),
            session,
            device: self.identity.device,
            technician: entry.technician.clone(),
            grant_sha256: grant.sha256(),
            policy_version,
            operations,
            start: entry.at,
            end,
            reason,
            recording_sha256: None,
            chain_head,
            checkpoint: None,
            crit: Vec::new(),
        })
    }

    /// Takes the technician's signature under the receipt.
    pub(super) async fn countersign_receipt(
        &self,
        live: &Live,
        receipt: &[u8],
        signature: Vec<u8>,
    ) -> Result<(), ClosingError> {
        let mut signed = Signed::<Receipt>::open(receipt, self.key.public())?;
        signed.take_countersignature(&live.technician, signature.clone())?;
        let record = Record::ReceiptAcked(Countersigned { session: live.id, signature });
        self.journal.append(vec![record]).await?;
        live.settled.cancel();
        Ok(())
    }

    /// Takes the technician's signature under the grant.
    pub(super) async fn countersign_grant(
        &self,
        live: &Live,
        signature: Vec<u8>,
    ) -> Result<(), ClosingError> {
        let mut signed = Signed::<Grant>::open(&live.grant, self.key.public())?;
        signed.take_countersignature(&live.technician, signature.clone())?;
        let record = Record::GrantAcked(Countersigned { session: live.id, signature });
        self.journal.append(vec![record]).await?;
        Ok(())
    }

    /// At a start: receipts for sessions that ended without one.
    pub(crate) async fn write_owed_receipts(&self) {
        let owed: Vec<SessionId> = self.journal.state().without_receipt().collect();
        for session in owed {
            if let Err(error) = self.write_receipt(session, EndReason::AgentStopped).await {
                error!(%session, %error, "an owed receipt could not be written");
            }
        }
    }

    /// A session's papers as they go to the broker.
    pub(crate) fn record(&self, papers: &Papers) -> Result<SessionRecord, SignedError> {
        let technician =
            certs::inspect(&papers.certificate).ok().and_then(|found| PublicKey::from_spki(&found.spki).ok());
        let mut grant = Signed::<Grant>::open(&papers.grant, self.key.public())?;
        let mut receipt =
            Signed::<Receipt>::open(papers.receipt.as_deref().unwrap_or_default(), self.key.public())?;
        if let Some(technician) = technician {
            if let Some(signature) = &papers.grant_ack {
                grant.take_countersignature(&technician, signature.clone())?;
            }
            if let Some(signature) = &papers.receipt_ack {
                receipt.take_countersignature(&technician, signature.clone())?;
            }
        }
        Ok(SessionRecord {
            grant: grant.to_json(),
            receipt: receipt.to_json(),
            certificate: papers.certificate.clone(),
        })
    }
}

/// A countersignature was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClosingError {
    #[error(transparent)]
    Signed(#[from] SignedError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

async fn close(shared: &Arc<Shared>, live: &Arc<Live>, reason: EndReason) {
    live.tasks.close();
    // At once, so that an agent killed from here on does not take up what somebody has stopped.
    let ended = SessionEnded { session: live.id, at: clock::now(), reason };
    if let Err(error) = shared.journal.append(vec![Record::SessionEnded(ended)]).await {
        error!(session = %live.id, %error, "the session's end could not be journalled");
    }
    // What is not over by then stands as unknown in the receipt.
    let _ = tokio::time::timeout(OPERATIONS_GRACE, live.tasks.wait()).await;
    match shared.write_receipt(live.id, reason).await {
        Ok(envelope) => {
            live.publish_receipt(envelope.into());
            if live.is_attached() {
                // If the technician is gone, the record goes to the broker without a countersignature.
                tokio::select! {
                    () = live.settled.cancelled() => {}
                    () = shared.stop.cancelled() => {}
                    () = tokio::time::sleep(RECEIPT_WINDOW) => {}
                }
            }
        }
        Err(error) => error!(session = %live.id, %error, "the receipt could not be written"),
    }
    live.settled.cancel();
    shared.decisions().sessions.forget(live.id);
    shared.forget_live(live.id);
    shared.operations.forget_session(live.id);
    shared.status.sessions(&shared.decisions().sessions);
    shared.outbox.notify_one();
}
