//! `kill -9` of the real programs while they work: what was acknowledged is done and kept,
//! nothing is done twice, and what was interrupted is called unknown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distans_cli::client::Session;
use distans_e2e::receipt::EndReason;
use distans_proto::inner::{Outcome, Run};
use distans_proto::scope::Scope;
use distans_tests::dice::Dice;
use distans_tests::org::{kontor, now};
use distans_tests::pc::{Pc, until};
use distans_tests::programs::{Killable, program};
use distans_tests::world::World;
use distans_trust::policy::UnattendedRule;
use tokio::sync::watch;

use crate::session::{run, scopes, wanted};

/// Operations at once.
const WORKERS: usize = 4;

fn operations() -> usize {
    std::env::var("DISTANS_CHAOS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// Writes its number down, before and after a moment's work.
fn numbered(file: &Path, number: usize) -> Run {
    let script = "echo \"begun $1\" >> \"$0\"; sleep 0.03; echo \"done $1\" >> \"$0\"; echo \"out $1\"";
    let argv = ["sh", "-c", script].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([file.display().to_string(), number.to_string()]).collect();
    Run { argv, system: false, stdin: false, timeout_s: 0 }
}

/// How often each line stands in the file.
fn lines(file: &Path) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        *lines.entry(line.to_owned()).or_insert(0) += 1;
    }
    lines
}

/// What a technician was told about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Done,
    Unknown,
    Otherwise(Outcome),
    Nothing,
}

/// A world in which commands need nobody's answer, so that a restart is all that is tried.
async fn unattended_world() -> World {
    let mut world = World::start().await.expect("world");
    world
        .org
        .change_policy(|policy| {
            policy.unattended.push(UnattendedRule {
                group: kontor().expect("label"),
                scopes: scopes(&[Scope::Command]),
                technicians: Vec::new(),
                hours: None,
            });
        })
        .expect("a policy");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn kill9_of_broker_and_agent() {
    let mut world = unattended_world().await;
    let desk = world.desk("anna").await.expect("technician");
    let pc = Pc::enrolled(&world, &desk, "pc").await.expect("a PC");
    std::fs::write(pc.folder().join("agent.toml"), "development = true\n").expect("written");
    world.stop_broker().await.expect("stopped");
    let mut broker = program("distans-broker").expect("built");
    broker.args(["run", "--dir"]).arg(world.broker_folder().path());
    let mut agent = program("distans-agent").expect("built");
    agent.arg("run").arg("--state").arg(pc.folder());
    let broker = RefCell::new(Killable::start(broker).expect("started"));
    let agent = RefCell::new(Killable::start(agent).expect("started"));
    pc.connected(&desk).await.expect("online");

    let target = pc.target(&desk).await.expect("found");
    let mut unattended = wanted(&[Scope::Command]);
    unattended.unattended = true;
    let session = Arc::new(Session::open(&desk, &target, &unattended).await.expect("a rule allows it"));
    let file = world.folder().join("work");
    let next = Arc::new(AtomicUsize::new(0));
    let (finished, progress) = watch::channel(0usize);
    let finished = Arc::new(finished);
    let total = operations();
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (session, file) = (Arc::clone(&session), file.clone());
            let (next, finished) = (Arc::clone(&next), Arc::clone(&finished));
            tokio::spawn(async move {
                let mut told = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return told;
                    }
                    let what = match run(&session, numbered(&file, number)).await {
                        Ok((result, output)) if result.outcome == Outcome::Completed => {
                            assert_eq!(output, format!("out {number}\n").as_bytes());
                            Told::Done
                        }
                        Ok((result, _)) if result.outcome == Outcome::Unknown => Told::Unknown,
                        Ok((result, _)) => Told::Otherwise(result.outcome),
                        Err(error) => {
                            eprintln!("operation {number}: {error}");
                            Told::Nothing
                        }
                    };
                    told.push((number, what));
                    finished.send_modify(|count| *count += 1);
                }
            })
        })
        .collect();

    let mut dice = Dice::new();
    let mut killed = [0, 0];
    let mut killing = 5;
    while killing + WORKERS < total {
        let reached = until("operations to end", || async {
            broker.borrow_mut().revive().expect("started");
            agent.borrow_mut().revive().expect("started");
            (*progress.borrow() >= killing).then_some(())
        });
        reached.await.expect("the workers go on");
        // Mostly the agent: a broker that is back is found again after some seconds only.
        let (victim, which) = if dice.throw(4) == 0 { (&broker, 0) } else { (&agent, 1) };
        victim.borrow_mut().kill().expect("killed");
        killed[which] += 1;
        killing = *progress.borrow() + 5 + dice.throw(8);
    }
    until("the last operation", || async {
        broker.borrow_mut().revive().expect("started");
        agent.borrow_mut().revive().expect("started");
        (*progress.borrow() == total).then_some(())
    })
    .await
    .expect("the workers come to their end");
    let mut told = BTreeMap::new();
    for worker in workers {
        told.extend(worker.await.expect("a worker's report"));
    }
    println!("killed the broker {} times and the agent {} times: {told:?}", killed[0], killed[1]);

    // A command that was cut loose by the agent's death may still be writing its last line.
    let closing = session.end().await.expect("the session lived through all of it");
    let written = lines(&file);
    for (line, count) in &written {
        assert_eq!(*count, 1, "{line:?} was done {count} times");
    }
    for (number, told) in &told {
        assert!(
            *told != Told::Done || written.contains_key(&format!("done {number}")),
            "operation {number} was acknowledged and not done"
        );
    }
    let done = told.values().filter(|told| **told == Told::Done).count();
    assert!(done > total / 2, "only {done} of {total} came through");
    let surprising: Vec<_> = told.iter().filter(|(_, told)| matches!(told, Told::Otherwise(_))).collect();
    assert!(surprising.is_empty(), "{surprising:?}");

    // One receipt, signed by both, with every operation that was acknowledged, and as it ended.
    let receipt = closing.receipt.payload();
    assert_eq!(receipt.reason, EndReason::Technician);
    let completed = receipt.operations.iter().filter(|line| line.outcome == Outcome::Completed).count();
    assert!(completed >= done, "{completed} of {done} acknowledged operations are in the receipt");
    let mut ids: Vec<_> = receipt.operations.iter().map(|line| line.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), receipt.operations.len(), "an operation stands in the receipt twice");
    let record = until("the record", || async { desk.verified_record(session.id()).await.ok() }).await;
    let record = record.expect("the broker has it on disk");
    assert_eq!(record.receipt.sha256(), closing.receipt.sha256());
    assert!(record.grant_countersigned && record.receipt_countersigned);
    assert!(closing.receipt.payload().end <= now());
}

