//! What to show and what to answer, without a terminal, a socket or a clock.
//!
//! One thing at a time is on the screen and hears what is typed: a consent question before a
//! technician's message, a message before a chat. Others wait and lose their time meanwhile.
//! Silence is a no. Sessions, chats and warnings stay visible until they end. While a question is
//! on the screen nothing that a technician writes comes after it: it stays in view, and nobody
//! tells the person there how to answer it. What must be seen at once, a session or a warning,
//! is followed by the question once more.
//!
//! | module | what |
//! |---|---|
//! | this | who hears a line, what is on the screen, sessions and warnings |
//! | [`questions`] | consent |
//! | [`notes`] | messages that wait for an answer |
//! | [`chats`] | conversations |

mod chats;
mod notes;
mod questions;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use distans_proto::ids::SessionId;
use distans_proto::local::{
    Ask, ChatLine, ChatStarted, Chosen, FromHelper, Nonce, Note, Over, Started, ToHelper,
};
use distans_proto::scope::ScopeSet;
use distans_proto::time::Timestamp;

use crate::args::Reply;
use crate::view;
use crate::warning::Warnings;
use crate::words::Language;
use chats::Chats;
use notes::Notes;
use questions::Questions;

/// Sessions shown; the agent allows far fewer.
const SESSIONS: usize = 64;
/// An answer that comes faster was typed for something else.
const READING_TIME: Duration = Duration::from_millis(700);
/// Blocks and lines that wait for the end of a question; of more the oldest are dropped.
const HELD: usize = 64;
/// So long after a chat or a message a short yes may still have been meant for that.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// What should happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Show this block of text.
    Show(String),
    /// The same, and call for attention.
    Call(String),
    /// Show this above the line being typed, which stays.
    Above(String),
    /// Tell the agent.
    Send(FromHelper),
}

/// The time, twice: for counting and for the clock's sake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: Timestamp,
}

/// The state of the conversation with the person.
pub(crate) struct Desk {
    words: Language,
    reply: Option<Reply>,
    /// A person types; lines that come too fast are not meant for the question.
    person: bool,
    questions: Questions,
    notes: Notes,
    chats: Chats,
    warnings: Warnings,
    /// What technicians wrote while a question is on the screen.
    held: VecDeque<Output>,
    sessions: BTreeMap<SessionId, Started>,
    /// When a chat or a message last heard what was typed.
    elsewhere: Option<Instant>,
    any_ended: bool,
}

