//! Text from somebody we do not trust, in a type whose `Display` is safe.
//!
//! Host names, user names, command output and tickets come from machines and people that may
//! be hostile. Printing them raw lets them move a terminal's cursor, fake lines of a log or
//! reorder what is read. [`Untrusted`] keeps the original for comparing and storing, and shows
//! a cleaned form; [`clean`] is the same rule for streams of text.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What stands in place of a character that is not shown.
const REPLACEMENT: char = '\u{FFFD}';

/// True for characters that steer a terminal or reorder text: C0 except line feed and tab,
/// DEL, C1, bidirectional controls, line and paragraph separators, invisible tags.
pub fn is_steering(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{00}'..='\u{1F}' | '\u{7F}'..='\u{9F}' => true,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        '\u{FEFF}' | '\u{E0000}'..='\u{E007F}' => true,
        _ => false,
    }
}

/// The text without steering characters; each is replaced by U+FFFD. Keeps line feeds and tabs.
pub fn clean(text: &str) -> String {
    text.chars().map(|character| if is_steering(character) { REPLACEMENT } else { character }).collect()
}

/// One line of text for a table cell or a log field: as [`clean`], and line feeds and tabs too
/// become a space; cut to `limit` characters with an ellipsis.
pub fn clean_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            line.push('…');
            break;
        }
        line.push(match character {
            '\n' | '\t' => ' ',
            character if is_steering(character) => REPLACEMENT,
            character => character,
        });
    }
    line
}

/// Text as it came, at most [`Untrusted::LIMIT`] bytes; `Display` shows it as one safe line.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Longest text kept, in bytes; more is cut at a character's edge.
    pub const LIMIT: usize = 4096;

    /// Takes text as it came, cut to [`Self::LIMIT`].
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.len() > Self::LIMIT {
            text.truncate(text.floor_char_boundary(Self::LIMIT));
        }
        Self(text)
    }

    /// The text as it came. For comparing and storing, never for showing.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// True if there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&clean_line(&self.0, usize::MAX))
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Untrusted({:?})", clean_line(&self.0, 80))
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<C> Encode<C> for Untrusted {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Untrusted {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let text = decoder.str()?;
        if text.len() > Self::LIMIT {
            return Err(minicbor::decode::Error::message("text longer than 4096 bytes"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_never_show() {
        let hostile = Untrusted::from("PC\u{1b}]52;c;AAAA\u{07}\u{202e}\u{9b}31m\r\nx");
        let shown = hostile.to_string();
        assert!(!shown.chars().any(is_steering) && !shown.contains('\n'), "{shown:?}");
        assert!(shown.starts_with("PC"));
    }

    #[test]
    fn swedish_letters_stay() {
        assert_eq!(clean("Grövelsjön, Älvdalen, Åsen\n"), "Grövelsjön, Älvdalen, Åsen\n");
    }

    #[test]
    fn long_text_is_cut_at_a_characters_edge() {
        let text = Untrusted::new("å".repeat(3000));
        assert!(text.raw().len() <= Untrusted::LIMIT && text.raw().chars().all(|c| c == 'å'));
    }
}
