//! What lies over the list or a page: the keys, the menu of filters, a line to be typed.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::{Paint, QUIET, STRONG, centred};
use crate::fleet::keys::BINDINGS;
use crate::fleet::menu::{Menu, SUBJECTS};
use crate::fleet::state::{Overlay, Prompt, Purpose, State};
use crate::fleet::words;
use crate::lang;
use crate::say;

/// Draws it; gives the last line it can be scrolled to.
pub(super) fn draw(state: &State, overlay: &Overlay, frame: &mut Frame<'_>, area: Rect, paint: Paint) -> u16 {
    match overlay {
        Overlay::Help(from) => return help(*from, frame, area),
        Overlay::Menu(menu) => draw_menu(menu, frame, area, paint),
        Overlay::Prompt(prompt) => draw_prompt(state, prompt, frame, area, paint),
    }
    0
}

fn framed(frame: &mut Frame<'_>, area: Rect, title: &str) -> Rect {
    let block = Block::bordered().title(Line::styled(format!(" {title} "), STRONG));
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}

fn help(from: u16, frame: &mut Frame<'_>, area: Rect) -> u16 {
    let key = |key: &str, text: String| {
        Line::from(vec![Span::styled(format!("  {key:<10}"), STRONG), Span::raw(text)])
    };
    let mut lines = vec![
        Line::styled(say!(en: "In the list", sv: "I listan"), STRONG),
        key(
            "a-z …",
            say!(en: "search name, site, municipality, group, user, finding", sv: "sök namn, plats, kommun, grupp, inloggad, fynd"),
        ),
        key("/", say!(en: "search; then q and ? are letters, too", sv: "sök; då är även q och ? bokstäver")),
        key("↑↓ PgUp …", say!(en: "choose a PC", sv: "välj en dator")),
        key(
            "Enter",
            say!(en: "the PC's page, with the keys below", sv: "datorns sida, med tangenterna nedan"),
        ),
        key(
            "Tab",
            say!(en: "filter by state, municipality, site, group, finding", sv: "filtrera på läge, kommun, plats, grupp, fynd"),
        ),
        key("F2 ⇧Tab", say!(en: "another order", sv: "annan ordning")),
        key("Esc", say!(en: "clear the search, then the filters", sv: "rensa sökningen, sedan filtren")),
        key("q Ctrl-C", say!(en: "leave", sv: "avsluta")),
        Line::raw(""),
        Line::styled(say!(en: "On a PC's page", sv: "På en dators sida"), STRONG),
        key(
            "g",
            say!(en: "live graphs: processor, memory, network", sv: "kurvor: processor, minne, nätverk"),
        ),
        key("F5", say!(en: "fetch again", sv: "hämta igen")),
        key("q Esc", say!(en: "back to the list", sv: "tillbaka till listan")),
    ];
    for binding in BINDINGS {
        let command = binding.parts.iter().filter_map(|part| match part {
            crate::fleet::keys::Part::Is(word) => Some(*word),
            crate::fleet::keys::Part::Pc => Some("PC"),
            crate::fleet::keys::Part::Words | crate::fleet::keys::Part::Text => None,
        });
        let command = command.collect::<Vec<_>>().join(" ");
        lines.push(Line::from(vec![
            Span::styled(format!("  {:<10}", binding.key), STRONG),
            Span::raw(format!("{:<28}", binding.says(lang::current()))),
            Span::styled(format!("distans {command}"), QUIET),
        ]));
    }
    let area = centred(area, 78, area.height);
    let inner = framed(frame, area, &say!(en: "Keys", sv: "Tangenter"));
    let last = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(inner.height);
    frame.render_widget(Paragraph::new(lines).scroll((from.min(last), 0)), inner);
    last
}

fn draw_menu(menu: &Menu, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let height = u16::try_from(menu.values().len()).unwrap_or(u16::MAX).saturating_add(4);
    let area = centred(area, 70, height.max(8));
    let inner = framed(frame, area, &say!(en: "Filter", sv: "Filter"));
    let mut heads = Vec::new();
    for subject in SUBJECTS {
        let chosen = subject == menu.subject();
        let text = if chosen { format!("‹{}›", subject.name()) } else { format!(" {} ", subject.name()) };
        heads.push(Span::styled(text, if chosen { STRONG.add_modifier(Modifier::REVERSED) } else { QUIET }));
        heads.push(Span::raw(" "));
    }
    let rows = usize::from(inner.height.saturating_sub(2));
    let first = menu.at().saturating_sub(rows / 2).min(menu.values().len().saturating_sub(rows));
    let mut lines = vec![Line::from(heads), Line::raw("")];
    for (place, value) in menu.values().iter().enumerate().skip(first).take(rows) {
        let mark = if value.chosen { "✓" } else { " " };
        let line = Line::raw(format!(" {mark} {:>6}  {} ", value.count, value.label));
        let style = if value.chosen { paint.accent() } else { ratatui::style::Style::new() };
        let style = if place == menu.at() { style.add_modifier(Modifier::REVERSED) } else { style };
        lines.push(line.style(style));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

fn draw_prompt(state: &State, prompt: &Prompt, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let pc = state.page.as_ref().map_or("", |page| page.argument.as_str());
    let (title, question) = match prompt.purpose {
        Purpose::Graphs => (
            say!(en: "live graphs of {pc}", sv: "kurvor för {pc}"),
            say!(en: "Why? The person at the PC sees it", sv: "Varför? Personen vid datorn ser det"),
        ),
        Purpose::Confirm(binding) => (
            binding.says(lang::current()).to_owned(),
            say!(en: "On {pc}, really? y/n", sv: "På {pc}, säkert? j/n"),
        ),
        Purpose::Verb(binding) => {
            let (english, swedish) = binding.ask.map_or(("", ""), |ask| (ask.english, ask.swedish));
            (binding.says(lang::current()).to_owned(), lang::current().pick(english, swedish).to_owned())
        }
    };
    let area = centred(area, 76, 6);
    let inner = framed(frame, area, &title);
    let before = Line::raw(prompt.line.before()).width();
    let width = usize::from(inner.width.saturating_sub(3)).max(1);
    // What is typed beyond the edge scrolls to the left.
    let skipped = before.saturating_sub(width);
    let typed: String = prompt.line.text().chars().skip(skipped).collect();
    let last = match (&prompt.wrong, prompt.purpose) {
        (Some(wrong), _) => Line::styled(wrong.clone(), paint.bad()),
        (None, Purpose::Verb(binding)) => {
            let arguments = binding.arguments(pc, &prompt.line.text()).unwrap_or_default();
            let shown = words::shown(arguments.iter().map(String::as_str));
            Line::styled(if shown.is_empty() { String::new() } else { format!("$ distans {shown}") }, QUIET)
        }
        (None, _) => Line::raw(""),
    };
    let lines = vec![Line::raw(question), Line::raw(format!("> {typed}")), Line::raw(""), last];
    frame.render_widget(Paragraph::new(lines), inner);
    let column = u16::try_from(2 + before - skipped).unwrap_or(0).min(inner.width.saturating_sub(1));
    frame.set_cursor_position(Position {
        x: inner.x + column,
        y: inner.y + 1.min(inner.height.saturating_sub(1)),
    });
}
