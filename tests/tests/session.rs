//! Sessions between the real programs: who is asked, what is allowed, and when it is over.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use distans_cli::client::{Desk, Discard, Error, NewSession, Session};
use distans_e2e::grant::ConsentHow;
use distans_e2e::receipt::EndReason;
use distans_e2e_io::{StreamError, Unit};
use distans_proto::ids::{OpId, SessionId};
use distans_proto::inner::{
    DeniedBy, GrantAck, Op, OpOutput, OpRequest, OpResult, Outcome, Request, Run, ToAgent, ToTechnician,
};
use distans_proto::local::ToHelper;
use distans_proto::ops::diagnose::Diagnose;
use distans_proto::scope::{Scope, ScopeSet};
use distans_tests::org::{self, kontor, now, rule};
use distans_tests::pc::{Pc, Person, Says, until};
use distans_tests::peer::{PaperControl, PaperTechnician, hello};
use distans_tests::world::World;
use distans_trust::envelope::Envelope;
use distans_trust::keys::{PublicKey, Signer};
use distans_trust::policy::{ConsentMode, UnattendedRule};
use tokio_util::sync::CancellationToken;

pub(crate) fn scopes(list: &[Scope]) -> ScopeSet {
    list.iter().copied().collect()
}

pub(crate) fn wanted(list: &[Scope]) -> NewSession {
    NewSession {
        scopes: scopes(list),
        purpose: "printer on the second floor".into(),
        ticket: Some("T-4711".into()),
        minutes: 30,
        unattended: false,
    }
}

/// A command that leaves a mark: one line in `file` each time it runs.
pub(crate) fn marking(file: &Path) -> Run {
    let script = "echo ran >> \"$0\"; echo out; echo err >&2";
    let argv = ["sh", "-c", script].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([file.display().to_string()]).collect();
    Run { argv, system: false, stdin: false, timeout_s: 0 }
}

/// How often a marking command ran.
pub(crate) fn marks(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

pub(crate) async fn run(session: &Session, command: Run) -> Result<(OpResult, Vec<u8>), Error> {
    let mut output = Vec::new();
    let result =
        session.run(command, None::<tokio::io::Empty>, &mut output, CancellationToken::new()).await?;
    Ok((result, output))
}

/// A world with one PC and a technician.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) desk: Desk,
    pub(crate) pc: Pc,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let mut world = World::start().await.expect("world");
        let desk = world.desk("anna").await.expect("technician");
        let pc = Pc::online(&world, &desk, "pc").await.expect("a PC");
        Self { world, desk, pc }
    }

    /// With another policy, in force at the PC.
    pub(crate) async fn with_policy(change: impl FnOnce(&mut distans_trust::policy::Policy)) -> Self {
        let mut world = World::start().await.expect("world");
        let desk = world.desk("anna").await.expect("technician");
        world.org.change_policy(change).expect("a policy");
        let pc = Pc::online(&world, &desk, "pc").await.expect("a PC");
        desk.refresh_documents().await.expect("documents");
        Self { world, desk, pc }
    }

    pub(crate) async fn session(&self, wanted: &NewSession) -> Result<Session, Error> {
        let target = self.pc.target(&self.desk).await.expect("found");
        Session::open(&self.desk, &target, wanted).await
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.world.folder().join(name)
    }
}

/// Told by the control stream, or by an operation's stream that was faster.
fn is_over(error: &Error) -> bool {
    match error {
        Error::SessionOver { .. } => true,
        Error::Denied(denied) => denied.by == DeniedBy::Session,
        _ => false,
    }
}

