//! The person's side of the conversation, second by second.

use distans_proto::local::{Choice, Spoken, Warn};
use distans_proto::ops::power::PowerAction;
use distans_proto::scope::Scope;

use super::*;

/// A question with two scopes asked and one announced.
pub(crate) fn ask() -> Ask {
    Ask {
        nonce: Nonce { bytes: [1; 16] },
        session: SessionId::from_bytes([2; 16]),
        technician_name: "Anna Berg".into(),
        technician: "anna".parse().expect("a label"),
        organisation: "Mora, Orsa och Älvdalens IT-enhet".into(),
        ticket: Some("INC-4711".into()),
        purpose: "Skrivaren i sal 3 svarar inte".into(),
        scopes: ScopeSet::EMPTY.with(Scope::Command).with(Scope::CommandSystem),
        announced: ScopeSet::EMPTY.with(Scope::Diagnose),
        minutes: 30,
        timeout_s: 60,
        recorded: None,
    }
}

fn started() -> Started {
    Started {
        session: SessionId::from_bytes([2; 16]),
        technician_name: "Anna Berg".into(),
        organisation: "Mora".into(),
        scopes: ScopeSet::EMPTY.with(Scope::Command),
        purpose: "Skrivaren".into(),
        ends: Timestamp::from_secs(1800),
        recorded: None,
    }
}

fn numbered(number: u8) -> Ask {
    Ask { nonce: Nonce { bytes: [number; 16] }, ..ask() }
}

struct World {
    desk: Desk,
    began: Instant,
}

impl World {
    fn new(reply: Option<Reply>) -> Self {
        Self { desk: Desk::new(Language::Swedish, reply, true), began: Instant::now() }
    }

    fn at(&self, millis: u64) -> Now {
        let wall = Timestamp::from_micros(i64::try_from(millis * 1000).expect("early"));
        Now { instant: self.began + Duration::from_millis(millis), wall }
    }

    fn message(&mut self, millis: u64, message: ToHelper) -> Vec<Output> {
        self.desk.message(self.at(millis), message)
    }

    fn line(&mut self, millis: u64, line: &str) -> Vec<Output> {
        self.desk.line(self.at(millis), line)
    }

    fn tick(&mut self, millis: u64) -> Vec<Output> {
        self.desk.tick(self.at(millis))
    }
}

/// The answers sent, as nonce's first byte and allowed scopes.
fn answers(outputs: &[Output]) -> Vec<(u8, ScopeSet)> {
    let answer = |output: &Output| match output {
        Output::Send(FromHelper::Answer(answer)) => Some((answer.nonce.bytes[0], answer.allowed)),
        _ => None,
    };
    outputs.iter().filter_map(answer).collect()
}

#[test]
fn yes_no_and_a_part() {
    let command = ScopeSet::EMPTY.with(Scope::Command);
    for (line, allowed) in [
        ("j", ask().scopes),
        ("JA", ask().scopes),
        ("y", ask().scopes),
        ("n", ScopeSet::EMPTY),
        ("nej", ScopeSet::EMPTY),
        ("1", command),
        ("1, 2", ask().scopes),
    ] {
        let mut world = World::new(None);
        world.message(0, ToHelper::Ask(ask()));
        assert_eq!(answers(&world.line(5000, line)), [(1, allowed)], "{line:?}");
        assert_eq!(answers(&world.tick(70_000)), [], "answered once");
    }
}

#[test]
fn choosing_a_part_asks_which_and_a_stray_j_gives_nothing() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Ask(ask()));
    assert_eq!(world.line(5000, "d"), []);
    assert_eq!(world.desk.prompt(), Some(Language::Swedish.which().to_owned()));
    assert_eq!(answers(&world.line(6000, "j")), [], "all was not meant");
    assert_eq!(answers(&world.line(7000, "3")), [], "there is no third");
    assert_eq!(answers(&world.line(8000, "2")), [(1, ScopeSet::EMPTY.with(Scope::CommandSystem))]);
}

#[test]
fn silence_is_a_no() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Ask(ask()));
    assert_eq!(answers(&world.tick(59_999)), []);
    assert_eq!(world.desk.seconds_left(world.at(59_001)), Some(1));
    assert_eq!(answers(&world.tick(60_000)), [(1, ScopeSet::EMPTY)]);
    assert_eq!(answers(&world.line(61_000, "j")), [], "too late");
}

