//! A page's lines: names in front of values, and values that go on below, cut between words.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::QUIET;

/// Width of the names in front of values.
const NAME: usize = 13;

/// The page's text.
pub(super) struct Text {
    /// What is written so far.
    pub(super) lines: Vec<Line<'static>>,
    width: usize,
}

impl Text {
    /// Nothing yet, for a screen of this width.
    pub(super) fn new(width: u16) -> Self {
        Self { lines: Vec::new(), width: usize::from(width) }
    }

    pub(super) fn line(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    pub(super) fn pair(&mut self, name: &str, value: &str) {
        self.styled(name, value, Style::new());
    }

    pub(super) fn styled(&mut self, name: &str, value: &str, style: Style) {
        let room = self.width.saturating_sub(NAME).max(10);
        for (place, piece) in wrapped(value, room).into_iter().enumerate() {
            let name = if place == 0 { name } else { "" };
            self.line(vec![Span::styled(format!("{name:<NAME$}"), QUIET), Span::styled(piece, style)]);
        }
    }
}

/// `value` in lines of at most `room` columns; only a word that fits no line is cut itself.
fn wrapped(value: &str, room: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for (place, word) in value.split(' ').enumerate() {
        if place > 0 {
            if used + 1 + Span::raw(word).width() > room && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else {
                line.push(' ');
                used += 1;
            }
        }
        for sign in word.chars() {
            let wide = Span::raw(sign.to_string()).width();
            if used + wide > room {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(sign);
            used += wide;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_words_and_nothing_is_lost() {
        for (value, room, expected) in [
            ("", 10, vec![""]),
            ("one two", 10, vec!["one two"]),
            ("one two three", 10, vec!["one two", "three"]),
            ("!  a rule", 20, vec!["!  a rule"]),
            ("   indented", 20, vec!["   indented"]),
            ("abcdefghijklm no", 10, vec!["abcdefghij", "klm no"]),
            ("åäö日本日本日本", 10, vec!["åäö日本日", "本日本"]),
        ] {
            assert_eq!(wrapped(value, room), expected, "{value:?}");
        }
    }
}
