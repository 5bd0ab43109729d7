//! `doctor` from end to end: probes of a real agent, policy's targets and limits, cancelling, fixes,
//! and PCs that answer whatever they like.

use std::collections::HashSet;

use distans_cli::client::{Discard, Error, Io, NewSession, Session};
use distans_proto::facts::Severity;
use distans_proto::frame::encode;
use distans_proto::inner::{Closed, DeniedBy, Op, OpOutput, OpRequest, OpResult, Outcome};
use distans_proto::ops::ITEM_LIMIT;
use distans_proto::ops::diagnose::{
    Conclusion, Ending, FINDINGS_LIMIT, Finding, Found, Plan, Remedy, Report, Told,
};
use distans_proto::ops::repair::{FlushNames, PrintQueue, Repair};
use distans_proto::scope::{Scope, ScopeSet};
use distans_tests::fake_pc::{FakePc, PcOperation};
use distans_tests::org::{kontor, rule};
use distans_tests::world::World;
use distans_trust::policy::ConsentMode;
use distans_trust::policy::doctor::Doctor;
use tokio_util::sync::CancellationToken;

use crate::malicious_agent::{HOSTILE, assert_tame, distans};
use crate::session::{Office, wanted};

fn finding(rule: &str, remedy: Option<Remedy>) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: rule.into(),
        evidence: "something".into(),
        meaning: "m".into(),
        advice: "a".into(),
        remedy,
    }
}

fn report(probe: &str, findings: Vec<Finding>) -> Told {
    Told::Report(Box::new(Report {
        probe: probe.into(),
        millis: 3,
        ending: Ending::Done,
        text: None,
        found: Some(Found::default()),
        findings,
    }))
}

fn plan(names: &[&str]) -> Told {
    Told::Plan(Plan { probes: names.iter().map(|name| (*name).into()).collect() })
}

fn conclusion() -> Told {
    Told::Conclusion(Conclusion { findings: Vec::new() })
}

/// Answers an operation with items. False if the technician has had enough.
async fn tell(operation: PcOperation, items: impl IntoIterator<Item = Told>) -> bool {
    let (_reader, mut writer) = operation;
    let mut bytes = 0;
    if writer.send(&OpOutput::Started(Closed {})).await.is_err() {
        return false;
    }
    for told in items {
        let item = encode(&told, ITEM_LIMIT).expect("short");
        if writer.write_primary(&item).await.is_err() {
            return false;
        }
        bytes += item.len() as u64;
    }
    let result = OpResult { outcome: Outcome::Completed, exit: None, bytes, text: None };
    writer.send(&OpOutput::Finished(result)).await.is_ok() && writer.finish().await.is_ok()
}

/// A session with a PC that answers a diagnosis with these items; what the client makes of it.
async fn told(items: Vec<Told>) -> Result<distans_cli::client::Diagnosis, Error> {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-1").await.expect("a PC");
    let target = Box::pin(desk.find(&pc.paper.id.to_string())).await.expect("found");
    let wanted: NewSession = wanted(&[Scope::Diagnose]);
    let (diagnosis, ()) = tokio::join!(
        async { Session::open(&desk, &target, &wanted).await.expect("a session").diagnose().await },
        async {
            let (control, _) = pc.session().await.expect("a session");
            let (_, operation) = pc.operation(&control).await.expect("an operation");
            tell(operation, items).await;
            drop(control);
        }
    );
    diagnosis
}

