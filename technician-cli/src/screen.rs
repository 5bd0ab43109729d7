//! What the technician sees: tables and sentences, or JSON.
//!
//! Results go to standard output, everything else (hints, questions, warnings) to standard
//! error, so that a pipe carries results only. Remarks, warnings and failures are cleaned here
//! once more: they may quote anybody. Colour only on a terminal and without `NO_COLOR`.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use distans_proto::facts::Severity;
use distans_proto::text::{clean, is_steering};
use serde::Serialize;

use crate::lang;

/// Where and how to show things.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    json: bool,
    color_out: bool,
    color_err: bool,
    ask: bool,
    terminal_out: bool,
    hints: bool,
}

/// What a piece of text means; decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Needs a look.
    Careful,
    /// Is wrong.
    Bad,
    /// Less important.
    Quiet,
    /// Heading.
    Strong,
}

impl Tone {
    const fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Good => style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green))),
            Self::Careful => style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow))),
            Self::Bad => style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold(),
            Self::Quiet => style.dimmed(),
            Self::Strong => style.bold(),
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Quiet,
            Severity::Warning => Self::Careful,
            Severity::Critical => Self::Bad,
        }
    }
}

/// One row of a table. Cells are single lines.
#[derive(Debug)]
pub struct Row {
    tone: Option<Tone>,
    cells: Vec<String>,
}

impl Row {
    /// A row in the colour of its meaning.
    pub const fn toned(tone: Tone, cells: Vec<String>) -> Self {
        Self { tone: Some(tone), cells }
    }
}

impl From<Vec<String>> for Row {
    fn from(cells: Vec<String>) -> Self {
        Self { tone: None, cells }
    }
}

impl Screen {
    /// As the environment says: is there a terminal, may it be coloured, may we ask.
    pub fn detect(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb")
            || (std::env::consts::FAMILY == "windows" && !understands_colours());
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            json,
            color_out: out && !plain && !json,
            color_err: err && !plain && !json,
            ask: err && io::stdin().is_terminal() && !json,
            terminal_out: out,
            hints: true,
        }
    }

    /// True if results are wanted as JSON.
    pub const fn json(self) -> bool {
        self.json
    }

    /// True if a person sits here and may be asked.
    pub const fn may_ask(self) -> bool {
        self.ask
    }

    /// True if standard output is a terminal: untrusted bytes must be cleaned.
    pub const fn is_terminal(self) -> bool {
        self.terminal_out
    }

    /// True if standard output may be coloured.
    pub const fn has_colours(self) -> bool {
        self.color_out
    }

    /// The same screen without remarks, for many things at once; warnings stay.
    pub const fn without_hints(self) -> Self {
        Self { hints: false, ..self }
    }

    /// `text` in the colour of its meaning, for standard output.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        paint(self.color_out, tone, text)
    }

    /// One line of result.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn line(self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", text.as_ref())
    }

    /// A result as one JSON object on one line.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn object(self, value: &impl Serialize) -> io::Result<()> {
        self.line(json_text(value)?)
    }

    /// A remark beside the result; kept from JSON readers.
    pub fn hint(self, text: impl AsRef<str>) {
        self.toned_hint(None, text);
    }

    /// As [`Self::hint`], in the colour of its meaning.
    pub fn toned_hint(self, tone: impl Into<Option<Tone>>, text: impl AsRef<str>) {
        if !self.json && self.hints {
            let text = clean(text.as_ref());
            let text = tone.into().map_or_else(|| text.clone(), |tone| paint(self.color_err, tone, &text));
            // Nobody is left to be told when standard error is gone.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// A warning; on standard error also with `--json`.
    pub fn warn(self, text: impl AsRef<str>) {
        let label = paint(self.color_err, Tone::Careful, lang::current().pick("warning:", "varning:"));
        let _ = writeln!(io::stderr().lock(), "{label} {}", clean(text.as_ref()));
    }

    /// The failure that ends the program: sentences, or `{"error": {…}}` on standard output.
    pub fn failure(self, failure: &Failure<'_>) {
        if self.json {
            let _ = self.object(&serde_json::json!({ "error": failure }));
        } else {
            let label = paint(self.color_err, Tone::Bad, "distans:");
            let _ = writeln!(io::stderr().lock(), "{label} {}", clean(&failure.text));
        }
    }

    /// What is wrong with the command line, label and lines, on standard error.
    pub fn complaint(self, label: &str, text: &str) {
        let label = paint(self.color_err, Tone::Bad, label);
        let _ = writeln!(io::stderr().lock(), "{label} {}", clean(text));
    }

    /// An aligned table; columns whose name starts with `>` are aligned right.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn table(self, columns: &[&str], rows: impl IntoIterator<Item: Into<Row>>) -> io::Result<()> {
        let rows = rows.into_iter().map(Into::<Row>::into);
        let (tones, mut rows): (Vec<_>, Vec<_>) = rows.map(|row| (row.tone, row.cells)).unzip();
        if self.terminal_out {
            let width = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
            shorten_ids(columns, &mut rows, width);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(columns.iter().map(|name| name.trim_start_matches('>')));
        table.add_rows(rows);
        for (index, name) in columns.iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                column.set_padding((0, 2));
                if name.starts_with('>') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        // Colours go on after the layout, which would count them as width.
        let tones = std::iter::once(Some(Tone::Strong)).chain(tones);
        for (line, tone) in table.lines().zip(tones) {
            let line = line.trim_end();
            self.line(tone.map_or_else(|| line.to_owned(), |tone| self.paint(tone, line)))?;
        }
        Ok(())
    }

    /// Names and values below each other; empty values are left out.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn pairs(self, pairs: &[(&str, String)]) -> io::Result<()> {
        let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            let label = self.paint(Tone::Quiet, &format!("{name:<width$}"));
            self.line(format!("{label}  {value}"))?;
        }
        Ok(())
    }
}

