//! The desk with real connections behind it: who answers first, who is too late, who is gone.

use super::*;
use distans_platform::local::{LocalListener, LocalStream, Reach};
use distans_platform::session_user;
use distans_proto::local::Nonce;
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;

const SESSION: SessionId = SessionId::from_bytes([1; 16]);

fn ask(number: u8, timeout_s: u16) -> Ask {
    Ask {
        nonce: Nonce { bytes: [number; 16] },
        session: SESSION,
        technician_name: "Anna Berg".into(),
        technician: "anna".parse().expect("a label"),
        organisation: "IT".into(),
        ticket: None,
        purpose: "printer".into(),
        scopes: ScopeSet::EMPTY.with(Scope::Command),
        announced: ScopeSet::EMPTY,
        minutes: 30,
        timeout_s,
        recorded: None,
    }
}

fn answer(number: u8) -> local::Answer {
    local::Answer { nonce: Nonce { bytes: [number; 16] }, allowed: ScopeSet::EMPTY.with(Scope::Command) }
}

/// The user this test runs as, as the socket vouches for it.
async fn user() -> SignedIn {
    let dir = tempfile::tempdir().expect("a folder");
    let place = dir.path().join("run");
    let mut listener = LocalListener::bind(&place, Reach::Own).await.expect("listens");
    let (connected, accepted) = tokio::join!(LocalStream::connect(&place), listener.accept());
    connected.expect("connects");
    session_user::of_peer(&accepted.expect("accepts").1).await.expect("a known user")
}

/// The next message that is no greeting.
async fn next(messages: &mut mpsc::Receiver<ToHelper>) -> Option<ToHelper> {
    loop {
        match messages.recv().await {
            Some(ToHelper::Hello(_)) => {}
            other => return other,
        }
    }
}

/// Asks in a task of its own, as a control stream does.
fn asking(desk: &Arc<Desk>, ask: Ask) -> tokio::task::JoinHandle<Answer> {
    let desk = Arc::clone(desk);
    tokio::spawn(async move { desk.ask(ask).await })
}

#[tokio::test]
async fn the_first_answer_wins_and_the_others_see_the_question_withdrawn() {
    let (desk, user) = (Arc::new(Desk::default()), user().await);
    let (_, mut first) = desk.join(user.clone()).expect("room");
    let (second_id, mut second) = desk.join(user.clone()).expect("room");
    let asked = asking(&desk, ask(1, 60));
    assert_eq!(next(&mut first).await, Some(ToHelper::Ask(ask(1, 60))));
    assert_eq!(next(&mut second).await, Some(ToHelper::Ask(ask(1, 60))));
    desk.answer(second_id, &answer(9)); // no such question
    desk.answer(second_id, &answer(1));
    let (who, account) = (Some(Untrusted::from(user.name.as_str())), user.id.to_string());
    let allowed = ScopeSet::EMPTY.with(Scope::Command);
    assert_eq!(asked.await.expect("no panic"), Answer::Person { allowed, who, account });
    let withdrawn = Some(ToHelper::Withdraw(Nonce { bytes: [1; 16] }));
    assert_eq!((next(&mut first).await, next(&mut second).await), (withdrawn.clone(), withdrawn));
    desk.answer(second_id, &answer(1)); // too late: counts for nothing
}

#[tokio::test]
async fn silence_is_no() {
    let (desk, user) = (Arc::new(Desk::default()), user().await);
    tokio::time::pause();
    let (_, mut messages) = desk.join(user).expect("room");
    let asked = asking(&desk, ask(1, 60));
    assert_eq!(next(&mut messages).await, Some(ToHelper::Ask(ask(1, 60))));
    assert_eq!(asked.await.expect("no panic"), Answer::Silence);
    assert_eq!(next(&mut messages).await, Some(ToHelper::Withdraw(Nonce { bytes: [1; 16] })));
}

#[tokio::test]
async fn when_the_last_helper_leaves_nobody_is_left_to_ask() {
    let (desk, user) = (Arc::new(Desk::default()), user().await);
    assert_eq!(desk.ask(ask(1, 60)).await, Answer::NobodyLeft);
    let (first_id, mut first) = desk.join(user.clone()).expect("room");
    let (second_id, _second) = desk.join(user).expect("room");
    let asked = asking(&desk, ask(1, 60));
    assert_eq!(next(&mut first).await, Some(ToHelper::Ask(ask(1, 60))));
    desk.leave(second_id);
    assert!(desk.somebody());
    desk.leave(first_id);
    assert_eq!(asked.await.expect("no panic"), Answer::NobodyLeft);
}

#[tokio::test]
async fn a_question_nobody_waits_for_is_withdrawn() {
    let desk = Arc::new(Desk::default());
    let (_, mut messages) = desk.join(user().await).expect("room");
    let asked = asking(&desk, ask(1, 60));
    assert_eq!(next(&mut messages).await, Some(ToHelper::Ask(ask(1, 60))));
    asked.abort();
    assert_eq!(next(&mut messages).await, Some(ToHelper::Withdraw(Nonce { bytes: [1; 16] })));
}

#[tokio::test]
async fn a_helper_that_comes_late_sees_what_goes_on_and_one_that_stopped_reading_is_dropped() {
    let (desk, user) = (Arc::new(Desk::default()), user().await);
    let started = |number: u8| Started {
        session: SessionId::from_bytes([number; 16]),
        technician_name: "Anna Berg".into(),
        organisation: "IT".into(),
        scopes: ScopeSet::EMPTY,
        purpose: "printer".into(),
        ends: Timestamp::default(),
        recorded: None,
    };
    let (_, deaf) = desk.join(user.clone()).expect("room");
    desk.started(started(1));
    let (_, mut late) = desk.join(user).expect("room");
    assert_eq!(next(&mut late).await, Some(ToHelper::Started(started(1))));
    assert!(desk.shows(SessionId::from_bytes([1; 16])) && !desk.shows(SessionId::from_bytes([2; 16])));
    for number in 0..QUEUE {
        desk.started(started(u8::try_from(number % 256).expect("small")));
        next(&mut late).await.expect("told");
    }
    assert_eq!(desk.inner().helpers.len(), 1, "the deaf one is gone");
    assert!(desk.somebody() && deaf.len() <= QUEUE);
    desk.over(SessionId::from_bytes([1; 16]));
    let over = Over { session: SessionId::from_bytes([1; 16]) };
    assert_eq!(next(&mut late).await, Some(ToHelper::Ended(over)));
}

#[tokio::test]
async fn helpers_are_limited() {
    let (desk, user) = (Arc::new(Desk::default()), user().await);
    let held: Vec<_> = (0..HELPERS_LIMIT).map(|_| desk.join(user.clone()).expect("room")).collect();
    assert!(desk.join(user.clone()).is_none());
    desk.leave(held[0].0);
    assert!(desk.join(user).is_some());
}