fn denied_by(opened: Result<Session, Error>) -> DeniedBy {
    match opened {
        Err(Error::Denied(denied)) => denied.by,
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_person_who_is_asked_decides() {
    let office = Office::open().await;
    let both = wanted(&[Scope::Diagnose, Scope::Command]);
    assert_eq!(denied_by(office.session(&both).await), DeniedBy::NobodyToAsk);

    let person = Person::at(&office.pc, Says::No).await.expect("a person");
    assert_eq!(denied_by(office.session(&both).await), DeniedBy::Person);
    let question = person.questions().pop().expect("one was asked");
    assert_eq!(question.technician_name.raw(), "Anna Berg", "the name comes from the signed policy");
    assert_eq!(question.purpose.raw(), both.purpose);
    assert_eq!(question.scopes, scopes(&[Scope::Command]), "diagnose is announced and not asked for");
    assert_eq!(question.announced, scopes(&[Scope::Diagnose]));

    person.now_says(Says::Only(ScopeSet::EMPTY));
    assert_eq!(denied_by(office.session(&both).await), DeniedBy::Person);

    person.now_says(Says::Yes);
    let session = office.session(&both).await.expect("allowed");
    assert_eq!(session.grant().scopes, both.scopes);
    assert_eq!(session.grant().consent.how, ConsentHow::Asked);
    assert!(session.grant().consent.text_sha256.is_some());
    person.hears("the session", |heard| matches!(heard, ToHelper::Started(_))).await.expect("told");
    let file = office.file("marks");
    let (result, output) = run(&session, marking(&file)).await.expect("ran");
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(0)));
    assert!(output == b"out\nerr\n" || output == b"err\nout\n", "{output:?}");
    assert_eq!(marks(&file), 1);
    let closing = session.end().await.expect("ended");
    assert!(closing.kept_at_pc && closing.stored.is_ok(), "{closing:?}");
    assert_eq!(closing.receipt.payload().reason, EndReason::Technician);
    assert_eq!(closing.receipt.payload().operations.len(), 1);
    assert_eq!(closing.receipt.payload().grant_sha256, closing.grant.sha256());
    person.hears("its end", |heard| matches!(heard, ToHelper::Ended(_))).await.expect("told");
    let record = office.desk.verified_record(session.id()).await.expect("the broker keeps it");
    assert!(record.grant_countersigned && record.receipt_countersigned);
}

#[tokio::test]
async fn silence_means_no_and_an_answer_may_narrow() {
    let office = Office::with_policy(|policy| {
        policy.consent.timeout_s = 5; // the least there may be
        policy.consent.rules.push(rule(Scope::Diagnose, ConsentMode::Ask).expect("label"));
    })
    .await;
    let person = Person::at(&office.pc, Says::Nothing).await.expect("a person");
    let both = wanted(&[Scope::Diagnose, Scope::Command]);
    assert_eq!(denied_by(office.session(&both).await), DeniedBy::Silence);

    person.now_says(Says::Only(scopes(&[Scope::Diagnose])));
    let session = office.session(&both).await.expect("allowed in part");
    assert_eq!(session.grant().scopes, scopes(&[Scope::Diagnose]));
    session.diagnose().await.expect("allowed");
    let file = office.file("marks");
    let ran = run(&session, marking(&file)).await;
    assert!(matches!(ran, Err(Error::Denied(_))), "{ran:?}");
    assert_eq!(marks(&file), 0);
}

#[tokio::test]
async fn what_policy_only_announces_needs_nobody_and_unattended_needs_a_rule() {
    let office = Office::with_policy(|policy| {
        policy.unattended.push(UnattendedRule {
            group: kontor().expect("label"),
            scopes: scopes(&[Scope::Command]),
            technicians: vec!["anna".parse().expect("label")],
            hours: None,
        });
    })
    .await;
    let session = office.session(&wanted(&[Scope::Diagnose])).await.expect("announced");
    assert_eq!(session.grant().consent.how, ConsentHow::Announced);
    session.diagnose().await.expect("allowed");
    session.end().await.expect("ended");

    let unattended = NewSession { unattended: true, ..wanted(&[Scope::Command]) };
    let session = office.session(&unattended).await.expect("a rule allows it");
    assert_eq!(session.grant().consent.how, ConsentHow::Unattended);
    let file = office.file("marks");
    run(&session, marking(&file)).await.expect("ran");
    assert_eq!(marks(&file), 1);

    let without_rule = NewSession { unattended: true, ..wanted(&[Scope::Diagnose]) };
    assert_eq!(denied_by(office.session(&without_rule).await), DeniedBy::Policy);
    let not_in_role = wanted(&[Scope::CommandSystem]);
    assert_eq!(denied_by(office.session(&not_in_role).await), DeniedBy::Role);
}

