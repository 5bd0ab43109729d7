//! Restarting a PC and being back in the session: what goes on, what does not, and who decides.
//!
//! The machine stays up. What stands for its restart is a program that the agent runs in
//! development instead: it writes the order down and gives the machine's next run another name.

use std::time::Duration;

use distans_cli::client::power::{Down, Ordered, Sighting};
use distans_cli::client::{Error, Session};
use distans_e2e::receipt::EndReason;
use distans_proto::inner::{DeniedBy, OpResult, Outcome};
use distans_proto::local::{FromHelper, ToHelper};
use distans_proto::ops::power::{CalledOff, Power, PowerAction, PowerNews};
use distans_proto::scope::Scope;
use distans_tests::org::kontor;
use distans_tests::pc::{Person, Says, until};
use distans_tests::programs::{Killable, program};
use distans_trust::policy::{Policy, RestartRule, ResumeMode};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, wanted};

/// No warning, the person at the PC having agreed.
const AT_ONCE: Power = Power { action: PowerAction::Restart, delay_s: 0, text: None };

/// A warning nobody waits out.
fn warned() -> Power {
    Power { delay_s: 3000, text: Some("efter uppdateringen".into()), ..AT_ONCE }
}

fn rule(policy: &mut Policy, resume: ResumeMode) {
    policy.restart = vec![RestartRule { group: kontor().expect("a label"), resume, minutes: 15 }];
}

/// An office whose PC pretends to restart: `orders` in its folder tells what it was told.
async fn office(resume: Option<ResumeMode>) -> Office {
    let mut office = Office::with_policy(|policy| {
        if let Some(resume) = resume {
            rule(policy, resume);
        }
        policy.technicians[0].scopes = Scope::ALL.into_iter().collect();
        let bo = distans_tests::org::technician("bo", "Bo Ek").expect("a label");
        policy.technicians.push(bo);
    })
    .await;
    office.pc.stop().await;
    std::fs::write(office.pc.folder().join("run-id"), "run-1").expect("written");
    let script = "echo \"$1\" >> orders; case $1 in restart|shutdown) echo run-2 > run-id;; esac";
    office.pc.configure(|config| {
        config.power_program = Some(["sh", "-c", script, "sh"].map(ToOwned::to_owned).to_vec());
        config.run_id_file = Some("run-id".into());
    });
    office.pc.start().await.expect("started");
    office.pc.connected(&office.desk).await.expect("online");
    office
}

fn orders(office: &Office) -> String {
    std::fs::read_to_string(office.pc.folder().join("orders")).unwrap_or_default()
}

/// A session that may restart the PC, allowed by the person there.
async fn session(office: &Office) -> (Session, Person) {
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Power, Scope::Diagnose])).await.expect("allowed");
    session.kept().await.expect("kept");
    (session, person)
}

async fn order(session: &Session, power: Power) -> Result<Ordered, Error> {
    session.order(power, CancellationToken::new(), |_| {}).await
}

/// Orders a restart; the PC is about to go down.
async fn down(session: &Session) -> Down {
    match order(session, AT_ONCE).await.expect("ordered") {
        Ordered::Down(down) => down,
        Ordered::Over(result) => panic!("over: {result:?}"),
    }
}

fn over(ordered: Result<Ordered, Error>) -> OpResult {
    match ordered.expect("ordered") {
        Ordered::Over(result) => result,
        Ordered::Down(down) => panic!("down: {down:?}"),
    }
}

/// The PC goes down and starts again.
async fn restart(office: &mut Office) {
    let before = office.desk.sight(office.pc.id).await.expect("asked").and_then(|found| found.since);
    office.pc.stop().await;
    office.pc.start().await.expect("started");
    let deadline = Instant::now() + distans_tests::pc::PATIENCE;
    let back = office.desk.await_pc(office.pc.id, before, deadline, |sighting| sighting == Sighting::Back);
    assert!(back.await.expect("asked"), "it does not come back");
}

/// The reason in the receipt of a session that ended, and what it says of the restart.
async fn receipt(office: &Office, session: &Session, down: &Down) -> (EndReason, Option<Outcome>) {
    let record = until("the receipt", || async { office.desk.verified_record(session.id()).await.ok() });
    let record = record.await.expect("it comes");
    let outcome = office.desk.receipt_of(session.id(), down.op).await.expect("holds");
    (record.receipt.payload().reason, outcome)
}

fn is_over(back: &Result<Session, Error>) -> bool {
    matches!(back, Err(Error::SessionOver { .. }))
}

