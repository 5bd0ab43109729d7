//! Words with the person at the PC: a text, a question with choices, a conversation.
//!
//! `message` answers with one item, a [`Reply`]. `chat` takes [`Say`] items and answers with
//! [`ChatNews`] until one side ends it: the technician by ending the input, the person by saying
//! so.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::text::Untrusted;

/// Longest text of a message, in characters.
pub const TEXT_LIMIT: usize = 1000;

/// Most lines of a message.
pub const TEXT_LINES: usize = 20;

/// Most choices, and most characters of each.
pub const CHOICES_LIMIT: (usize, usize) = (6, 40);

/// Longest that a message may wait for its answer, seconds.
pub const LONGEST_WAIT_S: u16 = 3600;

/// Longest line of a conversation, in characters.
pub const LINE_LIMIT: usize = 500;

/// Text on the PC's screen.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Message {
    /// The text, at most [`TEXT_LIMIT`] characters in [`TEXT_LINES`] lines.
    #[n(0)]
    pub text: Untrusted,
    /// Answers to choose from, within [`CHOICES_LIMIT`]; empty = nothing is asked.
    #[n(1)]
    pub choices: Vec<Untrusted>,
    /// It is taken away after so many seconds, at most [`LONGEST_WAIT_S`].
    #[n(2)]
    pub timeout_s: u16,
    /// Without choices: wait until the person says that it is read.
    #[n(3)]
    pub confirm: bool,
}

impl Message {
    /// What is wrong with its form, as one sentence, if anything is: the technician's program asks
    /// before it sends, and the PC before it shows.
    pub fn problem(&self) -> Option<String> {
        let (most, longest) = CHOICES_LIMIT;
        let text = self.text.raw();
        if text.trim().is_empty() {
            return Some("a message needs a text".to_owned());
        }
        if text.chars().count() > TEXT_LIMIT || text.lines().count() > TEXT_LINES {
            return Some(format!("a message may have {TEXT_LIMIT} characters in {TEXT_LINES} lines"));
        }
        if self.choices.len() == 1 || self.choices.len() > most {
            return Some(format!("a question needs 2 to {most} choices"));
        }
        for (index, choice) in self.choices.iter().enumerate() {
            let shown = choice.raw();
            if shown.trim().is_empty() || shown.chars().count() > longest || shown.contains(['\n', '\r']) {
                return Some(format!("a choice must be one line of 1 to {longest} characters"));
            }
            let folded = shown.trim().to_lowercase();
            if self.choices[..index].iter().any(|other| other.raw().trim().to_lowercase() == folded) {
                return Some("two choices read the same".to_owned());
            }
        }
        if self.timeout_s == 0 || self.timeout_s > LONGEST_WAIT_S {
            return Some(format!("a message may wait 1 to {LONGEST_WAIT_S} seconds"));
        }
        None
    }

    /// True if somebody's answer is waited for.
    pub const fn asks(&self) -> bool {
        self.confirm || !self.choices.is_empty()
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Answered {
    /// It is on the screen; no answer was waited for.
    #[n(0)]
    Shown,
    /// The person said that it is read.
    #[n(1)]
    Read,
    /// The person chose; see [`Reply::choice`].
    #[n(2)]
    Chosen,
    /// The person closed it without an answer.
    #[n(3)]
    Closed,
    /// Nobody answered in time.
    #[n(4)]
    TimedOut,
    /// Nobody is there to read it.
    #[n(5)]
    Nobody,
}

/// The answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reply {
    /// What became of it.
    #[n(0)]
    pub answered: Answered,
    /// Which of the choices, counted from 0.
    #[n(1)]
    pub choice: Option<u8>,
    /// The account that answered.
    #[n(2)]
    pub who: Option<Untrusted>,
}

/// A conversation; lines go both ways as items until one side ends it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Chat {}

/// A line of a conversation, at most [`LINE_LIMIT`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Say {
    /// The line.
    #[n(0)]
    pub text: Untrusted,
}

/// From the PC in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ChatNews {
    /// The person wrote.
    #[n(0)]
    Wrote(#[n(0)] Wrote),
    /// So many screens show the conversation from now on; 0 = nobody reads it.
    #[n(1)]
    Readers(#[n(0)] u8),
    /// It is over.
    #[n(2)]
    Over(#[n(0)] ChatOver),
}

/// A line from the person.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Wrote {
    /// The line.
    #[n(0)]
    pub text: Untrusted,
    /// The account that wrote it.
    #[n(1)]
    pub who: Untrusted,
}

/// Who ended a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum ChatOver {
    /// The technician.
    #[n(0)]
    Technician,
    /// The person at the PC.
    #[n(1)]
    Person,
    /// There was nobody to talk to.
    #[n(2)]
    Nobody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_bounded_in_every_way() {
        let choices = |list: &[&str]| list.iter().map(|choice| (*choice).into()).collect::<Vec<Untrusted>>();
        let fine =
            Message { text: "Hej".into(), choices: choices(&["Ja", "Nej"]), timeout_s: 60, confirm: false };
        assert_eq!(fine.problem(), None);
        assert_eq!(Message { choices: Vec::new(), ..fine.clone() }.problem(), None);
        for (what, bad) in [
            ("no text", Message { text: " \n".into(), ..fine.clone() }),
            ("a long text", Message { text: "å".repeat(TEXT_LIMIT + 1).into(), ..fine.clone() }),
            ("many lines", Message { text: "x\n".repeat(TEXT_LINES + 1).into(), ..fine.clone() }),
            ("one choice", Message { choices: choices(&["Ja"]), ..fine.clone() }),
            (
                "many choices",
                Message { choices: choices(&["1", "2", "3", "4", "5", "6", "7"]), ..fine.clone() },
            ),
            ("an empty choice", Message { choices: choices(&["Ja", " "]), ..fine.clone() }),
            ("a long choice", Message { choices: choices(&["Ja", &"x".repeat(41)]), ..fine.clone() }),
            ("a choice of two lines", Message { choices: choices(&["Ja", "x\ny"]), ..fine.clone() }),
            ("the same twice", Message { choices: choices(&["Ja", "ja "]), ..fine.clone() }),
            ("no time", Message { timeout_s: 0, ..fine.clone() }),
            ("for ever", Message { timeout_s: LONGEST_WAIT_S + 1, ..fine }),
        ] {
            assert!(bad.problem().is_some(), "{what}");
        }
    }
}
