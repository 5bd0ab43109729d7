//! Words with the person at the PC: who sees them, whose answer counts, and what a hostile side
//! can make of them.

use std::time::Duration;

use distans_cli::client::{Error, Session};
use distans_proto::inner::{Closed, DeniedBy, Op, OpOutput, OpResult, Outcome};
use distans_proto::local::{Choice, Chosen, FromHelper, Nonce, Note, Spoken, ToHelper};
use distans_proto::ops::people::{Answered, ChatNews, ChatOver, Message, Reply, Wrote};
use distans_proto::scope::Scope;
use distans_proto::text::Untrusted;
use distans_tests::fake_pc::FakePc;
use distans_tests::pc::{Person, Says};
use distans_tests::programs::{at_a_terminal, program};
use distans_tests::world::World;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, wanted};

fn question(choices: &[&str]) -> Message {
    Message {
        text: "Is the lamp green?".into(),
        choices: choices.iter().map(|choice| (*choice).into()).collect(),
        timeout_s: 60,
        confirm: false,
    }
}

async fn office() -> Office {
    let mut world = World::start().await.expect("world");
    world
        .org
        .change_policy(|policy| {
            for technician in &mut policy.technicians {
                technician.scopes = technician.scopes.with(Scope::Message);
            }
        })
        .expect("a policy");
    let desk = world.desk("anna").await.expect("technician");
    let pc = distans_tests::pc::Pc::online(&world, &desk, "pc").await.expect("a PC");
    desk.refresh_documents().await.expect("documents");
    Office { world, desk, pc }
}

/// A session that may speak, opened while `person` says yes to whatever is asked.
async fn session(office: &Office) -> Session {
    office.session(&wanted(&[Scope::Message])).await.expect("a session")
}

async fn ask(session: &Session, message: Message) -> Result<Option<Reply>, Error> {
    Ok(session.message(message, CancellationToken::new()).await?.1)
}

/// The `count`-th message that is on a person's screen.
async fn note(person: &Person, count: usize) -> Note {
    let notes = |heard: &[ToHelper]| {
        let note =
            |message: &ToHelper| if let ToHelper::Note(note) = message { Some(note.clone()) } else { None };
        heard.iter().filter_map(note).nth(count)
    };
    distans_tests::pc::until("a message", || async { notes(&person.heard()) }).await.expect("shown")
}

fn choice(nonce: Nonce, what: Chosen) -> FromHelper {
    FromHelper::Choice(Choice { nonce, what })
}

#[tokio::test]
async fn the_first_valid_answer_counts_and_the_others_see_it_withdrawn() {
    let office = office().await;
    let first = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let second = Person::at(&office.pc, Says::Nothing).await.expect("another screen");
    let session = session(&office).await;
    let (reply, ()) = tokio::join!(ask(&session, question(&["Yes", "No"])), async {
        let shown = note(&second, 0).await;
        assert_eq!(shown.technician_name.raw(), "Anna Berg", "the name comes from the signed policy");
        assert_eq!(shown.text.raw(), "Is the lamp green?");
        // None of these is an answer: no such choice, no such message, nothing to confirm.
        let made_up = Nonce { bytes: [9; 16] };
        for wrong in [
            choice(shown.nonce, Chosen::One(2)),
            choice(shown.nonce, Chosen::One(255)),
            choice(made_up, Chosen::One(0)),
            choice(shown.nonce, Chosen::Read),
            FromHelper::Say(Spoken { nonce: shown.nonce, text: "yes".into() }),
            FromHelper::ChatEnd(shown.nonce),
            choice(shown.nonce, Chosen::One(1)),
            choice(shown.nonce, Chosen::One(0)), // too late
        ] {
            second.sends(wrong).await.expect("sent");
        }
        let nonce = note(&first, 0).await.nonce;
        let gone = |heard: &ToHelper| *heard == ToHelper::Withdraw(nonce);
        first.hears("the withdrawal", gone).await.expect("told");
    });
    let reply = reply.expect("answered").expect("complete");
    assert_eq!((reply.answered, reply.choice), (Answered::Chosen, Some(1)));
    assert!(reply.who.is_some());
}

