//! A line being typed: letters, a cursor, the few keys everybody expects.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Longest line, in characters.
const LIMIT: usize = 512;

/// The line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineEdit {
    signs: Vec<char>,
    cursor: usize,
}

impl LineEdit {
    /// With `text` in it and the cursor behind.
    pub fn with(text: &str) -> Self {
        let signs: Vec<char> = text.chars().filter(|sign| !sign.is_control()).take(LIMIT).collect();
        Self { cursor: signs.len(), signs }
    }

    /// What stands in it.
    pub fn text(&self) -> String {
        self.signs.iter().collect()
    }

    /// What stands before the cursor.
    pub fn before(&self) -> String {
        self.signs[..self.cursor].iter().collect()
    }

    /// True if nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.signs.is_empty()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Pasted text; line feeds and the like are left out.
    pub fn paste(&mut self, text: &str) {
        text.chars().for_each(|sign| self.insert(sign));
    }

    fn insert(&mut self, sign: char) {
        if !sign.is_control() && self.signs.len() < LIMIT {
            self.signs.insert(self.cursor, sign);
            self.cursor += 1;
        }
    }

    /// Takes a key; false if it means nothing here.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => {
                self.signs.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('w') if control => {
                let is_space = |sign: &char| sign.is_whitespace();
                let word = self.signs[..self.cursor].iter().rposition(|sign| !is_space(sign)).unwrap_or(0);
                let from = self.signs[..word].iter().rposition(is_space).map_or(0, |space| space + 1);
                self.signs.drain(from..self.cursor);
                self.cursor = from;
            }
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.signs.len(),
            KeyCode::Char(sign) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(sign);
            }
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.signs.remove(self.cursor);
            }
            KeyCode::Delete if self.cursor < self.signs.len() => {
                self.signs.remove(self.cursor);
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.signs.len()),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(line: &mut LineEdit, code: KeyCode, modifiers: KeyModifiers) -> bool {
        line.key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_line_is_typed_and_corrected() {
        let mut line = LineEdit::with("Grövel sjön");
        let plain = KeyModifiers::NONE;
        assert!(press(&mut line, KeyCode::Backspace, plain));
        press(&mut line, KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(line.text(), "Grövel ");
        press(&mut line, KeyCode::Left, plain);
        press(&mut line, KeyCode::Char('Å'), plain);
        assert_eq!((line.text().as_str(), line.before().as_str()), ("GrövelÅ ", "GrövelÅ"));
        press(&mut line, KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(line.text(), " ");
        assert!(!press(&mut line, KeyCode::Enter, plain) && !press(&mut line, KeyCode::Backspace, plain));
    }

    #[test]
    fn nothing_steers_and_nothing_grows_for_ever() {
        let mut line = LineEdit::default();
        line.paste(&"a\u{1b}\n".repeat(1000));
        assert_eq!(line.text(), "a".repeat(LIMIT));
    }
}
