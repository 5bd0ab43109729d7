//! `logs`: entries of the system's log as items, the oldest first, and new ones as they come.

use distans_agent_core::permit::Permit;
use distans_platform::logs::{Query, Reader};
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::look::{LOGS_LIMIT, LOGS_USUAL, Logs};
use tokio_util::sync::CancellationToken;

use super::look::convert;
use super::{Operation, Work, denied};
use crate::shared::Shared;

/// What is to be read, or why not.
pub(super) fn prepare(permit: Permit, shared: &Shared, logs: &Logs) -> Result<Work, Denied> {
    if logs.follow && logs.until.is_some() {
        return Err(denied(DeniedBy::State, "what is followed has no end; ask without an end time"));
    }
    let owned = |text: &Option<distans_proto::text::Untrusted>| {
        text.as_ref().map(|text| text.raw().to_owned()).filter(|text| !text.is_empty())
    };
    let limit = if logs.limit == 0 { LOGS_USUAL } else { logs.limit.min(LOGS_LIMIT) };
    let query = Query {
        source: owned(&logs.unit),
        level: logs.level,
        since: logs.since.map(convert::system_time),
        until: logs.until.map(convert::system_time),
        text: owned(&logs.text),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        follow: logs.follow,
        files: shared.config.log_files.clone(),
    };
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, query, &operation, &ended).await })
    }))
}

async fn perform(permit: Permit, query: Query, operation: &Operation, ended: &CancellationToken) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    let reading = async {
        let mut reader = Reader::open(query).await.map_err(|error| error.to_string())?;
        while let Some(entry) = reader.next().await.map_err(|error| format!("the log broke off: {error}"))? {
            // Every text in it is cut, so that it fits; should it not, one entry less is told.
            let _ = operation.send_item(&convert::entry(&entry)).await;
        }
        Ok::<_, String>(reader.notes())
    };
    let (outcome, exit, text) = tokio::select! {
        biased;
        () = ended.cancelled() => (Outcome::SessionEnded, None, None),
        () = operation.cancel.cancelled() => (Outcome::Cancelled, None, None),
        read = reading => match read {
            Ok(notes) if notes.is_empty() => (Outcome::Completed, Some(0), None),
            Ok(notes) => (Outcome::Completed, Some(0), Some(notes.join("; "))),
            Err(text) => (Outcome::Completed, Some(1), Some(text)),
        },
    };
    OpResult { outcome, exit, bytes: operation.output.total(), text: text.map(Into::into) }
}
