//! What a shell on a PC may do to the technician's terminal: an allow-list.
//!
//! A hostile PC writes bytes of its own choosing. Most of what terminals understand is harmless
//! and needed: text, colours, moving about, the alternate screen. Some is not: it fills the
//! clipboard, makes the terminal *answer* (and the answer is typed into the shell), renames the
//! window, deletes what scrolled by. So nothing passes but what stands in the tables here; a
//! sequence is held back until it is whole, and passes whole or not at all. What comes out is
//! always UTF-8, the same however the input is cut, and never leaves the terminal in the middle
//! of a sequence.

use super::modes::Modes;

#[cfg(test)]
mod tests;

/// Longest control sequence that may pass, between `ESC [` and its final letter.
const SEQUENCE_LIMIT: usize = 256;

/// Largest number in a control sequence.
const NUMBER_LIMIT: u32 = 9_999;

/// After so many bytes an unfinished text (title, clipboard, picture) is given up, so that it
/// cannot hide output for ever.
const TEXT_LIMIT: usize = 64 * 1024;

/// Final letters of plain sequences that may pass: moving, erasing, inserting, scrolling, tabs.
const PLAIN: &[u8] = b"@ABCDEFGHIJKLMPSXZ`abdefgmr";

/// Private modes (`CSI ? … h` and `l`) that may pass: cursor keys, screen colours, origin, wrap,
/// blinking, cursor, alternate screens, keypad, mouse, bracketed paste. Not: 132 columns, telling
/// when the window has the focus, answering to a change of size.
const MODES: &[u32] = &[1, 5, 6, 7, 12, 25, 47, 66, 1000, 1002, 1003, 1006, 1047, 1048, 1049, 2004];

/// Where in a sequence the output stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Ordinary text.
    Ground,
    /// After `ESC`.
    Escape,
    /// After `ESC` and this character, which wants one more.
    Pair(u8),
    /// In `ESC [ …`, up to its final letter.
    Control,
    /// The same, and already too long to pass.
    TooLong,
    /// In `ESC ] …` and its kin, of which nothing passes, with the bytes so far.
    Text(usize),
    /// After `ESC` in such a text.
    TextEscape(usize),
}

/// The filter of one shell's output. Holds at most one sequence and three bytes of a letter.
#[derive(Debug)]
pub struct Filter {
    state: State,
    /// Between `ESC [` and the final letter.
    sequence: Vec<u8>,
    letter: Letter,
    modes: Modes,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            state: State::Ground,
            sequence: Vec::new(),
            letter: Letter::default(),
            modes: Modes::default(),
        }
    }
}

impl Filter {
    /// What of the next piece may reach the terminal.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.take(*byte, &mut out);
        }
        out
    }

    /// At the end: what is unfinished is dropped, and what was switched on is switched off.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.state == State::Ground {
            self.letter.give_up(&mut out);
        }
        self.state = State::Ground;
        self.sequence.clear();
        self.letter = Letter::default();
        out.extend(self.modes.reset());
        out
    }

    /// True while a full-screen program has the alternate screen.
    pub fn is_full_screen(&self) -> bool {
        self.modes.is_full_screen()
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Ground if byte >= 0x80 || !self.letter.is_empty() => {
                if !self.letter.take(byte, out) {
                    self.take(byte, out); // half a letter was given up; this byte is another's
                }
            }
            State::Ground => self.ground(byte, out),
            State::Escape => self.escape(byte, out),
            State::Pair(first) => self.pair(first, byte, out),
            State::Control | State::TooLong => self.control(byte, out),
            State::Text(length) => self.state = text(byte, length),
            State::TextEscape(length) => match byte {
                b'\\' => self.state = State::Ground,
                0x1B => {}
                // An escape ends the text, whatever comes after it.
                _ if length < TEXT_LIMIT => {
                    self.state = State::Escape;
                    self.take(byte, out);
                }
                _ => self.state = State::Ground,
            },
        }
    }

    fn ground(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            0x1B => self.state = State::Escape,
            0x20..=0x7E => out.push(byte),
            _ => self.steer(byte, out),
        }
    }

    /// Single control characters: bell, backspace, tab, line ends, character sets.
    fn steer(&mut self, byte: u8, out: &mut Vec<u8>) {
        if matches!(byte, 0x07..=0x0F) {
            self.modes.shift(byte);
            out.push(byte);
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = State::Ground;
        match byte {
            b'[' => {
                self.sequence.clear();
                self.state = State::Control;
            }
            b']' | b'P' | b'X' | b'^' | b'_' => self.state = State::Text(0),
            b'(' | b')' | b'#' | b' ' | b'%' | b'*' | b'+' | b'-' | b'.' | b'/' | b'$' => {
                self.state = State::Pair(byte);
            }
            // A reset, as far as it goes without what scrolled by: many terminals delete that, too.
            b'c' => {
                out.extend(self.modes.reset());
                out.extend_from_slice(b"\x1b[!p\x1b[H\x1b[2J");
            }
            // Save and restore the cursor, line moves, a tab stop, keypad.
            b'7' | b'8' | b'D' | b'E' | b'H' | b'M' | b'=' | b'>' => {
                self.modes.escape(byte);
                out.extend_from_slice(&[0x1B, byte]);
            }
            0x1B => self.state = State::Escape,
            0x18 | 0x1A => {}
            0x00..=0x1F => {
                self.steer(byte, out);
                self.state = State::Escape;
            }
            0x80.. => self.take(byte, out),
            _ => {} // asks who the terminal is, or steers it in ways nobody needs
        }
    }

    fn pair(&mut self, first: u8, byte: u8, out: &mut Vec<u8>) {
        self.state = State::Ground;
        match (first, byte) {
            // Line drawing, and back to plain letters.
            (b'(' | b')', b'0' | b'A' | b'B') => {
                self.modes.designated();
                out.extend_from_slice(&[0x1B, first, byte]);
            }
            (b'#', b'8') => out.extend_from_slice(&[0x1B, first, byte]),
            (_, 0x1B) => self.state = State::Escape,
            (_, 0x20..=0x2F) => self.state = State::Pair(b' '), // more of these: none passes
            (_, 0x80..) => self.take(byte, out),
            _ => {}
        }
    }

    fn control(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            0x20..=0x3F if self.state == State::Control && self.sequence.len() < SEQUENCE_LIMIT => {
                self.sequence.push(byte);
            }
            0x20..=0x3F => self.state = State::TooLong,
            0x40..=0x7E => {
                let whole = self.state == State::Control;
                self.state = State::Ground;
                if whole {
                    let sequence = std::mem::take(&mut self.sequence);
                    if let Some(allowed) = allowed(&sequence, byte) {
                        self.modes.control(&allowed);
                        out.extend_from_slice(b"\x1b[");
                        out.extend_from_slice(&allowed);
                    }
                    self.sequence = sequence;
                }
                self.sequence.clear();
            }
            0x1B => self.state = State::Escape,
            0x18 | 0x1A => self.state = State::Ground,
            0x00..=0x17 | 0x19 | 0x1C..=0x1F => self.steer(byte, out),
            0x7F => {}
            0x80.. => {
                self.state = State::Ground;
                self.take(byte, out);
            }
        }
    }
}

