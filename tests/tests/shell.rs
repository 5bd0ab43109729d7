//! Shells on a PC: a real terminal, kept through lost lines, recorded where policy says so, and
//! never a weapon against the technician's own terminal.

mod hostile;
mod recorded;
mod typed;

use std::sync::Arc;
use std::time::Duration;

use distans_cli::client::{Desk, Error, Io, Session, Sink, Stream};
use distans_proto::inner::{DeniedBy, Op, OpResult, Outcome};
use distans_proto::ops::shell::{Shell, Size};
use distans_proto::scope::Scope;
use distans_tests::pc::{Pc, Person, Says, until};
use distans_tests::programs::{Killable, program};
use distans_tests::world::World;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, wanted};

/// Nothing in here takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an agent, a broker and a client may hold of a shell's output together: the window, what
/// is on its way beyond it, and the kernel's.
const HELD: usize = 512 * 1024;

fn shell(argv: &[&str]) -> Shell {
    Shell {
        system: false,
        size: Size { columns: 80, rows: 24 },
        term: "xterm".into(),
        argv: argv.iter().map(ToString::to_string).collect(),
    }
}

/// What came out so far.
#[derive(Clone)]
struct Out {
    text: Arc<watch::Sender<Vec<u8>>>,
    /// While it is there, nothing is taken.
    stuck: Arc<watch::Sender<bool>>,
    waits: Arc<Notify>,
}

impl Sink for Out {
    async fn write(&mut self, _: Stream, bytes: &[u8]) -> std::io::Result<()> {
        let mut stuck = self.stuck.subscribe();
        if *stuck.borrow() {
            self.waits.notify_one();
        }
        // The sender lives in self.
        let _ = stuck.wait_for(|stuck| !stuck).await;
        self.text.send_modify(|text| text.extend_from_slice(bytes));
        Ok(())
    }
}

/// A shell under way, with a keyboard and a screen.
struct Desktop {
    keys: DuplexStream,
    out: Out,
    size: watch::Sender<Size>,
    cancel: CancellationToken,
    running: JoinHandle<Result<OpResult, Error>>,
}

impl Desktop {
    fn open(session: &Arc<Session>, shell: Shell) -> Self {
        let (keys, input) = tokio::io::duplex(64 * 1024);
        let out = Out {
            text: Arc::new(watch::Sender::new(Vec::new())),
            stuck: Arc::new(watch::Sender::new(false)),
            waits: Arc::new(Notify::new()),
        };
        let (size, sizes) = watch::channel(shell.size);
        let cancel = CancellationToken::new();
        let io = Io { input: Some(input), sink: out.clone(), cancel: cancel.clone(), size: Some(sizes) };
        let session = Arc::clone(session);
        let running = tokio::spawn(async move { session.perform(Op::Shell(shell), io).await });
        Self { keys, out, size, cancel, running }
    }

    async fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).await.expect("typed");
    }

    /// Waits until `part` has been shown after the first `from` bytes.
    async fn shows_after(&self, from: usize, part: &str) {
        let mut text = self.out.text.subscribe();
        let shown = text.wait_for(|text| {
            text.get(from..).is_some_and(|text| String::from_utf8_lossy(text).contains(part))
        });
        let shown = tokio::time::timeout(PATIENCE, shown).await.map(|shown| shown.is_ok());
        assert!(shown.is_ok(), "{part:?} is not shown; {:?} is", self.text());
    }

    async fn shows(&self, part: &str) {
        self.shows_after(0, part).await;
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.out.text.borrow()).into_owned()
    }

    fn count(&self) -> usize {
        self.out.text.borrow().len()
    }

    async fn ends(self) -> Result<OpResult, Error> {
        tokio::time::timeout(PATIENCE, self.running).await.expect("in time").expect("no panic")
    }
}

/// A session that allows shells, and the person who allowed it.
async fn allowed(office: &Office) -> (Arc<Session>, Person) {
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Shell])).await.expect("allowed");
    (Arc::new(session), person)
}

