//! `repair`: one named repair. Each is a value and never a command; each says what it did.
//!
//! A repair that was begun and did not succeed is *completed* with exit code 1 and the reason, so
//! that the receipt tells what happened on the PC. One that may not be is refused and not
//! journalled.

mod caches;
mod names;
mod print_queue;
mod process;
mod service;

use std::pin::Pin;

use distans_agent_core::permit::Permit;
use distans_platform::is_privileged;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::repair::Repair;
use tokio_util::sync::CancellationToken;

use super::{Operation, Work, denied};
use crate::shared::Shared;

/// What a repair did, or why it could not; both in one sentence.
type Repaired = Result<String, String>;

/// A repair that is checked and not begun.
type Plan = Pin<Box<dyn Future<Output = Repaired> + Send>>;

/// The repair that is to be done, or why not. Nothing has been done yet.
pub(super) fn prepare(permit: Permit, shared: &Shared, repair: &Repair) -> Result<Work, Denied> {
    let plan = match repair {
        Repair::Service(change) => service::plan(change)?,
        Repair::EndProcess(end) => process::plan(*end, |pid| shared.desk.is_helper(pid))?,
        Repair::ClearPrintQueue(queue) => print_queue::plan(queue)?,
        Repair::FreeCache(cache) => caches::plan(*cache)?,
        Repair::FlushNames(_) => names::plan()?,
    };
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, plan, &operation, &ended).await })
    }))
}

/// For repairs that only root or LocalSystem can do.
fn needs_system() -> Result<(), Denied> {
    if is_privileged() {
        return Ok(());
    }
    let text = "the agent on this PC does not run as root or LocalSystem, and this repair needs that";
    Err(denied(DeniedBy::State, text))
}

async fn perform(permit: Permit, plan: Plan, operation: &Operation, ended: &CancellationToken) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    if ended.is_cancelled() {
        return result(Outcome::SessionEnded, None, None);
    }
    let cut = |outcome| result(outcome, None, Some("it had begun; look whether it was done".to_owned()));
    tokio::select! {
        biased;
        () = ended.cancelled() => cut(Outcome::SessionEnded),
        () = operation.cancel.cancelled() => cut(Outcome::Cancelled),
        repaired = plan => match repaired {
            Ok(text) => result(Outcome::Completed, Some(0), Some(text)),
            Err(text) => result(Outcome::Completed, Some(1), Some(text)),
        },
    }
}

fn result(outcome: Outcome, exit: Option<i32>, text: Option<String>) -> OpResult {
    OpResult { outcome, exit, bytes: 0, text: text.map(Into::into) }
}
