//! Sessions as the broker saw them, and their signed records.

use distans_broker_core::admission::may_record;
use distans_broker_core::receipts::{Claimed, ReceiptRefusal};
use distans_broker_store::{SessionQuery, SessionRow};
use distans_proto::desk::{DeskReply, SessionFilter, SessionSummary};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{SessionId, TechnicianId};
use distans_proto::link::SessionRecord;
use distans_trust::keys::PublicKey;

use super::{Answer, DeskError};
use crate::clock;
use crate::housekeeping::report_relayed;
use crate::messages;
use crate::shared::Shared;

/// Sessions that match, newest first.
pub(super) async fn list(
    shared: &Shared,
    filter: SessionFilter,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    report_relayed(shared).await;
    let query = SessionQuery { device: filter.device, open: filter.open, limit: filter.limit };
    for row in shared.store.sessions(query).await? {
        answer.send(&DeskReply::Session(summary(row))).await?;
    }
    answer.done().await
}

/// One session's signed record.
pub(super) async fn record(
    shared: &Shared,
    session: SessionId,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    match shared.store.record(session).await? {
        Some(stored) => answer.send(&DeskReply::Record(stored.record)).await,
        None => {
            let text = "no record of this session has arrived; it may still be open";
            Err(DeskError::refuse(RefusalCode::NotFound, &text))
        }
    }
}

/// Takes a record of the technician's own session, or anybody's with the scope `records`.
pub(super) async fn store(
    shared: &Shared,
    technician: &TechnicianId,
    record: SessionRecord,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let claimed = Claimed::read(&record, &shared.config.settings.broker.organisation)?;
    if claimed.technician() != technician {
        may_record(&shared.documents.current().trust, technician, clock::now())?;
    }
    let details = shared.store.device_details(claimed.device()).await?;
    let key = details.and_then(|details| PublicKey::from_spki(&details.spki).ok());
    let key = key.ok_or(ReceiptRefusal::NotSigned("grant"))?;
    let checked = claimed.check(&key, &shared.documents.current().trust)?;
    messages::store(shared, checked, record).await?;
    answer.done().await
}

fn summary(row: SessionRow) -> SessionSummary {
    SessionSummary {
        id: row.id,
        device: row.device,
        hostname: row.hostname,
        technician: row.technician,
        opened: row.opened,
        ended: row.ended,
        bytes_to_agent: row.bytes_to_agent,
        bytes_to_technician: row.bytes_to_technician,
    }
}
