//! Ends sessions whose time is up, and takes up those that a killed agent left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::{SessionEnded, Started};
use distans_agent_core::journal::state::SessionEntry;
use distans_agent_core::rights::Caller;
use distans_agent_core::session::restart::{AfterStart, Start, after_start};
use distans_e2e::receipt::EndReason;
use distans_proto::ids::SessionId;
use distans_trust::certs;
use distans_trust::hash::Sha256;
use distans_trust::keys::PublicKey;
use tracing::{error, info, warn};

use crate::clock;
use crate::session::Live;
use crate::shared::Shared;

/// How often sessions are looked at while there are any.
const LOOK: Duration = Duration::from_secs(1);

/// Watches until the agent stops. Sleeps as long as there is no session.
pub(crate) async fn watch(shared: Arc<Shared>) {
    loop {
        let idle = shared.decisions().sessions.iter().next().is_none();
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.sessions_changed.notified() => {}
            () = tokio::time::sleep(LOOK), if !idle => {}
        }
        let due = shared.decisions().sessions.due(clock::now(), Instant::now());
        for (session, reason) in due {
            shared.end_session(session, reason);
        }
    }
}

/// After a start: sessions without an end can be come back to as far as
/// [`after_start`] says; the others end, and their receipts are owed.
pub(crate) async fn take_up(shared: &Arc<Shared>) {
    let start = Start {
        boot_before: shared.journal.boot_before(),
        boot: shared.run_id.as_deref(),
        untouched: shared.journal.untouched(),
        now: clock::now(),
    };
    let open: Vec<(SessionId, SessionEntry)> =
        shared.journal.state().open_sessions().map(|(id, entry)| (id, entry.clone())).collect();
    let may_resume = {
        let decisions = shared.decisions();
        decisions.trust.policy().and_then(|policy| policy.may_resume_after_restart(&shared.identity.group))
    };
    let mut over = Vec::new();
    for (session, entry) in open {
        let waiting = match after_start(&entry, &start, may_resume) {
            AfterStart::Back(waiting) => waiting,
            AfterStart::Over(reason) => {
                info!(%session, reason = reason.words(), "a session of the earlier run ended with it");
                over.push((session, reason));
                continue;
            }
        };
        let Some((live, caller)) = restored(session, &entry) else {
            warn!(%session, "a session of the earlier run cannot be read");
            over.push((session, EndReason::AgentStopped));
            continue;
        };
        info!(%session, "a session of the earlier run can be come back to");
        let shown = {
            let mut decisions = shared.decisions();
            let decisions = &mut *decisions;
            let place = shared.place(&decisions.trust);
            decisions.sessions.restore(session, &entry, caller, waiting, &place, Instant::now());
            decisions.shown(session)
        };
        shared.add_live(Arc::new(live));
        if let Some(shown) = shown {
            shared.desk.started(shown);
        }
    }
    let at = clock::now();
    let ends = over.into_iter().map(|(session, reason)| SessionEnded { session, at, reason });
    // In one with the ends: a run that is written down before them would look like the sessions' own.
    let boot = start.boot.filter(|boot| start.boot_before != Some(boot));
    let started = boot.map(|boot| Record::Started(Started { at, boot: boot.to_owned() }));
    let records: Vec<Record> = ends.map(Record::SessionEnded).chain(started).collect();
    if !records.is_empty()
        && let Err(error) = shared.journal.append(records).await
    {
        error!(%error, "the end of sessions of the earlier run could not be journalled");
    }
    let revoked = {
        let decisions = shared.decisions();
        decisions.sessions.revoked(&shared.place(&decisions.trust))
    };
    for session in revoked {
        shared.end_session(session, EndReason::Revoked);
    }
}

fn restored(session: SessionId, entry: &SessionEntry) -> Option<(Live, Caller)> {
    let papers = entry.papers.as_ref()?;
    let certificate = certs::inspect(&papers.certificate).ok()?;
    let key = PublicKey::from_spki(&certificate.spki).ok()?;
    let caller = Caller {
        id: entry.technician.clone(),
        certificate: certificate.sha256,
        key: Sha256::of(&certificate.spki),
        expires: certificate.not_after,
    };
    let acknowledged = papers.grant_ack.is_some();
    // A journal that does not tell who was asked tells of nobody who may be it.
    let account = entry.account.clone().or_else(|| entry.asked.then(String::new));
    Some((Live::new(session, caller.clone(), key, account, papers.grant.clone(), acknowledged), caller))
}
