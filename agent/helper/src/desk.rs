//! What to show and what to answer, without a terminal, a socket or a clock.
//!
//! One question at a time is on the screen; others wait their turn and lose their time
//! meanwhile. Silence is a no. Sessions that are on stay visible until they end.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use distans_proto::ids::SessionId;
use distans_proto::local::{Answer, Ask, FromHelper, Nonce, Over, Started, ToHelper};
use distans_proto::scope::ScopeSet;
use distans_proto::time::Timestamp;

use crate::args::Reply;
use crate::view;
use crate::words::Language;

/// Questions that may wait; more are answered no.
const QUESTIONS: usize = 8;
/// Sessions shown; the agent allows far fewer.
const SESSIONS: usize = 64;
/// A yes that comes faster was typed for something else.
const READING_TIME: Duration = Duration::from_millis(700);

/// What should happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Show this block of text.
    Show(String),
    /// The same, and call for attention.
    Call(String),
    /// Tell the agent.
    Send(FromHelper),
}

/// The time, twice: for counting and for the clock's sake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: Timestamp,
}

struct Question {
    ask: Ask,
    deadline: Instant,
    /// When it came on the screen; `None` while it waits.
    shown: Option<Instant>,
    /// The person said yes to a part and is choosing which.
    choosing: bool,
}

/// The state of the conversation with the person.
pub(crate) struct Desk {
    words: Language,
    reply: Option<Reply>,
    /// A person types; lines that come too fast are not meant for the question.
    person: bool,
    questions: VecDeque<Question>,
    sessions: BTreeMap<SessionId, Started>,
    any_ended: bool,
}

impl Desk {
    pub(crate) fn new(words: Language, reply: Option<Reply>, person: bool) -> Self {
        Self { words, reply, person, questions: VecDeque::new(), sessions: BTreeMap::new(), any_ended: false }
    }

    /// True when a session was on and none is any more.
    pub(crate) fn is_over(&self) -> bool {
        self.any_ended && self.sessions.is_empty()
    }

    /// The agent says something.
    pub(crate) fn message(&mut self, now: Now, message: ToHelper) -> Vec<Output> {
        match message {
            ToHelper::Hello(_) => Vec::new(),
            ToHelper::Ask(ask) => self.ask(now, ask),
            ToHelper::Withdraw(nonce) => self.withdraw(now, nonce),
            ToHelper::Started(started) => self.started(now, started),
            ToHelper::Ended(over) => self.ended(over.session),
        }
    }

    /// The person typed a line.
    pub(crate) fn line(&mut self, now: Now, line: &str) -> Vec<Output> {
        let line = line.trim().to_lowercase();
        let Some(question) = self.questions.front_mut() else { return self.line_in_session(&line) };
        let early = question.shown.is_none_or(|shown| now.instant.duration_since(shown) < READING_TIME);
        let allowed = match understand(question, &line) {
            Meant::Allow(allowed) if self.person && early && !allowed.is_empty() => {
                return vec![Output::Show(self.words.too_early().to_owned())];
            }
            Meant::Allow(allowed) => allowed,
            Meant::Choose => {
                question.choosing = true;
                return Vec::new();
            }
            Meant::Nothing => return Vec::new(),
            Meant::Unclear => return vec![Output::Show(self.words.not_understood().to_owned())],
        };
        let text = view::answer(self.words, question.ask.scopes, allowed);
        let mut outputs = self.answer(allowed, text);
        outputs.extend(self.show_next(now));
        outputs
    }

