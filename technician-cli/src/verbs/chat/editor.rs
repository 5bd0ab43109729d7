//! A line being typed: letters, a cursor, lines typed before. Pure; the screen is another's.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use distans_proto::ops::people::LINE_LIMIT;
use distans_proto::text::is_steering;

/// Lines kept for the up arrow.
const HISTORY: usize = 50;

/// What came of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing to show.
    Nothing,
    /// The line looks different.
    Redraw,
    /// Enter: this line is to be sent.
    Send(String),
    /// The technician wants to end.
    End,
}

/// The line.
#[derive(Debug, Default)]
pub(super) struct Editor {
    line: Vec<char>,
    /// Letters before the cursor.
    cursor: usize,
    history: Vec<String>,
    /// Which line of the history is shown; its length = the one being typed.
    shown: usize,
    /// What was being typed before the history was looked at.
    draft: Vec<char>,
}

impl Editor {
    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Act {
        if key.kind == KeyEventKind::Release {
            return Act::Nothing;
        }
        let control =
            key.modifiers.contains(KeyModifiers::CONTROL) && !key.modifiers.contains(KeyModifiers::ALT);
        match (key.code, control) {
            (KeyCode::Char('c'), true) => return Act::End,
            (KeyCode::Char('d'), true) if self.line.is_empty() => return Act::End,
            (KeyCode::Enter, _) | (KeyCode::Char('j' | 'm'), true) => return self.enter(),
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => self.cursor = 0,
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => self.cursor = self.line.len(),
            (KeyCode::Char('b'), true) | (KeyCode::Left, _) => self.cursor = self.cursor.saturating_sub(1),
            (KeyCode::Char('f'), true) | (KeyCode::Right, _) => {
                self.cursor = (self.cursor + 1).min(self.line.len());
            }
            (KeyCode::Char('u'), true) => drop(self.line.drain(..std::mem::take(&mut self.cursor))),
            (KeyCode::Char('k'), true) => self.line.truncate(self.cursor),
            (KeyCode::Char('w'), true) => self.erase_word(),
            (KeyCode::Char('h'), true) | (KeyCode::Backspace, _) if self.cursor > 0 => {
                self.cursor -= 1;
                self.line.remove(self.cursor);
            }
            (KeyCode::Char('d'), true) | (KeyCode::Delete, _) if self.cursor < self.line.len() => {
                self.line.remove(self.cursor);
            }
            (KeyCode::Up, _) => self.look_back(self.shown.saturating_sub(1)),
            (KeyCode::Down, _) => self.look_back(self.shown + 1),
            (KeyCode::Char(letter), false) => self.insert(letter),
            (KeyCode::Tab, _) => self.insert(' '),
            (KeyCode::Char('l'), true) => {}
            _ => return Act::Nothing,
        }
        Act::Redraw
    }

    /// Takes pasted text; line ends become spaces, so that nothing is sent without Enter.
    pub(super) fn paste(&mut self, text: &str) -> Act {
        text.chars().for_each(|letter| self.insert(if letter.is_whitespace() { ' ' } else { letter }));
        Act::Redraw
    }

    /// What fits into so many columns around the cursor: before it, and from it on.
    pub(super) fn view(&self, columns: usize) -> (String, String) {
        let columns = columns.max(4);
        let (mut start, mut used) = (self.cursor, 0);
        while start > 0 && used + width(self.line[start - 1]) < columns {
            start -= 1;
            used += width(self.line[start]);
        }
        let mut end = self.cursor;
        while end < self.line.len() && used + width(self.line[end]) < columns {
            used += width(self.line[end]);
            end += 1;
        }
        (self.line[start..self.cursor].iter().collect(), self.line[self.cursor..end].iter().collect())
    }

    fn insert(&mut self, letter: char) {
        if self.line.len() < LINE_LIMIT && !is_steering(letter) {
            self.line.insert(self.cursor, letter);
            self.cursor += 1;
        }
    }

    fn erase_word(&mut self) {
        let mut start = self.cursor;
        while start > 0 && self.line[start - 1] == ' ' {
            start -= 1;
        }
        while start > 0 && self.line[start - 1] != ' ' {
            start -= 1;
        }
        self.line.drain(start..self.cursor);
        self.cursor = start;
    }