#[tokio::test]
async fn nobody_there_closed_read_and_taken_back() {
    let office = office().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = session(&office).await;
    let shown = ask(&session, question(&[])).await.expect("shown").expect("complete");
    assert_eq!(shown.answered, Answered::Shown, "nothing was asked: nothing is waited for");

    let (closed, ()) = tokio::join!(ask(&session, question(&["Yes", "No"])), async {
        person.sends(choice(note(&person, 1).await.nonce, Chosen::Closed)).await.expect("sent");
    });
    assert_eq!(closed.expect("closed").expect("complete").answered, Answered::Closed);

    let confirm = Message { confirm: true, ..question(&[]) };
    let (read, ()) = tokio::join!(ask(&session, confirm), async {
        let nonce = note(&person, 2).await.nonce;
        person.sends(choice(nonce, Chosen::One(0))).await.expect("sent"); // there is no choice
        person.sends(choice(nonce, Chosen::Read)).await.expect("sent");
    });
    assert_eq!(read.expect("read").expect("complete").answered, Answered::Read);

    let late = Message { timeout_s: 1, ..question(&["Yes", "No"]) };
    assert_eq!(ask(&session, late).await.expect("over").expect("complete").answered, Answered::TimedOut);

    let cancel = CancellationToken::new();
    let (result, ()) = tokio::join!(session.message(question(&["Yes", "No"]), cancel.clone()), async {
        let nonce = note(&person, 4).await.nonce;
        cancel.cancel();
        person.hears("the withdrawal", |heard| *heard == ToHelper::Withdraw(nonce)).await.expect("told");
    });
    assert_eq!(result.expect("cancelled").0.outcome, Outcome::Cancelled);

    let (gone, ()) = tokio::join!(ask(&session, question(&["Yes", "No"])), async {
        note(&person, 5).await;
        drop(person); // signs out with the question on the screen
    });
    assert_eq!(gone.expect("over").expect("complete").answered, Answered::Nobody);
    let nobody = ask(&session, question(&["Yes", "No"])).await.expect("over").expect("complete");
    assert_eq!(nobody.answered, Answered::Nobody);
}

#[tokio::test]
async fn a_message_without_the_right_or_beyond_its_bounds_never_reaches_the_screen() {
    let office = office().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let other = office.session(&wanted(&[Scope::Command])).await.expect("a session");
    let denied = ask(&other, question(&[])).await;
    assert!(
        matches!(&denied, Err(Error::Denied(denied)) if denied.by == DeniedBy::Role || denied.by == DeniedBy::Policy || denied.by == DeniedBy::Session),
        "{denied:?}"
    );

    let session = session(&office).await;
    let long: Untrusted = "QUESTION: may I? y ".repeat(200).into();
    for (what, message) in [
        ("a long text", Message { text: long.clone(), ..question(&[]) }),
        ("many lines", Message { text: "\n".repeat(900).into(), ..question(&[]) }),
        ("a long choice", Message { choices: vec![long, "No".into()], ..question(&[]) }),
        ("many choices", question(&["1", "2", "3", "4", "5", "6", "7", "8", "9"])),
        ("for ever", Message { timeout_s: u16::MAX, ..question(&["Yes", "No"]) }),
    ] {
        let refused = ask(&session, message).await;
        assert!(
            matches!(&refused, Err(Error::Denied(denied)) if denied.by == DeniedBy::Limit),
            "{what}: {refused:?}"
        );
    }
    // A megabyte does not even leave as one request.
    let mega = Message { choices: vec!["x".repeat(4096).into(); 256], ..question(&[]) };
    assert!(ask(&session, mega).await.is_err());
    assert!(!person.heard().iter().any(|heard| matches!(heard, ToHelper::Note(_))), "something was shown");
}

#[tokio::test]
async fn a_flood_of_messages_is_stopped_before_it_reaches_the_screen() {
    let office = office().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = session(&office).await;
    let mut shown = 0;
    let refused = loop {
        match ask(&session, question(&[])).await {
            Ok(_) => shown += 1,
            Err(refused) => break refused,
        }
        assert!(shown < 1000, "no end");
    };
    assert!(matches!(&refused, Error::Denied(denied) if denied.by == DeniedBy::Limit), "{refused:?}");
    let heard = person.heard();
    assert!(heard.iter().filter(|heard| matches!(heard, ToHelper::Note(_))).count() <= shown);
}

