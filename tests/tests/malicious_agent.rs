//! A PC in the hands of an attacker: what it says never steers the technician's terminal, and
//! what it signs counts for nothing that was not asked for.

mod lies;

use std::process::Command;
use std::time::Duration;

use distans_cli::client::{Desk, Discard, Error, NewSession, Session};
use distans_e2e::grant::Grant;
use distans_e2e::receipt::{EndReason, FIRST_HEAD, Receipt};
use distans_e2e::signed::Signed;
use distans_proto::facts::{Disk, Facts, Severity};
use distans_proto::frame::encode;
use distans_proto::inner::{
    self, Closed, Denied, DeniedBy, OpOutput, OpResult, Outcome, ToAgent, ToTechnician,
};
use distans_proto::ops::ITEM_LIMIT;
use distans_proto::ops::diagnose::{Conclusion, Ending, Finding, Found, Plan, Report, Told};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::{Untrusted, is_steering};
use distans_tests::fake_pc::FakePc;
use distans_tests::org::now;
use distans_tests::peer::PaperControl;
use distans_tests::programs::{Seen, at_a_terminal, program};
use distans_tests::world::World;
use distans_trust::hash::Sha256;
use distans_trust::keys::P256Key;
use tokio_util::sync::CancellationToken;

/// Moves the cursor, renames the window, fills the clipboard, links, reverses text, speaks C1.
pub(crate) const HOSTILE: &str = "PC\u{1b}[2J\u{1b}[1;1H\u{1b}]0;owned\u{7}\u{1b}]52;c;cm0gLXJmIC8=\u{7}\u{1b}]8;;http://evil\u{1b}\\x\u{9b}31m\u{202e}txt\u{2066}\u{8}\u{7f}\rFAKE\u{0}";

fn wanted(scopes: ScopeSet) -> NewSession {
    NewSession { scopes, purpose: "test".into(), ticket: None, minutes: 10, unattended: false }
}

fn commands() -> ScopeSet {
    ScopeSet::EMPTY.with(Scope::Command).with(Scope::Diagnose)
}

fn run(word: &str) -> inner::Run {
    inner::Run { argv: vec![word.into()], system: false, stdin: false, timeout_s: 0 }
}

/// Escape sequences that our own program writes for colour; everything else is the attacker's.
fn without_own_colours(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("the terminal gets UTF-8 only");
    // A line of progress is taken back to its beginning and emptied; no attacker says just that.
    let text = text.replace("\r\u{1b}[2K", "");
    let (mut clean, mut rest) = (String::new(), text.as_str());
    while let Some(at) = rest.find("\u{1b}[") {
        clean.push_str(&rest[..at]);
        let tail = &rest[at + 2..];
        let end = tail.find(|c: char| !c.is_ascii_digit() && c != ';').expect("a whole sequence");
        assert_eq!(&tail[end..=end], "m", "only colour may be steered: {tail:?}");
        rest = &tail[end + 1..];
    }
    clean.push_str(rest);
    // The terminal itself turns a line's end into \r\n.
    clean.replace("\r\n", "\n")
}

pub(crate) fn assert_tame(seen: &Seen, what: &str) -> String {
    let text = without_own_colours(&seen.bytes);
    let bad: Vec<char> = text.chars().filter(|character| is_steering(*character)).collect();
    assert!(bad.is_empty(), "{what} let {bad:?} through to the terminal: {text:?}");
    text
}

pub(crate) async fn distans(desk: &Desk, arguments: &[&str]) -> Seen {
    let mut command: Command = program("distans").expect("built");
    command.args(arguments).env("DISTANS_HOME", desk.home().dir());
    tokio::task::spawn_blocking(move || at_a_terminal(command)).await.expect("ran").expect("a terminal")
}

