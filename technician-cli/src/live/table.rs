//! The processes as a table.

use distans_proto::ops::look::{Process, ProcessState, SortBy};
use distans_proto::text::{Untrusted, clean_line};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Row, Table, TableState};

use super::graphs::percent;
use crate::format;
use crate::say;

/// Longest text put into a cell; cells are cut to their width besides.
const CELL_LIMIT: usize = 120;

/// Columns below which users and processor times have no room.
const NARROW: u16 = 60;

/// Draws the rows that fit around the chosen one.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    processes: &[Process],
    chosen: usize,
    sort: SortBy,
    color: bool,
) {
    let head = |by: Option<SortBy>, name: String, alignment| {
        let style = if by == Some(sort) { Style::new().bold().underlined() } else { Style::new().bold() };
        Text::from(Line::styled(name, style)).alignment(alignment)
    };
    let header = Row::new([
        head(Some(SortBy::Pid), "PID".to_owned(), Alignment::Right),
        head(None, say!(en: "USER", sv: "ANVÄNDARE"), Alignment::Left),
        head(None, "S".to_owned(), Alignment::Left),
        head(Some(SortBy::Cpu), "CPU".to_owned(), Alignment::Right),
        head(Some(SortBy::Memory), say!(en: "MEMORY", sv: "MINNE"), Alignment::Right),
        head(None, say!(en: "CPU TIME", sv: "CPU-TID"), Alignment::Right),
        head(Some(SortBy::Name), say!(en: "PROGRAM", sv: "PROGRAM"), Alignment::Left),
    ]);
    // Rather whole figures of less than parts of figures.
    let lengths = if area.width < NARROW { [7, 0, 1, 7, 8, 0] } else { [8, 10, 1, 8, 9, 9] };
    let widths = lengths.map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]);
    // Only what can be seen is laid out: a PC may tell of many.
    let height = usize::from(area.height.saturating_sub(1));
    let first = chosen.saturating_sub(height.saturating_sub(1));
    let rows = processes.iter().skip(first).take(height).map(|process| row(process, color));
    let table = Table::new(rows, widths)
        .header(header)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected((!processes.is_empty()).then_some(chosen - first));
    frame.render_stateful_widget(table, area, &mut state);
}

fn row(process: &Process, color: bool) -> Row<'static> {
    let right = |text: String| Text::from(text).alignment(Alignment::Right);
    let user = process.user.as_ref().map(cell).unwrap_or_default();
    let style = match (process.state, process.cpu) {
        _ if !color => Style::new(),
        (ProcessState::Dead | ProcessState::Blocked, _) => Style::new().fg(Color::Red),
        (_, Some(500..)) => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    };
    Row::new([
        right(process.pid.to_string()),
        Text::from(user),
        Text::from(process.state.letter().to_string()),
        right(percent(process.cpu)),
        right(format::bytes(process.memory)),
        right(clock(process.cpu_ms)),
        Text::from(cell(&process.name)),
    ])
    .style(style)
}

fn cell(text: &Untrusted) -> String {
    clean_line(text.raw(), CELL_LIMIT)
}

/// Processor time as `m:ss` or `h:mm:ss`.
pub fn clock(millis: u64) -> String {
    let seconds = millis / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{rest:02}") } else { format!("{hours}:{minutes:02}:{rest:02}") }
}