impl Desk {
    pub(crate) fn new(words: Language, reply: Option<Reply>, person: bool) -> Self {
        Self {
            words,
            reply,
            person,
            questions: Questions::default(),
            notes: Notes::default(),
            chats: Chats::default(),
            warnings: Warnings::new(words),
            held: VecDeque::new(),
            sessions: BTreeMap::new(),
            elsewhere: None,
            any_ended: false,
        }
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
            ToHelper::Started(started) => self.before_the_question(|desk| desk.started(now, started)),
            ToHelper::Ended(over) => self.ended(over.session),
            ToHelper::Note(note) => self.note(now, note),
            ToHelper::ChatStarted(started) => self.chat_started(now, started),
            ToHelper::ChatLine(line) => self.chat_line(&line),
            ToHelper::ChatEnded(nonce) => self.chat_ended(now, nonce),
            ToHelper::Warn(warn) => self.before_the_question(|desk| desk.warnings.begin(now, warn)),
        }
    }

    /// The person typed a line.
    pub(crate) fn line(&mut self, now: Now, line: &str) -> Vec<Output> {
        let typed = line.trim();
        let line = typed.to_lowercase();
        if let Some(outputs) = self.warnings.line(&line) {
            return outputs;
        }
        if self.questions.front().is_some() {
            return self.line_for_question(now, &line);
        }
        if self.notes.front().is_some() {
            return self.line_for_note(now, &line);
        }
        if let Some(meant) = self.chats.understand(now.instant, typed) {
            return self.line_for_chat(now, meant);
        }
        match line.as_str() {
            "a" | "avsluta" | "stop" | "stopp" => self.stop_all(),
            _ => Vec::new(),
        }
    }

    /// Time has passed: questions whose time is up get their no, messages are taken away.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(question) = self.questions.take_late(now.instant) {
            if question.shown.is_some() {
                outputs.push(Output::Show(self.words.timed_out().to_owned()));
            }
            outputs.push(Output::Send(question.answer(ScopeSet::EMPTY)));
        }
        while let Some(waiting) = self.notes.take_late(now.instant) {
            if waiting.shown.is_some() {
                self.elsewhere = Some(now.instant);
                outputs.push(Output::Show(self.words.note_gone().to_owned()));
            }
        }
        outputs.extend(self.warnings.tick(now));
        outputs.extend(self.show_next(now));
        outputs
    }

    /// The connection to the agent is gone, and with it what it asked; what is on will be told anew.
    pub(crate) fn lost(&mut self) -> Vec<Output> {
        self.questions.clear();
        self.notes.clear();
        self.chats.clear();
        self.warnings.clear();
        self.held.clear();
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

    /// The line that counts: time left to answer, what is about to happen, or who is connected.
    pub(crate) fn counting(&self, now: Now) -> Option<String> {
        if self.questions.front().is_some() {
            return self.seconds_left(now).map(|seconds| self.words.left(seconds));
        }
        if let Some((_, text)) = self.warnings.counting(now) {
            return Some(text);
        }
        if let Some(waiting) = self.notes.front() {
            return Some(self.words.note_left(seconds_until(waiting.deadline, now)));
        }
        let (_, started) = self.sessions.first_key_value()?;
        let name = view::short_name(&started.technician_name);
        let status = self.words.status(&name, self.sessions.len() - 1, minutes_left(started, now));
        let is_recorded = self.sessions.values().any(|started| started.recorded == Some(true));
        Some(if is_recorded { format!("{} {status}", self.words.recording()) } else { status })
    }

    /// What the person is asked to type.
    pub(crate) fn prompt(&self) -> Option<String> {
        if let Some(question) = self.questions.front() {
            return Some(match (question.guarded, question.choosing) {
                (true, _) => self.words.guarded_prompt().to_owned(),
                (false, true) => self.words.which().to_owned(),
                (false, false) => self.words.prompt(view::several(&question.ask)).to_owned(),
            });
        }
        if let Some(waiting) = self.notes.front() {
            return Some(self.words.note_prompt(!waiting.note.choices.is_empty()).to_owned());
        }
        if let Some(chat) = self.chats.current() {
            let name = view::short_name(&chat.technician_name);
            return Some(self.words.chat_prompt(&name, self.chats.count() - 1));
        }
        if !self.warnings.is_empty() {
            return Some(self.words.warning_prompt().to_owned());
        }
        (!self.sessions.is_empty()).then(|| self.words.session_prompt().to_owned())
    }

    /// Seconds left for what counts on the screen, rounded up.
    pub(crate) fn seconds_left(&self, now: Now) -> Option<u64> {
        let question = self.questions.front().map(|question| question.deadline);
        match question {
            Some(deadline) => Some(seconds_until(deadline, now)),
            None if !self.warnings.is_empty() => self.warnings.counting(now).map(|(seconds, _)| seconds),
            None => self.notes.front().map(|waiting| seconds_until(waiting.deadline, now)),
        }
    }

    /// True while something counts.
    pub(crate) fn is_counting(&self) -> bool {
        self.questions.front().is_some()
            || self.notes.front().is_some()
            || !self.warnings.is_empty()
            || !self.sessions.is_empty()
    }

    fn ask(&mut self, now: Now, ask: Ask) -> Vec<Output> {
        let nonce = ask.nonce;
        let no = |allowed| Output::Send(FromHelper::Answer(distans_proto::local::Answer { nonce, allowed }));
        if let Some(reply) = self.reply {
            let allowed = reply.of(ask.scopes);
            let text =
                format!("{} {}", view::answer(self.words, ask.scopes, allowed), self.words.automatic());
            let shown = Output::Call(view::question(self.words, &ask, false));
            return vec![shown, Output::Show(text), no(allowed)];
        }
        if !self.questions.push(now.instant, ask) {
            return vec![no(ScopeSet::EMPTY)];
        }
        self.show_next(now)
    }

    /// Puts what is next on the screen, if it is not there.
    fn show_next(&mut self, now: Now) -> Vec<Output> {
        let typing = self.chats.current().is_some()
            || self.notes.front().is_some_and(|waiting| waiting.shown.is_some())
            || self.elsewhere.is_some_and(|then| now.instant.duration_since(then) < ELSEWHERE);
        if let Some(question) = self.questions.front_mut() {
            if question.shown.is_some() {
                return Vec::new();
            }
            question.shown = Some(now.instant);
            question.guarded = self.person && typing;
            let text = view::question(self.words, &question.ask, question.guarded);
            // The message comes again after it.
            if let Some(waiting) = self.notes.front_mut() {
                waiting.shown = None;
            }
            return vec![Output::Call(text)];
        }
        let mut outputs: Vec<Output> = self.held.drain(..).collect();
        if let Some(waiting) = self.notes.front_mut().filter(|waiting| waiting.shown.is_none()) {
            waiting.shown = Some(now.instant);
            outputs.push(Output::Call(view::note(self.words, &waiting.note)));
        }
        outputs
    }

    /// Shows something at once, and the question that is on the screen, if any, below it again.
    fn before_the_question(&mut self, show: impl FnOnce(&mut Self) -> Vec<Output>) -> Vec<Output> {
        let mut outputs = show(self);
        if let Some(question) = self.questions.front().filter(|question| question.shown.is_some()) {
            outputs.push(Output::Show(view::question(self.words, &question.ask, question.guarded)));
        }
        outputs
    }

    /// What a technician wrote: now, or when the question on the screen is over.
    fn written(&mut self, output: Output) -> Vec<Output> {
        if self.questions.front().is_none() {
            return vec![output];
        }
        if self.held.len() >= HELD {
            self.held.pop_front();
        }
        self.held.push_back(output);
        Vec::new()
    }

    fn line_for_question(&mut self, now: Now, line: &str) -> Vec<Output> {
        let has_chat = self.chats.current().is_some();
        let Some(question) = self.questions.front_mut() else { return Vec::new() };
        let early = is_early(question.shown, now);
        let allowed = match questions::understand(question, line) {
            questions::Meant::Allow(allowed) if self.person && early && !allowed.is_empty() => {
                return vec![Output::Show(self.words.too_early().to_owned())];
            }
            questions::Meant::Allow(allowed) => allowed,
            questions::Meant::Choose => {
                question.choosing = true;
                return Vec::new();
            }
            questions::Meant::Nothing => return Vec::new(),
            questions::Meant::SayTheWord => return vec![Output::Show(self.words.say_the_word().to_owned())],
            questions::Meant::Unclear => {
                let mut text = self.words.not_understood().to_owned();
                if has_chat {
                    text = format!("{text} {}", self.words.not_sent());
                }
                return vec![Output::Show(text)];
            }
        };
        let Some(question) = self.questions.take_front() else { return Vec::new() };
        let text = view::answer(self.words, question.ask.scopes, allowed);
        let mut outputs = vec![Output::Show(text), Output::Send(question.answer(allowed))];
        outputs.extend(self.show_next(now));
        outputs
    }

    fn note(&mut self, now: Now, note: Note) -> Vec<Output> {
        if !notes::asks(&note) {
            return self.written(Output::Call(view::note(self.words, &note)));
        }
        let chosen = match self.reply {
            Some(Reply::Yes) if note.choices.is_empty() => Some(Chosen::Read),
            Some(Reply::Yes) => Some(Chosen::One(0)),
            Some(Reply::No) => Some(Chosen::Closed),
            Some(Reply::Only(_)) | None => None,
        };
        if let Some(chosen) = chosen {
            let text = format!("{} {}", view::note_answer(self.words, &note, chosen), self.words.automatic());
            let shown = Output::Call(view::note(self.words, &note));
            return vec![shown, Output::Show(text), Output::Send(notes::reply(&note, chosen))];
        }
        let closed = Output::Send(notes::reply(&note, Chosen::Closed));
        if !self.notes.push(now.instant, note) {
            return vec![closed];
        }
        self.show_next(now)
    }

    fn line_for_note(&mut self, now: Now, line: &str) -> Vec<Output> {
        let Some(waiting) = self.notes.front() else { return Vec::new() };
        let early = is_early(waiting.shown, now);
        let chosen = match notes::understand(&waiting.note, line) {
            notes::Meant::Answer(chosen) if self.person && early && chosen != Chosen::Closed => {
                return vec![Output::Show(self.words.note_early().to_owned())];
            }
            notes::Meant::Answer(chosen) => chosen,
            notes::Meant::Stop => return self.stop_all(),
            notes::Meant::Nothing => return Vec::new(),
            notes::Meant::Unclear => return vec![Output::Show(self.words.note_unclear().to_owned())],
        };
        let Some(waiting) = self.notes.take_front() else { return Vec::new() };
        self.elsewhere = Some(now.instant);
        let text = view::note_answer(self.words, &waiting.note, chosen);
        let mut outputs = vec![Output::Show(text), Output::Send(notes::reply(&waiting.note, chosen))];
        outputs.extend(self.show_next(now));
        outputs
    }

    fn chat_started(&mut self, now: Now, started: ChatStarted) -> Vec<Output> {
        let text = view::chat_started(self.words, &started);
        let nonce = started.nonce;
        if !self.chats.start(started) {
            return vec![Output::Send(FromHelper::ChatEnd(nonce))];
        }
        self.elsewhere = Some(now.instant);
        // What is typed from now on may be meant for the chat.
        if let Some(question) = self.questions.front_mut() {
            question.guarded = self.person;
        }
        self.written(Output::Call(text))
    }

    fn chat_line(&mut self, line: &ChatLine) -> Vec<Output> {
        let Some(chat) = self.chats.get(line.nonce) else { return Vec::new() };
        let text = view::chat_line(self.words, chat, line);
        self.written(Output::Above(text))
    }

    fn chat_ended(&mut self, now: Now, nonce: Nonce) -> Vec<Output> {
        let Some(chat) = self.chats.end(nonce) else { return Vec::new() };
        self.elsewhere = Some(now.instant);
        let text = self.words.chat_ended(&view::name(&chat.technician_name));
        self.written(Output::Show(text))
    }

    fn line_for_chat(&mut self, now: Now, meant: chats::Meant) -> Vec<Output> {
        self.elsewhere = Some(now.instant);
        match meant {
            chats::Meant::Say(message) | chats::Meant::End(message) => vec![Output::Send(message)],
            chats::Meant::Stop => self.stop_all(),
            chats::Meant::Switched | chats::Meant::Nothing => Vec::new(),
            chats::Meant::TooLong => vec![Output::Show(self.words.too_long().to_owned())],
            chats::Meant::TooFast => vec![Output::Show(self.words.too_fast().to_owned())],
        }
    }

    /// A question, a message or a warning that is void.
    fn withdraw(&mut self, now: Now, nonce: Nonce) -> Vec<Output> {
        let mut outputs = Vec::new();
        if let Some(question) = self.questions.remove(nonce) {
            if question.shown.is_some() {
                outputs.push(Output::Show(self.words.withdrawn().to_owned()));
            }
        } else if let Some(waiting) = self.notes.remove(nonce) {
            self.elsewhere = Some(now.instant);
            if waiting.shown.is_some() {
                outputs.push(Output::Show(self.words.note_gone().to_owned()));
            }
        } else {
            outputs.extend(self.warnings.withdraw(nonce));
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
}

fn is_early(shown: Option<Instant>, now: Now) -> bool {
    shown.is_none_or(|shown| now.instant.duration_since(shown) < READING_TIME)
}

/// Whole minutes until a session's end, rounded up.
fn minutes_left(started: &Started, now: Now) -> u64 {
    started.ends.since(now.wall).as_secs().div_ceil(60)
}

/// Whole seconds until a moment, rounded up.
fn seconds_until(moment: Instant, now: Now) -> u64 {
    let left = moment.saturating_duration_since(now.instant);
    left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "desk_tests.rs"]
pub(crate) mod tests;