fn hostile_facts() -> Facts {
    let text = || Untrusted::from(HOSTILE);
    Facts {
        at: now(),
        hostname: text(),
        os: text(),
        kernel: Some(text()),
        model: Some(text()),
        cpu: text(),
        disks: vec![Disk { mount: text(), file_system: text(), total: 10, available: 1, read_only: false }],
        addresses: vec![text()],
        user: Some(text()),
        agent_version: text(),
        target: text(),
        ..Facts::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_never_reach_the_terminal_raw() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let mut pc = FakePc::online(&world, &desk, HOSTILE).await.expect("a PC");
    pc.tell(hostile_facts()).await.expect("told");
    let id = pc.paper.id.to_string();

    let seen = distans(&desk, &["pcs"]).await;
    // Beside so long a name the id is shortened.
    assert!(assert_tame(&seen, "pcs").contains(&id[..8]));
    let seen = distans(&desk, &["pcs", "--json"]).await;
    assert!(assert_tame(&seen, "pcs --json").contains(&id));
    // Facts arrive a moment after they were told.
    let seen = loop {
        let seen = distans(&desk, &["pc", &id]).await;
        if without_own_colours(&seen.bytes).contains("FAKE") {
            break seen;
        }
    };
    assert_tame(&seen, "pc");

    let arguments = ["run", &id, "--purpose", "look", "--ticket", "T-1", "--", "whoami"];
    let (seen, ()) = tokio::join!(distans(&desk, &arguments), async {
        let (control, _) = pc.session().await.expect("a session");
        let (_, (_reader, mut writer)) = pc.operation(&control).await.expect("an operation");
        writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
        writer.write_primary(HOSTILE.as_bytes()).await.expect("written");
        writer.write_errors(HOSTILE.as_bytes()).await.expect("written");
        writer.write_primary(&[0x1b, b'[', 0xff, 0x9b, b'3', b'1', b'm', 0xc2]).await.expect("written");
        let result =
            OpResult { outcome: Outcome::NotStarted, exit: None, bytes: 0, text: Some(HOSTILE.into()) };
        writer.send(&OpOutput::Finished(result)).await.expect("sent");
        writer.finish().await.expect("ended");
        drop(control);
    });
    assert_tame(&seen, "run");

    let arguments = ["doctor", &id, "--purpose", "look", "--ticket", "T-1"];
    let (seen, ()) = tokio::join!(distans(&desk, &arguments), async {
        let (control, _) = pc.session().await.expect("a session");
        let (_, (_reader, mut writer)) = pc.operation(&control).await.expect("an operation");
        let text = || Untrusted::from(HOSTILE);
        let finding = Finding {
            severity: Severity::Critical,
            rule: text(),
            evidence: text(),
            meaning: text(),
            advice: text(),
            remedy: None,
        };
        writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
        let report = Report {
            probe: text(),
            millis: u32::MAX,
            ending: Ending::Failed,
            text: Some(text()),
            found: Some(Found { system: Some(Box::new(hostile_facts())), ..Found::default() }),
            findings: vec![finding],
        };
        let mut bytes = 0;
        for told in [
            Told::Plan(Plan { probes: vec![text()] }),
            Told::Report(Box::new(report)),
            Told::Conclusion(Conclusion { findings: Vec::new() }),
        ] {
            let item = encode(&told, ITEM_LIMIT).expect("short");
            writer.write_primary(&item).await.expect("sent");
            bytes += item.len() as u64;
        }
        let result = OpResult { outcome: Outcome::Completed, exit: None, bytes, text: None };
        writer.send(&OpOutput::Finished(result)).await.expect("sent");
        writer.finish().await.expect("ended");
        drop(control);
    });
    assert!(assert_tame(&seen, "doctor").contains("FAKE"));

    let arguments = ["session", "open", &id, "--purpose", "look", "--ticket", "T-1", "--scopes", "command"];
    let (seen, ()) = tokio::join!(distans(&desk, &arguments), async {
        let (mut control, _) = pc.asked().await.expect("a request");
        let denied = Denied { by: DeniedBy::Policy, text: HOSTILE.into() };
        control.send(&ToTechnician::Denied(denied)).await.expect("sent");
        control.close().await.expect("closed");
    });
    assert!(assert_tame(&seen, "session open").contains("FAKE"));
    assert_ne!(seen.exit, Some(0));
}

/// Bends a grant, given what it was asked for.
type Bend = fn(&mut Grant);

const BENT: [(&str, Bend); 9] = [
    ("more than was asked for", |grant| grant.scopes = grant.scopes.with(Scope::CommandSystem)),
    ("another session", |grant| grant.session = distans_proto::ids::SessionId::from_bytes([9; 16])),
    ("another PC", |grant| grant.device = distans_proto::ids::DeviceId::from_bytes([9; 16])),
    ("another technician", |grant| grant.technician = "bo".parse().expect("label")),
    ("another certificate", |grant| grant.certificate_sha256 = Sha256::of(b"another")),
    ("another organisation", |grant| grant.org = "orsa".parse().expect("label")),
    ("another handshake", |grant| grant.binding = Sha256::of(b"another")),
    ("a grant of yesterday", |grant| grant.expires = now().minus(Duration::from_secs(1))),
    ("a demand nobody knows", |grant| grant.crit = vec!["obey".into()]),
];

#[tokio::test]
async fn a_grant_that_was_not_asked_for_is_refused() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let target = desk.find("PC-ORSA-014").await.expect("found");
    let wanted = wanted(commands());
    for (what, bend) in BENT {
        let (opened, ()) = tokio::join!(Session::open(&desk, &target, &wanted), async {
            let (mut control, request) = pc.asked().await.expect("a request");
            let mut grant = pc.grant(&control, &request).expect("a grant");
            bend(&mut grant);
            pc.give(&mut control, grant).await.expect("sent");
            assert_no_ack(&mut control, what).await;
        });
        assert!(matches!(opened, Err(Error::Forged { .. })), "{what}: {opened:?}");
    }
    // Signed by whoever: not by the key that was endorsed.
    let (opened, ()) = tokio::join!(Session::open(&desk, &target, &wanted), async {
        let (mut control, request) = pc.asked().await.expect("a request");
        let grant = pc.grant(&control, &request).expect("a grant");
        let signed = Signed::sign(grant, &P256Key::generate().expect("key")).expect("signed");
        let message = inner::Grant { envelope: signed.to_json(), epoch: 1 };
        control.send(&ToTechnician::Grant(message)).await.expect("sent");
        assert_no_ack(&mut control, "another signature").await;
    });
    assert!(matches!(opened, Err(Error::Forged { .. })), "{opened:?}");
}