#[tokio::test]
async fn a_session_goes_on_after_a_restart_and_the_restart_is_proved() {
    let mut office = office(Some(ResumeMode::SameSession)).await;
    let (session, _person) = session(&office).await;
    let down = down(&session).await;
    assert_eq!(orders(&office), "restart\n");
    assert_eq!(down.news.boot.raw(), "run-1");
    assert!(down.news.until.is_some_and(|until| until <= session.grant().expires));
    restart(&mut office).await;

    let back = office.desk.session_after_restart(session.id()).await.expect("the same session");
    let result = back.outcome_of(&down).await.expect("told");
    assert_eq!(result.outcome, Outcome::Completed, "{result:?}");
    let text = result.text.expect("a proof").to_string();
    assert!(text.contains("run-1") && text.contains("run-2"), "{text}");
    assert_eq!(orders(&office), "restart\n", "asking for the result orders nothing");
    back.end().await.expect("ended");
    assert_eq!(receipt(&office, &session, &down).await, (EndReason::Technician, Some(Outcome::Completed)));
}

#[tokio::test]
async fn what_allowed_the_session_to_go_on_is_used_up() {
    let mut office = office(Some(ResumeMode::SameSession)).await;
    let (session, _person) = session(&office).await;
    down(&session).await;
    restart(&mut office).await;
    let back = office.desk.session_after_restart(session.id()).await.expect("the same session");
    std::fs::write(office.pc.folder().join("run-id"), "run-3").expect("written");
    restart(&mut office).await;
    assert!(is_over(&office.desk.session_after_restart(session.id()).await), "a restart nobody ordered");
    drop(back);
}

#[tokio::test]
async fn without_a_rule_the_session_ends_and_its_receipt_tells() {
    for resume in [None, Some(ResumeMode::AskAgain)] {
        let mut office = office(resume).await;
        let (session, _person) = session(&office).await;
        let down = down(&session).await;
        assert_eq!(down.news.until, None);
        restart(&mut office).await;
        assert!(is_over(&office.desk.session_after_restart(session.id()).await));
        let told = receipt(&office, &session, &down).await;
        assert_eq!(told, (EndReason::AgentStopped, Some(Outcome::Completed)));
    }
}

#[tokio::test]
async fn a_restart_that_was_not_one_is_not_called_done() {
    let mut office = office(Some(ResumeMode::SameSession)).await;
    let (session, _person) = session(&office).await;
    let down = down(&session).await;
    std::fs::write(office.pc.folder().join("run-id"), "run-1").expect("written");
    restart(&mut office).await;
    let back = office.desk.session_after_restart(session.id()).await.expect("the same session");
    let result = back.outcome_of(&down).await.expect("told");
    assert_eq!(result.outcome, Outcome::Unknown);
    assert!(result.text.expect("why").to_string().contains("the PC has not"));
}

#[tokio::test]
async fn rights_lost_while_the_pc_was_away_are_lost() {
    type Change = fn(&mut Policy);
    let cases: [(&str, Change); 3] = [
        ("not in the roster", |policy| {
            policy.technicians.retain(|technician| technician.id.as_str() == "bo");
        }),
        ("no scope left", |policy| policy.technicians[0].scopes = [Scope::Records].into_iter().collect()),
        ("no rule any more", |policy| policy.restart.clear()),
    ];
    for (what, change) in cases {
        let mut office = office(Some(ResumeMode::SameSession)).await;
        let chief = office.world.desk("bo").await.expect("who publishes");
        let (session, _person) = session(&office).await;
        let down = down(&session).await;
        office.pc.stop().await;
        office.world.org.change_policy(change).expect("a policy");
        office.world.publish(&chief, &[]).await.expect("taken");
        office.pc.start().await.expect("started");
        let record = until("the receipt", || async { chief.verified_record(session.id()).await.ok() });
        let receipt = record.await.expect(what).receipt.payload().clone();
        assert_eq!(receipt.reason, EndReason::Revoked, "{what}");
        let outcome = chief.receipt_of(session.id(), down.op).await.expect("holds");
        assert_eq!(outcome, Some(Outcome::Completed), "{what}");
    }
}

#[tokio::test]
async fn a_session_stopped_before_the_restart_stays_stopped() {
    let mut office = office(Some(ResumeMode::SameSession)).await;
    let (session, person) = session(&office).await;
    let down = down(&session).await;
    person.stops(session.id()).await.expect("sent");
    person
        .hears("the end", |message| matches!(message, ToHelper::Ended(_)))
        .await
        .expect("the session is over");
    restart(&mut office).await;
    assert!(is_over(&office.desk.session_after_restart(session.id()).await));
    assert_eq!(receipt(&office, &session, &down).await, (EndReason::Person, Some(Outcome::Unknown)));
}

/// Orders with a warning; `news` hears it, and what came of it is returned.
async fn warned_order(
    session: &Session,
    cancel: &CancellationToken,
    mut news: impl FnMut(&PowerNews),
) -> OpResult {
    over(session.order(warned(), cancel.clone(), |item| news(item)).await)
}