#[tokio::test]
async fn the_persons_stop_works_within_a_second() {
    let office = Office::open().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Command])).await.expect("allowed");
    let (started, alive) = (office.file("started"), office.file("alive"));
    // A command with a child of its own, which would go on for long.
    let script = "touch \"$0\"; (while :; do date > \"$1\"; sleep 0.01; done) & wait";
    let argv = ["sh", "-c", script].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([started.display().to_string(), alive.display().to_string()]).collect();
    let command = Run { argv, system: false, stdin: false, timeout_s: 0 };
    let stop = async {
        until("the command", || async { (started.exists() && alive.exists()).then_some(()) })
            .await
            .expect("started");
        person.stops(session.id()).await.expect("pressed");
        Instant::now()
    };
    let (ran, pressed) = tokio::join!(run(&session, command), stop);
    assert!(pressed.elapsed() < Duration::from_secs(1), "Stop took {:?}", pressed.elapsed());
    match ran {
        Ok((result, _)) => assert_eq!(result.outcome, Outcome::SessionEnded),
        Err(error) => assert!(is_over(&error), "{error:?}"),
    }
    // The child is gone with it: nobody writes the file any more.
    std::fs::remove_file(&alive).expect("it was there");
    person.hears("the end", |heard| matches!(heard, ToHelper::Ended(_))).await.expect("told");
    assert!(!alive.exists(), "a child of the command outlived the session");
    let again = run(&session, marking(&office.file("marks"))).await;
    assert!(again.is_err_and(|error| is_over(&error)));
    assert_eq!(marks(&office.file("marks")), 0);
    let record = until("the record", || async { office.desk.verified_record(session.id()).await.ok() })
        .await
        .expect("the broker has it");
    assert_eq!(record.receipt.payload().reason, EndReason::Person);
}

#[tokio::test]
async fn revoked_technician_cut() {
    let mut office = Office::open().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let chief = office.world.desk("anna").await.expect("another login, for publishing");
    let session = office.session(&wanted(&[Scope::Command])).await.expect("allowed");
    let (started, file) = (office.file("started"), office.file("marks"));
    let argv = ["sh", "-c", "touch \"$0\"; sleep 1000"].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([started.display().to_string()]).collect();
    let command = Run { argv, system: false, stdin: false, timeout_s: 0 };
    office
        .world
        .org
        .change_policy(|policy| policy.technicians = vec![org::technician("bo", "Bo Ek").expect("label")])
        .expect("a policy without anna");
    let revoke = async {
        until("the command", || async { started.exists().then_some(()) }).await.expect("started");
        // The broker may cut the connection before it has answered: she is out of the roster.
        let _ = office.world.publish(&chief, &[]).await;
    };
    let (ran, ()) = tokio::join!(run(&session, command), revoke);
    let succeeded = matches!(&ran, Ok((result, _)) if result.outcome != Outcome::SessionEnded);
    assert!(!succeeded, "{ran:?}");
    let again = run(&session, marking(&file)).await;
    assert!(again.is_err(), "{again:?}");
    let opened = office.session_after_revocation().await;
    assert!(opened.is_err(), "{opened:?}");
    assert_eq!(marks(&file), 0);
}

impl Office {
    async fn session_after_revocation(&self) -> Result<Session, Error> {
        let target = self.desk.find(&self.pc.id.to_string()).await?;
        Session::open(&self.desk, &target, &wanted(&[Scope::Command])).await
    }
}

