//! `top`: how busy the PC is and by what, at once and then again and again, until the technician
//! has enough. What is sorted and filtered is here: only the first few processes travel.

mod choose;
mod rates;

use std::time::Duration;

use distans_agent_core::permit::Permit;
use distans_platform::load;
use distans_platform::processes::Watch;
use distans_proto::frame::FrameError;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::look::load::{INTERVALS_MS, ROWS_LIMIT};
use distans_proto::ops::look::{Snapshot, Top, TopChange};
use tokio_util::sync::CancellationToken;

use super::items::ItemsIn;
use super::{Operation, Work};
use crate::clock;

/// Between the first two looks, so that rates are known soon.
const FIRST: Duration = Duration::from_millis(400);

/// The view that is to be sent.
pub(super) fn prepare(permit: Permit, top: Top) -> Work {
    Box::new(move |operation, ended| Box::pin(async move { perform(permit, top, &operation, &ended).await }))
}

async fn perform(permit: Permit, top: Top, operation: &Operation, ended: &CancellationToken) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    let (outcome, exit, text) = tokio::select! {
        biased;
        () = ended.cancelled() => (Outcome::SessionEnded, None, None),
        () = operation.cancel.cancelled() => (Outcome::Cancelled, None, None),
        watched = watch(operation, top) => match watched {
            Ok(()) => (Outcome::Completed, Some(0), None),
            Err(text) => (Outcome::Completed, Some(1), Some(text)),
        },
    };
    OpResult { outcome, exit, bytes: operation.output.total(), text: text.map(Into::into) }
}

/// Sends snapshots for ever, whether or not the technician may still change their order.
async fn watch(operation: &Operation, mut top: Top) -> Result<(), String> {
    let mut looker = Looker::default();
    let mut changes = Some(ItemsIn::new(operation));
    let mut first = true;
    loop {
        top = sane(top);
        let snapshot = looker.look(&top).await.map_err(|error| format!("the PC does not tell: {error}"))?;
        send(operation, snapshot).await;
        let pause = if std::mem::take(&mut first) { FIRST } else { interval(&top) };
        tokio::select! {
            () = tokio::time::sleep(pause.min(interval(&top))) => {}
            change = next_change(&mut changes) => match change {
                Ok(Some(TopChange::Now(changed))) => top = changed,
                Ok(None) => changes = None,
                Err(error) => return Err(format!("the input is not made of changes: {error}")),
            },
        }
    }
}

/// Never comes once the technician's input has ended.
async fn next_change(changes: &mut Option<ItemsIn<'_>>) -> Result<Option<TopChange>, FrameError> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

fn sane(top: Top) -> Top {
    let (shortest, longest) = INTERVALS_MS;
    Top { interval_ms: top.interval_ms.clamp(shortest, longest), rows: top.rows.min(ROWS_LIMIT), ..top }
}

fn interval(top: &Top) -> Duration {
    Duration::from_millis(u64::from(top.interval_ms))
}

/// A snapshot that does not fit is sent with half its processes; one without any fits.
async fn send(operation: &Operation, mut snapshot: Snapshot) {
    while let Err(FrameError::TooLong { .. }) = operation.send_item(&snapshot).await {
        if snapshot.processes.is_empty() {
            return;
        }
        let half = snapshot.processes.len() / 2;
        snapshot.processes.truncate(half);
    }
}

/// Remembers what the look before has seen.
#[derive(Default)]
struct Looker {
    watch: Watch,
    before: Option<load::Counters>,
}

impl Looker {
    async fn look(&mut self, top: &Top) -> std::io::Result<Snapshot> {
        let counters = load::counters().await?;
        let processes = if top.rows > 0 { self.watch.look().await? } else { Vec::new() };
        let load = rates::load(self.before.as_ref(), &counters);
        let mut snapshot = choose::choose(&processes, top);
        (snapshot.at, snapshot.load) = (clock::now(), load);
        self.before = Some(counters);
        Ok(snapshot)
    }
}