    /// Time has passed: questions whose time is up get their no.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(index) = self.questions.iter().position(|question| question.deadline <= now.instant) {
            let Some(question) = self.questions.remove(index) else { break };
            if question.shown.is_some() {
                outputs.push(Output::Show(self.words.timed_out().to_owned()));
            }
            outputs.push(answer_to(&question.ask, ScopeSet::EMPTY));
        }
        outputs.extend(self.show_next(now));
        outputs
    }

    /// The connection to the agent is gone, and with it what it asked; what is on will be told anew.
    pub(crate) fn lost(&mut self) -> Vec<Output> {
        self.questions.clear();
        self.sessions.clear();
        vec![Output::Show(self.words.lost().to_owned())]
    }

    /// Ends everything that is on: the person said so, or closes the helper.
    pub(crate) fn stop_all(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        for (session, started) in &self.sessions {
            outputs.push(Output::Show(self.words.stopping(&view::name(&started.technician_name))));
            outputs.push(Output::Send(FromHelper::Stop(Over { session: *session })));
        }
        outputs
    }

    /// The line that counts: time left to answer, or who is connected.
    pub(crate) fn counting(&self, now: Now) -> Option<String> {
        if let Some(seconds) = self.seconds_left(now) {
            return Some(self.words.left(seconds));
        }
        let (_, started) = self.sessions.first_key_value()?;
        let name = view::short_name(&started.technician_name);
        Some(self.words.status(&name, self.sessions.len() - 1, minutes_left(started, now)))
    }

    /// What the person is asked to type.
    pub(crate) fn prompt(&self) -> Option<&'static str> {
        match self.questions.front() {
            Some(question) if question.choosing => Some(self.words.which()),
            Some(question) => Some(self.words.prompt(view::several(&question.ask))),
            None if !self.sessions.is_empty() => Some(self.words.session_prompt()),
            None => None,
        }
    }

    /// Seconds left for the question on the screen, rounded up.
    pub(crate) fn seconds_left(&self, now: Now) -> Option<u64> {
        let left = self.questions.front()?.deadline.saturating_duration_since(now.instant);
        Some(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// True while something counts.
    pub(crate) fn is_counting(&self) -> bool {
        !self.questions.is_empty() || !self.sessions.is_empty()
    }

    fn ask(&mut self, now: Now, ask: Ask) -> Vec<Output> {
        if let Some(reply) = self.reply {
            let allowed = reply.of(ask.scopes);
            let text =
                format!("{} {}", view::answer(self.words, ask.scopes, allowed), self.words.automatic());
            let shown = Output::Call(view::question(self.words, &ask));
            return vec![shown, Output::Show(text), answer_to(&ask, allowed)];
        }
        if self.questions.len() >= QUESTIONS {
            return vec![answer_to(&ask, ScopeSet::EMPTY)];
        }
        let deadline = now.instant + Duration::from_secs(u64::from(ask.timeout_s));
        self.questions.push_back(Question { ask, deadline, shown: None, choosing: false });
        self.show_next(now)
    }

    /// Puts the next question on the screen, if none is there.
    fn show_next(&mut self, now: Now) -> Vec<Output> {
        match self.questions.front_mut() {
            Some(question) if question.shown.is_none() => {
                question.shown = Some(now.instant);
                vec![Output::Call(view::question(self.words, &question.ask))]
            }
            _ => Vec::new(),
        }
    }

    fn answer(&mut self, allowed: ScopeSet, text: String) -> Vec<Output> {
        match self.questions.pop_front() {
            Some(question) => vec![Output::Show(text), answer_to(&question.ask, allowed)],
            None => Vec::new(),
        }
    }

    fn withdraw(&mut self, now: Now, nonce: Nonce) -> Vec<Output> {
        let Some(index) = self.questions.iter().position(|question| question.ask.nonce == nonce) else {
            return Vec::new();
        };
        let withdrawn = self.questions.remove(index);
        let mut outputs = Vec::new();
        if withdrawn.is_some_and(|question| question.shown.is_some()) {
            outputs.push(Output::Show(self.words.withdrawn().to_owned()));
        }
        outputs.extend(self.show_next(now));
        outputs
    }

    fn started(&mut self, now: Now, started: Started) -> Vec<Output> {
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&started.session) {
            return vec![Output::Send(FromHelper::Stop(Over { session: started.session }))];
        }
        let text = view::started(self.words, &started, minutes_left(&started, now));
        self.sessions.insert(started.session, started);
        vec![Output::Call(text)]
    }

    fn ended(&mut self, session: SessionId) -> Vec<Output> {
        let Some(started) = self.sessions.remove(&session) else { return Vec::new() };
        self.any_ended = true;
        let mut text = self.words.ended(&view::name(&started.technician_name));
        if self.sessions.is_empty() {
            text = format!("{text}\n{}", self.words.waiting());
        }
        vec![Output::Show(text)]
    }

    fn line_in_session(&mut self, line: &str) -> Vec<Output> {
        match line {
            "a" | "avsluta" | "stop" | "stopp" => self.stop_all(),
            _ => Vec::new(),
        }
    }
}

/// What a typed line means for a question.
enum Meant {
    Allow(ScopeSet),
    Choose,
    Nothing,
    Unclear,
}

fn understand(question: &Question, line: &str) -> Meant {
    let asked = question.ask.scopes;
    match line {
        "" => Meant::Nothing,
        "n" | "nej" | "no" | "a" | "avsluta" => Meant::Allow(ScopeSet::EMPTY),
        "j" | "ja" | "y" | "yes" if !question.choosing => Meant::Allow(asked),
        "d" | "del" | "s" | "some" if view::several(&question.ask) => Meant::Choose,
        numbers if question.choosing || view::several(&question.ask) => {
            let chosen: Option<ScopeSet> = numbers
                .split([' ', ',', ';'])
                .filter(|part| !part.is_empty())
                .map(|part| view::numbered(&question.ask, part.parse().ok()?))
                .collect();
            match chosen {
                Some(chosen) if !chosen.is_empty() => Meant::Allow(chosen.intersect(asked)),
                _ => Meant::Unclear,
            }
        }
        _ => Meant::Unclear,
    }
}

fn answer_to(ask: &Ask, allowed: ScopeSet) -> Output {
    Output::Send(FromHelper::Answer(Answer { nonce: ask.nonce, allowed: allowed.intersect(ask.scopes) }))
}

/// Whole minutes until a session's end, rounded up.
fn minutes_left(started: &Started, now: Now) -> u64 {
    started.ends.since(now.wall).as_secs().div_ceil(60)
}

#[cfg(test)]
#[path = "desk_tests.rs"]
pub(crate) mod tests;