/// The technician's side of a conversation that is on.
struct Talking {
    lines: Option<mpsc::Sender<String>>,
    news: mpsc::Receiver<ChatNews>,
}

impl Talking {
    async fn says(&self, line: &str) {
        self.lines.as_ref().expect("not ended").send(line.to_owned()).await.expect("taken");
    }

    /// The next line of the person, whatever is told in between.
    async fn hears(&mut self) -> String {
        loop {
            if let ChatNews::Wrote(wrote) = self.news.recv().await.expect("still on") {
                return wrote.text.raw().to_owned();
            }
        }
    }

    async fn is_told(&mut self, expected: ChatNews) {
        while self.news.recv().await.expect("still on") != expected {}
    }
}

/// Begins a conversation, runs `then` with the technician's side of it, and gives the result.
async fn chat<T>(session: &Session, then: impl AsyncFnOnce(Talking) -> T) -> (OpResult, T) {
    let ((lines, said), (told, news)) = (mpsc::channel(16), mpsc::channel(16));
    let (result, value) = tokio::join!(
        session.chat(said, told, CancellationToken::new()),
        then(Talking { lines: Some(lines), news })
    );
    (result.expect("an end"), value)
}

async fn chat_nonce(person: &Person) -> Nonce {
    let started = person.hears("the chat", |heard| matches!(heard, ToHelper::ChatStarted(_))).await;
    let ToHelper::ChatStarted(started) = started.expect("shown") else { panic!("a chat") };
    assert_eq!(started.technician_name.raw(), "Anna Berg");
    started.nonce
}

fn line(nonce: Nonce, own: bool, text: &str) -> ToHelper {
    ToHelper::ChatLine(distans_proto::local::ChatLine { nonce, own, text: text.into() })
}

#[tokio::test]
async fn lines_go_both_ways_to_every_screen_and_either_side_ends_it() {
    let office = office().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = session(&office).await;
    let (result, second) = chat(&session, async |mut talking| {
        talking.says("Hej! Åäö").await;
        let nonce = chat_nonce(&person).await;
        person.hears("the line", |heard| *heard == line(nonce, false, "Hej! Åäö")).await.expect("shown");
        person.sends(FromHelper::Say(Spoken { nonce, text: "Hej du".into() })).await.expect("sent");
        assert_eq!(talking.hears().await, "Hej du");
        // A screen of the same account that opens later sees what was said.
        let second = Person::at(&office.pc, Says::Nothing).await.expect("another screen");
        talking.is_told(ChatNews::Readers(2)).await;
        second.hears("the past", |heard| *heard == line(nonce, true, "Hej du")).await.expect("shown");
        second.sends(FromHelper::ChatEnd(Nonce { bytes: [3; 16] })).await.expect("sent"); // not this one
        second.sends(FromHelper::Say(Spoken { nonce, text: "jag också".into() })).await.expect("sent");
        assert_eq!(talking.hears().await, "jag också");
        person
            .hears("the other screen", |heard| *heard == line(nonce, true, "jag också"))
            .await
            .expect("shown");
        talking.says("the last word").await;
        talking.lines = None;
        person
            .hears("the last word", |heard| *heard == line(nonce, false, "the last word"))
            .await
            .expect("shown");
        person.hears("the end", |heard| *heard == ToHelper::ChatEnded(nonce)).await.expect("told");
        second
    })
    .await;
    assert_eq!(result.outcome, Outcome::Completed);

    // Another conversation in the same session: nothing of the first is told, and the person ends it.
    drop(person);
    let (result, ()) = chat(&session, async |mut talking| {
        let started = |heard: &[ToHelper]| {
            heard.iter().filter(|one| matches!(one, ToHelper::ChatStarted(_))).nth(1).cloned()
        };
        let started = distans_tests::pc::until("the second chat", || async { started(&second.heard()) })
            .await
            .expect("shown");
        let ToHelper::ChatStarted(started) = started else { panic!("a chat") };
        let late = Person::at(&office.pc, Says::Nothing).await.expect("another screen");
        talking.is_told(ChatNews::Readers(2)).await;
        assert!(!late.heard().iter().any(|heard| matches!(heard, ToHelper::ChatLine(_))));
        second.sends(FromHelper::ChatEnd(started.nonce)).await.expect("sent");
        talking.is_told(ChatNews::Over(ChatOver::Person)).await;
    })
    .await;
    assert_eq!(result.outcome, Outcome::Completed);

    drop(second);
    let (_, over) = chat(&session, async |mut talking| talking.news.recv().await).await;
    assert_eq!(over, Some(ChatNews::Over(ChatOver::Nobody)));
}

