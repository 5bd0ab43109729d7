//! Looking around on a real PC, the repairs that belong to it, and PCs that answer with rubbish.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};

use distans_cli::client::items::item_bytes;
use distans_cli::client::{Io, Items, Session};
use distans_proto::inner::{Closed, DeniedBy, Op, OpOutput, OpResult, Outcome};
use distans_proto::ops::look::{
    LogEntry, Logs, Look, Process, ProcessState, Seen, Service, ServiceState, Snapshot, SortBy, StartMode,
    Top, TopChange,
};
use distans_proto::ops::repair::{Change, EndProcess, Repair, ServiceChange};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::is_steering;
use distans_proto::time::Timestamp;
use distans_tests::fake_pc::FakePc;
use distans_tests::pc::{Person, Says};
use distans_tests::programs::{Seen as OnScreen, at_a_terminal, program};
use distans_tests::world::World;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, wanted};

const HOSTILE: &str = "åäö\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}txt\r\nFAKE\u{0}";

async fn session(office: &Office, scopes: &[Scope]) -> Session {
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    office.session(&wanted(scopes)).await.expect("allowed")
}

async fn look(session: &Session, look: Look) -> (Vec<Seen>, OpResult) {
    let mut seen = Vec::new();
    let result = session.items(Op::Look(look), CancellationToken::new(), |item| seen.push(item)).await;
    (seen, result.expect("looked"))
}

async fn processes(session: &Session) -> Vec<Process> {
    let (seen, result) = look(session, Look::Processes).await;
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(0)), "{result:?}");
    let process = |seen| if let Seen::Process(process) = seen { Some(*process) } else { None };
    seen.into_iter().filter_map(process).collect()
}

async fn mend(session: &Session, repair: Repair) -> OpResult {
    let io = Io::output(distans_cli::client::Discard, CancellationToken::new());
    session.perform(Op::Repair(repair), io).await.expect("tried")
}

/// A process of ours that waits for ever, killed and collected in the end.
struct Sleeper(Child);

impl Sleeper {
    fn start(secret: &str) -> Self {
        Self(Command::new("sh").args(["-c", "sleep 600", secret]).spawn().expect("a child"))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("known").is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn processes_are_told_without_their_arguments_and_only_the_listed_one_is_ended() {
    let office = Office::open().await;
    let session = session(&office, &[Scope::Diagnose, Scope::Repair]).await;
    let mut sleeper = Sleeper::start("--password=hemligt");
    let listed = processes(&session).await;
    assert!(listed.iter().any(|process| process.pid == std::process::id()), "we are a process");
    assert!(!format!("{listed:?}").contains("hemligt"), "arguments hold secrets");
    let found = listed.iter().find(|process| process.pid == sleeper.0.id()).expect("it is listed");

    // The number alone is not enough: it might be another process's by now.
    let another = EndProcess { pid: found.pid, started: found.started + 1, force: true };
    let result = mend(&session, Repair::EndProcess(another)).await;
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(1)));
    assert!(result.text.expect("why").raw().contains("another one"));
    assert!(sleeper.lives());
    // What would take the PC out of reach is not done either.
    for pid in [1, std::process::id()] {
        let started = listed.iter().find(|process| process.pid == pid).map_or(0, |process| process.started);
        let result = mend(&session, Repair::EndProcess(EndProcess { pid, started, force: true })).await;
        assert_eq!(result.exit, Some(1), "{pid}: {result:?}");
    }

    let end = EndProcess { pid: found.pid, started: found.started, force: true };
    let result = mend(&session, Repair::EndProcess(end)).await;
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(0)), "{result:?}");
    assert!(!sleeper.lives());
    let closing = session.end().await.expect("ended");
    assert_eq!(closing.receipt.payload().operations.len(), 5, "looks and repairs stand in the receipt");
}

