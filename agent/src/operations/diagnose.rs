//! `diagnose`: facts of this PC and what they mean. Reads, changes nothing.

use std::sync::Arc;
use std::time::Duration;

use distans_agent_core::findings::findings;
use distans_agent_core::permit::Permit;
use distans_platform::facts as machine;
use distans_proto::facts::{Disk, Facts, Lookup};
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::diagnose::{Conclusion, Diagnose, Ending, Found, Plan, Report, Told};
use distans_proto::text::Untrusted;
use tokio_util::sync::CancellationToken;

use super::{Operation, Work};
use crate::clock;
use crate::config;
use crate::shared::{Shared, VERSION};

/// How long one name look-up may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Most disks and addresses told, so that a diagnosis fits in its message.
const LIST_LIMIT: usize = 64;

/// Longest text of one fact, in characters.
const TEXT_LIMIT: usize = 200;

/// The diagnosis that is to be made.
pub(super) fn prepare(permit: Permit, shared: &Arc<Shared>, request: Diagnose) -> Work {
    let shared = Arc::clone(shared);
    Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, &shared, &request, &operation, &ended).await })
    })
}

/// Gathers facts and draws findings.
async fn perform(
    permit: Permit,
    shared: &Shared,
    request: &Diagnose,
    operation: &Operation,
    ended: &CancellationToken,
) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    // The two clocks are compared as they were when the request came.
    let at = clock::now();
    let gathering = async { tokio::join!(gather(), look_up(shared)) };
    let (mut facts, lookups) = tokio::select! {
        biased;
        () = ended.cancelled() => return result(Outcome::SessionEnded),
        () = operation.cancel.cancelled() => return result(Outcome::Cancelled),
        gathered = gathering => gathered,
    };
    (facts.at, facts.lookups) = (at, lookups);
    let findings = findings(&facts, request.now);
    let found = Found { system: Some(Box::new(facts)), ..Found::default() };
    let report = Report {
        probe: "system".into(),
        millis: 0,
        ending: Ending::Done,
        text: None,
        found: Some(found),
        findings: Vec::new(),
    };
    let items = [
        Told::Plan(Plan { probes: vec!["system".into()] }),
        Told::Report(Box::new(report)),
        Told::Conclusion(Conclusion { findings }),
    ];
    for item in &items {
        // Facts are cut to fit into an item.
        let _ = operation.send_item(item).await;
    }
    OpResult { bytes: operation.output.total(), ..result(Outcome::Completed) }
}

fn result(outcome: Outcome) -> OpResult {
    OpResult { outcome, exit: None, bytes: 0, text: None }
}

async fn look_up(shared: &Shared) -> Vec<Lookup> {
    let broker = config::split(shared.broker()).map(|(host, _)| host.to_owned());
    let names: Vec<String> = broker.into_iter().chain(shared.config.lookups.iter().cloned()).collect();
    let mut lookups = tokio::task::JoinSet::new();
    for (index, name) in names.into_iter().enumerate() {
        lookups.spawn(async move {
            let found = machine::look_up(&name, LOOKUP_LIMIT).await;
            let lookup = Lookup {
                name: name.into(),
                millis: u32::try_from(found.took.as_millis()).unwrap_or(u32::MAX),
                error: found.outcome.err().map(|error| text(&error.to_string())),
            };
            (index, lookup)
        });
    }
    let mut found = lookups.join_all().await;
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, lookup)| lookup).collect()
}

/// The facts of this PC now, for the fleet list and for a diagnosis; without look-ups.
pub(crate) async fn gather() -> Facts {
    let found = machine::gather().await;
    Facts {
        at: clock::now(),
        hostname: text(&found.hostname),
        os: text(&found.os),
        kernel: found.kernel.as_deref().map(text),
        model: found.model.as_deref().map(text),
        cpu: text(&found.cpu),
        cpu_count: found.cpu_count,
        memory_total: found.memory_total,
        memory_available: found.memory_available,
        swap_total: found.swap_total,
        swap_used: found.swap_used,
        disks: found.disks.iter().take(LIST_LIMIT).map(disk).collect(),
        addresses: found
            .addresses
            .iter()
            .take(LIST_LIMIT)
            .map(|address| text(&address.to_string()))
            .collect(),
        user: found.user.as_deref().map(text),
        uptime_s: found.uptime_s,
        restart_pending: found.restart_pending,
        lookups: Vec::new(),
        agent_version: VERSION.into(),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS).into(),
    }
}

fn disk(disk: &machine::Disk) -> Disk {
    Disk {
        mount: text(&disk.mount),
        file_system: text(&disk.file_system),
        total: disk.total,
        available: disk.available,
        read_only: disk.read_only,
    }
}

fn text(text: &str) -> Untrusted {
    Untrusted::new(text.chars().take(TEXT_LIMIT).collect::<String>())
}

/// The host name alone.
pub(crate) fn hostname() -> Untrusted {
    text(&machine::hostname())
}
