//! The whole screen: heading, graphs, processes, one line of help, question or notice.

use std::time::Duration;

use distans_proto::ops::look::Process;
use distans_proto::text::clean_line;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::{Live, Mode, graphs, table};
use crate::format;
use crate::say;

/// Longest name of a PC or a process in a sentence.
const NAME_LIMIT: usize = 40;

impl Live {
    /// Draws the view into `area`. Pure: the same state gives the same picture.
    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        // On a very low screen the processes are worth more than the graphs.
        let graphs = if area.height >= 14 { graphs::HEIGHT } else { 0 };
        let [head, curves, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(graphs),
            Constraint::Min(1),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(Paragraph::new(self.heading()), head);
        if self.snapshot.is_some() {
            if graphs > 0 {
                self.graphs.draw(frame, curves, self.color);
            }
            table::draw(frame, body, self.processes(), self.row, self.sort, self.color);
        } else {
            let text = say!(en: "waiting for the PC …", sv: "väntar på datorn …");
            frame.render_widget(Paragraph::new(text), body);
        }
        frame.render_widget(Paragraph::new(self.foot()), foot);
        if self.mode == Mode::Help {
            draw_help(frame, area);
        }
    }

    fn heading(&self) -> Line<'static> {
        let mut spans = vec![Span::styled(clean_line(self.pc.raw(), NAME_LIMIT), Style::new().bold())];
        if let Some(snapshot) = &self.snapshot {
            let up = format::span(Duration::from_secs(snapshot.load.uptime_s));
            let (all, running) = (snapshot.process_count, snapshot.running_count);
            spans.push(Span::raw(say!(
                en: "  up {up}  {all} processes, {running} running",
                sv: "  igång {up}  {all} processer, {running} kör"
            )));
        }
        let (whole, part) = (self.interval_ms / 1000, self.interval_ms % 1000 / 100);
        spans.push(Span::raw(say!(en: "  every {whole}.{part} s", sv: "  var {whole},{part} s")));
        if !self.filter.is_empty() && !matches!(self.mode, Mode::Filter(_)) {
            let fitting = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.fitting);
            let filter = clean_line(&self.filter, NAME_LIMIT);
            spans.push(Span::raw(format!("  /{filter}: {fitting}")));
        }
        if self.paused {
            spans.push(Span::styled(say!(en: "  PAUSED", sv: "  PAUSAD"), self.tone(Color::Yellow).bold()));
        }
        Line::from(spans)
    }

    fn foot(&self) -> Line<'static> {
        match (&self.mode, &self.notice) {
            (Mode::Filter(_), _) => {
                let filter = clean_line(&self.filter, usize::MAX);
                let help = say!(en: "  Enter keeps, Esc undoes", sv: "  Enter behåller, Esc ångrar");
                Line::from(vec![Span::raw(format!("/{filter}▏")), Span::styled(help, Style::new().dim())])
            }
            (Mode::Ask(process), _) => Line::styled(question(process), self.tone(Color::Red).bold()),
            (_, Some(notice)) => Line::styled(clean_line(notice, 400), self.tone(Color::Yellow)),
            _ => Line::styled(
                say!(
                    en: "c m p n sort  / filter  k end  space pause  + - pace  ? keys  q quit",
                    sv: "c m p n ordning  / filter  k avsluta  mellanslag paus  + - takt  ? hjälp  q sluta"
                ),
                Style::new().dim(),
            ),
        }
    }

    const fn tone(&self, tone: Color) -> Style {
        if self.color { Style::new().fg(tone) } else { Style::new() }
    }
}

fn question(process: &Process) -> String {
    let (pid, name) = (process.pid, clean_line(process.name.raw(), NAME_LIMIT));
    say!(
        en: "End {pid} {name}?  y ask it to  f by force  n no",
        sv: "Avsluta {pid} {name}?  j be den sluta  f med våld  n nej"
    )
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let lines = crate::lang::current().pick(HELP.0, HELP.1);
    let height = u16::try_from(lines.lines().count()).unwrap_or(u16::MAX).saturating_add(2);
    let [_, middle, _] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    let [_, middle, _] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(56), Constraint::Fill(1)]).areas(middle);
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered()), middle);
}

const HELP: (&str, &str) = (
    " c m p n      sort by CPU, memory, number, name\n \
      ↑ ↓ PgUp PgDn  choose a process\n \
      /            filter by name, user or number\n \
      k            end the chosen process (asks first)\n \
      space        pause, and go on\n \
      + -          slower, faster\n \
      q Esc Ctrl-C quit\n\n \
      S: R computes, S waits, D waits for a disk,\n \
         T stopped, Z dead\n\n \
      Any key closes this.",
    " c m p n      ordna efter CPU, minne, nummer, namn\n \
      ↑ ↓ PgUp PgDn  välj en process\n \
      /            filtrera på namn, användare, nummer\n \
      k            avsluta den valda (frågar först)\n \
      mellanslag   pausa, och fortsätt\n \
      + -          långsammare, snabbare\n \
      q Esc Ctrl-C sluta\n\n \
      S: R räknar, S väntar, D väntar på disk,\n \
         T stoppad, Z död\n\n \
      Valfri tangent stänger.",
);