#[tokio::test]
async fn the_person_at_the_pc_cancels() {
    let office = office(Some(ResumeMode::SameSession)).await;
    let (session, person) = session(&office).await;
    let (never, mut heard) = (CancellationToken::new(), Vec::new());
    let cancels = async {
        let warning = person.hears("the warning", |message| matches!(message, ToHelper::Warn(_))).await;
        let ToHelper::Warn(warn) = warning.expect("a warning") else { panic!("not a warning") };
        assert_eq!((warn.seconds, warn.action), (3000, PowerAction::Restart));
        assert_eq!(warn.technician_name.raw(), "Anna Berg", "from the policy");
        assert_eq!(warn.text.as_ref().map(|text| text.raw()), Some("efter uppdateringen"));
        // A nonce of another's cancels nothing; the right one does.
        let mut other = warn.nonce;
        other.bytes[0] ^= 1;
        person.sends(FromHelper::CancelWarning(other)).await.expect("sent");
        person.sends(FromHelper::CancelWarning(warn.nonce)).await.expect("sent");
    };
    let (result, ()) = tokio::join!(warned_order(&session, &never, |news| heard.push(news.clone())), cancels);
    assert_eq!(result.outcome, Outcome::NotStarted);
    assert!(
        matches!(heard[0], PowerNews::Warning(ref countdown) if countdown.seconds == 3000 && countdown.seen)
    );
    assert_eq!(heard[1], PowerNews::CalledOff(CalledOff::Person));
    assert_eq!(orders(&office), "");
}

#[tokio::test]
async fn the_technician_calls_it_off() {
    let office = office(Some(ResumeMode::SameSession)).await;
    let (session, person) = session(&office).await;
    let (cancel, mut heard) = (CancellationToken::new(), Vec::new());
    let cancels = async {
        let warning = person.hears("the warning", |message| matches!(message, ToHelper::Warn(_))).await;
        let ToHelper::Warn(warn) = warning.expect("a warning") else { panic!("not a warning") };
        cancel.cancel();
        let withdrawn = |message: &ToHelper| *message == ToHelper::Withdraw(warn.nonce);
        person.hears("that it is off", withdrawn).await.expect("told");
    };
    let (result, ()) =
        tokio::join!(warned_order(&session, &cancel, |news| heard.push(news.clone())), cancels);
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(heard.last(), Some(&PowerNews::CalledOff(CalledOff::Technician)));
    assert_eq!(orders(&office), "");
    // Nothing is left behind: the next order is taken.
    down(&session).await;
}

#[tokio::test]
async fn somebody_who_has_not_agreed_is_warned() {
    let mut office = office(None).await;
    let announce = distans_tests::org::rule(Scope::Power, distans_trust::policy::ConsentMode::Announce);
    office
        .world
        .org
        .change_policy(|policy| policy.consent.rules.push(announce.expect("a rule")))
        .expect("a policy");
    office.world.publish(&office.desk, &[]).await.expect("taken");
    office.desk.refresh_documents().await.expect("documents");
    let alone = office.session(&wanted(&[Scope::Power])).await.expect("announced");
    let _person = Person::at(&office.pc, Says::Nothing).await.expect("a person");
    for action in [PowerAction::Restart, PowerAction::ShutDown, PowerAction::SignOut] {
        match order(&alone, Power { action, ..AT_ONCE }).await {
            Err(Error::Denied(denied)) => assert_eq!(denied.by, DeniedBy::Policy, "{}", denied.text),
            other => panic!("not denied: {other:?}"),
        }
    }
    let locked = over(order(&alone, Power { action: PowerAction::Lock, ..AT_ONCE }).await);
    assert_eq!((locked.outcome, orders(&office).as_str()), (Outcome::Completed, "lock\n"));
}

#[tokio::test]
async fn only_one_order_at_a_time_and_only_with_its_scope() {
    let office = office(None).await;
    let (session, person) = session(&office).await;
    let (cancel, other) = (CancellationToken::new(), async {
        person.hears("the warning", |message| matches!(message, ToHelper::Warn(_))).await.expect("warned");
        let second = order(&session, warned()).await;
        assert!(matches!(&second, Err(Error::Denied(denied)) if denied.by == DeniedBy::Limit), "{second:?}");
    });
    let cancels = async {
        other.await;
        cancel.cancel();
    };
    tokio::join!(warned_order(&session, &cancel, |_| {}), cancels);
    let without = office.session(&wanted(&[Scope::Diagnose])).await.expect("announced");
    let refused = order(&without, AT_ONCE).await;
    assert!(matches!(&refused, Err(Error::Denied(denied)) if denied.by == DeniedBy::Session), "{refused:?}");
}