    fn enter(&mut self) -> Act {
        let line: String = std::mem::take(&mut self.line).into_iter().collect();
        self.cursor = 0;
        let line = line.trim().to_owned();
        self.draft.clear();
        if line.is_empty() {
            self.shown = self.history.len();
            return Act::Redraw;
        }
        if self.history.last() != Some(&line) {
            if self.history.len() >= HISTORY {
                self.history.remove(0);
            }
            self.history.push(line.clone());
        }
        self.shown = self.history.len();
        match line.to_lowercase().as_str() {
            "/slut" | "/end" | "/quit" => Act::End,
            _ => Act::Send(line),
        }
    }

    fn look_back(&mut self, wanted: usize) {
        let wanted = wanted.min(self.history.len());
        if wanted == self.shown {
            return;
        }
        if self.shown == self.history.len() {
            self.draft = std::mem::take(&mut self.line);
        }
        self.line = match self.history.get(wanted) {
            Some(line) => line.chars().collect(),
            None => std::mem::take(&mut self.draft),
        };
        (self.shown, self.cursor) = (wanted, self.line.len());
    }
}

/// Columns of a letter: none for marks on another, two for most of East Asia and for pictures.
fn width(letter: char) -> usize {
    match u32::from(letter) {
        0x0300..=0x036F | 0x200B..=0x200D | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => 2,
        0xFF00..=0xFF60 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, text: &str) {
        for letter in text.chars() {
            editor.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        }
    }

    fn press(editor: &mut Editor, code: KeyCode) -> Act {
        editor.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn control(editor: &mut Editor, letter: char) -> Act {
        editor.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))
    }

    #[test]
    fn a_line_is_typed_mended_and_sent() {
        let mut editor = Editor::default();
        typed(&mut editor, "Hejj Åsa");
        for _ in 0..4 {
            press(&mut editor, KeyCode::Left);
        }
        press(&mut editor, KeyCode::Backspace);
        assert_eq!(editor.view(80), ("Hej".into(), " Åsa".into()));
        press(&mut editor, KeyCode::End);
        typed(&mut editor, " nu genast");
        control(&mut editor, 'w');
        assert_eq!(press(&mut editor, KeyCode::Enter), Act::Send("Hej Åsa nu".into()));
        assert_eq!(press(&mut editor, KeyCode::Enter), Act::Redraw, "nothing to send");
        typed(&mut editor, "half");
        press(&mut editor, KeyCode::Up);
        assert_eq!(editor.view(80).0, "Hej Åsa nu");
        press(&mut editor, KeyCode::Down);
        assert_eq!(editor.view(80).0, "half");
        assert_eq!(control(&mut editor, 'd'), Act::Nothing, "there is a line");
        control(&mut editor, 'u');
        assert_eq!(control(&mut editor, 'd'), Act::End);
        typed(&mut editor, "/SLUT");
        assert_eq!(press(&mut editor, KeyCode::Enter), Act::End);
        assert_eq!(control(&mut editor, 'c'), Act::End);
    }

    #[test]
    fn what_is_pasted_is_one_bounded_line_without_steering() {
        let mut editor = Editor::default();
        editor.paste("a\nb\u{1b}[2J\rc\u{202e}");
        assert_eq!(editor.view(80).0, "a b[2J c");
        editor.paste(&"x".repeat(10_000));
        let Act::Send(line) = press(&mut editor, KeyCode::Enter) else { panic!("a line") };
        assert_eq!(line.chars().count(), LINE_LIMIT);
    }

    #[test]
    fn a_long_line_shows_the_part_around_the_cursor() {
        let mut editor = Editor::default();
        typed(&mut editor, &"å😀".repeat(100));
        for _ in 0..50 {
            let (before, after) = editor.view(20);
            let columns: usize = before.chars().chain(after.chars()).map(width).sum();
            assert!(columns < 20 && columns > 10, "{before:?} {after:?}");
            press(&mut editor, KeyCode::Left);
        }
        press(&mut editor, KeyCode::Home);
        assert_eq!(editor.view(20).0, "");
    }
}
