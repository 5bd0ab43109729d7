//! Sessions as the broker saw them, and their signed records.

use distans_broker_core::admission::{Sight, may_record, sight};
use distans_broker_core::receipts::{Claimed, ReceiptRefusal};
use distans_broker_store::{Reader, SessionQuery, SessionRow, StoredRecord};
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

/// Sessions that match, newest first, as far as the technician may read about them.
pub(super) async fn list(
    shared: &Shared,
    technician: &TechnicianId,
    filter: SessionFilter,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    report_relayed(shared).await;
    let reader = match sight(&shared.documents.current().trust, technician) {
        Sight::All => None,
        Sight::Groups(groups) => Some(Reader { technician: technician.clone(), groups }),
    };
    let query = SessionQuery { device: filter.device, open: filter.open, limit: filter.limit, reader };
    for row in shared.store.sessions(query).await? {
        answer.send(&DeskReply::Session(summary(row))).await?;
    }
    answer.done().await
}

/// One session's signed record. Of one that the technician may not read about nothing is told,
/// not even that it exists.
pub(super) async fn record(
    shared: &Shared,
    technician: &TechnicianId,
    session: SessionId,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let stored = shared.store.record(session).await?;
    match stored.filter(|stored| may_read(shared, technician, stored)) {
        Some(stored) => answer.send(&DeskReply::Record(stored.record)).await,
        None => {
            let text = "no record of this session has arrived; it may still be open";
            Err(DeskError::refuse(RefusalCode::NotFound, &text))
        }
    }
}

fn may_read(shared: &Shared, technician: &TechnicianId, stored: &StoredRecord) -> bool {
    let sight = sight(&shared.documents.current().trust, technician);
    stored.technician == *technician
        || shared.fleet().get(stored.device).is_some_and(|member| sight.covers(&member.known.group))
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
