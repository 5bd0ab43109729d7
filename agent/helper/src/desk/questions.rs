//! Consent questions: one at a time on the screen, the others wait their turn and lose their time
//! meanwhile. Silence is a no.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use distans_proto::local::{Answer, Ask, FromHelper, Nonce};
use distans_proto::scope::ScopeSet;

use crate::view;

/// Questions that may wait; more are answered no.
pub(super) const LIMIT: usize = 8;

/// A question.
pub(super) struct Question {
    pub(super) ask: Ask,
    pub(super) deadline: Instant,
    /// When it came on the screen; `None` while it waits.
    pub(super) shown: Option<Instant>,
    /// The person said yes to a part and is choosing which.
    pub(super) choosing: bool,
    /// The person was typing something else when it came, a line of a chat or an answer to a
    /// message: a yes needs a word of its own then.
    pub(super) guarded: bool,
}

impl Question {
    /// The answer, never more than was asked.
    pub(super) fn answer(&self, allowed: ScopeSet) -> FromHelper {
        let allowed = allowed.intersect(self.ask.scopes);
        FromHelper::Answer(Answer { nonce: self.ask.nonce, allowed })
    }
}

/// Those that are not answered yet, in the order they came.
#[derive(Default)]
pub(super) struct Questions {
    waiting: VecDeque<Question>,
}

impl Questions {
    pub(super) fn front(&self) -> Option<&Question> {
        self.waiting.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Question> {
        self.waiting.front_mut()
    }

    pub(super) fn take_front(&mut self) -> Option<Question> {
        self.waiting.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Puts a question in line; false if the line is too long.
    pub(super) fn push(&mut self, now: Instant, ask: Ask) -> bool {
        if self.waiting.len() >= LIMIT {
            return false;
        }
        let deadline = now + Duration::from_secs(u64::from(ask.timeout_s));
        self.waiting.push_back(Question { ask, deadline, shown: None, choosing: false, guarded: false });
        true
    }

    pub(super) fn remove(&mut self, nonce: Nonce) -> Option<Question> {
        let index = self.waiting.iter().position(|question| question.ask.nonce == nonce)?;
        self.waiting.remove(index)
    }

    /// One whose time is up.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<Question> {
        let index = self.waiting.iter().position(|question| question.deadline <= now)?;
        self.waiting.remove(index)
    }
}

/// What a typed line means for a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// Allow this; empty = no.
    Allow(ScopeSet),
    /// Allow a part, and say which.
    Choose,
    Nothing,
    Unclear,
    /// A yes, but perhaps to something else.
    SayTheWord,
}

/// Reads a line that was trimmed and made small.
pub(super) fn understand(question: &Question, line: &str) -> Meant {
    let asked = question.ask.scopes;
    let word = ["tillåt", "tillat", "allow"].iter().find_map(|word| line.strip_prefix(word));
    let line = match word {
        Some("") => return Meant::Allow(asked),
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let meant = match line {
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
    };
    match meant {
        Meant::Allow(allowed) if question.guarded && word.is_none() && !allowed.is_empty() => {
            Meant::SayTheWord
        }
        Meant::Choose if question.guarded => Meant::SayTheWord,
        meant => meant,
    }
}