#[tokio::test]
async fn a_broker_restart_costs_no_new_question_and_no_operation() {
    let mut office = Office::open().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Command])).await.expect("allowed");
    let (started, go_on, file) = (office.file("started"), office.file("go-on"), office.file("marks"));
    let script =
        "echo one; touch \"$0\"; until [ -e \"$1\" ]; do sleep 0.01; done; echo ran >> \"$2\"; echo two";
    let argv = ["sh", "-c", script].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([&started, &go_on, &file].map(|path| path.display().to_string())).collect();
    let command = Run { argv, system: false, stdin: false, timeout_s: 0 };
    let world = &mut office.world;
    let restart = async {
        until("the command", || async { started.exists().then_some(()) }).await.expect("started");
        world.stop_broker().await.expect("stopped");
        std::fs::write(&go_on, "").expect("written");
        world.start_broker().await.expect("started again");
    };
    let (ran, ()) = tokio::join!(run(&session, command), restart);
    let (result, output) = ran.expect("came back");
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(0)));
    assert_eq!(output, b"one\ntwo\n");
    assert_eq!(marks(&file), 1);
    assert_eq!(person.questions().len(), 1, "nobody is asked twice");
    let closing = session.end().await.expect("ended");
    assert_eq!(closing.receipt.payload().operations.len(), 1);
}

/// A technician by hand with a live session that gives `granted` only.
pub(crate) async fn by_hand(
    office: &Office,
    session: SessionId,
    granted: &[Scope],
    acknowledge: bool,
) -> (PaperTechnician, PaperControl, u8) {
    let world = &office.world;
    let technician = PaperTechnician::connect(&world.org, world.socket(), "anna").await.expect("connected");
    let target = office.pc.target(&office.desk).await.expect("found");
    let versions = world.org.trust().expect("documents").versions();
    let request = Request {
        session,
        scopes: scopes(granted),
        purpose: "by hand".into(),
        ticket: None,
        minutes: 5,
        unattended: false,
    };
    let first = [ToAgent::Hello(hello(versions)), ToAgent::Request(request)];
    let mut control = technician.control(&target.verified, session, &first).await.expect("a handshake");
    loop {
        match control.recv::<ToTechnician>().await.expect("a message").expect("open") {
            ToTechnician::Grant(grant) => {
                let envelope = Envelope::parse(&grant.envelope).expect("an envelope");
                if acknowledge {
                    let signature = technician.key.sign(&envelope.signing_input()).expect("signed");
                    control.send(&ToAgent::GrantAck(GrantAck { signature })).await.expect("sent");
                }
                let spki = control.peer_certificate().expect("a key");
                assert!(envelope.verified_by(&PublicKey::from_spki(spki).expect("a key")));
                return (technician, control, grant.epoch);
            }
            ToTechnician::Denied(denied) => panic!("denied: {denied:?}"),
            _ => {}
        }
    }
}

pub(crate) async fn answer(
    office: &Office,
    technician: &PaperTechnician,
    control: &PaperControl,
    (epoch, stream): (u8, u64),
    op: Op,
) -> Result<Option<OpOutput>, StreamError> {
    let opened = technician.operation(office.pc.id, control, epoch, stream).await.expect("a stream");
    let (mut reader, mut writer) = opened;
    let id = OpId::from_bytes([u8::try_from(stream).expect("small"); 16]);
    writer.send(&OpRequest { id, op, received: 0 }).await.expect("sent");
    match reader.next::<OpOutput>().await? {
        Some(Unit::Message(message)) => Ok(Some(message)),
        _ => Ok(None),
    }
}

#[tokio::test]
async fn scope_enforced_every_op() {
    let office = Office::open().await;
    let file = office.file("marks");
    let session = SessionId::from_bytes([7; 16]);
    let (technician, control, epoch) = by_hand(&office, session, &[Scope::Diagnose], true).await;
    let as_root = Run { system: true, ..marking(&file) };
    for (stream, command) in [(2, marking(&file)), (4, as_root), (6, marking(&file))] {
        let told = answer(&office, &technician, &control, (epoch, stream), Op::Run(command)).await;
        assert!(matches!(told, Ok(Some(OpOutput::Refused(_)))), "{told:?}");
        let diagnose = Op::Diagnose(Diagnose { now: now(), only: None });
        let told = answer(&office, &technician, &control, (epoch, stream + 100), diagnose).await;
        assert!(matches!(told, Ok(Some(OpOutput::Started(_)))), "what is granted still works: {told:?}");
    }
    assert_eq!(marks(&file), 0);
}