/// An agent that dies in the middle of a command says afterwards that it does not know.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_operation_is_unknown() {
    let mut world = unattended_world().await;
    let desk = world.desk("anna").await.expect("technician");
    let pc = Pc::enrolled(&world, &desk, "pc").await.expect("a PC");
    std::fs::write(pc.folder().join("agent.toml"), "development = true\n").expect("written");
    let mut command = program("distans-agent").expect("built");
    command.arg("run").arg("--state").arg(pc.folder());
    let mut agent = Killable::start(command).expect("started");
    pc.connected(&desk).await.expect("online");
    let mut unattended = wanted(&[Scope::Command]);
    unattended.unattended = true;
    let target = pc.target(&desk).await.expect("found");
    let session = Session::open(&desk, &target, &unattended).await.expect("a rule allows it");
    let started = world.folder().join("started");
    let argv = ["sh", "-c", "echo begun >> \"$0\"; sleep 60"].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([started.display().to_string()]).collect();
    let command = Run { argv, system: false, stdin: false, timeout_s: 0 };
    let killing = async {
        until("the command", || async { started.exists().then_some(()) }).await.expect("started");
        agent.kill().expect("killed");
        until("nothing: the answer comes first", || {
            agent.revive().expect("started");
            async { None::<()> }
        })
        .await
    };
    let ran = tokio::select! {
        ran = run(&session, command) => ran,
        waited = killing => panic!("{waited:?}"),
    };
    let (result, _) = ran.expect("an answer, after all");
    assert_eq!(result.outcome, Outcome::Unknown);
    assert_eq!(lines(&started).get("begun"), Some(&1), "it was begun again");
    let closing = session.end().await.expect("ended");
    let outcomes: Vec<_> = closing.receipt.payload().operations.iter().map(|line| line.outcome).collect();
    assert_eq!(outcomes, [Outcome::Unknown]);
}
