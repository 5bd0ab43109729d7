//! `diagnose`: probes of this PC side by side, and what they mean. Reads, changes nothing.
//!
//! | module | what |
//! |---|---|
//! | [`runner`] | probes side by side, each within its time |
//! | [`probes`] | which there are; the machine itself |
//! | [`network`], [`system`] | the others |
//! | [`tally`] | what a log says, counted |
//! | [`inventory`] | the facts that the list of PCs shows |

mod inventory;
mod network;
mod probes;
mod runner;
mod system;
mod tally;

use std::sync::Arc;

use distans_agent_core::findings::{Limits, of, together};
use distans_agent_core::permit::Permit;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::diagnose::{Conclusion, Diagnose, Ending, Found, PROBES_LIMIT, Plan, Report, Told};
use distans_proto::time::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Operation, Work};
use crate::clock;
use crate::config;
use crate::shared::Shared;
use inventory::text;
pub(crate) use inventory::{gather, hostname};
use probes::{Context, chosen};
use runner::{Ended, Failure, Probe, Running};

/// The diagnosis that is to be made.
pub(super) fn prepare(permit: Permit, shared: &Arc<Shared>, request: Diagnose) -> Work {
    // The two clocks are compared as they were when the request came.
    let (context, limits) = surroundings(shared, request.now);
    Box::new(move |operation, ended| {
        Box::pin(async move {
            debug_assert_eq!(permit.op(), operation.id);
            let only = request.only.map(|only| {
                only.iter().take(PROBES_LIMIT).map(|name| name.raw().to_owned()).collect::<Vec<_>>()
            });
            let probes = chosen(&Arc::new(context), only.as_deref());
            perform(probes, request.now, &limits, &operation, &ended).await
        })
    })
}

/// What policy and configuration say about this PC.
fn surroundings(shared: &Shared, technician: Timestamp) -> (Context, Limits) {
    let doctor = shared
        .decisions()
        .trust
        .policy()
        .and_then(|policy| policy.doctor.iter().find(|doctor| doctor.group == shared.identity.group))
        .cloned();
    let targets = doctor.iter().flat_map(|doctor| &doctor.targets);
    let context = Context {
        at: clock::now(),
        technician,
        broker: config::split(shared.broker()).map(|(host, _)| host.to_owned()).unwrap_or_default(),
        names: shared.config.lookups.clone(),
        // One of a newer version's kind is passed over.
        targets: targets.filter_map(|target| target.parse().ok()).collect(),
        certificate: shared.certificate(),
        ..Context::default()
    };
    (context, Limits::of(doctor.as_ref()))
}

/// Runs probes and tells each as it ends.
async fn perform(
    probes: Vec<Probe>,
    technician: Timestamp,
    limits: &Limits,
    operation: &Operation,
    ended: &CancellationToken,
) -> OpResult {
    let telling = async {
        let plan = Plan { probes: probes.iter().map(|probe| probe.name.into()).collect() };
        tell(operation, Told::Plan(plan)).await;
        let mut running = Running::start(probes);
        let mut all = Found::default();
        while let Some(one) = running.next().await {
            let report = report(one, technician, limits);
            if let Some(found) = &report.found {
                keep(&mut all, found);
            }
            tell(operation, Told::Report(Box::new(report))).await;
        }
        let findings = together(&all, limits);
        tell(operation, Told::Conclusion(Conclusion { findings })).await;
    };
    let outcome = tokio::select! {
        biased;
        () = ended.cancelled() => Outcome::SessionEnded,
        () = operation.cancel.cancelled() => Outcome::Cancelled,
        () = telling => Outcome::Completed,
    };
    OpResult { outcome, exit: None, bytes: operation.output.total(), text: None }
}

/// Sends an item. One that is too long, which cut lists and texts do not allow, is told without
/// its facts.
async fn tell(operation: &Operation, told: Told) {
    let Err(error) = operation.send_item(&told).await else { return };
    debug!(%error, "an item of a diagnosis is too long");
    if let Told::Report(mut report) = told {
        report.found = None;
        report.findings.truncate(1);
        // Short now.
        let _ = operation.send_item(&Told::Report(report)).await;
    }
}

fn report(ended: Ended, technician: Timestamp, limits: &Limits) -> Report {
    let (ending, reason, found) = match ended.outcome {
        Ok(found) => (Ending::Done, None, Some(found)),
        Err(Failure::NotHere) => (Ending::NotHere, None, None),
        Err(Failure::TimedOut) => (Ending::TimedOut, None, None),
        Err(Failure::Failed(reason)) => (Ending::Failed, Some(text(&reason)), None),
    };
    // The technician's clock came with the request and is the better one to judge ends by.
    let findings = found.as_ref().map(|found| of(found, technician, limits)).unwrap_or_default();
    Report {
        probe: ended.name.into(),
        millis: u32::try_from(ended.took.as_millis()).unwrap_or(u32::MAX),
        ending,
        text: reason,
        found,
        findings,
    }
}

/// Keeps what the rules over several probes look at.
fn keep(all: &mut Found, found: &Found) {
    if found.disks.is_some() {
        all.disks.clone_from(&found.disks);
    }
    if found.names.is_some() {
        all.names.clone_from(&found.names);
    }
    if found.gateway.is_some() {
        all.gateway.clone_from(&found.gateway);
    }
    if found.caches.is_some() {
        all.caches.clone_from(&found.caches);
    }
}
