//! Cleans bytes from a PC for the technician's terminal, piece by piece.
//!
//! A PC's output could move the cursor, rename the window, fill the clipboard or make text read
//! backwards. So escape sequences are dropped, a lone carriage return becomes a new line (nothing
//! on the screen is ever overwritten) and every other steering character or broken byte shows as
//! U+FFFD. Pieces may be cut anywhere, also inside a letter or a sequence; what is held between
//! pieces is a few bytes.

use distans_proto::text::is_steering;

/// Longest sequence that is dropped without a trace; a longer one is shown from there on, so that
/// an unfinished sequence cannot hide output.
const SEQUENCE_LIMIT: usize = 512;

/// Where in a sequence the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Ordinary text.
    Text,
    /// After a carriage return: what follows decides.
    Return,
    /// After ESC.
    Escape,
    /// In `ESC [ …`, up to its final letter.
    Control(usize),
    /// In `ESC ] …` and its kin, up to BEL or `ESC \`.
    Text7(usize),
    /// After ESC inside such a text.
    TextEscape(usize),
}

/// The cleaner of one stream.
#[derive(Debug)]
pub struct Cleaner {
    state: State,
    /// Start of a UTF-8 letter whose rest has not come yet; at most 3 bytes.
    partial: Vec<u8>,
}

impl Default for Cleaner {
    fn default() -> Self {
        Self { state: State::Text, partial: Vec::new() }
    }
}

impl Cleaner {
    /// The clean text of the next piece.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let mut held = std::mem::take(&mut self.partial);
        held.extend_from_slice(bytes);
        let mut out = String::with_capacity(held.len());
        let mut rest = held.as_slice();
        while !rest.is_empty() {
            let (text, broken, next) = match std::str::from_utf8(rest) {
                Ok(text) => (text, false, &rest[rest.len()..]),
                Err(error) => {
                    let (good, tail) = rest.split_at(error.valid_up_to());
                    // INVARIANT: `good` is UTF-8 by `valid_up_to`.
                    let text = std::str::from_utf8(good).unwrap_or_default();
                    match error.error_len() {
                        Some(length) => (text, true, &tail[length..]),
                        None => {
                            self.partial = tail.to_vec();
                            (text, false, &tail[tail.len()..])
                        }
                    }
                }
            };
            text.chars().for_each(|character| self.take(character, &mut out));
            if broken {
                self.take(char::REPLACEMENT_CHARACTER, &mut out);
            }
            rest = next;
        }
        out
    }

    /// What is still held at the end of the stream: half a letter shows as U+FFFD.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        if !std::mem::take(&mut self.partial).is_empty() {
            self.take(char::REPLACEMENT_CHARACTER, &mut out);
        }
        if self.state == State::Return {
            out.push('\n');
        }
        self.state = State::Text;
        out
    }

    fn take(&mut self, character: char, out: &mut String) {
        self.state = match (self.state, character) {
            // A new line ends every sequence: nothing hides beyond its line.
            (_, '\n') => {
                out.push('\n');
                State::Text
            }
            (State::Return, '\r') => State::Return,
            (State::Return, _) => {
                out.push('\n');
                self.state = State::Text;
                return self.take(character, out);
            }
            (State::Text, '\u{1B}') => State::Escape,
            (State::Text, '\r') => State::Return,
            (State::Text, character) => {
                out.push(if is_steering(character) { char::REPLACEMENT_CHARACTER } else { character });
                State::Text
            }
            (State::Escape, '[') => State::Control(0),
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::Text7(0),
            (State::Escape, '\u{1B}') => State::Escape,
            // `ESC ( B` and its kin carry intermediate characters before the final one.
            (State::Escape, ' '..='/') => State::Escape,
            (State::Escape, _) => State::Text,
            (State::Control(_) | State::Text7(_), '\r') => State::Return,
            (State::Control(_), '\u{1B}') => State::Escape,
            (State::Control(_), '@'..='~') => State::Text,
            (State::Control(length), _) if length < SEQUENCE_LIMIT => State::Control(length + 1),
            (State::Text7(_), '\u{07}' | '\u{9C}') => State::Text,
            (State::Text7(length), '\u{1B}') => State::TextEscape(length),
            (State::TextEscape(_), '\\') => State::Text,
            (State::TextEscape(length), '\u{1B}') => State::TextEscape(length),
            (State::Text7(length) | State::TextEscape(length), _) if length < SEQUENCE_LIMIT => {
                State::Text7(length + 1)
            }
            (State::Control(_) | State::Text7(_) | State::TextEscape(_), character) => {
                self.state = State::Text;
                return self.take(character, out);
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> String {
        let mut cleaner = Cleaner::default();
        let mut text = cleaner.push(bytes);
        text.push_str(&cleaner.finish());
        text
    }

    #[test]
    fn sequences_go_and_text_stays() {
        assert_eq!(whole(b"\x1b[31mred\x1b[0m and \x1b(Bplain\n"), "red and plain\n");
        assert_eq!(whole(b"a\x1b]52;c;ZXZpbA==\x07b\x1b]0;title\x1b\\c"), "abc");
        assert_eq!(whole("Grövelsjön\tÅsen\n".as_bytes()), "Grövelsjön\tÅsen\n");
    }

    #[test]
    fn carriage_returns_never_overwrite() {
        assert_eq!(whole(b"one\r\ntwo\rthree\r"), "one\ntwo\nthree\n");
    }

    #[test]
    fn an_unfinished_sequence_hides_no_later_line() {
        assert_eq!(whole(b"a\x1b]0;never closed\nshown\n"), "a\nshown\n");
        let long = [b"\x1b]".as_slice(), &[b'x'; 2000], b"shown"].concat();
        assert!(whole(&long).ends_with("xshown"));
    }

    #[test]
    fn bidi_c1_bell_and_broken_bytes_show_as_replacement() {
        assert_eq!(
            whole("a\u{202e}b\u{9b}31m\u{8}\u{7}".as_bytes()),
            "a\u{fffd}b\u{fffd}31m\u{fffd}\u{fffd}"
        );
        assert_eq!(whole(b"x\x9b1my\xc3"), "x\u{fffd}1my\u{fffd}");
    }

    #[test]
    fn every_way_of_cutting_gives_the_same_clean_text() {
        let hostile =
            "Å\u{1b}[1;31mö\u{1b}]8;;http://x\u{1b}\\länk\u{1b}]8;;\u{7}\r\n\u{202e}€😀\r".as_bytes();
        let mut bytes = hostile.to_vec();
        bytes.extend_from_slice(b"\xff\xf0\x9f\x98");
        let expected = whole(&bytes);
        assert!(!expected.chars().any(is_steering), "{expected:?}");
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut cleaner = Cleaner::default();
                let mut text = cleaner.push(&bytes[..first]);
                text.push_str(&cleaner.push(&bytes[first..second]));
                text.push_str(&cleaner.push(&bytes[second..]));
                text.push_str(&cleaner.finish());
                assert_eq!(text, expected, "cut at {first} and {second}");
            }
        }
    }
}