#[tokio::test]
async fn a_shell_has_letters_sizes_ctrl_c_and_an_exit_code() {
    let office = Office::open().await;
    let (session, _person) = allowed(&office).await;
    let mut desktop = Desktop::open(&session, shell(&["sh"]));
    desktop.types("stty size; echo Gr\u{f6}vel''sj\u{f6}n; test -t 0 && echo termi''nal\n").await;
    for part in ["24 80", "Grövelsjön", "terminal"] {
        desktop.shows(part).await;
    }
    desktop.size.send_replace(Size { columns: 101, rows: 33 });
    desktop.types("while ! stty size | grep '33 101'; do :; done; echo resi''zed\n").await;
    desktop.shows("resized").await;
    // Said by the program itself: by then Ctrl-C is its, and no longer the shell's.
    desktop.types("sh -c 'echo go\"\"ing; exec sleep 1000'\n").await;
    desktop.shows("going").await;
    desktop.types("\x03").await;
    desktop.types("echo ba''ck\n").await;
    desktop.shows("back").await;
    desktop.types("exit 7\n").await;
    let result = desktop.ends().await.expect("a result");
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(7)));
    let closing = session.end().await.expect("ended");
    assert_eq!(closing.receipt.payload().operations.len(), 1);
    assert_eq!(closing.receipt.payload().recording_sha256, None, "policy wants no recording");
}

#[tokio::test]
async fn without_its_own_scope_there_is_no_shell_and_none_as_system() {
    let office = Office::open().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let commands = Arc::new(office.session(&wanted(&[Scope::Command])).await.expect("allowed"));
    let denied = |result| match result {
        Err(Error::Denied(denied)) => denied.by,
        other => panic!("not denied: {other:?}"),
    };
    let ran = Desktop::open(&commands, shell(&["sh"])).ends().await;
    assert!(matches!(denied(ran), DeniedBy::Session | DeniedBy::Policy | DeniedBy::Role));
    let shells = Arc::new(office.session(&wanted(&[Scope::Shell])).await.expect("allowed"));
    let ran = Desktop::open(&shells, Shell { system: true, ..shell(&["sh"]) }).ends().await;
    assert!(matches!(denied(ran), DeniedBy::Session | DeniedBy::Policy | DeniedBy::Role));
    let long = vec!["x"; 2000];
    assert_eq!(denied(Desktop::open(&shells, shell(&long)).ends().await), DeniedBy::Limit);
    let result = Desktop::open(&shells, shell(&["no-such-program"])).ends().await.expect("a result");
    assert_eq!(result.outcome, Outcome::NotStarted);
    assert!(result.text.is_some_and(|text| text.raw().contains("no-such-program")));
}

#[tokio::test]
async fn a_broker_that_dies_in_the_middle_loses_and_doubles_no_line() {
    let mut office = Office::open().await;
    let (session, _person) = allowed(&office).await;
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); if [ $((i % 2000)) -eq 0 ]; then read go; fi; done; echo e''nd; read go";
    let mut desktop = Desktop::open(&session, shell(&["sh", "-c", script]));
    for round in 1..=10 {
        desktop.shows(&format!("line {}\r\n", round * 2000 - 1)).await;
        if round % 4 == 0 {
            // In the middle of the next 2000 lines.
            desktop.types("\n").await;
            desktop.shows(&format!("line {}\r\n", round * 2000)).await;
            office.world.stop_broker().await.expect("stopped");
            office.world.start_broker().await.expect("started");
        } else {
            desktop.types("\n").await;
        }
    }
    desktop.shows("end").await;
    desktop.types("\n").await;
    let text = desktop.text();
    let result = desktop.ends().await.expect("a result");
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(0)));
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("line ")).collect();
    let expected: Vec<String> = (0..20_000).map(|number| format!("line {number}")).collect();
    assert_eq!(lines.len(), expected.len());
    assert!(lines.iter().zip(&expected).all(|(line, expected)| line == expected));
}

