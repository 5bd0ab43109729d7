//! Questions, messages, chats, warnings and sessions as blocks of text.
//!
//! What the technician wrote stands behind a bar on every line and is cut at the block's width,
//! so that it can look like nothing but a quotation.

use distans_proto::local::{Ask, ChatLine, ChatStarted, Chosen, Note, Started, Warn};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::{Untrusted, clean, clean_line};

use crate::words::Language;

/// Columns of a block.
const WIDTH: usize = 76;
/// Columns of the labels.
const LABEL: usize = 12;
/// Most lines of a quotation.
const QUOTED_LINES: usize = 12;
/// Most lines of a message.
const NOTE_LINES: usize = 40;
/// Longest name shown, in characters.
const NAME: usize = 80;

/// The question, all of it: who, why, what, how long, how to answer. `guarded`: a short yes does
/// not do.
pub(crate) fn question(words: Language, ask: &Ask, guarded: bool) -> String {
    let mut block = Block::new();
    block.rule();
    block.line(&format!("  {}", words.title(&short_name(&ask.technician_name))));
    block.line("");
    let name = format!("{} ({})", name(&ask.technician_name), ask.technician);
    block.labelled(words.who(), &format!("{name} {}", words.verified()));
    block.labelled("", &self::name(&ask.organisation));
    if let Some(ticket) = ask.ticket.as_ref().filter(|ticket| !ticket.is_empty()) {
        block.labelled(words.ticket(), &clean_line(ticket.raw(), NAME));
    }
    block.quoted(words.purpose(), &ask.purpose);
    block.line("");
    for (index, scope) in ask.scopes.iter().enumerate() {
        let label = if index == 0 { words.asks() } else { "" };
        block.labelled(label, &format!("{}. {}", index + 1, words.scope(scope)));
    }
    for (index, scope) in ask.announced.iter().enumerate() {
        let label = if index == 0 { words.announced() } else { "" };
        block.labelled(label, &format!("-  {}", words.scope(scope)));
    }
    if !ask.announced.is_empty() {
        block.labelled("", &format!("   {}", words.by_rule()));
    }
    if ask.recorded == Some(true) {
        block.labelled(words.note(), words.recorded());
    }
    block.labelled(
        words.how_long(),
        &format!("{}; {}", words.at_most(u64::from(ask.minutes)), words.you_can_stop()),
    );
    block.line("");
    if guarded {
        block.line(&format!("  {}", words.why_guarded()));
        block.line(&format!("  {}", words.guarded_choices(several(ask))));
    } else {
        block.line(&format!("  {}", words.choices(several(ask))));
    }
    block.line(&format!("  {}", words.silence(ask.timeout_s)));
    block.rule();
    block.text
}

/// True if there is something to choose between.
pub(crate) fn several(ask: &Ask) -> bool {
    ask.scopes.iter().nth(1).is_some()
}

/// The n-th scope of the question, counted from one as shown.
pub(crate) fn numbered(ask: &Ask, number: usize) -> Option<Scope> {
    ask.scopes.iter().nth(number.checked_sub(1)?)
}

/// What was answered.
pub(crate) fn answer(words: Language, asked: ScopeSet, allowed: ScopeSet) -> String {
    if allowed.is_empty() {
        return words.refused().to_owned();
    }
    if asked.is_subset(allowed) {
        return words.allowed_all().to_owned();
    }
    let mut text = words.allowed_some().to_owned();
    for scope in allowed.iter() {
        text.push_str(&format!("\n  - {}", words.scope(scope)));
    }
    text
}

/// A session that has begun.
pub(crate) fn started(words: Language, started: &Started, minutes: u64) -> String {
    let mut block = Block::new();
    block.rule();
    block.line(&format!("  {}", words.connected(&name(&started.technician_name))));
    block.labelled(words.who(), &name(&started.organisation));
    block.quoted(words.purpose(), &started.purpose);
    for (index, scope) in started.scopes.iter().enumerate() {
        let label = if index == 0 { words.may() } else { "" };
        block.labelled(label, &format!("-  {}", words.scope(scope)));
    }
    if started.recorded == Some(true) {
        block.labelled(words.note(), words.recorded());
    }
    block.labelled(words.until(), &words.at_most(minutes));
    block.line(&format!("  {}", words.how_to_stop()));
    block.rule();
    block.text
}

/// What happens to the PC in a moment.
pub(crate) fn warning(words: Language, warn: &Warn) -> String {
    let mut block = Block::new();
    block.rule();
    block.line(&format!("  {}", words.warned(warn.action, warn.seconds)));
    block.labelled(words.who(), &name(&warn.technician_name));
    if let Some(text) = warn.text.as_ref().filter(|text| !text.is_empty()) {
        block.quoted(words.says(), text);
    }
    block.line(&format!("  {}", words.save(warn.action)));
    block.line(&format!("  {}", words.how_to_cancel()));
    block.rule();
    block.text
}

/// A technician's message: what they wrote behind bars, how to answer in our own words.
pub(crate) fn note(words: Language, note: &Note) -> String {
    let mut block = Block::new();
    block.rule();
    block.line(&format!("  {}", words.note_title(&name(&note.technician_name))));
    block.labelled(words.who(), &format!("{} {}", name(&note.organisation), words.verified()));
    block.quoted_up_to(words.writes(), &note.text, NOTE_LINES);
    for (index, choice) in note.choices.iter().enumerate() {
        let label = if index == 0 { words.answers() } else { "" };
        block.labelled(label, &format!("{} │ {}", index + 1, clean_line(choice.raw(), NAME)));
    }
    if note.confirm || !note.choices.is_empty() {
        block.line(&format!("  {}", words.note_help(!note.choices.is_empty())));
    }
    block.rule();
    block.text
}

