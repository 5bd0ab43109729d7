//! Signed documents: handing them out, and taking newer ones.

use distans_broker_core::admission::may_record;
use distans_proto::desk::{DeskReply, Publish, TOKENS_LIMIT};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::TechnicianId;
use distans_proto::link::DocumentVersions;
use distans_trust::envelope::Envelope;

use super::{Answer, DeskError};
use crate::clock;
use crate::shared::Shared;

/// What the technician lacks.
pub(super) async fn newer(
    shared: &Shared,
    held: DocumentVersions,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let message = shared.documents.current().message(held);
    answer.send(&DeskReply::Documents(message)).await
}

/// Takes documents and spreads them. Who brings them hardly matters, they prove themselves; the
/// scope keeps noise away.
pub(super) async fn publish(
    shared: &Shared,
    technician: &TechnicianId,
    publish: &Publish,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    may_record(&shared.documents.current().trust, technician, clock::now())?;
    if publish.tokens.len() > TOKENS_LIMIT {
        return Err(DeskError::refuse(
            RefusalCode::BadRequest,
            &format!("at most {TOKENS_LIMIT} tokens at once"),
        ));
    }
    let parse = |bytes: &minicbor::bytes::ByteVec| Envelope::parse(bytes);
    let tokens = publish.tokens.iter().map(parse).collect::<Result<Vec<_>, _>>();
    let tokens = tokens.map_err(|error| DeskError::refuse(RefusalCode::BadRequest, &error))?;
    shared.timed(shared.documents.publish(&shared.store, &publish.documents, &tokens)).await?;
    answer.done().await
}
