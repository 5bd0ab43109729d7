//! An operation and the session's end at the same time, and what one stream may say of it.

use distans_e2e::receipt::{EndReason, Receipt};
use distans_e2e::session::SessionKeys;
use distans_e2e::signed::Signed;
use distans_e2e_io::{OpReader, OpWriter, Unit, read_preface};
use distans_proto::inner::{Closed, OpInput, OpOutput};
use distans_trust::keys::Signer;
use tokio::io::{duplex, split};

use super::*;
use crate::testing::{SESSION, agent, command, eventually, session};

fn admitted(shared: &Shared, live: &Live, request: &OpRequest) -> New {
    match shared.admit(live, request) {
        Ok(Admission::New(new)) => new,
        Ok(_) => panic!("it is new"),
        Err(denied) => panic!("{denied:?}"),
    }
}

/// The outcomes of the operations that the receipt tells of.
async fn in_receipt(shared: &Shared, live: &Live) -> Vec<Outcome> {
    let envelope = live.receipt().await.expect("a receipt");
    let receipt = Signed::<Receipt>::open(&envelope, shared.key.public()).expect("signed").payload().clone();
    receipt.operations.iter().map(|line| line.outcome).collect()
}

#[tokio::test]
async fn an_operation_that_meets_the_sessions_end_is_in_the_receipt_or_not_begun() {
    // Ended at each step of the operation's way, by the number of times the others may go on.
    for turns in 0..40 {
        let dir = tempfile::tempdir().expect("a folder");
        let (shared, touched) = (agent(&dir), dir.path().join("touched"));
        let live = session(&shared).await;
        let request = command(1, &["touch", touched.to_str().expect("text")]);
        let new = admitted(&shared, &live, &request);
        let beginning = {
            let (shared, live, op) = (Arc::clone(&shared), Arc::clone(&live), request.op.clone());
            tokio::spawn(async move { shared.begin(&live, new, op).await })
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        shared.end_session(SESSION, EndReason::Person);
        let begun = beginning.await.expect("no panic");
        let told = in_receipt(&shared, &live).await;
        match begun {
            Ok(()) => assert_eq!(told.len(), 1, "after {turns} turns"),
            Err(_) => assert!(told.is_empty() && !touched.exists(), "after {turns} turns"),
        }
        eventually(|| shared.live(SESSION).is_none()).await;
        if told.is_empty() {
            assert!(!touched.exists(), "done and not told, after {turns} turns");
        }
    }
}

#[tokio::test]
async fn a_session_that_ended_while_the_journal_was_written_starts_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (shared, touched) = (agent(&dir), dir.path().join("touched"));
    let live = session(&shared).await;
    let request = command(1, &["touch", touched.to_str().expect("text")]);
    let New { permit, operation, counted } = admitted(&shared, &live, &request);
    assert_eq!(live.tasks.len(), 1, "counted as soon as it is permitted");
    let Ok(work) = shared.prepare(permit, &live, &request.op).await else { panic!("it may be done") };
    shared.end_session(SESSION, EndReason::Person);
    // The end is on disk while the operation still holds up the receipt.
    eventually(|| shared.journal.state().session(SESSION).is_some_and(|entry| entry.ended.is_some())).await;
    let result = work(operation, live.ended.clone()).await;
    assert_eq!((result.outcome, touched.exists()), (Outcome::SessionEnded, false));
    drop(counted);
    assert!(in_receipt(&shared, &live).await.is_empty());
    assert!(
        matches!(shared.admit(&live, &command(2, &["true"])), Err(denied) if denied.by == DeniedBy::Session)
    );
}

#[tokio::test]
async fn others_that_wait_for_an_operation_that_is_not_begun_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let shared = agent(&dir);
    let live = session(&shared).await;
    let request = command(1, &["true"]);
    let new = admitted(&shared, &live, &request);
    let Ok(Admission::Held(held)) = shared.admit(&live, &request) else { panic!("it is held") };
    live.ended.cancel();
    assert!(shared.begin(&live, new, request.op).await.is_err());
    assert!(held.output.is_over());
}

#[cfg(unix)]
#[tokio::test]
async fn done_while_the_command_runs_is_not_believed() {
    let dir = tempfile::tempdir().expect("a folder");
    let shared = agent(&dir);
    let live = session(&shared).await;
    let keys = SessionKeys::from_master(SESSION, [5; 32], [6; 32]);
    let (technician, pc) = duplex(64 * 1024);
    let ((reader, writer), (mut pc_reader, pc_writer)) = (split(technician), split(pc));
    let serving = {
        let (shared, live) = (Arc::clone(&shared), Arc::clone(&live));
        let writer = OpWriter::agent(pc_writer, &keys, 2).expect("keys");
        let keys = keys.clone();
        tokio::spawn(async move {
            read_preface(&mut pc_reader).await.expect("a preface");
            let reader = OpReader::agent(pc_reader, &keys, 2).expect("keys");
            stream::serve(&shared, &live, reader, writer).await;
        })
    };
    let mut say = OpWriter::technician(writer, &keys, 1, 2).expect("keys");
    say.send(&command(1, &["sleep", "600"])).await.expect("sent");
    let mut hear = OpReader::technician(reader, &keys, 2).expect("keys");
    let started = hear.next::<OpOutput>().await.expect("the line stands");
    assert!(matches!(started, Some(Unit::Message(OpOutput::Started(_)))));
    say.send(&OpInput::Done(Closed {})).await.expect("sent");
    assert!(hear.next::<OpOutput>().await.is_err(), "the stream is given up");
    serving.await.expect("no panic");
    let held = shared.operations.held().values().next().cloned().expect("still held");
    assert!(!held.output.is_over());
    shared.end_session(SESSION, EndReason::Technician);
    assert_eq!(in_receipt(&shared, &live).await, [Outcome::SessionEnded]);
}
