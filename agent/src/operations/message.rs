//! `message`: a technician's text on the screen, perhaps with a question.

use std::sync::Arc;
use std::time::Instant;

use distans_agent_core::permit::Permit;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::local::{Nonce, Note, Started};
use distans_proto::ops::people::Message;
use distans_trust::keys::random;
use tokio_util::sync::CancellationToken;

use super::{Operation, Work, denied};
use crate::session::Live;
use crate::shared::Shared;

/// The message that is to be shown, or why not.
pub(super) fn prepare(
    permit: Permit,
    shared: &Arc<Shared>,
    live: &Live,
    request: Message,
) -> Result<Work, Denied> {
    if let Some(problem) = request.problem() {
        return Err(denied(DeniedBy::Limit, problem));
    }
    let Started { session, technician_name, organisation, .. } = technician(shared, live)?;
    if !shared.desk.may_note(Instant::now()) {
        let text = "the screen has had many messages just now; the person needs time to read, wait a little";
        return Err(denied(DeniedBy::Limit, text));
    }
    let note = Note {
        nonce: nonce()?,
        session,
        technician_name,
        organisation,
        confirm: request.confirm,
        text: request.text,
        choices: request.choices,
        timeout_s: request.timeout_s,
    };
    let shared = Arc::clone(shared);
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, &shared, note, &operation, &ended).await })
    }))
}

/// Who the technician is, as the signed policy says.
pub(super) fn technician(shared: &Shared, live: &Live) -> Result<Started, Denied> {
    let decisions = shared.decisions();
    let session = decisions.sessions.get(live.id);
    session
        .map(distans_agent_core::session::Session::shown)
        .ok_or_else(|| denied(DeniedBy::Session, "the session is over"))
}

pub(super) fn nonce() -> Result<Nonce, Denied> {
    let bytes = random::<16>().map_err(|error| denied(DeniedBy::State, error.to_string()))?;
    Ok(Nonce { bytes: *bytes })
}

async fn perform(
    permit: Permit,
    shared: &Arc<Shared>,
    note: Note,
    operation: &Operation,
    ended: &CancellationToken,
) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    let reply = tokio::select! {
        biased;
        () = ended.cancelled() => return over(operation, Outcome::SessionEnded, None),
        () = operation.cancel.cancelled() => return over(operation, Outcome::Cancelled, None),
        reply = shared.desk.note(note) => reply,
    };
    match operation.send_item(&reply).await {
        Ok(()) => over(operation, Outcome::Completed, None),
        Err(error) => over(operation, Outcome::Unknown, Some(error.to_string())),
    }
}

/// The result, with what has been sent so far.
pub(super) fn over(operation: &Operation, outcome: Outcome, text: Option<String>) -> OpResult {
    OpResult { outcome, exit: None, bytes: operation.output.total(), text: text.map(Into::into) }
}