#[tokio::test]
async fn ctrl_c_ends_a_flood_at_once_and_nobody_holds_more_than_the_window() {
    let office = Office::open().await;
    let (session, _person) = allowed(&office).await;
    let mut desktop = Desktop::open(&session, shell(&["sh"]));
    let counter = office.file("written");
    // Counts what was written, to see that a technician who does not read holds it back.
    let flood = format!("yes | tee {} | head -c 400000000\n", counter.display());
    desktop.types(&flood).await;
    desktop.shows("y\r\ny\r\ny\r\n").await;
    desktop.out.stuck.send_replace(true);
    desktop.out.waits.notified().await;
    // It stops by itself; on the way are pipes between the programs besides.
    let written = || std::fs::metadata(&counter).map_or(0, |found| found.len());
    let (mut before, mut still) = (written(), 0);
    until("the flood to stand still", || {
        let now = written();
        still = if now == before { still + 1 } else { 0 };
        before = now;
        std::future::ready((still >= 20).then_some(()))
    })
    .await
    .expect("held back");
    assert!(
        desktop.out.text.borrow().len() + HELD > usize::try_from(before).expect("small"),
        "{before} written"
    );
    desktop.out.stuck.send_replace(false);
    desktop.types("\x03").await;
    let from = desktop.count();
    desktop.types("echo quiet''ly\n").await;
    desktop.shows_after(from, "quietly").await;
    assert!(desktop.count() - from < 2 * HELD, "{} bytes came after Ctrl-C", desktop.count() - from);
    desktop.types("exit\n").await;
    let result = desktop.ends().await.expect("a result");
    assert_eq!(result.outcome, Outcome::Completed);
}

#[tokio::test]
async fn the_persons_stop_and_the_technicians_leaving_end_the_shell_and_all_it_started() {
    let office = Office::open().await;
    let (session, person) = allowed(&office).await;
    let started = "setsid sleep 98765 & trap '' HUP; echo u''p; read x";
    let is_gone = || async {
        let found = std::process::Command::new("pgrep").args(["-f", "sleep 98765"]).output().expect("pgrep");
        found.stdout.is_empty().then_some(())
    };
    let desktop = Desktop::open(&session, shell(&["sh", "-c", started]));
    desktop.shows("up").await;
    desktop.cancel.cancel();
    let result = desktop.ends().await.expect("a result");
    assert_eq!((result.outcome, result.exit), (Outcome::Cancelled, None));
    distans_tests::pc::until("the tree to be gone", is_gone).await.expect("gone");

    let desktop = Desktop::open(&session, shell(&["sh", "-c", started]));
    desktop.shows("up").await;
    person.stops(session.id()).await.expect("stopped");
    let ended = desktop.ends().await;
    let over = match &ended {
        Ok(result) => result.outcome == Outcome::SessionEnded,
        Err(error) => matches!(error, Error::SessionOver { .. }),
    };
    assert!(over, "{ended:?}");
    distans_tests::pc::until("the tree to be gone", is_gone).await.expect("gone");
}

/// A PC whose agent is a process that can be killed.
async fn killable(world: &World, desk: &Desk) -> (Pc, Killable) {
    let pc = Pc::enrolled(world, desk, "pc").await.expect("a PC");
    std::fs::write(pc.folder().join("agent.toml"), "development = true\n").expect("written");
    let mut agent = program("distans-agent").expect("built");
    agent.arg("run").arg("--state").arg(pc.folder());
    let agent = Killable::start(agent).expect("started");
    pc.connected(desk).await.expect("online");
    (pc, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_in_the_middle_is_never_told_as_a_success() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let (pc, mut agent) = killable(&world, &desk).await;
    let person = Person::at_folder(pc.folder(), Says::Yes).await.expect("a person");
    let target = pc.target(&desk).await.expect("found");
    let session = Session::open(&desk, &target, &wanted(&[Scope::Shell])).await.expect("allowed");
    let session = Arc::new(session);
    let desktop = Desktop::open(&session, shell(&["sh", "-c", "echo u''p; read x"]));
    desktop.shows("up").await;
    agent.kill().expect("killed");
    agent.revive().expect("revived");
    drop(person);
    match desktop.ends().await {
        Ok(result) => assert_eq!((result.outcome, result.exit), (Outcome::Unknown, None)),
        Err(error) => assert!(matches!(error, Error::SessionOver { .. }), "{error:?}"),
    }
}