#[tokio::test]
async fn in_development_without_a_program_no_machine_is_touched() {
    let office = Office::with_policy(|policy| {
        policy.technicians[0].scopes = Scope::ALL.into_iter().collect();
    })
    .await;
    let (session, _person) = session(&office).await;
    for action in [PowerAction::Restart, PowerAction::ShutDown, PowerAction::SignOut, PowerAction::Lock] {
        match order(&session, Power { action, ..AT_ONCE }).await {
            Err(Error::Denied(denied)) => {
                assert!(denied.text.to_string().contains("development mode"), "{}", denied.text);
            }
            other => panic!("not denied: {other:?}"),
        }
    }
}

/// The real program on an office's PC, to be killed.
fn agent(office: &Office) -> Killable {
    let script = "echo \\\"$1\\\" >> orders; echo run-2 > run-id";
    let settings = format!(
        "development = true\npower_program = [\"sh\", \"-c\", \"{script}\", \"sh\"]\nrun_id_file = \"run-id\"\n"
    );
    std::fs::write(office.pc.folder().join("agent.toml"), settings).expect("written");
    let mut agent = program("distans-agent").expect("built");
    agent.arg("run").arg("--state").arg(office.pc.folder());
    Killable::start(agent).expect("started")
}

/// Starts it again, as a service manager would.
async fn revived(office: &Office, agent: &mut Killable, before: Option<distans_proto::time::Timestamp>) {
    let back = async {
        until("the PC to be back", || {
            let alive = agent.revive();
            async {
                alive.ok()?;
                let found = office.desk.sight(office.pc.id).await.ok()??;
                (found.online && found.since != before).then_some(())
            }
        })
        .await
    };
    back.await.expect("back");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill9_before_during_and_after_the_order() {
    let mut office = office(Some(ResumeMode::SameSession)).await;
    office.pc.stop().await;
    let mut agent = agent(&office);
    office.pc.connected(&office.desk).await.expect("online");
    let person = Person::at_folder(office.pc.folder(), Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Power])).await.expect("allowed");
    session.kept().await.expect("kept");

    // During the warning: nothing was done, and the session is come back to as after any lost line.
    let before = office.desk.sight(office.pc.id).await.expect("asked").and_then(|found| found.since);
    let kill = async {
        person.hears("the warning", |message| matches!(message, ToHelper::Warn(_))).await.expect("warned");
        agent.kill().expect("killed");
        revived(&office, &mut agent, before).await;
    };
    let never = CancellationToken::new();
    let (result, ()) = tokio::join!(warned_order(&session, &never, |_| {}), kill);
    assert_eq!((result.outcome, orders(&office).as_str()), (Outcome::NotStarted, ""), "{result:?}");

    // After the order: the run of the machine ends without a farewell.
    let _person = Person::at_folder(office.pc.folder(), Says::Yes).await.expect("a person");
    let before = office.desk.sight(office.pc.id).await.expect("asked").and_then(|found| found.since);
    let down = down(&session).await;
    agent.kill().expect("killed");
    revived(&office, &mut agent, before).await;
    let back = office.desk.session_after_restart(session.id()).await.expect("the same session");
    assert_eq!(back.outcome_of(&down).await.expect("told").outcome, Outcome::Completed);

    // The same without an order: whoever sits there now allowed nothing.
    let before = office.desk.sight(office.pc.id).await.expect("asked").and_then(|found| found.since);
    agent.kill().expect("killed");
    std::fs::write(office.pc.folder().join("run-id"), "run-3").expect("written");
    revived(&office, &mut agent, before).await;
    assert!(is_over(&office.desk.session_after_restart(session.id()).await));
    assert_eq!(receipt(&office, &session, &down).await, (EndReason::AgentStopped, Some(Outcome::Completed)));
}

#[tokio::test]
async fn a_warning_runs_out() {
    let office = office(None).await;
    let (session, person) = session(&office).await;
    let mut warning = None;
    let short = Power { delay_s: 1, ..AT_ONCE };
    let began = std::time::Instant::now();
    let ordered = session.order(short, CancellationToken::new(), |news| {
        if let PowerNews::Warning(countdown) = news {
            warning = Some(countdown.clone());
        }
    });
    assert!(matches!(ordered.await, Ok(Ordered::Down(_))));
    assert!(began.elapsed() >= Duration::from_secs(1), "not before its time");
    assert_eq!(warning.map(|countdown| countdown.seconds), Some(1));
    let shown = person.hears("the warning", |message| matches!(message, ToHelper::Warn(_))).await;
    let ToHelper::Warn(shown) = shown.expect("a warning") else { panic!("not a warning") };
    assert!(!person.heard().contains(&ToHelper::Withdraw(shown.nonce)), "what happened is not taken back");
    assert_eq!(orders(&office), "restart\n");
}
