//! What records add up to, whatever the order and wherever they are cut.

use super::super::record::{Countersigned, Granted, OpAccepted, Receipt, SessionEnded, Uploaded};
use super::*;
use distans_proto::inner::Op;
use distans_proto::ops::diagnose::Diagnose;
use distans_proto::ops::power::{Power, PowerAction};

const START: Timestamp = Timestamp::from_secs(1_780_000_000);
const OP: OpId = OpId::from_bytes([7; 16]);
const SESSION: SessionId = SessionId::from_bytes([1; 16]);
const BOOT: &str = "run-1";

fn granted(session: SessionId, at: Timestamp) -> Record {
    Record::Granted(Box::new(Granted {
        session,
        at,
        technician: "anna".parse().expect("a label"),
        scopes: ScopeSet::EMPTY,
        expires: at.plus(Duration::from_secs(3600)),
        grant: vec![1],
        certificate: vec![2],
        purpose: "printer".into(),
        asked: true,
        unattended: false,
        account: Some("1000".to_owned()),
    }))
}

fn accepted(op: OpId) -> Record {
    Record::OpAccepted(OpAccepted {
        op,
        session: SESSION,
        at: START,
        content: Op::Diagnose(Diagnose { now: START, only: None }),
    })
}

fn finished(op: OpId, exit: i32) -> Record {
    let result = OpResult { outcome: Outcome::Completed, exit: Some(exit), bytes: 0, text: None };
    Record::OpFinished(OpFinished { op, at: START, result })
}

fn ended() -> Record {
    Record::SessionEnded(SessionEnded { session: SESSION, at: START, reason: EndReason::Technician })
}

fn receipt() -> Record {
    Record::Receipt(Receipt { session: SESSION, envelope: vec![3], head: [9; 32] })
}

fn state(records: &[Record]) -> State {
    let mut state = State::new();
    records.iter().for_each(|record| state.apply(record));
    state
}

#[test]
fn a_repeat_finds_its_result_and_the_first_result_stays() {
    let state =
        state(&[granted(SESSION, START), accepted(OP), finished(OP, 3), accepted(OP), finished(OP, 0)]);
    let operation = state.operation(OP).expect("known");
    assert_eq!(operation.result.as_ref().and_then(|result| result.exit), Some(3));
    assert_eq!(state.session(SESSION).expect("known").operations, [OP]);
}

#[test]
fn an_operation_cut_by_kill_9_is_unknown() {
    let mut state = state(&[granted(SESSION, START), accepted(OP)]);
    let repair = state.interrupted(START, Some(BOOT));
    repair.iter().for_each(|record| state.apply(record));
    let result = state.operation(OP).and_then(|operation| operation.result.clone()).expect("closed");
    assert_eq!(result.outcome, Outcome::Unknown);
    assert!(state.interrupted(START, Some(BOOT)).is_empty());
}

fn going_down() -> Record {
    let going = GoingDown { session: SESSION, op: OP, at: START, until: None, boot: BOOT.to_owned() };
    Record::GoingDown(going)
}

#[test]
fn a_restart_cut_during_the_warning_was_not_done() {
    let power = Power { action: PowerAction::Restart, delay_s: 60, text: None };
    let accepted = OpAccepted { op: OP, session: SESSION, at: START, content: Op::Power(power) };
    for (going, outcome) in [(false, Outcome::NotStarted), (true, Outcome::Completed)] {
        let mut state = state(&[granted(SESSION, START), Record::OpAccepted(accepted.clone())]);
        if going {
            state.apply(&going_down());
        }
        state.interrupted(START, Some("run-2")).iter().for_each(|record| state.apply(record));
        assert_eq!(state.lines(SESSION).pop().expect("its line").outcome, outcome);
    }
}

#[test]
fn a_restart_is_done_only_if_the_machine_started_anew() {
    for (boot, outcome) in [(BOOT, Outcome::Unknown), ("run-2", Outcome::Completed)] {
        let mut state = state(&[granted(SESSION, START), accepted(OP), going_down()]);
        state.interrupted(START, Some(boot)).iter().for_each(|record| state.apply(record));
        let line = state.lines(SESSION).pop().expect("its line");
        assert_eq!(line.outcome, outcome, "{boot}");
    }
    // An operation beside it is cut by it, and a restart that was called off restarted nothing.
    let other = OpId::from_bytes([8; 16]);
    let over = Record::GoingDownOver(GoingDownOver { session: SESSION });
    for records in [
        vec![granted(SESSION, START), accepted(other), going_down()],
        vec![granted(SESSION, START), accepted(OP), going_down(), over],
    ] {
        let mut state = state(&records);
        state.interrupted(START, Some("run-2")).iter().for_each(|record| state.apply(record));
        assert_eq!(state.lines(SESSION).pop().expect("its line").outcome, Outcome::Unknown);
    }
}

#[test]
fn the_newest_start_stays_when_the_journal_is_compacted() {
    let started = |boot: &str| Record::Started(Started { at: START, boot: boot.to_owned() });
    let records = [started("run-1"), started("run-2")];
    let state = state(&records);
    assert_eq!(state.boot(), Some("run-2"));
    assert_eq!(records.map(|record| state.keeps(&record, START.plus(KEPT * 3))), [false, true]);
}

#[test]
fn every_cut_of_a_sessions_life_leads_to_one_receipt() {
    let acked = Countersigned { session: SESSION, signature: vec![4] };
    let life = [
        granted(SESSION, START),
        Record::GrantAcked(acked.clone()),
        accepted(OP),
        finished(OP, 0),
        Record::OpAcknowledged(OpAcknowledged { op: OP }),
        ended(),
        receipt(),
        Record::ReceiptAcked(acked),
        Record::Uploaded(Uploaded { session: SESSION }),
    ];
    for cut in 1..=life.len() {
        let mut state = state(&life[..cut]);
        // What the shell does after a start.
        state.interrupted(START, Some(BOOT)).iter().for_each(|record| state.apply(record));
        if state.open_sessions().next().is_some() {
            state.apply(&ended());
        }
        if state.without_receipt().next().is_some() {
            state.apply(&receipt());
        }
        let uploads = state.to_upload().count();
        assert_eq!(uploads, usize::from(cut < life.len()), "cut after {cut} records");
        assert_eq!(state.without_receipt().count(), 0);
    }
}

#[test]
fn compaction_drops_old_finished_sessions_and_keeps_what_is_owed() {
    let late = START.plus(KEPT + Duration::from_secs(2 * 86_400));
    let records = [granted(SESSION, START), accepted(OP), finished(OP, 0), ended(), receipt()];
    let owed = state(&records);
    assert!(owed.worth_compacting(late) && !owed.worth_compacting(START));
    assert!(records.iter().all(|record| owed.keeps(record, late)), "not uploaded yet");
    let mut done = owed;
    let uploaded = Record::Uploaded(Uploaded { session: SESSION });
    done.apply(&uploaded);
    assert!(records.iter().all(|record| !done.keeps(record, late)));
    assert!(records.iter().chain([&uploaded]).all(|record| done.keeps(record, START.plus(KEPT))));
}