const fn text(byte: u8, length: usize) -> State {
    match byte {
        0x07 | 0x18 | 0x1A => State::Ground,
        0x1B => State::TextEscape(length),
        _ if length >= TEXT_LIMIT => State::Ground,
        _ => State::Text(length + 1),
    }
}

/// What of a control sequence may pass: all that follows `ESC [`.
fn allowed(sequence: &[u8], last: u8) -> Option<Vec<u8>> {
    let split = sequence.iter().position(|byte| (0x20..=0x2F).contains(byte)).unwrap_or(sequence.len());
    let (parameters, between) = sequence.split_at(split);
    let private = parameters.first().copied().filter(|byte| (0x3C..=0x3F).contains(byte));
    let parameters = if private.is_some() { &parameters[1..] } else { parameters };
    let numbers = numbers(parameters)?;
    let passes = match (private, between, last) {
        // The scrollback is the technician's.
        (None, b"", b'J') => numbers.iter().all(|number| *number <= 2),
        // With parameters it is the margins at the sides, or tracks the mouse.
        (None, b"", b's' | b'u') => parameters.is_empty(),
        (None, b"", b'T') => numbers.len() <= 1,
        (None, b"", b'h' | b'l') => numbers == [4],
        (None, b"", last) => PLAIN.contains(&last),
        // The cursor's shape; a soft reset.
        (None, b" ", b'q') => numbers.len() <= 1,
        (None, b"!", b'p') => parameters.is_empty(),
        (Some(b'?'), b"", b'J' | b'K') => numbers.iter().all(|number| *number <= 2),
        (Some(b'?'), b"", b'h' | b'l') => return modes(&numbers, last),
        _ => false,
    };
    passes.then(|| [sequence, &[last]].concat())
}

/// Those of the private modes that may pass.
fn modes(numbers: &[u32], last: u8) -> Option<Vec<u8>> {
    let kept: Vec<String> =
        numbers.iter().filter(|number| MODES.contains(number)).map(ToString::to_string).collect();
    if kept.is_empty() {
        return None;
    }
    let mut allowed = format!("?{}", kept.join(";")).into_bytes();
    allowed.push(last);
    Some(allowed)
}

/// The numbers between semicolons and colons, an absent one as 0; `None` if there are other
/// characters or a number is absurd.
fn numbers(parameters: &[u8]) -> Option<Vec<u32>> {
    if parameters.is_empty() {
        return Some(Vec::new());
    }
    let number = |text: &[u8]| {
        text.iter().try_fold(0u32, |number, byte| {
            let digit = u32::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
            Some(number * 10 + digit).filter(|number| *number <= NUMBER_LIMIT)
        })
    };
    parameters.split(|byte| matches!(byte, b';' | b':')).map(number).collect()
}

/// A letter of several bytes on its way.
#[derive(Debug, Default)]
struct Letter {
    bytes: [u8; 4],
    held: usize,
    wanted: usize,
}

impl Letter {
    const fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes a byte; false if the half letter before it was given up and the byte is not taken.
    fn take(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        if self.held == 0 {
            self.wanted = match byte {
                0xC2..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF4 => 4,
                _ => {
                    replace(out);
                    return true;
                }
            };
            self.bytes[0] = byte;
            self.held = 1;
            return true;
        }
        if !(0x80..=0xBF).contains(&byte) {
            self.give_up(out);
            return false;
        }
        self.bytes[self.held] = byte;
        self.held += 1;
        if self.held == self.wanted {
            let bytes = self.bytes;
            let letter = std::str::from_utf8(&bytes[..self.wanted]);
            match letter.ok().and_then(|text| text.chars().next()) {
                // C1: the same controls once more, in two bytes.
                Some('\u{80}'..='\u{9F}') => {}
                Some(letter) if distans_proto::text::is_steering(letter) => replace(out),
                Some(_) => out.extend_from_slice(&bytes[..self.wanted]),
                None => replace(out),
            }
            self.held = 0;
        }
        true
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        if self.held > 0 {
            replace(out);
            self.held = 0;
        }
    }
}

fn replace(out: &mut Vec<u8>) {
    out.extend_from_slice("\u{FFFD}".as_bytes());
}
