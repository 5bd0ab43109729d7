//! The PCs and every change of them, for as long as a technician watches.
//!
//! Nothing is queued for a watcher: it reads on in the fleet's history from where it was, and a PC
//! that has changed a hundred times meanwhile is told once, as it is then. So a slow watcher costs
//! no more than a fast one.

use std::time::Duration;

use distans_broker_core::admission::sight;
use distans_broker_core::presence::Revision;
use distans_proto::desk::{Again, Current, DeskReply, Device};
use distans_proto::ids::{GroupId, TechnicianId};

use super::fleet::summary;
use super::{Answer, DeskError};
use crate::shared::Shared;

/// PCs read at a time, so that nobody waits long for the fleet's lock.
const BATCH: usize = 256;

/// Between two looks: a morning when all PCs start is told in pieces and not one by one.
const PAUSE: Duration = Duration::from_millis(250);

/// Tells all PCs the technician may see, and then what changes, until either side has enough.
pub(super) async fn serve(
    shared: &Shared,
    technician: &TechnicianId,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let mut news = shared.watch_fleet();
    let mut documents = shared.documents.watch();
    let mut may_see = sight(&shared.documents.current().trust, technician);
    let mut read = Revision::default();
    let mut untold = true;
    loop {
        news.mark_unchanged();
        loop {
            let (next, batch) = changed(shared, read, |group| may_see.covers(group));
            let Some(next) = next else { break };
            read = next;
            for device in batch {
                untold = true;
                answer.send(&DeskReply::Device(Box::new(device))).await?;
            }
        }
        // What changes in other groups is not even hinted at.
        if std::mem::take(&mut untold) {
            answer.send(&DeskReply::Current(Current {})).await?;
        }
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return answer.done().await,
            () = answer.unheard() => return Ok(()),
            Ok(()) = documents.changed() => {
                let now = sight(&shared.documents.current().trust, technician);
                if now != may_see {
                    (may_see, read, untold) = (now, Revision::default(), true);
                    answer.send(&DeskReply::Again(Again {})).await?;
                }
            }
            Ok(()) = news.changed() => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The next PCs that have changed, and how far they go; `None` if there are no more.
fn changed(
    shared: &Shared,
    since: Revision,
    covers: impl Fn(&GroupId) -> bool,
) -> (Option<Revision>, Vec<Device>) {
    let fleet = shared.fleet();
    let mut last = None;
    let mut seen = Vec::new();
    for (revision, id, member) in fleet.changed(since, BATCH) {
        last = Some(revision);
        if covers(&member.known.group) {
            seen.push(summary(&fleet, id, member));
        }
    }
    (last, seen)
}