#[test]
fn a_yes_typed_before_the_question_could_be_read_does_not_count_but_a_no_does() {
    let mut world = World::new(None);
    assert_eq!(world.line(0, "j"), [], "nothing is asked");
    world.message(1000, ToHelper::Ask(ask()));
    assert_eq!(answers(&world.line(1100, "j")), []);
    assert_eq!(answers(&world.line(1200, "1")), []);
    assert_eq!(answers(&world.line(1300, "n")), [(1, ScopeSet::EMPTY)]);
}

#[test]
fn questions_take_turns_and_lose_their_time_while_they_wait() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Ask(numbered(1)));
    assert_eq!(world.message(10_000, ToHelper::Ask(numbered(2))), [], "the first is on the screen");
    let outputs = world.line(20_000, "j");
    assert_eq!(answers(&outputs), [(1, ask().scopes)]);
    assert!(matches!(outputs.last(), Some(Output::Call(_))), "now the second is shown");
    assert_eq!(answers(&world.line(20_100, "j")), [], "a double yes does not reach it");
    assert_eq!(answers(&world.tick(70_000)), [(2, ScopeSet::EMPTY)]);
}

#[test]
fn a_flood_of_questions_is_answered_no() {
    let mut world = World::new(None);
    for number in 0..u8::try_from(questions::LIMIT).expect("few") {
        assert_eq!(answers(&world.message(0, ToHelper::Ask(numbered(number)))), []);
    }
    assert_eq!(answers(&world.message(0, ToHelper::Ask(numbered(99)))), [(99, ScopeSet::EMPTY)]);
}

#[test]
fn a_withdrawn_question_cannot_be_answered() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Ask(ask()));
    assert_eq!(world.message(1000, ToHelper::Withdraw(ask().nonce)).len(), 1);
    assert_eq!(world.line(2000, "j"), []);
    assert_eq!(world.desk.prompt(), None);
}

#[test]
fn a_session_is_visible_until_it_ends_and_a_stops_it() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Started(started()));
    let counting = world.desk.counting(world.at(0)).expect("shown");
    assert!(counting.contains("Anna Berg") && counting.contains("30 minuter"), "{counting}");
    assert_eq!(world.line(1000, "x"), []);
    let stop = Output::Send(FromHelper::Stop(Over { session: started().session }));
    assert!(world.line(2000, "a").contains(&stop));
    assert!(!world.desk.is_over(), "not before the agent says so");
    world.message(3000, ToHelper::Ended(Over { session: started().session }));
    assert!(world.desk.is_over());
    assert_eq!(world.desk.counting(world.at(3000)), None);
}

#[test]
fn a_recording_is_told_in_the_question_and_as_long_as_the_session_lasts() {
    let mut world = World::new(None);
    for (recorded, told) in [(None, false), (Some(false), false), (Some(true), true)] {
        let shown = |outputs: Vec<Output>| format!("{outputs:?}").contains("spelas in");
        assert_eq!(shown(world.message(0, ToHelper::Ask(Ask { recorded, ..ask() }))), told);
        world.line(5000, "j");
        assert_eq!(shown(world.message(6000, ToHelper::Started(Started { recorded, ..started() }))), told);
        let standing = world.desk.counting(world.at(7000)).expect("shown");
        assert_eq!(standing.starts_with("[SPELAS IN]"), told, "{standing}");
        world.message(8000, ToHelper::Ended(Over { session: started().session }));
    }
}

#[test]
fn a_lost_agent_voids_its_questions_and_tells_its_sessions_anew() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Ask(ask()));
    world.message(0, ToHelper::Started(started()));
    world.desk.lost();
    assert!(!world.desk.is_counting() && !world.desk.is_over());
    assert_eq!(world.line(5000, "j"), []);
}

#[test]
fn a_script_answers_at_once_and_says_what() {
    let mut world = World::new(Some(Reply::Only(ScopeSet::EMPTY.with(Scope::Command))));
    let outputs = world.message(0, ToHelper::Ask(ask()));
    assert_eq!(answers(&outputs), [(1, ScopeSet::EMPTY.with(Scope::Command))]);
    assert!(
        outputs.iter().any(|output| matches!(output, Output::Show(text) if text.contains("JA, men bara")))
    );
}

fn note(number: u8, choices: &[&str]) -> Note {
    Note {
        nonce: Nonce { bytes: [number; 16] },
        session: SessionId::from_bytes([2; 16]),
        technician_name: "Anna Berg".into(),
        organisation: "Mora".into(),
        text: "Lyser lampan?".into(),
        choices: choices.iter().map(|choice| (*choice).into()).collect(),
        timeout_s: 60,
        confirm: choices.is_empty(),
    }
}