#[tokio::test]
async fn nothing_is_done_before_the_grant_is_countersigned() {
    let office = Office::open().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let file = office.file("marks");
    let session = SessionId::from_bytes([8; 16]);
    let (technician, mut control, epoch) = by_hand(&office, session, &[Scope::Command], false).await;
    let opened = technician.operation(office.pc.id, &control, epoch, 2).await.expect("a stream");
    let (mut reader, mut writer) = opened;
    let early = OpRequest { id: OpId::from_bytes([2; 16]), op: Op::Run(marking(&file)), received: 0 };
    writer.send(&early).await.expect("sent");
    let signature = vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01];
    control.send(&ToAgent::GrantAck(GrantAck { signature })).await.expect("sent");
    let told = control.recv::<ToTechnician>().await;
    assert!(!matches!(told, Ok(Some(ToTechnician::Closed(_)))), "{told:?}");
    let told = reader.next::<OpOutput>().await;
    assert!(!matches!(told, Ok(Some(Unit::Message(OpOutput::Started(_))))), "{told:?}");
    let late = answer(&office, &technician, &control, (epoch, 4), Op::Run(marking(&file))).await;
    assert!(!matches!(late, Ok(Some(OpOutput::Started(_)))), "{late:?}");
    assert_eq!(marks(&file), 0);
}

#[tokio::test]
async fn a_stream_id_used_twice_ends_the_session() {
    let office = Office::open().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let file = office.file("marks");
    let session = SessionId::from_bytes([9; 16]);
    let (technician, mut control, epoch) = by_hand(&office, session, &[Scope::Command], true).await;
    let first = answer(&office, &technician, &control, (epoch, 2), Op::Run(marking(&file))).await;
    assert!(matches!(first, Ok(Some(OpOutput::Started(_)))), "{first:?}");
    let second = answer(&office, &technician, &control, (epoch, 2), Op::Run(marking(&file))).await;
    assert!(!matches!(second, Ok(Some(OpOutput::Started(_)))), "{second:?}");
    let ended = loop {
        match control.recv::<ToTechnician>().await.expect("a message").expect("open") {
            ToTechnician::Ended(ended) => break ended,
            other => assert!(!matches!(other, ToTechnician::Closed(_)), "{other:?}"),
        }
    };
    let receipt = Envelope::parse(&ended.envelope).expect("an envelope");
    let receipt: distans_e2e::receipt::Receipt = serde_json::from_slice(&receipt.payload).expect("a receipt");
    assert_eq!(receipt.reason, EndReason::Violation);
    assert!(marks(&file) <= 1);
}

#[tokio::test]
async fn output_of_any_size_and_a_stopped_command() {
    let office = Office::open().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Command])).await.expect("allowed");
    let argv = ["head", "-c", "20000000", "/dev/zero"].map(ToOwned::to_owned).to_vec();
    let big = Run { argv, system: false, stdin: false, timeout_s: 0 };
    let (result, output) = run(&session, big).await.expect("ran");
    assert_eq!((result.bytes, output.len()), (20_000_000, 20_000_000));

    let endless = || Run { argv: vec!["yes".into()], system: false, stdin: false, timeout_s: 0 };
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let stopping = async {
        tokio::task::yield_now().await;
        stop.cancel();
    };
    let running = session.run(endless(), None::<tokio::io::Empty>, Discard, cancel);
    let (result, ()) = tokio::join!(running, stopping);
    assert_eq!(result.expect("stopped").outcome, Outcome::Cancelled);
    let limited = Run { timeout_s: 1, ..endless() };
    let result = session.run(limited, None::<tokio::io::Empty>, Discard, CancellationToken::new()).await;
    assert_eq!(result.expect("stopped").outcome, Outcome::TimedOut);
}
