//! How a state looks. Draws; decides nothing. Every meaning of a colour has a sign as well.

mod list;
mod overlay;
mod page;
mod text;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::state::{self, State};
use crate::format;
use crate::say;

/// Smaller screens show a word of regret.
const LEAST: (u16, u16) = (20, 5);

/// What of the state fitted the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Rows of the list.
    pub rows: usize,
    /// The last line a page or help can be scrolled to.
    pub last_line: u16,
}

/// The colours; none where none are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// With colours.
    pub colours: bool,
}

impl Paint {
    const fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    const fn good(self) -> Style {
        self.colour(Color::Green)
    }

    const fn careful(self) -> Style {
        self.colour(Color::Yellow)
    }

    const fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    const fn accent(self) -> Style {
        self.colour(Color::Cyan)
    }
}

const QUIET: Style = Style::new().add_modifier(Modifier::DIM);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws everything.
pub fn draw(state: &State, frame: &mut Frame<'_>, paint: Paint) -> Shown {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        frame.render_widget(Line::raw(say!(en: "too small", sv: "för litet")), area);
        return Shown::default();
    }
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame.render_widget(header(state, paint), head);
    let mut shown = match &state.page {
        Some(page) => page::draw(state, page, frame, body, paint),
        None => list::draw(state, frame, body, paint),
    };
    frame.render_widget(footer(state), foot);
    if let Some(overlay) = &state.overlay {
        shown.last_line = overlay::draw(state, overlay, frame, body, paint);
    }
    shown
}

fn header(state: &State, paint: Paint) -> Line<'static> {
    let counts = state.pcs.counts();
    let mut spans = vec![Span::styled("distans ", STRONG)];
    match &state.line {
        state::Line::Lost(since, why) => {
            let age = format::span(state.now.since(*since));
            let text = say!(
                en: " LINE LOST for {age}, trying again: {why}",
                sv: " LINJEN BRUTEN i {age}, försöker igen: {why}"
            );
            spans.push(Span::styled(text, paint.bad().add_modifier(Modifier::REVERSED)));
        }
        state::Line::Connecting => {
            spans.push(Span::styled(say!(en: " connecting …", sv: " kopplar upp …"), paint.careful()));
        }
        state::Line::Live => {
            let online = match counts.online {
                1 => say!(en: " ● 1 online", sv: " ● 1 uppkopplad"),
                many => say!(en: " ● {many} online", sv: " ● {many} uppkopplade"),
            };
            let offline = match counts.offline {
                1 => say!(en: "  ○ 1 offline", sv: "  ○ 1 nedkopplad"),
                many => say!(en: "  ○ {many} offline", sv: "  ○ {many} nedkopplade"),
            };
            let ailing = say!(en: "  ! {} with findings", sv: "  ! {} med fynd", counts.ailing);
            spans.push(Span::styled(online, paint.good()));
            spans.push(Span::raw(offline));
            let style = if counts.ailing > 0 { paint.careful() } else { QUIET };
            spans.push(Span::styled(ailing, style));
        }
    }
    if state.pcs.too_many {
        spans.push(Span::styled(
            say!(en: "  more than can be shown", sv: "  fler än som kan visas"),
            paint.bad(),
        ));
    }
    Line::from(spans)
}

fn footer(state: &State) -> Line<'static> {
    if let Some(message) = &state.message {
        return Line::styled(message.clone(), STRONG);
    }
    let text = match (&state.overlay, &state.page) {
        (Some(state::Overlay::Help(_)), _) => {
            say!(en: "↑↓ scroll   any other key closes", sv: "↑↓ bläddra   annan tangent stänger")
        }
        (Some(state::Overlay::Menu(_)), _) => say!(
            en: "←→ what   ↑↓ which   Enter choose   Space choose and stay   Backspace none   Esc close",
            sv: "←→ vad   ↑↓ vilken   Enter välj   blanksteg välj mer   Backsteg inget   Esc stäng"
        ),
        (Some(state::Overlay::Prompt(_)), _) => {
            say!(en: "Enter go   Esc back", sv: "Enter kör   Esc tillbaka")
        }
        (None, Some(_)) => say!(
            en: "q back   ? keys   ↑↓ scroll   g live graphs   F5 fetch again",
            sv: "q tillbaka   ? hjälp   ↑↓ bläddra   g kurvor   F5 hämta igen"
        ),
        (None, None) => say!(
            en: "type to search  Enter open  ? keys  q leave  Tab filter  F2 order  Esc clear",
            sv: "skriv för att söka  Enter öppna  ? hjälp  q avsluta  Tab filter  F2 ordning"
        ),
    };
    Line::styled(text, QUIET)
}

/// How long something has been so: `3 h 5 min`; empty if it is not known.
fn since(state: &State, then: Option<distans_proto::time::Timestamp>) -> String {
    then.map(|then| match state.now.since(then) {
        short if short < Duration::from_secs(60) => say!(en: "just now", sv: "nyss"),
        long => format::span(long),
    })
    .unwrap_or_default()
}

/// A piece of `area` in its middle.
fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

#[cfg(test)]
mod tests;