#[tokio::test]
async fn a_flood_from_the_pcs_screen_is_cut_and_bounded() {
    let office = office().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = session(&office).await;
    let (_, lines) = chat(&session, async |mut talking| {
        let nonce = chat_nonce(&person).await;
        for _ in 0..500 {
            let text = "x".repeat(4000).into();
            person.sends(FromHelper::Say(Spoken { nonce, text })).await.expect("sent");
        }
        person.sends(FromHelper::ChatEnd(nonce)).await.expect("sent");
        let mut lines = Vec::new();
        loop {
            match talking.news.recv().await.expect("still on") {
                ChatNews::Wrote(wrote) => lines.push(wrote.text.raw().len()),
                ChatNews::Over(_) => return lines,
                ChatNews::Readers(_) => {}
            }
        }
    })
    .await;
    assert!(!lines.is_empty() && lines.len() < 100, "{} lines came through", lines.len());
    assert!(lines.iter().all(|length| *length <= 500), "{lines:?}");
}

#[tokio::test]
async fn a_conversation_survives_a_restart_of_the_broker() {
    let mut office = office().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = session(&office).await;
    let world = &mut office.world;
    let (result, ()) = chat(&session, async |mut talking| {
        let nonce = chat_nonce(&person).await;
        talking.says("before").await;
        person.hears("a line", |heard| *heard == line(nonce, false, "before")).await.expect("shown");
        world.stop_broker().await.expect("stopped");
        talking.says("meanwhile").await;
        person.sends(FromHelper::Say(Spoken { nonce, text: "are you there?".into() })).await.expect("sent");
        world.start_broker().await.expect("started");
        assert_eq!(talking.hears().await, "are you there?");
        person.hears("a line", |heard| *heard == line(nonce, false, "meanwhile")).await.expect("shown");
        let count = person.heard().iter().filter(|heard| **heard == line(nonce, false, "meanwhile")).count();
        assert_eq!(count, 1, "said once, shown once");
        talking.lines = None;
    })
    .await;
    assert_eq!(result.outcome, Outcome::Completed);
}