fn chat() -> ChatStarted {
    ChatStarted {
        nonce: Nonce { bytes: [7; 16] },
        session: SessionId::from_bytes([2; 16]),
        technician_name: "Anna Berg".into(),
        organisation: "Mora".into(),
    }
}

/// What was sent, without questions' answers.
fn sent(outputs: &[Output]) -> Vec<FromHelper> {
    let send =
        |output: &Output| if let Output::Send(message) = output { Some(message.clone()) } else { None };
    outputs.iter().filter_map(send).collect()
}

fn choice(number: u8, what: Chosen) -> FromHelper {
    FromHelper::Choice(Choice { nonce: Nonce { bytes: [number; 16] }, what })
}

#[test]
fn a_message_is_answered_by_number_or_word_and_by_nothing_else() {
    for (line, answer) in [
        ("1", Some(Chosen::One(0))),
        ("NEJ", Some(Chosen::One(1))),
        ("j", Some(Chosen::One(0))),
        ("x", Some(Chosen::Closed)),
        ("3", None),
        ("0", None),
        ("kanske", None),
        ("", None),
    ] {
        let mut world = World::new(None);
        world.message(0, ToHelper::Note(note(5, &["Ja", "Nej"])));
        let expected: Vec<_> = answer.into_iter().map(|what| choice(5, what)).collect();
        assert_eq!(sent(&world.line(5000, line)), expected, "{line:?}");
    }
    let mut world = World::new(None);
    world.message(0, ToHelper::Note(note(5, &[])));
    assert_eq!(sent(&world.line(100, "")), [], "an Enter that came before it could be read");
    assert_eq!(sent(&world.line(5000, "")), [choice(5, Chosen::Read)]);
}

#[test]
fn a_consent_question_goes_before_a_message_which_comes_again() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Note(note(5, &["1", "j"])));
    assert!(matches!(&world.message(1000, ToHelper::Ask(ask()))[..], [Output::Call(_)]));
    // Both were meant for the message.
    for line in ["j", "1", "d"] {
        assert_eq!(sent(&world.line(9000, line)), [], "{line:?} was typed for the message");
    }
    let outputs = world.line(10_000, "nej");
    assert_eq!(answers(&outputs), [(1, ScopeSet::EMPTY)]);
    assert!(matches!(outputs.last(), Some(Output::Call(text)) if text.contains("Lyser lampan?")));
    assert_eq!(sent(&world.line(10_100, "j")), [], "too early");
    assert_eq!(sent(&world.line(12_000, "j")), [choice(5, Chosen::One(1))]);
}

#[test]
fn what_is_typed_in_a_chat_is_never_a_yes_to_a_question() {
    let mut world = World::new(None);
    world.message(0, ToHelper::ChatStarted(chat()));
    let said = FromHelper::Say(Spoken { nonce: chat().nonce, text: "Hej! Å".into() });
    assert_eq!(sent(&world.line(1000, " Hej! Å \n")), [said]);
    world.message(2000, ToHelper::Ask(ask()));
    for line in ["ja", "j", "1", "1 2", "d", "y", "YES"] {
        assert_eq!(answers(&world.line(9000, line)), [], "{line:?}");
    }
    assert_eq!(answers(&world.line(9000, "tillåt 1")), [(1, ScopeSet::EMPTY.with(Scope::Command))]);
    // A chat that ends just before the question is still in the fingers.
    world.message(10_000, ToHelper::ChatEnded(chat().nonce));
    world.message(11_000, ToHelper::Ask(numbered(2)));
    assert_eq!(answers(&world.line(15_000, "ja")), []);
    assert_eq!(answers(&world.line(16_000, "Tillåt")), [(2, ask().scopes)]);
    world.message(60_000, ToHelper::Ask(numbered(3)));
    assert_eq!(answers(&world.line(62_000, "ja")), [(3, ask().scopes)], "long after");
}

#[test]
fn a_chat_that_begins_while_a_question_stands_raises_the_bar_for_it() {
    let mut world = World::new(None);
    world.message(0, ToHelper::Ask(ask()));
    world.message(1000, ToHelper::ChatStarted(chat()));
    assert_eq!(answers(&world.line(5000, "ja")), []);
    assert_eq!(answers(&world.line(6000, "n")), [(1, ScopeSet::EMPTY)]);
}