/// The technician signs nothing it did not ask for.
async fn assert_no_ack(control: &mut PaperControl, what: &str) {
    let next = control.recv::<ToAgent>().await;
    assert!(!matches!(next, Ok(Some(ToAgent::GrantAck(_)))), "{what} was countersigned");
}

async fn open(desk: &Desk, pc: &FakePc) -> (Session, PaperControl, Signed<Grant>) {
    let target = desk.find(&pc.paper.id.to_string()).await.expect("found");
    let wanted = wanted(commands());
    let session = async { Ok(Session::open(desk, &target, &wanted).await?) };
    let (session, (control, grant)) = tokio::try_join!(session, pc.session()).expect("a session");
    (session, control, grant)
}

#[tokio::test]
async fn a_receipt_for_another_session_is_not_countersigned() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let (session, mut control, grant) = open(&desk, &pc).await;
    let (ended, ()) = tokio::join!(session.end(), async {
        assert!(matches!(control.recv().await, Ok(Some(ToAgent::End(_)))));
        let told = grant.payload();
        let receipt = Receipt {
            org: told.org.clone(),
            session: told.session,
            device: told.device,
            technician: told.technician.clone(),
            grant_sha256: Sha256::of(b"another grant"),
            policy_version: 1,
            operations: Vec::new(),
            start: told.start,
            end: now(),
            reason: EndReason::Technician,
            recording_sha256: None,
            chain_head: FIRST_HEAD,
            checkpoint: None,
            crit: Vec::new(),
        };
        let signed = Signed::sign(receipt, &pc.paper.key).expect("signed");
        control.send(&ToTechnician::Ended(inner::Ended { envelope: signed.to_json() })).await.expect("sent");
        let next = control.recv::<ToAgent>().await;
        assert!(
            !matches!(next, Ok(Some(ToAgent::ReceiptAck(_)))),
            "a receipt for another grant was countersigned"
        );
    });
    assert!(matches!(ended, Err(Error::Forged { .. })), "{ended:?}");
}

/// Bytes no PC of ours would put on an operation's stream.
#[derive(Debug, Clone, Copy)]
enum Nonsense {
    LongUnit,
    UnknownUnit,
    NoiseAsMessage,
}

#[tokio::test]
async fn nonsense_on_an_operations_stream_is_an_error_and_never_a_success() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let (session, control, _) = open(&desk, &pc).await;
    for nonsense in [Nonsense::LongUnit, Nonsense::UnknownUnit, Nonsense::NoiseAsMessage] {
        let running = session.run(run("whoami"), None::<tokio::io::Empty>, Discard, CancellationToken::new());
        let (ran, ()) = tokio::join!(running, speak(&pc, &control, nonsense));
        assert!(matches!(ran, Err(Error::Protocol { who: "the PC", .. })), "{nonsense:?}: {ran:?}");
    }
}

async fn speak(pc: &FakePc, control: &PaperControl, nonsense: Nonsense) {
    let (preface, receive, send) = pc.stream().await.expect("a stream");
    let sealer =
        control.keys().sealer(preface.stream, distans_e2e::sealed::Direction::ToTechnician).expect("keys");
    let mut raw = distans_e2e_io::SealedWriter::new(send, sealer, None);
    let message = |message: &OpOutput| {
        let body = minicbor::to_vec(message).expect("encodes");
        let length = u32::try_from(body.len() + 1).expect("short").to_be_bytes();
        [&length[..], &[0], &body].concat()
    };
    let started = message(&OpOutput::Started(Closed {}));
    let completed = OpResult { outcome: Outcome::Completed, exit: Some(0), bytes: 0, text: None };
    let finished = message(&OpOutput::Finished(completed));
    let bytes = match nonsense {
        Nonsense::LongUnit => [&started[..], &[0xFF, 0xFF, 0xFF, 0xFF, 1]].concat(),
        Nonsense::UnknownUnit => [&started[..], &[0, 0, 0, 2, 77, 0], &finished].concat(),
        Nonsense::NoiseAsMessage => [&started[..], &[0, 0, 0, 4, 0, 0xFF, 0xFF, 0xFF], &finished].concat(),
    };
    // The technician may have left at the first wrong byte.
    let _ = raw.write(&bytes).await;
    let _ = raw.finish().await;
    drop(receive);
}
