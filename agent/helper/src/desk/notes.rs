//! Technicians' messages that wait for an answer: one at a time on the screen, and never in front
//! of a consent question.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use distans_proto::local::{Choice, Chosen, FromHelper, Nonce, Note};
use distans_proto::text::Untrusted;

/// Messages that may wait; more are closed without an answer.
pub(super) const LIMIT: usize = 8;

/// A message that waits for its answer.
pub(super) struct Waiting {
    pub(super) note: Note,
    pub(super) deadline: Instant,
    /// When it came on the screen; `None` while it waits for its turn.
    pub(super) shown: Option<Instant>,
}

/// Those that are not answered yet, in the order they came.
#[derive(Default)]
pub(super) struct Notes {
    waiting: VecDeque<Waiting>,
}

impl Notes {
    pub(super) fn front(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Waiting> {
        self.waiting.front_mut()
    }

    pub(super) fn take_front(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Puts a message in line; false if the line is too long.
    pub(super) fn push(&mut self, now: Instant, note: Note) -> bool {
        if self.waiting.len() >= LIMIT {
            return false;
        }
        let deadline = now + Duration::from_secs(u64::from(note.timeout_s));
        self.waiting.push_back(Waiting { note, deadline, shown: None });
        true
    }

    pub(super) fn remove(&mut self, nonce: Nonce) -> Option<Waiting> {
        let index = self.waiting.iter().position(|waiting| waiting.note.nonce == nonce)?;
        self.waiting.remove(index)
    }

    /// One whose time is up.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<Waiting> {
        let index = self.waiting.iter().position(|waiting| waiting.deadline <= now)?;
        self.waiting.remove(index)
    }
}

/// True if somebody's answer is waited for.
pub(super) const fn asks(note: &Note) -> bool {
    note.confirm || !note.choices.is_empty()
}

pub(super) fn reply(note: &Note, what: Chosen) -> FromHelper {
    FromHelper::Choice(Choice { nonce: note.nonce, what })
}

/// What a typed line means for a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Answer(Chosen),
    /// The person wants to end the sessions that are on.
    Stop,
    Nothing,
    Unclear,
}

/// Reads a line that was trimmed and made small: a choice's number, the choice or a beginning that
/// fits no other, or one of our own words, if no choice reads the same.
pub(super) fn understand(note: &Note, line: &str) -> Meant {
    let number = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let spelled = || note.choices.iter().position(|choice| choice.raw().trim().to_lowercase() == line);
    let begun = || {
        let begins =
            |choice: &Untrusted| !line.is_empty() && choice.raw().trim().to_lowercase().starts_with(line);
        let mut fitting = (0..note.choices.len()).filter(|index| begins(&note.choices[*index]));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let index = spelled().or(number.filter(|index| *index < note.choices.len())).or_else(begun);
    if let Some(index) = index.and_then(|index| u8::try_from(index).ok()) {
        return Meant::Answer(Chosen::One(index));
    }
    match line {
        "" | "ok" if note.choices.is_empty() => Meant::Answer(Chosen::Read),
        "" => Meant::Nothing,
        "x" | "stäng" | "stang" | "close" => Meant::Answer(Chosen::Closed),
        "a" | "avsluta" | "stop" | "stopp" => Meant::Stop,
        _ => Meant::Unclear,
    }
}