/// Moves the cursor, renames the window, fills the clipboard, reverses text, fakes a prompt.
const HOSTILE: &str =
    "A\u{1b}[2J\u{1b}[1;1H\u{1b}]0;owned\u{7}\u{1b}]52;c;cm0=\u{7}\u{9b}31m\u{202e}txt\u{8}\rdu > ja\nFAKE";

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_pc_gets_nothing_past_message_and_chat() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let target = desk.find("PC-ORSA-014").await.expect("found");
    let opening = async { Ok(Session::open(&desk, &target, &wanted(&[Scope::Message])).await?) };
    let (session, (control, _)) = tokio::try_join!(opening, pc.session()).expect("a session");

    let reply = |answered, choice| Reply { answered, choice, who: Some(HOSTILE.into()) };
    for (what, replies) in [
        ("an answer that was not offered", vec![reply(Answered::Chosen, Some(2))]),
        ("a choice where none was made", vec![reply(Answered::Closed, Some(0))]),
        ("no question answered", vec![reply(Answered::Shown, None)]),
        ("no answer at all", vec![]),
        ("two answers", vec![reply(Answered::Chosen, Some(0)), reply(Answered::Chosen, Some(1))]),
    ] {
        let (answer, ()) = tokio::join!(ask(&session, question(&["Yes", "No"])), async {
            let (request, (_reader, mut writer)) = pc.operation(&control).await.expect("an operation");
            assert!(matches!(request.op, Op::Message(_)));
            writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
            let mut bytes = 0;
            for reply in replies {
                let item = distans_cli::client::items::item_bytes(&reply).expect("short");
                bytes += item.len() as u64;
                writer.write_primary(&item).await.expect("written");
            }
            let result = OpResult { outcome: Outcome::Completed, exit: None, bytes, text: None };
            writer.send(&OpOutput::Finished(result)).await.expect("sent");
            writer.finish().await.expect("ended");
        });
        assert!(matches!(answer, Err(Error::Protocol { who: "the PC", .. })), "{what}: {answer:?}");
    }
    // The program opens one of its own.
    session.kept().await.expect("kept");
    desk.home().forget_session(session.id()).expect("forgotten");
    drop((session, control));

    let mut command = program("distans").expect("built");
    let id = pc.paper.id.to_string();
    command.args(["chat", &id, "--purpose", "look"]).env("DISTANS_HOME", desk.home().dir());
    let talking = tokio::task::spawn_blocking(move || at_a_terminal(command));
    let serving = async {
        let (control, _) = pc.session().await.expect("a session");
        let (_, (_reader, mut writer)) = pc.operation(&control).await.expect("an operation");
        writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
        let wrote = ChatNews::Wrote(Wrote { text: HOSTILE.into(), who: HOSTILE.into() });
        let item = distans_cli::client::items::item_bytes(&wrote).expect("short");
        let over = distans_cli::client::items::item_bytes(&ChatNews::Over(ChatOver::Person)).expect("short");
        for _ in 0..200 {
            writer.write_primary(&item).await.expect("written");
        }
        writer.write_primary(&over).await.expect("written");
        let bytes = (item.len() * 200 + over.len()) as u64;
        let result = OpResult { outcome: Outcome::Completed, exit: None, bytes, text: None };
        writer.send(&OpOutput::Finished(result)).await.expect("sent");
        writer.finish().await.expect("ended");
        control
    };
    let (seen, _control) = tokio::join!(talking, serving);
    let seen = seen.expect("ran").expect("a terminal");
    let text = String::from_utf8(seen.bytes).expect("the terminal gets UTF-8 only");
    assert_eq!(text.matches("FAKE").count(), 200, "{text:?}");
    for steering in
        ["\u{1b}[2J", "\u{1b}[1;1H", "\u{1b}]", "\u{7}", "\u{9b}", "\u{202e}", "\u{8}", "\nFAKE", "\rdu"]
    {
        assert!(!text.contains(steering), "{steering:?} reached the terminal");
    }
    assert_eq!(seen.exit, Some(0));
}

#[tokio::test]
async fn a_pc_that_floods_a_chat_is_read_at_the_technicians_pace() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let target = desk.find("PC-ORSA-014").await.expect("found");
    let opening = async { Ok(Session::open(&desk, &target, &wanted(&[Scope::Message])).await?) };
    let (session, (control, _)) = tokio::try_join!(opening, pc.session()).expect("a session");
    let ((_lines, said), (told, mut news)) = (mpsc::channel(1), mpsc::channel(4));
    let cancel = CancellationToken::new();
    let talking = session.chat(said, told, cancel.clone());
    let flooding = async {
        let (_, (_reader, mut writer)) = pc.operation(&control).await.expect("an operation");
        writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
        let wrote = ChatNews::Wrote(Wrote { text: "x".repeat(4000).into(), who: "pc".into() });
        let item = distans_cli::client::items::item_bytes(&wrote).expect("short");
        // Nobody reads: the flood must stand still, far from all of it.
        let mut sent = 0u32;
        while let Ok(written) =
            tokio::time::timeout(Duration::from_secs(2), writer.write_primary(&item)).await
        {
            written.expect("written");
            sent += 1;
            assert!(sent < 100_000, "400 MB were taken from a PC nobody reads");
        }
        assert!(matches!(news.recv().await, Some(ChatNews::Wrote(_))));
    };
    tokio::select! {
        ended = talking => panic!("it ended by itself: {ended:?}"),
        () = flooding => {}
    }
}
