//! The list of PCs, with what is searched and filtered above it.

use distans_proto::facts::Severity;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table};

use super::{Paint, QUIET, STRONG, Shown, since};
use crate::fleet::filter::{Order, Wanted};
use crate::fleet::menu::{presence_words, severity_words};
use crate::fleet::pcs::Pc;
use crate::fleet::state::{self, State};
use crate::say;

/// What a column shows.
#[derive(Clone, Copy)]
enum Column {
    State,
    Name,
    Since,
    Site,
    Municipality,
    Group,
    User,
    Findings,
}

/// The columns a screen of this width has room for.
fn columns(width: u16) -> &'static [(Column, Constraint)] {
    use Column::{Findings, Group, Municipality, Name, Since, Site, State, User};
    use Constraint::{Fill, Length, Max};
    match width {
        110.. => &[
            (State, Length(2)),
            (Name, Max(26)),
            (Since, Length(11)),
            (Site, Length(16)),
            (Municipality, Length(13)),
            (Group, Length(12)),
            (User, Length(12)),
            (Findings, Fill(1)),
        ],
        60.. => &[
            (State, Length(2)),
            (Name, Length(20)),
            (Since, Length(11)),
            (Site, Length(14)),
            (Findings, Fill(1)),
        ],
        _ => &[(State, Length(2)), (Name, Length(16)), (Findings, Fill(1))],
    }
}

impl Column {
    fn heading(self) -> String {
        match self {
            Self::State => String::new(),
            Self::Name => say!(en: "PC", sv: "DATOR"),
            Self::Since => say!(en: "FOR", sv: "SEDAN"),
            Self::Site => say!(en: "SITE", sv: "PLATS"),
            Self::Municipality => say!(en: "MUNICIPALITY", sv: "KOMMUN"),
            Self::Group => say!(en: "GROUP", sv: "GRUPP"),
            Self::User => say!(en: "USER", sv: "INLOGGAD"),
            Self::Findings => say!(en: "FINDINGS", sv: "FYND"),
        }
    }

    fn cell(self, state: &State, pc: &Pc, paint: Paint) -> Cell<'static> {
        match self {
            Self::State if pc.online => Cell::from(Span::styled("●", paint.good())),
            Self::State => Cell::from("○"),
            Self::Name => Cell::from(pc.name.clone()),
            Self::Since => Cell::from(since(state, pc.since)),
            Self::Site => Cell::from(pc.site.clone()),
            Self::Municipality => Cell::from(pc.municipality.clone()),
            Self::Group => Cell::from(pc.group.clone()),
            Self::User => Cell::from(pc.user.clone()),
            Self::Findings => Cell::from(findings(pc, paint)),
        }
    }
}

/// Findings with their marks, and whether somebody still has to confirm the PC.
fn findings(pc: &Pc, paint: Paint) -> Line<'static> {
    let mut spans = Vec::new();
    for finding in &pc.findings {
        let (mark, style) = match finding.severity {
            Severity::Critical => ("!! ", paint.bad()),
            Severity::Warning => ("! ", paint.careful()),
            Severity::Info => ("", QUIET),
        };
        spans.push(Span::styled(format!("{mark}{} ", finding.rule), style));
    }
    if !pc.confirmed {
        spans.push(Span::styled(say!(en: "? unconfirmed ", sv: "? obekräftad "), paint.accent()));
    }
    Line::from(spans)
}

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, paint: Paint) -> Shown {
    let [asked, table] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    search_line(state, frame, asked, paint);
    let rows = usize::from(table.height.saturating_sub(1));
    let shown = Shown { rows, last_line: 0 };
    if state.list.is_empty() {
        frame.render_widget(Line::styled(nothing(state), QUIET), below(table));
        return shown;
    }
    // The selection stays in the middle where it can: what is around it is seen on both sides.
    let last = state.list.len().saturating_sub(rows);
    let first = state.list.at().saturating_sub(rows / 2).min(last);
    let columns = columns(area.width);
    let is_old = matches!(state.line, state::Line::Lost(..));
    let selected = state.list.at().saturating_sub(first);
    let lines = state.list.window(&state.pcs, first, rows).enumerate().map(|(place, pc)| {
        let cells = columns.iter().map(|(column, _)| column.cell(state, pc, paint));
        let mut style = Style::new();
        if is_old || !pc.online {
            style = style.add_modifier(Modifier::DIM);
        }
        if place == selected {
            style = style.add_modifier(Modifier::REVERSED);
        }
        Row::new(cells).style(style)
    });
    let head = Row::new(columns.iter().map(|(column, _)| column.heading())).style(STRONG);
    let widths = columns.iter().map(|(_, width)| *width);
    frame.render_widget(Table::new(lines, widths).header(head).column_spacing(1), table);
    shown
}

/// Why the list is empty.
fn nothing(state: &State) -> String {
    match (&state.line, state.pcs.all().is_empty()) {
        (state::Line::Connecting, _) => say!(en: "waiting for the broker …", sv: "väntar på förmedlaren …"),
        (_, true) => say!(
            en: "no PCs of yours yet; distans admin token create brings the first",
            sv: "inga datorer ännu; distans admin token create ger den första"
        ),
        (_, false) => {
            say!(en: "no PC fits; Esc clears the search", sv: "ingen dator passar; Esc rensar sökningen")
        }
    }
}

fn below(area: Rect) -> Rect {
    Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area }
}

fn search_line(state: &State, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let list = &state.list;
    let label = say!(en: "Search: ", sv: "Sök: ");
    let text = list.search.text();
    let column = Line::raw(format!("{label}{}", list.search.before())).width();
    let mut spans = vec![Span::styled(label, STRONG), Span::raw(text)];
    let filter = &list.filter;
    let chips = [
        filter.presence.map(presence_words),
        filter.municipality.clone(),
        filter.site.clone(),
        filter.group.clone(),
        filter.finding.as_ref().map(|wanted| match wanted {
            Wanted::AtLeast(severity) => severity_words(*severity),
            Wanted::Rule(rule) => rule.clone(),
        }),
    ];
    for chip in chips.into_iter().flatten() {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(format!("[{chip}]"), paint.accent()));
    }
    let order = match list.order {
        Order::Name => say!(en: "by name", sv: "efter namn"),
        Order::Findings => say!(en: "worst first", sv: "värst först"),
        Order::Presence => say!(en: "online first", sv: "uppkopplade först"),
        Order::Place => say!(en: "by place", sv: "efter plats"),
        Order::Since => say!(en: "latest change first", sv: "senast ändrade först"),
    };
    let counted = say!(en: "{} of {}, {order}", sv: "{} av {}, {order}", list.len(), state.pcs.all().len());
    let width = u16::try_from(Line::raw(counted.as_str()).width()).unwrap_or(u16::MAX).saturating_add(2);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width.min(area.width / 2))]).areas(area);
    frame.render_widget(Line::from(spans), left);
    frame.render_widget(Line::styled(counted, QUIET).right_aligned(), right);
    if state.overlay.is_none() {
        let column = u16::try_from(column).unwrap_or(u16::MAX).min(left.width.saturating_sub(1));
        frame.set_cursor_position(Position { x: left.x + column, y: left.y });
    }
}