#[tokio::test]
async fn a_repair_needs_its_own_right_and_is_no_way_around_another() {
    let office = Office::open().await;
    let looking = session(&office, &[Scope::Diagnose]).await;
    let mut sleeper = Sleeper::start("x");
    let found = processes(&looking).await.into_iter().find(|process| process.pid == sleeper.0.id());
    let found = found.expect("it is listed");
    let end = EndProcess { pid: found.pid, started: found.started, force: true };
    let io = Io::output(distans_cli::client::Discard, CancellationToken::new());
    let denied = looking.perform(Op::Repair(Repair::EndProcess(end)), io).await.expect_err("not granted");
    assert!(denied.to_string().contains("repair was not granted"), "{denied}");
    assert!(sleeper.lives());

    // A service whose start takes the machine down belongs to another right.
    let mending = session(&office, &[Scope::Diagnose, Scope::Repair]).await;
    for name in ["systemd-reboot", "debug-shell.service"] {
        let change = ServiceChange { name: name.into(), change: Change::Start };
        let io = Io::output(distans_cli::client::Discard, CancellationToken::new());
        let denied = mending.perform(Op::Repair(Repair::Service(change)), io).await;
        match denied {
            Err(distans_cli::client::Error::Denied(denied)) => {
                assert!(matches!(denied.by, DeniedBy::Policy | DeniedBy::State), "{denied:?}");
            }
            other => panic!("{name} was not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_look_answers_or_says_why_not() {
    let office = Office::open().await;
    let session = session(&office, &[Scope::Diagnose]).await;
    let (seen, _) = look(&session, Look::Net).await;
    let port = office.world.socket().port().to_string();
    let broker = seen.iter().any(|seen| {
        matches!(seen, Seen::Socket(socket) if socket.protocol.raw() == "udp" && socket.local.raw().ends_with(&port))
    });
    assert!(broker, "the broker's own socket is told");
    let (seen, _) = look(&session, Look::Users).await;
    assert!(seen.iter().any(|seen| matches!(seen, Seen::Account(account) if account.admin)));
    for kind in [Look::Software, Look::Services] {
        let (seen, result) = look(&session, kind).await;
        let why = result.text.map(|text| text.to_string()).unwrap_or_default();
        assert!(!seen.is_empty() || (result.exit == Some(1) && !why.is_empty()), "{kind:?}");
    }
}

#[tokio::test]
async fn top_is_live_sorted_as_asked_and_can_be_changed_under_way() {
    let office = Office::open().await;
    let session = session(&office, &[Scope::Diagnose]).await;
    let (taker, mut snapshots) = mpsc::channel::<Snapshot>(4);
    let (mut changes, input) = tokio::io::duplex(4096);
    let cancel = CancellationToken::new();
    let io = Io { input: Some(input), sink: Items::new(taker), cancel: cancel.clone(), size: None };
    let top = Top { interval_ms: 500, sort: SortBy::Memory, rows: 3, filter: None };
    let watching = async {
        let first = snapshots.recv().await.expect("at once");
        assert_eq!(first.processes.len(), 3);
        assert!(first.processes.is_sorted_by(|a, b| a.memory >= b.memory), "{first:?}");
        assert!(first.load.cpu.is_none() && first.load.memory_total > 0);
        let second = snapshots.recv().await.expect("soon");
        assert!(second.load.cpu.is_some_and(|cpu| cpu <= 1000), "{:?}", second.load);
        let own = std::process::id().to_string();
        let change = Top { rows: 50, sort: SortBy::Pid, filter: Some(own.as_str().into()), ..top.clone() };
        let bytes = item_bytes(&TopChange::Now(change)).expect("short");
        changes.write_all(&bytes).await.expect("taken");
        // What was on its way before the change may still come.
        loop {
            let snapshot = snapshots.recv().await.expect("more");
            if snapshot.processes.iter().all(|process| process.pid.to_string().contains(&own))
                && snapshot.processes.iter().any(|process| process.pid == std::process::id())
            {
                break;
            }
        }
        cancel.cancel();
        while snapshots.recv().await.is_some() {}
    };
    let (result, ()) = tokio::join!(session.perform(Op::Top(top.clone()), io), watching);
    assert_eq!(result.expect("over").outcome, Outcome::Cancelled);
}

fn add(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

#[tokio::test]
async fn a_followed_log_tells_what_is_added_and_only_what_was_asked_for() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let file = world.folder().join("pc.log");
    add(&file, "2026-11-24T10:00:00Z pc cupsd[7]: gammalt åäö\n2026-11-24T10:00:01Z pc sshd: annat\n");
    let mut pc = distans_tests::pc::Pc::enrolled(&world, &desk, "pc").await.expect("enrolled");
    pc.configure(|config| config.log_files = vec![file.clone()]);
    pc.start().await.expect("runs");
    pc.connected(&desk).await.expect("online");
    let office = Office { world, desk, pc };
    let session = session(&office, &[Scope::Diagnose]).await;

    let cancel = CancellationToken::new();
    let (taker, mut entries) = mpsc::channel::<LogEntry>(4);
    let logs = Logs { unit: Some("cupsd".into()), follow: true, ..Logs::default() };
    let watching = async {
        let old = entries.recv().await.expect("the old entry");
        assert_eq!((old.text.raw(), old.pid), ("gammalt åäö", Some(7)));
        add(&file, "2026-11-24T10:00:02Z pc sshd: annat\n2026-11-24T10:00:03Z pc cupsd[7]: nytt\n");
        assert_eq!(entries.recv().await.expect("the new entry").text.raw(), "nytt");
        cancel.cancel();
    };
    let io = Io::output(Items::new(taker), cancel.clone());
    let (result, ()) = tokio::join!(session.perform(Op::Logs(logs), io), watching);
    assert_eq!(result.expect("over").outcome, Outcome::Cancelled);

    let mut told = Vec::new();
    let logs = Logs { limit: 1, text: Some("ANNAT".into()), ..Logs::default() };
    let result = session.items(Op::Logs(logs), CancellationToken::new(), |entry: LogEntry| told.push(entry));
    assert_eq!(result.await.expect("read").exit, Some(0));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].at, Some(Timestamp::from_secs(1_795_514_402)));
}

async fn distans(home: &Path, arguments: &[&str]) -> OnScreen {
    let mut command = program("distans").expect("built");
    command.args(arguments).env("DISTANS_HOME", home);
    tokio::task::spawn_blocking(move || at_a_terminal(command)).await.expect("ran").expect("a terminal")
}

/// Answers the next operation of a session with these bytes, again and again, as long as they
/// are taken; then says that it is done.
async fn answers(pc: &FakePc, item: &[u8], times: u64) {
    let (control, _) = pc.session().await.expect("a session");
    let (_, (_reader, mut writer)) = pc.operation(&control).await.expect("an operation");
    writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
    let mut sent = 0;
    while sent < times && writer.write_primary(item).await.is_ok() {
        sent += 1;
    }
    let bytes = sent * u64::try_from(item.len()).expect("fits");
    let result = OpResult { outcome: Outcome::Completed, exit: Some(0), bytes, text: Some(HOSTILE.into()) };
    // The technician may have left long ago.
    let _ = writer.send(&OpOutput::Finished(result)).await;
    let _ = writer.finish().await;
}

fn hostile_process() -> Process {
    Process {
        pid: u32::MAX,
        parent: 0,
        started: u64::MAX,
        since: Timestamp::from_micros(i64::MAX),
        name: HOSTILE.into(),
        program: Some("x".repeat(4096).into()),
        user: Some(HOSTILE.into()),
        state: ProcessState::Unknown,
        cpu: Some(u32::MAX),
        cpu_ms: u64::MAX,
        memory: u64::MAX,
        threads: u32::MAX,
    }
}

fn tame(seen: &OnScreen, what: &str) -> String {
    let text = String::from_utf8(seen.bytes.clone()).expect("the terminal gets UTF-8 only");
    // Our own colours are all that may steer; the terminal itself makes \r\n.
    let text = text.replace("\r\n", "\n");
    let mut rest = text.as_str();
    while let Some(at) = rest.find(is_steering) {
        let tail = &rest[at..];
        let colour = tail
            .strip_prefix("\u{1b}[")
            .and_then(|tail| tail.find(|c: char| !c.is_ascii_digit() && c != ';').map(|end| &tail[end..]));
        rest = colour
            .and_then(|tail| tail.strip_prefix('m'))
            .unwrap_or_else(|| panic!("{what} let through {tail:?}"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hostile_pc_lists_steers_nothing() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let service = Service {
        name: HOSTILE.into(),
        description: "å".repeat(2048).into(),
        state: ServiceState::Failed,
        detail: HOSTILE.into(),
        start: StartMode::Unknown,
        pid: Some(0),
    };
    let entry =
        LogEntry { at: None, level: Some(255), source: HOSTILE.into(), pid: None, text: HOSTILE.into() };
    for (verb, item) in [
        ("processes", item_bytes(&Seen::Process(Box::new(hostile_process())))),
        ("services", item_bytes(&Seen::Service(service))),
        ("logs", item_bytes(&entry)),
    ] {
        let arguments = [verb, "PC-ORSA-014", "--purpose", "look", "--ticket", "T-1"];
        let home = world.login("anna").expect("a home");
        let item = item.expect("short");
        let (seen, ()) = tokio::join!(distans(home.dir(), &arguments), answers(&pc, &item, 2));
        assert!(tame(&seen, verb).contains("åäö"), "{verb} shows it: {:?}", tame(&seen, verb));
        assert_eq!(seen.exit, Some(0), "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_end_is_given_up() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let item = item_bytes(&Seen::Process(Box::new(hostile_process()))).expect("short");
    let arguments = ["processes", "PC-ORSA-014", "--purpose", "look", "--ticket", "T-1"];
    let home = world.login("anna").expect("a home");
    // The PC stops when the technician's line goes, which may be before the program has ended.
    let (seen, ()) = tokio::join!(distans(home.dir(), &arguments), answers(&pc, &item, u64::MAX));
    assert_eq!(seen.exit, Some(125));
    let seen = tame(&seen, "processes");
    assert!(seen.contains("has no end"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_faster_than_asked_do_not_keep_the_technician_from_leaving() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let target = desk.find("PC-ORSA-014").await.expect("found");
    let snapshot = Snapshot { processes: vec![hostile_process(); 10], ..Snapshot::default() };
    let item = item_bytes(&snapshot).expect("short");
    let wanted = distans_cli::client::NewSession {
        scopes: ScopeSet::EMPTY.with(Scope::Diagnose),
        purpose: "look".into(),
        ticket: None,
        minutes: 10,
        unattended: false,
    };
    let watching = async {
        let session = Session::open(&desk, &target, &wanted).await.expect("a session");
        let cancel = CancellationToken::new();
        let mut live = distans_cli::live::Live::new(HOSTILE, true);
        let mut count = 0;
        let top = Top { interval_ms: 60_000, rows: 10, ..Top::default() };
        let doing = session.items(Op::Top(top), cancel.clone(), |snapshot: Snapshot| {
            live.take(snapshot);
            count += 1;
            if count == 5000 {
                cancel.cancel();
            }
        });
        // The PC never says that it has ended; leaving does not wait for that.
        tokio::select! {
            _ = doing => {}
            () = cancel.cancelled() => {}
        }
        assert!(count >= 5000);
    };
    tokio::select! {
        () = watching => {}
        () = answers(&pc, &item, u64::MAX) => {}
    }
}
