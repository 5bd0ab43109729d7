//! The journal on a real disk: batches, cuts at every byte, damage, a full disk's half write.

use super::*;
use distans_agent_core::journal::record::{Granted, OpAccepted, OpFinished, SessionEnded, Uploaded};
use distans_agent_core::journal::state::KEPT;
use distans_e2e::receipt::EndReason;
use distans_proto::ids::{OpId, SessionId};
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::diagnose::Diagnose;
use distans_proto::scope::ScopeSet;

const NOW: Timestamp = Timestamp::from_secs(1_780_000_000);
const SESSION: SessionId = SessionId::from_bytes([1; 16]);

fn op(number: u8) -> OpId {
    OpId::from_bytes([number; 16])
}

fn granted() -> Record {
    Record::Granted(Box::new(Granted {
        session: SESSION,
        at: NOW,
        technician: "anna".parse().expect("a label"),
        scopes: ScopeSet::EMPTY,
        expires: NOW.plus(Duration::from_secs(3600)),
        grant: vec![1; 500],
        certificate: vec![2; 500],
        purpose: "printer".into(),
        asked: true,
        unattended: false,
        account: Some("1000".to_owned()),
    }))
}

fn accepted(number: u8) -> Record {
    let content = Op::Diagnose(Diagnose { now: NOW, only: None });
    Record::OpAccepted(OpAccepted { op: op(number), session: SESSION, at: NOW, content })
}

fn finished(number: u8) -> Record {
    let result =
        OpResult { outcome: Outcome::Completed, exit: Some(i32::from(number)), bytes: 0, text: None };
    Record::OpFinished(OpFinished { op: op(number), at: NOW, result })
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("journal")
}

#[tokio::test]
async fn many_appends_at_once_are_all_there_after_a_restart() {
    let (dir, tasks) = (tempfile::tempdir().expect("a folder"), TaskTracker::new());
    let ledger = Ledger::open(&path(&dir), NOW, None, &tasks).expect("opens");
    ledger.append(vec![granted()]).await.expect("written");
    let appends: Vec<_> = (0..100u8)
        .map(|number| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                ledger.append(vec![accepted(number)]).await.expect("written");
                ledger.append(vec![finished(number)]).await.expect("written");
            })
        })
        .collect();
    for append in appends {
        append.await.expect("no panic");
    }
    drop(ledger);
    tasks.close();
    tasks.wait().await;
    let again = Ledger::open(&path(&dir), NOW, None, &TaskTracker::new()).expect("opens again");
    for number in 0..100u8 {
        let exit =
            again.state().operation(op(number)).and_then(|entry| entry.result.clone()).and_then(|r| r.exit);
        assert_eq!(exit, Some(i32::from(number)));
    }
}

#[test]
fn a_journal_cut_at_any_byte_opens_and_says_what_is_known() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut disk, _) = Disk::open(&path(&dir), NOW).expect("opens");
    let mut ends = vec![disk.length];
    for record in [granted(), accepted(1), finished(1), accepted(2)] {
        disk.append(&[record]).expect("written");
        ends.push(disk.length);
    }
    let whole = std::fs::read(path(&dir)).expect("readable");
    for cut in 0..=whole.len() {
        std::fs::write(path(&dir), &whole[..cut]).expect("writable");
        let (_, state) = Disk::open(&path(&dir), NOW).expect("opens");
        let known = |record: usize| ends[record] <= cut as u64;
        assert_eq!(state.session(SESSION).is_some(), known(1), "cut at {cut}");
        assert_eq!(state.operation(op(1)).is_some(), known(2), "cut at {cut}");
        assert_eq!(
            state.operation(op(1)).is_some_and(|entry| entry.result.is_some()),
            known(3),
            "cut at {cut}"
        );
        assert_eq!(state.operation(op(2)).is_some(), known(4), "cut at {cut}");
    }
}

#[test]
fn damage_is_set_aside_and_what_is_whole_lives_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut disk, _) = Disk::open(&path(&dir), NOW).expect("opens");
    disk.append(&[granted()]).expect("written");
    let good = usize::try_from(disk.length).expect("small");
    disk.append(&[accepted(1)]).expect("written");
    let mut bytes = std::fs::read(path(&dir)).expect("readable");
    bytes[good + 50] ^= 1;
    std::fs::write(path(&dir), &bytes).expect("writable");
    let (_, state) = Disk::open(&path(&dir), NOW).expect("opens");
    assert!(state.session(SESSION).is_some() && state.operation(op(1)).is_none());
    assert_eq!(std::fs::read(path(&dir).with_extension("damaged")).expect("kept"), bytes);
    assert_eq!(std::fs::metadata(path(&dir)).expect("there").len(), good as u64);
}