#[tokio::test(flavor = "multi_thread")]
async fn every_probe_of_a_real_agent_reports_once_and_policy_counts() {
    let listening = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listening.local_addr().expect("bound").port();
    let gone = {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        free.local_addr().expect("bound").port()
    };
    let (open, closed) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{gone}"));
    let doctor = Doctor {
        group: kontor().expect("label"),
        targets: vec![open.clone(), closed.clone()],
        limits: [("uptime_days".to_owned(), 1)].into(),
    };
    let office = Office::with_policy(|policy| policy.doctor.push(doctor)).await;
    let session = office.session(&wanted(&[Scope::Diagnose])).await.expect("announced");
    let diagnosis = session.diagnose().await.expect("a diagnosis");
    assert!(diagnosis.complete && diagnosis.ignored == 0);
    assert_eq!(diagnosis.reports.len(), diagnosis.plan.len());
    let names: HashSet<&str> = diagnosis.reports.iter().map(|report| report.probe.raw()).collect();
    assert_eq!(names.len(), diagnosis.plan.len(), "each once");
    let found = |probe: &str| {
        let report = diagnosis.reports.iter().find(|report| report.probe.raw() == probe);
        report.and_then(|report| report.found.clone()).unwrap_or_else(|| panic!("{probe}: {report:?}"))
    };
    assert!(found("memory").memory.expect("told").total > 0);
    assert!(!found("disks").disks.expect("told").volumes.is_empty());
    assert!(!found("system").system.expect("told").os.is_empty());
    let targets = found("targets").targets.expect("told").targets;
    let answers: Vec<(&str, bool)> =
        targets.iter().map(|target| (target.name.raw(), target.millis.is_some())).collect();
    assert_eq!(answers, [(open.as_str(), true), (closed.as_str(), false)]);
    let unreachable = diagnosis.findings().into_iter().find(|one| one.rule.raw() == "target-unreachable");
    let unreachable = unreachable.expect("found");
    assert!(unreachable.evidence.raw().contains(&closed) && unreachable.severity == Severity::Critical);
    let severities: Vec<Severity> = diagnosis.findings().iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "worst first: {severities:?}");
    // The policy's own limit: a machine that has been up for a day is overdue there.
    let overdue = diagnosis.findings().iter().any(|finding| finding.rule.raw().starts_with("restart-"));
    let up = found("uptime").uptime.expect("told");
    assert_eq!(overdue, up.seconds >= 86_400 || up.restart_pending == Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_probes_that_are_asked_for_run_and_cancelling_is_at_once() {
    let office = Office::open().await;
    let session = office.session(&wanted(&[Scope::Diagnose])).await.expect("announced");
    let only = ["user".to_owned(), "of-2030".to_owned()];
    let diagnosis = session.diagnose_with(&only, CancellationToken::new(), |_| {}).await.expect("one probe");
    let names: Vec<&str> = diagnosis.reports.iter().map(|report| report.probe.raw()).collect();
    assert_eq!(names, ["user"]);

    let cancel = CancellationToken::new();
    let begun = cancel.clone();
    // Cancelled as soon as the plan is here: some probes take seconds.
    let cut = session.diagnose_with(&[], cancel, |_| begun.cancel()).await;
    assert!(matches!(cut, Err(Error::Cancelled)), "{cut:?}");
    session.diagnose_with(&only, CancellationToken::new(), |_| {}).await.expect("the session is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_needs_its_scope_and_says_what_it_did() {
    let office = Office::with_policy(|policy| {
        policy.consent.rules.push(rule(Scope::Repair, ConsentMode::Announce).expect("label"));
        for technician in &mut policy.technicians {
            technician.scopes = technician.scopes.with(Scope::Repair);
        }
    })
    .await;
    let flush = || Op::Repair(Repair::FlushNames(FlushNames {}));
    let io = || Io::output(Discard, CancellationToken::new());
    let session = office.session(&wanted(&[Scope::Diagnose])).await.expect("announced");
    let refused = session.perform(flush(), io()).await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");

    let session = office.session(&wanted(&[Scope::Repair])).await.expect("announced");
    for hostile in ["-a", "x; reboot", "../../etc/passwd", HOSTILE] {
        let clear = Op::Repair(Repair::ClearPrintQueue(PrintQueue { name: hostile.into() }));
        match session.perform(clear, io()).await {
            // Not root here: refused before anything is done.
            Err(Error::Denied(denied)) => assert_eq!(denied.by, DeniedBy::State),
            done => {
                let done = done.expect("an answer");
                assert_eq!((done.outcome, done.exit), (Outcome::Completed, Some(1)), "{hostile}");
                assert!(done.text.expect("why").raw().contains("no name of a print queue"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pc_sends_too_much_of_is_passed_over() {
    let many = vec![finding("x", None); 400];
    let items = vec![
        report("early", many.clone()),
        plan(&["disks", "disks", "names"]),
        plan(&["others"]),
        report("disks", many),
        report("disks", vec![finding("twice", None)]),
        report("unannounced", vec![finding("unannounced", None)]),
        report("names", Vec::new()),
        conclusion(),
        report("names", vec![finding("late", None)]),
        conclusion(),
    ];
    let diagnosis = told(items).await.expect("a diagnosis");
    assert_eq!((diagnosis.plan.len(), diagnosis.reports.len()), (2, 2));
    assert_eq!((diagnosis.findings().len(), diagnosis.ignored), (FINDINGS_LIMIT, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_that_never_ends_is_cut_off() {
    let endless =
        std::iter::once(plan(&["disks"])).chain(std::iter::repeat_n(report("disks", Vec::new()), 1000));
    let cut = told(endless.collect()).await;
    assert!(cut.as_ref().is_err_and(|error| error.to_string().contains("items of one diagnosis")), "{cut:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_without_an_end_is_none() {
    let cut = told(vec![plan(&["disks"]), report("disks", Vec::new())]).await;
    assert!(cut.as_ref().is_err_and(|error| error.to_string().contains("without an end")), "{cut:?}");
}

/// A PC whose first diagnosis finds `remedies` and whose second finds nothing; what it was asked
/// for in between, and what the technician saw.
async fn fixed(remedies: Vec<Remedy>, arguments: &[&str]) -> (Vec<Op>, String, Option<i32>) {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-1").await.expect("a PC");
    let id = pc.paper.id.to_string();
    let line = ["doctor", &id, "--purpose", "look", "--ticket", "T-1", "--fix", "--yes"];
    let line: Vec<&str> = line.into_iter().chain(arguments.iter().copied()).collect();
    let findings: Vec<Finding> = remedies.into_iter().map(|remedy| finding("x", Some(remedy))).collect();
    let mut asked = Vec::new();
    let playing = async {
        let (control, granted) = pc.session().await.expect("a session");
        let both = ScopeSet::EMPTY.with(Scope::Diagnose).with(Scope::Repair);
        assert_eq!(granted.payload().scopes, both, "both are asked for together");
        let mut findings = Some(findings);
        while let Ok((OpRequest { op, .. }, operation)) = pc.operation(&control).await {
            let again = findings.is_none();
            match &op {
                Op::Diagnose(_) => {
                    let found = findings.take().unwrap_or_default();
                    tell(operation, [plan(&["names"]), report("names", found), conclusion()]).await;
                }
                _ => {
                    tell(operation, []).await;
                }
            }
            if again {
                asked.push(op);
            }
        }
    };
    let seen = tokio::select! {
        seen = distans(&desk, &line) => seen,
        () = playing => panic!("the PC's line broke"),
    };
    (asked, assert_tame(&seen, "doctor --fix"), seen.exit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_is_done_and_looked_after() {
    let flush = Repair::FlushNames(FlushNames {});
    let (asked, seen, exit) = fixed(vec![Remedy::Repair(flush.clone())], &[]).await;
    assert_eq!(exit, Some(0), "{seen}");
    assert_eq!(asked[0], Op::Repair(flush));
    match &asked[1] {
        Op::Diagnose(diagnose) => assert_eq!(diagnose.only, Some(vec!["names".into()])),
        other => panic!("not looked again: {other:?}"),
    }
    assert!(seen.contains("distans fix PC-1 names") && seen.contains("it is gone"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_remedy_is_neither_shown_nor_done() {
    let queue = |name: &str| Remedy::Repair(Repair::ClearPrintQueue(PrintQueue { name: name.into() }));
    let remedies = vec![queue("x; rm -rf ~"), queue("$(reboot)"), queue(HOSTILE), queue("-rf")];
    let (asked, seen, exit) = fixed(remedies, &[]).await;
    assert_eq!((asked.len(), exit), (0, Some(0)), "{seen}");
    assert!(!seen.contains("distans fix") && !seen.contains("rm -rf"), "{seen}");
}
