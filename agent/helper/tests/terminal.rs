//! The helper as a program of its own, with this test at the agent's end of the real socket.
#![cfg(unix)]
#![allow(clippy::expect_used)] // the helpers too may stop at the first surprise

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use distans_platform::local::{LocalListener, LocalStream, Reach};
use distans_proto::frame::{CONTROL_LIMIT, HEADER, body_length, decode, encode};
use distans_proto::ids::SessionId;
use distans_proto::local::{Answer, Ask, FromHelper, LocalHello, Nonce, Over, Started, ToHelper};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;
use distans_proto::version::VersionRange;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const PATIENCE: Duration = Duration::from_secs(30);

struct Helper {
    child: Child,
    shown: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_distans-helper"))
            .arg("--state")
            .arg(dir)
            .args(["--lang", "sv"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let shown = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, shown }
    }

    /// Reads what is shown until a line holds `part`.
    async fn shows(&mut self, part: &str) {
        let mut all = String::new();
        let search = async {
            while let Some(line) = self.shown.next_line().await.expect("text") {
                all.push_str(&line);
                all.push('\n');
                if line.contains(part) {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(PATIENCE, search).await.expect("in time");
        assert!(found, "{part:?} was not shown:\n{all}");
    }

    async fn types(&mut self, text: &str) {
        self.child.stdin.as_mut().expect("a pipe").write_all(text.as_bytes()).await.expect("read");
    }

    async fn ends(mut self) -> i32 {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("in time").expect("ends");
        status.code().expect("a code")
    }
}

/// The agent's end of one connection.
struct Agent(LocalStream);

impl Agent {
    async fn meet(listener: &mut LocalListener) -> Self {
        let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await.expect("in time");
        let mut agent = Self(accepted.expect("a helper").0);
        agent.tell(&ToHelper::Hello(LocalHello { versions: VersionRange::OURS })).await;
        assert!(matches!(agent.hear().await, FromHelper::Hello(_)));
        agent
    }

    async fn tell(&mut self, message: &ToHelper) {
        let frame = encode(message, CONTROL_LIMIT).expect("a frame");
        self.0.write_all(&frame).await.expect("sent");
    }

    async fn hear(&mut self) -> FromHelper {
        let mut header = [0; HEADER];
        let read = self.0.read_exact(&mut header);
        tokio::time::timeout(PATIENCE, read).await.expect("in time").expect("a header");
        let mut body = vec![0; body_length(header, CONTROL_LIMIT).expect("short")];
        self.0.read_exact(&mut body).await.expect("a body");
        decode(&body).expect("a message")
    }
}

fn state() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).expect("our own folder");
    dir
}

async fn listen(dir: &Path) -> LocalListener {
    LocalListener::bind(dir, Reach::Own).await.expect("listens")
}

fn question() -> Ask {
    Ask {
        nonce: Nonce { bytes: [7; 16] },
        session: SessionId::from_bytes([2; 16]),
        technician_name: "Åsa Öberg".into(),
        technician: "asa".parse().expect("a label"),
        organisation: "Mora, Orsa och Älvdalens IT-enhet".into(),
        ticket: Some("INC-4711".into()),
        purpose: "Skrivaren i sal 3".into(),
        scopes: ScopeSet::EMPTY.with(Scope::Command).with(Scope::CommandSystem),
        announced: ScopeSet::EMPTY.with(Scope::Diagnose),
        minutes: 30,
        timeout_s: 60,
        recorded: None,
    }
}

fn session() -> Started {
    Started {
        session: question().session,
        technician_name: "Åsa Öberg".into(),
        organisation: "Mora".into(),
        scopes: ScopeSet::EMPTY.with(Scope::Command),
        purpose: "Skrivaren i sal 3".into(),
        ends: Timestamp::from_secs(i64::from(u32::MAX)),
        recorded: None,
    }
}

fn answer(scopes: &[Scope]) -> FromHelper {
    FromHelper::Answer(Answer { nonce: question().nonce, allowed: scopes.iter().copied().collect() })
}

#[tokio::test]
async fn a_person_without_a_terminal_reads_types_and_stops() {
    let dir = state();
    let mut listener = listen(dir.path()).await;
    let mut helper = Helper::start(dir.path(), &[]);
    let mut agent = Agent::meet(&mut listener).await;
    agent.tell(&ToHelper::Ask(question())).await;
    helper.shows("Åsa Öberg (asa) (kontrollerat)").await;
    helper.shows("Ditt svar").await;
    helper.types("1\n").await;
    assert_eq!(agent.hear().await, answer(&[Scope::Command]));
    helper.shows("JA, men bara detta").await;

    agent.tell(&ToHelper::Started(session())).await;
    helper.shows("ANSLUTEN: Åsa Öberg").await;
    helper.types("a\n").await;
    assert_eq!(agent.hear().await, FromHelper::Stop(Over { session: session().session }));
    agent.tell(&ToHelper::Ended(Over { session: session().session })).await;
    helper.shows("AVSLUTAT: Åsa Öberg").await;
}

#[tokio::test]
async fn a_script_answers_and_ends_with_the_first_session() {
    let dir = state();
    let mut listener = listen(dir.path()).await;
    let mut helper = Helper::start(dir.path(), &["--answer", "yes", "--once"]);
    let mut agent = Agent::meet(&mut listener).await;
    agent.tell(&ToHelper::Ask(question())).await;
    assert_eq!(agent.hear().await, answer(&[Scope::Command, Scope::CommandSystem]));
    helper.shows("JA, allt. (automatiskt").await;
    agent.tell(&ToHelper::Started(session())).await;
    agent.tell(&ToHelper::Ended(Over { session: session().session })).await;
    assert_eq!(helper.ends().await, 0);
}

#[tokio::test]
async fn closed_input_means_no_when_time_is_up() {
    let dir = state();
    let mut listener = listen(dir.path()).await;
    let mut helper = Helper::start(dir.path(), &[]);
    drop(helper.child.stdin.take());
    let mut agent = Agent::meet(&mut listener).await;
    helper.shows("Ingen kan skriva svar här").await;
    agent.tell(&ToHelper::Ask(Ask { timeout_s: 1, ..question() })).await;
    assert_eq!(agent.hear().await, answer(&[]));
    helper.shows("Tiden gick ut").await;
}

#[tokio::test]
async fn an_agent_that_restarts_is_found_again() {
    let dir = state();
    let mut helper = Helper::start(dir.path(), &["--answer", "no"]);
    helper.shows("Väntar på att Distans ska starta").await;
    let mut listener = listen(dir.path()).await;
    let agent = Agent::meet(&mut listener).await;
    drop((agent, listener));
    helper.shows("bröts").await;
    let mut listener = listen(dir.path()).await;
    let mut agent = Agent::meet(&mut listener).await;
    agent.tell(&ToHelper::Ask(question())).await;
    assert_eq!(agent.hear().await, answer(&[]));
}

#[tokio::test]
async fn who_is_turned_away_reads_why() {
    let dir = state();
    let mut listener = listen(dir.path()).await;
    let mut helper = Helper::start(dir.path(), &[]);
    drop(listener.accept().await.expect("a helper"));
    helper.shows("bara den som är inloggad vid datorns skärm").await;
    Agent::meet(&mut listener).await;
    helper.shows("Ingen är ansluten").await;
}

#[tokio::test]
async fn closing_the_helper_ends_what_is_on() {
    let dir = state();
    let mut listener = listen(dir.path()).await;
    let mut helper = Helper::start(dir.path(), &[]);
    let mut agent = Agent::meet(&mut listener).await;
    agent.tell(&ToHelper::Started(session())).await;
    helper.shows("ANSLUTEN").await;
    let pid = helper.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
    rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM).expect("sent");
    assert_eq!(agent.hear().await, FromHelper::Stop(Over { session: session().session }));
    assert_eq!(helper.ends().await, 0);
}

/// Somebody else's program in the agent's place is not believed, whatever it says.
#[tokio::test]
async fn a_forged_agent_is_not_shown() {
    if !distans_platform::is_privileged() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("our own folder");
    let socket = dir.path().join("helper.sock");
    let forger = std::thread::spawn(move || {
        let uid = rustix::process::Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(uid, uid, uid).expect("root may");
        UnixListener::bind(socket).expect("listens")
    });
    let _listener = forger.join().expect("listens");
    let helper = Helper::start(dir.path(), &[]);
    let output = tokio::time::timeout(PATIENCE, helper.child.wait_with_output()).await;
    let output = output.expect("in time").expect("ends");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("65534") && text.contains("forgery"), "{text}");
}
