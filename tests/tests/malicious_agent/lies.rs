//! What a PC says of its operations and does not hold: counts, order, items of something else,
//! receipts, and numbers at the end of their range. Each is an error or ignored, never a success
//! that was none, and never a panic.

use distans_cli::client::items::item_bytes;
use distans_cli::client::{Discard, Error, Session};
use distans_e2e::receipt::{EndReason, FIRST_HEAD, OperationLine, Receipt};
use distans_e2e::signed::Signed;
use distans_proto::facts::{Disk, Facts};
use distans_proto::ids::OpId;
use distans_proto::inner::{
    self, Closed, Denied, DeniedBy, Op, OpOutput, OpResult, Outcome, ToAgent, ToTechnician,
};
use distans_proto::ops::look::LogEntry;
use distans_proto::time::Timestamp;
use distans_tests::fake_pc::{FakePc, PcOperation};
use distans_tests::org::now;
use distans_tests::world::World;
use tokio_util::sync::CancellationToken;

use super::{assert_tame, distans, open, run};

fn completed(bytes: u64) -> OpOutput {
    let result = OpResult { outcome: Outcome::Completed, exit: Some(0), bytes, text: None };
    OpOutput::Finished(result)
}

/// One thing said on an operation's stream.
enum Said {
    Message(OpOutput),
    Bytes(&'static [u8]),
}

async fn speak((mut reader, mut writer): PcOperation, said: Vec<Said>) {
    let hearing = async { while let Ok(Some(_)) = reader.next::<inner::OpInput>().await {} };
    let speaking = async {
        // The technician may have left at the first wrong word.
        for said in said {
            let _ = match said {
                Said::Message(message) => writer.send(&message).await,
                Said::Bytes(bytes) => writer.write_primary(bytes).await,
            };
        }
        let _ = writer.finish().await;
    };
    tokio::join!(hearing, speaking);
}

/// A command, answered like this; what comes of it.
async fn told(said: Vec<Said>) -> Result<OpResult, Error> {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let (session, control, _) = open(&desk, &pc).await;
    let command = inner::Run { stdin: true, ..run("whoami") };
    let playing = async {
        let (_, operation) = pc.operation(&control).await.expect("an operation");
        speak(operation, said).await;
    };
    let running = session.run(command, Some(tokio::io::empty()), Discard, CancellationToken::new());
    tokio::pin!(running);
    tokio::select! {
        ran = &mut running => ran,
        () = playing => running.await,
    }
}

fn is_broken(ran: &Result<OpResult, Error>) -> bool {
    matches!(ran, Err(Error::Protocol { who: "the PC", .. }))
}

#[tokio::test]
async fn less_output_announced_than_sent_is_no_success() {
    let ran = told(vec![Said::Bytes(b"four"), Said::Message(completed(3))]).await;
    assert!(is_broken(&ran), "{ran:?}");
}

#[tokio::test]
async fn more_output_announced_than_sent_is_no_success() {
    let ran = told(vec![Said::Bytes(b"four"), Said::Message(completed(u64::MAX))]).await;
    assert!(is_broken(&ran), "{ran:?}");
}

#[tokio::test]
async fn input_taken_that_was_never_sent_is_refused() {
    for taken in [1, u64::MAX] {
        let ran = told(vec![Said::Message(OpOutput::InputTaken(taken)), Said::Message(completed(0))]).await;
        assert!(is_broken(&ran), "{taken}: {ran:?}");
    }
}

#[tokio::test]
async fn what_comes_after_the_end_changes_nothing() {
    let failed = OpResult { outcome: Outcome::Completed, exit: Some(7), bytes: 0, text: None };
    let twice = vec![
        Said::Message(OpOutput::Finished(failed)),
        Said::Message(completed(0)),
        Said::Bytes(b"and more"),
    ];
    let ran = told(twice).await.expect("the first word counts");
    assert_eq!(ran.exit, Some(7));
}

#[tokio::test]
async fn a_refusal_in_the_middle_is_a_refusal() {
    let refused = Denied { by: DeniedBy::Policy, text: "no".into() };
    let said = vec![
        Said::Message(OpOutput::Started(Closed {})),
        Said::Bytes(b"root\n"),
        Said::Message(OpOutput::Refused(refused)),
        Said::Message(completed(5)),
    ];
    let ran = told(said).await;
    assert!(matches!(ran, Err(Error::Denied(_))), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_another_operation_are_no_answer() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let entry = LogEntry { at: None, level: Some(3), source: "FAKE".into(), pid: None, text: "FAKE".into() };
    let item = item_bytes(&entry).expect("short");
    for verb in ["processes", "doctor"] {
        let home = world.login("anna").expect("a home");
        let desk = distans_cli::client::Desk::connect(&home).await.expect("connected");
        let arguments = [verb, "PC-ORSA-014", "--purpose", "look", "--ticket", "T-1"];
        let item: &'static [u8] = item.clone().leak();
        let playing = async {
            let (control, _) = pc.session().await.expect("a session");
            let (_, operation) = pc.operation(&control).await.expect("an operation");
            let bytes = u64::try_from(item.len()).expect("short");
            speak(operation, vec![Said::Bytes(item), Said::Message(completed(bytes))]).await;
            std::future::pending::<()>().await;
            drop(control);
        };
        let seen = tokio::select! {
            seen = distans(&desk, &arguments) => seen,
            () = playing => panic!("the PC stays"),
        };
        let shown = assert_tame(&seen, verb);
        assert!(!shown.contains("FAKE"), "{verb}: {shown}");
        assert!(verb != "doctor" || seen.exit != Some(0), "a diagnosis without a plan: {shown}");
    }
}

/// A session with one command in it, ended; the PC's receipt names these operations.
async fn ended_with(
    operations: impl FnOnce(OperationLine) -> Vec<OperationLine>,
) -> (Result<(), Error>, bool) {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let (session, mut control, grant) = open(&desk, &pc).await;
    let running = session.run(run("whoami"), None::<tokio::io::Empty>, Discard, CancellationToken::new());
    let (ran, asked) = tokio::join!(running, async {
        let (asked, operation) = pc.operation(&control).await.expect("an operation");
        speak(operation, vec![Said::Message(completed(0))]).await;
        asked
    });
    let honest = OperationLine::new(asked.id, &asked.op, &ran.expect("ran"));
    let told = grant.payload();
    let receipt = Receipt {
        org: told.org.clone(),
        session: told.session,
        device: told.device,
        technician: told.technician.clone(),
        grant_sha256: grant.sha256(),
        policy_version: 1,
        operations: operations(honest),
        start: told.start,
        end: now(),
        reason: EndReason::Technician,
        recording_sha256: None,
        chain_head: FIRST_HEAD,
        checkpoint: None,
        crit: Vec::new(),
    };
    let signed = Signed::sign(receipt, &pc.paper.key).expect("signed");
    let ending = async { Session::end(&session).await.map(drop) };
    let playing = async {
        assert!(matches!(control.recv().await, Ok(Some(ToAgent::End(_)))));
        control.send(&ToTechnician::Ended(inner::Ended { envelope: signed.to_json() })).await.expect("sent");
        matches!(control.recv::<ToAgent>().await, Ok(Some(ToAgent::ReceiptAck(_))))
    };
    tokio::join!(ending, playing)
}

#[tokio::test]
async fn a_receipt_that_leaves_out_what_was_done_is_not_countersigned() {
    let (ended, countersigned) = ended_with(|_| Vec::new()).await;
    assert!(matches!(ended, Err(Error::Forged { .. })) && !countersigned, "{ended:?}");
}

#[tokio::test]
async fn a_receipt_of_something_nobody_granted_is_not_countersigned() {
    let system = inner::Run { system: true, ..run("whoami") };
    let result = OpResult { outcome: Outcome::Completed, exit: Some(0), bytes: 0, text: None };
    let never = OperationLine::new(OpId::from_bytes([9; 16]), &Op::Run(system), &result);
    let (ended, countersigned) = ended_with(|honest| vec![honest, never]).await;
    assert!(matches!(ended, Err(Error::Forged { .. })) && !countersigned, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_times_at_the_end_of_their_range_are_shown_and_break_nothing() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    // 255 bytes of one letter and its marks, as a name on a disk may be.
    let marked = format!("a{}", "\u{301}".repeat(127));
    let mut pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    for at in [Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX)] {
        let disk = |total, available| Disk {
            mount: marked.as_str().into(),
            file_system: "x".into(),
            total,
            available,
            read_only: false,
        };
        let facts = Facts {
            at,
            os: "FAKE".into(),
            cpu_count: u32::MAX,
            memory_total: 0,
            memory_available: u64::MAX,
            swap_total: 1,
            swap_used: u64::MAX,
            uptime_s: u64::MAX,
            disks: vec![disk(0, u64::MAX), disk(u64::MAX, u64::MAX), disk(u64::MAX, 0)],
            ..Facts::default()
        };
        pc.tell(facts).await.expect("told");
    }
    // Facts arrive a moment after they were told.
    let seen = loop {
        let seen = distans(&desk, &["pc", "PC-ORSA-014"]).await;
        if seen.exit != Some(0) || String::from_utf8_lossy(&seen.bytes).contains("FAKE") {
            break seen;
        }
    };
    assert_eq!(seen.exit, Some(0), "{}", assert_tame(&seen, "pc"));
    let seen = distans(&desk, &["pc", "PC-ORSA-014", "--json"]).await;
    assert_eq!(seen.exit, Some(0), "{}", assert_tame(&seen, "pc --json"));
}