#[test]
fn a_failed_write_leaves_no_trace_in_what_is_written_after_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut disk, _) = Disk::open(&path(&dir), NOW).expect("opens");
    disk.append(&[granted()]).expect("written");
    // As a disk that filled up half-way through a record leaves it.
    let writable = std::mem::replace(&mut disk.file, File::open(path(&dir)).expect("read-only"));
    assert!(matches!(disk.append(&[accepted(1)]), Err(JournalError::NotWritten(_))));
    disk.file = writable;
    disk.file.write_all(b"half a record").expect("written");
    disk.append(&[accepted(2)]).expect("written");
    let (_, state) = Disk::open(&path(&dir), NOW).expect("opens");
    assert!(state.operation(op(1)).is_none() && state.operation(op(2)).is_some());
}

#[test]
fn old_sessions_are_compacted_away_and_the_chain_of_receipts_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut disk, _) = Disk::open(&path(&dir), NOW).expect("opens");
    let receipt =
        distans_agent_core::journal::record::Receipt { session: SESSION, envelope: vec![3], head: [9; 32] };
    let ended = SessionEnded { session: SESSION, at: NOW, reason: EndReason::Person };
    let life = [granted(), accepted(1), finished(1), Record::SessionEnded(ended), Record::Receipt(receipt)];
    disk.append(&life).expect("written");
    disk.append(&[Record::Uploaded(Uploaded { session: SESSION })]).expect("written");
    let (before, head) = (disk.length, *disk.chain.head());
    let late = NOW.plus(KEPT + Duration::from_secs(3 * 86_400));
    let (disk, state) = Disk::open(&path(&dir), late).expect("opens");
    assert!(disk.length < before && state.session(SESSION).is_none() && state.operation(op(1)).is_none());
    assert_eq!(state.receipt_head().as_bytes(), &[9; 32]);
    let mut reader = Reader::new();
    reader.push(&std::fs::read(path(&dir)).expect("readable"));
    let Ok(Some(Record::Begin(begin))) = reader.next_record() else { panic!("no beginning") };
    assert_eq!(begin.before, head);
}

#[tokio::test]
async fn a_start_tells_how_long_nothing_was_written() {
    let (dir, tasks) = (tempfile::tempdir().expect("a folder"), TaskTracker::new());
    drop(Ledger::open(&path(&dir), NOW, None, &tasks).expect("opens"));
    let hour = Duration::from_secs(3600);
    let file = OpenOptions::new().write(true).open(path(&dir)).expect("opens");
    file.set_modified(std::time::SystemTime::now() - hour).expect("our own");
    let ledger = Ledger::open(&path(&dir), NOW, None, &tasks).expect("opens");
    assert!(ledger.untouched() >= hour);
    let again =
        Ledger::open(&path(&tempfile::tempdir().expect("a folder")), NOW, None, &tasks).expect("opens");
    assert_eq!(again.untouched(), Duration::MAX);
}

#[test]
fn a_running_agent_compacts_too_and_writes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut disk, _) = Disk::open(&path(&dir), NOW).expect("opens");
    let ended = SessionEnded { session: SESSION, at: NOW, reason: EndReason::Person };
    disk.append(&[granted(), Record::SessionEnded(ended)]).expect("written");
    disk.append(&[Record::Uploaded(Uploaded { session: SESSION })]).expect("written");
    let (disk, less) = disk.compacted(NOW).expect("looked through");
    assert_eq!(less, None, "nothing is old yet");
    let late = NOW.plus(KEPT + Duration::from_secs(3 * 86_400));
    let (mut disk, less) = disk.compacted(late).expect("compacted");
    assert!(less.expect("less than before").session(SESSION).is_none());
    disk.append(&[granted()]).expect("written on");
    let (_, state) = Disk::open(&path(&dir), NOW).expect("opens");
    assert!(state.session(SESSION).is_some());
}
