//! The person's side of the conversation, second by second.

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
    assert_eq!(world.desk.prompt(), Some(Language::Swedish.which()));
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
    for number in 0..u8::try_from(QUESTIONS).expect("few") {
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