/// Characters of an id that are shown where there is no room for all of it: every verb takes them.
const SHORT_ID: usize = 8;

/// Shortens the ids in the last column of a table that is wider than the terminal.
fn shorten_ids(columns: &[&str], rows: &mut [Vec<String>], width: usize) {
    let widest = |index: usize, name: &str| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        cells.chain([name.chars().count()]).max().unwrap_or(0) + 2
    };
    let needed: usize = columns.iter().enumerate().map(|(index, name)| widest(index, name)).sum();
    if needed <= width + 2 {
        return;
    }
    for id in rows.iter_mut().filter_map(|row| row.last_mut()) {
        if id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            id.truncate(SHORT_ID);
        }
    }
}

/// A failure as JSON shows it.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    /// Stable name, see [`crate::exit::Exit::name`].
    pub code: &'a str,
    /// The exit code that follows.
    pub exit: u8,
    /// What was wrong and what to do.
    pub text: String,
    /// What a script may want to know besides.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
}

/// An old Windows console shows escape sequences as rubbish; newer ones tell that they are new.
fn understands_colours() -> bool {
    ["WT_SESSION", "TERM", "ConEmuANSI"].iter().any(|name| std::env::var_os(name).is_some())
}

fn paint(color: bool, tone: Tone, text: &str) -> String {
    if !color {
        return text.to_owned();
    }
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

/// JSON on one line in which every steering character is escaped: it may be shown raw.
///
/// # Errors
/// If `value` cannot be JSON.
pub fn json_text(value: &impl Serialize) -> io::Result<String> {
    let plain = serde_json::to_string(value)?;
    if !plain.chars().any(is_steering) {
        return Ok(plain);
    }
    let mut text = String::with_capacity(plain.len() + 32);
    for character in plain.chars() {
        if is_steering(character) {
            let mut units = [0u16; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(character);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shortened_only_where_it_does_not_fit() {
        let id = "7b6c8db1-fccd-83d1-1e3d-5806c1dec848";
        for (width, shown) in [(80, id), (45, id), (44, "7b6c8db1")] {
            let mut rows =
                vec![vec!["PC-IDRE".to_owned(), id.to_owned()], vec![String::new(), "ö".repeat(18)]];
            shorten_ids(&["PC", "ID"], &mut rows, width);
            assert_eq!((rows[0][1].as_str(), rows[1][1].len()), (shown, 36), "{width}");
        }
    }

    #[test]
    fn json_never_steers_the_terminal_and_reads_back() {
        let hostile = "PC\u{9b}31m\u{1b}]\u{202e}\u{e0001}Å";
        let text = json_text(&hostile).expect("a string is JSON");
        assert!(!text.chars().any(is_steering), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).expect("reads back"), hostile);
    }
}
