//! A PC's load as numbers and curves, in five lines.

use std::collections::VecDeque;

use distans_proto::ops::look::Load;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, RenderDirection, Sparkline};

use crate::format;
use crate::say;

/// Lines that [`Graphs::draw`] fills.
pub const HEIGHT: u16 = 5;

/// Looks remembered: more than the widest screen shows.
const HISTORY: usize = 400;

/// What the curves remember.
#[derive(Debug, Clone, Default)]
pub struct Graphs {
    /// In thousandths, the newest first.
    cpu: VecDeque<u64>,
    memory: VecDeque<u64>,
    load: Load,
}

impl Graphs {
    /// Takes the newest look. The first one has no processor load and draws no point of it.
    pub fn take(&mut self, load: &Load) {
        let remember = |curve: &mut VecDeque<u64>, value: u16| {
            curve.push_front(u64::from(value.min(1000)));
            curve.truncate(HISTORY);
        };
        if let Some(cpu) = load.cpu {
            remember(&mut self.cpu, cpu);
        }
        remember(&mut self.memory, load.memory_used());
        self.load = load.clone();
    }

    /// Draws the curves of processor and memory beside each other, and below them a line about
    /// network, disks, swap and load.
    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect, color: bool) {
        let [curves, rates] = Layout::vertical([Constraint::Min(2), Constraint::Length(1)]).areas(area);
        let [left, _, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(2), Constraint::Fill(1)])
                .areas(curves);
        draw_curve(frame, left, self.processor_line(), &self.cpu, color);
        draw_curve(frame, right, self.memory_line(), &self.memory, color);
        frame.render_widget(Paragraph::new(self.rates_line()), rates);
    }

    fn processor_line(&self) -> String {
        let share = percent(self.load.cpu.map(u32::from));
        let count = self.load.processor_count;
        let busiest = self.load.processors.iter().max().copied().filter(|_| count > 1);
        let busiest = busiest.map(|busiest| {
            let busiest = percent(Some(busiest.into()));
            say!(en: ", busiest {busiest}", sv: ", mest {busiest}")
        });
        let busiest = busiest.unwrap_or_default();
        say!(en: "CPU {share} of {count}{busiest}", sv: "CPU {share} av {count}{busiest}")
    }

    fn memory_line(&self) -> String {
        let load = &self.load;
        let used = format::bytes(load.memory_total.saturating_sub(load.memory_available));
        let (share, total) = (percent(Some(load.memory_used().into())), format::bytes(load.memory_total));
        say!(en: "memory {share}, {used} of {total}", sv: "minne {share}, {used} av {total}")
    }

    fn rates_line(&self) -> String {
        let load = &self.load;
        let rate = |rate: Option<u64>| {
            rate.map_or_else(|| "–".to_owned(), |rate| format!("{}/s", format::bytes(rate)))
        };
        let (down, up) = (rate(load.receiving), rate(load.sending));
        let (read, write) = (rate(load.reading), rate(load.writing));
        let mut line = say!(
            en: "net ↓ {down} ↑ {up}  disk read {read} write {write}",
            sv: "nät ↓ {down} ↑ {up}  disk läs {read} skriv {write}"
        );
        if load.swap_used > 0 {
            let swap = format::bytes(load.swap_used);
            line.push_str(&say!(en: "  swap {swap}", sv: "  växling {swap}"));
        }
        if let Some([one, five, fifteen]) = load.average {
            let [one, five, fifteen] = [one, five, fifteen].map(hundredths);
            line.push_str(&say!(en: "  load {one} {five} {fifteen}", sv: "  last {one} {five} {fifteen}"));
        }
        line
    }
}

fn draw_curve(frame: &mut Frame<'_>, area: Rect, title: String, curve: &VecDeque<u64>, color: bool) {
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    frame.render_widget(Paragraph::new(Line::from(Span::styled(title, Style::new().bold()))), head);
    let data: Vec<u64> = curve.iter().take(usize::from(body.width)).copied().collect();
    let style = match data.first() {
        _ if !color => Style::new(),
        Some(900..) => Style::new().fg(Color::Red),
        Some(700..) => Style::new().fg(Color::Yellow),
        _ => Style::new().fg(Color::Green),
    };
    let curve =
        Sparkline::default().data(data).max(1000).direction(RenderDirection::RightToLeft).style(style);
    frame.render_widget(curve, body);
}

/// Thousandths as per cent with one decimal; `–` while unknown.
pub(super) fn percent(thousandths: Option<u32>) -> String {
    thousandths.map_or_else(|| "–".to_owned(), |share| format!("{}.{} %", share / 10, share % 10))
}

fn hundredths(value: u32) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}