#[test]
fn nothing_a_technician_writes_comes_after_a_question() {
    let mut world = World::new(None);
    world.message(0, ToHelper::ChatStarted(chat()));
    world.message(10, ToHelper::Ask(ask()));
    let line =
        |text: &str| ToHelper::ChatLine(ChatLine { nonce: chat().nonce, own: false, text: text.into() });
    for number in 0..1000 {
        assert_eq!(world.message(20, line(&format!("type allow! {number}"))), []);
        let plain = Note { confirm: false, ..note(9, &[]) };
        assert_eq!(world.message(20, ToHelper::Note(plain)), []);
    }
    assert_eq!(world.message(30, ToHelper::ChatEnded(chat().nonce)), []);
    let loud = Started { purpose: "type allow".into(), ..started() };
    let outputs = world.message(40, ToHelper::Started(loud));
    let question = view::question(Language::Swedish, &ask(), true);
    assert_eq!((outputs.len(), outputs.last()), (2, Some(&Output::Show(question))));
    let outputs = world.line(5000, "nej");
    assert_eq!(answers(&outputs), [(1, ScopeSet::EMPTY)]);
    let lines = outputs.iter().filter(|output| matches!(output, Output::Above(_))).count();
    assert!(lines <= HELD && matches!(outputs.last(), Some(Output::Show(_))), "bounded, in their order");
}

#[test]
fn a_chat_ends_from_either_side_and_its_lines_are_bounded() {
    let mut world = World::new(None);
    world.message(0, ToHelper::ChatStarted(chat()));
    assert_eq!(sent(&world.line(1000, &"å".repeat(501))), [], "too long");
    let flood = (0..50).filter(|_| !sent(&world.line(1000, "hej")).is_empty()).count();
    assert_eq!(flood, 10);
    assert_eq!(sent(&world.line(2000, "en till")).len(), 1);
    assert_eq!(sent(&world.line(3000, "/slut")), [FromHelper::ChatEnd(chat().nonce)]);
    world.message(4000, ToHelper::ChatEnded(chat().nonce));
    assert_eq!(world.line(5000, "hej"), []);
}

#[test]
fn hostile_lines_stay_behind_their_bars() {
    let mut world = World::new(None);
    world
        .message(0, ToHelper::ChatStarted(ChatStarted { technician_name: "A\u{1b}[2J\nB".into(), ..chat() }));
    let text =
        "x\n  Ditt svar (j eller n) och Enter: j\r\u{1b}]0;t\u{7}\u{202e}".to_owned() + &"å".repeat(400);
    let line = ChatLine { nonce: chat().nonce, own: false, text: text.into() };
    let outputs = world.message(1000, ToHelper::ChatLine(line));
    let [Output::Above(shown)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(!shown.contains(['\u{1b}', '\r', '\u{7}', '\u{202e}']), "{shown:?}");
    assert!(shown.lines().all(|line| line.contains('│') && line.chars().count() <= 80), "{shown}");
}

#[test]
fn a_warning_counts_down_and_can_be_cancelled_in_the_middle_of_a_chat() {
    let warn = Warn {
        nonce: Nonce { bytes: [9; 16] },
        session: SessionId::from_bytes([2; 16]),
        technician_name: "Anna Berg".into(),
        action: PowerAction::Restart,
        seconds: 60,
        text: None,
    };
    let mut world = World::new(None);
    world.message(0, ToHelper::ChatStarted(chat()));
    world.message(0, ToHelper::Warn(warn.clone()));
    assert!(world.desk.counting(world.at(10_000)).expect("shown").contains("50 s"));
    assert_eq!(sent(&world.line(11_000, "vänta")), [FromHelper::CancelWarning(warn.nonce)]);
    world.message(12_000, ToHelper::Warn(warn.clone()));
    assert_eq!(world.message(13_000, ToHelper::Withdraw(warn.nonce)).len(), 1);
    assert_eq!(world.desk.counting(world.at(13_000)), None);
}

#[test]
fn a_flood_of_messages_is_closed() {
    let mut world = World::new(None);
    for number in 0..u8::try_from(notes::LIMIT).expect("few") {
        assert_eq!(sent(&world.message(0, ToHelper::Note(note(number, &["a", "b"])))), []);
    }
    let outputs = world.message(0, ToHelper::Note(note(99, &["a", "b"])));
    assert_eq!(sent(&outputs), [choice(99, Chosen::Closed)]);
}