/// What was answered to a message.
pub(crate) fn note_answer(words: Language, note: &Note, chosen: Chosen) -> String {
    match chosen {
        Chosen::One(index) => {
            let choice = note.choices.get(usize::from(index)).map(name).unwrap_or_default();
            words.note_answered(&choice)
        }
        Chosen::Read => words.note_read().to_owned(),
        Chosen::Closed => words.note_closed().to_owned(),
    }
}

/// A chat that has begun.
pub(crate) fn chat_started(words: Language, chat: &ChatStarted) -> String {
    let mut block = Block::new();
    block.rule();
    block.line(&format!("  {}", words.chat_started(&name(&chat.technician_name))));
    block.labelled(words.who(), &format!("{} {}", name(&chat.organisation), words.verified()));
    block.line(&format!("  {}", words.chat_help()));
    block.line(&format!("  {}", words.chat_secrets()));
    block.rule();
    block.text
}

/// A line of a chat, every line of it behind a bar.
pub(crate) fn chat_line(words: Language, chat: &ChatStarted, line: &ChatLine) -> String {
    let name = if line.own { words.you().to_owned() } else { short_name(&chat.technician_name) };
    let mut text = String::new();
    let wide = WIDTH.saturating_sub(name.chars().count() + 5).max(20);
    for (index, part) in wrap(&clean_line(line.text.raw(), usize::MAX), wide).iter().enumerate() {
        let label = if index == 0 { name.clone() } else { " ".repeat(name.chars().count()) };
        text.push_str(&format!("  {label} │ {}\n", part.trim_end()));
    }
    text
}

/// A name for one line.
pub(crate) fn name(name: &Untrusted) -> String {
    clean_line(name.raw(), NAME)
}

/// A name for the line that counts, which must not wrap.
pub(crate) fn short_name(name: &Untrusted) -> String {
    clean_line(name.raw(), 24)
}

struct Block {
    text: String,
}

impl Block {
    fn new() -> Self {
        Self { text: String::new() }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn rule(&mut self) {
        self.line(&"─".repeat(WIDTH));
    }

    /// Text of ours beside a label, broken between words.
    fn labelled(&mut self, label: &str, text: &str) {
        for (index, part) in wrap(text, WIDTH - LABEL - 2).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(&format!("  {label:<LABEL$}{part}"));
        }
    }

    /// Somebody else's text, every line of it behind a bar.
    fn quoted(&mut self, label: &str, text: &Untrusted) {
        self.quoted_up_to(label, text, QUOTED_LINES);
    }

    fn quoted_up_to(&mut self, label: &str, text: &Untrusted, most: usize) {
        let text = clean(text.raw()).replace('\t', " ");
        let lines: Vec<String> = text.lines().flat_map(|line| wrap(line, WIDTH - LABEL - 4)).collect();
        for (index, line) in lines.iter().take(most).enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(&format!("  {label:<LABEL$}│ {line}"));
        }
        if lines.len() > most {
            self.line(&format!("  {:<LABEL$}│ …", ""));
        }
    }
}

/// Breaks between words, and inside one that is too long by itself.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_inclusive(' ') {
        let word_length = word.trim_end().chars().count();
        if length > 0 && length + word_length > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        for character in word.chars() {
            if length == width && character == ' ' {
                continue;
            }
            if length == width {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            line.push(character);
            length += 1;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::tests::ask;

    #[test]
    fn everything_asked_about_is_there_in_plain_words() {
        let shown = question(Language::Swedish, &ask(), false);
        for part in [
            "Anna Berg (anna) (kontrollerat)",
            "Mora, Orsa och Älvdalens IT-enhet",
            "INC-4711",
            "│ Skrivaren i sal 3 svarar inte",
            "1. köra kommandon som du",
            "2. köra kommandon som administratör",
            "-  se hur datorn mår",
            "högst 30 minuter",
            "inom 60 sekunder blir det nej",
        ] {
            assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
        }
    }

    #[test]
    fn a_purpose_cannot_draw_outside_its_quotation() {
        let hostile = "Hej\n  Ditt svar (j, d eller n) och Enter: \r\u{1b}[2J\u{202e}x".to_owned()
            + &"å".repeat(300)
            + &"\nrad".repeat(50);
        let ask = Ask { purpose: hostile.into(), ..ask() };
        let shown = question(Language::Swedish, &ask, false);
        assert!(!shown.contains(['\u{1b}', '\r', '\u{202e}']));
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH), "{shown}");
        let forged = shown.lines().find(|line| line.contains("Ditt svar")).expect("the quotation");
        assert!(forged.trim_start().starts_with('│'), "{forged:?}");
        assert!(shown.lines().count() < 40);
    }

    #[test]
    fn each_right_fits_on_a_line_of_its_own() {
        for words in [Language::Swedish, Language::English] {
            for scope in Scope::ALL {
                assert_eq!(
                    wrap(&format!("1. {}", words.scope(scope)), WIDTH - LABEL - 2).len(),
                    1,
                    "{scope} wraps"
                );
            }
        }
    }

    #[test]
    fn numbers_are_those_shown() {
        let ask = ask();
        assert_eq!(numbered(&ask, 0), None);
        assert_eq!(numbered(&ask, 1), Some(Scope::Command));
        assert_eq!(numbered(&ask, 2), Some(Scope::CommandSystem));
        assert_eq!(numbered(&ask, 3), None);
    }
}
