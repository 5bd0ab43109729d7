//! Recorded streams played again: to the PC while the session lives, when it is over and under
//! other ids, and to the technician.

use distans_cli::client::Error;
use distans_e2e::receipt::EndReason;
use distans_proto::ids::SessionId;
use distans_tests::evil_broker::{Mischief, OnlyListens, Place, Way};
use distans_tests::pc::until;

use super::Fallen;
use crate::session::{marking, marks, run};

#[tokio::test(flavor = "multi_thread")]
async fn replay_all() {
    let fallen = Fallen::office().await;
    let (office, evil) = (&fallen.office, &fallen.evil);
    let file = office.file("marks");
    let session = fallen.session().await.expect("allowed");
    run(&session, marking(&file)).await.expect("ran");
    assert_eq!(marks(&file), 1);
    let tapes = evil.tapes();
    let of_session: Vec<_> = tapes.iter().filter(|tape| tape.session == Some(session.id())).collect();
    assert_eq!(of_session.len(), 2, "a control stream and an operation");

    // Everything again, while the session lives: the control stream first, because a repeated
    // operation's stream ends the session.
    for tape in &of_session {
        replay(&fallen, session.id(), &tape.to_pc).await;
    }
    until("the session's end", || async { run(&session, marking(&file)).await.err() }).await.expect("ended");
    assert!(marks(&file) <= 2, "the honest command may have run before the replay was noticed");
    let after = marks(&file);

    // And again when it is over, and with other ids around the same bytes.
    for tape in &of_session {
        replay(&fallen, session.id(), &tape.to_pc).await;
        replay(&fallen, SessionId::from_bytes([9; 16]), &tape.to_pc).await;
    }
    // Old answers of the PC to a new question of the technician.
    struct OldAnswers(Vec<u8>);
    impl Mischief for OldAnswers {
        fn pass(&self, place: Place, bytes: Vec<u8>) -> Option<Vec<u8>> {
            match place.way {
                Way::ToTechnician => (place.offset == 0).then(|| self.0.clone()),
                Way::ToPc => Some(bytes),
            }
        }
    }
    let questions = fallen.person.questions().len();
    evil.set_mischief(OldAnswers(of_session[0].to_technician.clone()));
    let opened = fallen.session().await;
    assert!(opened.is_err(), "an old handshake was taken for a new one");
    evil.set_mischief(OnlyListens);
    assert_eq!(marks(&file), after);

    // Nobody was asked because of a replay; the technician's own new try may have reached the PC.
    assert!(fallen.person.questions().len() <= questions + 1);
}

/// Plays recorded bytes to the PC and waits until it has had enough of them.
async fn replay(fallen: &Fallen, session: SessionId, bytes: &[u8]) {
    let reached = fallen.evil.reach(fallen.office.pc.id, session).await;
    let (mut receive, mut send) = reached.expect("a stream");
    // The PC may close the stream at the first byte it knows to be wrong.
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    let _ = receive.read_to_end(1024 * 1024).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_operation_ends_the_session_as_a_violation() {
    let fallen = Fallen::office().await;
    let file = fallen.office.file("marks");
    let session = fallen.session().await.expect("allowed");
    run(&session, marking(&file)).await.expect("ran");
    let tapes = fallen.evil.tapes();
    replay(&fallen, session.id(), &tapes[1].to_pc).await;
    let ended = session.end().await.map(|closing| closing.receipt.payload().reason);
    let is_violation = match &ended {
        Ok(reason) => *reason == EndReason::Violation,
        Err(Error::SessionOver { cause, .. }) => cause == EndReason::Violation.words(),
        Err(_) => false,
    };
    assert!(is_violation, "{ended:?}");
    assert_eq!(marks(&file), 1);
}
