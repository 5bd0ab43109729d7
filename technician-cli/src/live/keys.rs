//! What the keys do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use distans_proto::ops::look::SortBy;
use distans_proto::ops::repair::EndProcess;

use super::{Action, FILTER_LIMIT, INTERVALS, Live, Mode};
use crate::say;

/// Rows that a page moves.
const PAGE: isize = 10;

impl Live {
    /// Takes a key; says what is to be done about it outside.
    pub fn key(&mut self, key: KeyEvent) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Action::Quit } else { Action::None };
        }
        self.notice = None;
        match &self.mode {
            Mode::Browse => self.browse(key.code),
            Mode::Filter(before) => {
                let before = before.clone();
                self.type_filter(key.code, before)
            }
            Mode::Ask(process) => {
                let (pid, started) = (process.pid, process.started);
                self.answer(key.code, pid, started)
            }
            Mode::Help => {
                self.mode = Mode::Browse;
                Action::None
            }
        }
    }

    fn browse(&mut self, key: KeyCode) -> Action {
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Action::Quit,
            KeyCode::Char('c') => return self.sort_by(SortBy::Cpu),
            KeyCode::Char('m') => return self.sort_by(SortBy::Memory),
            KeyCode::Char('p') => return self.sort_by(SortBy::Pid),
            KeyCode::Char('n') => return self.sort_by(SortBy::Name),
            KeyCode::Char('+' | '=') => return self.pace(1),
            KeyCode::Char('-') => return self.pace(-1),
            KeyCode::Char('/') => self.mode = Mode::Filter(self.filter.clone()),
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = Mode::Help,
            KeyCode::Char('k') | KeyCode::Delete => {
                if let Some(process) = self.selected().cloned() {
                    self.mode = Mode::Ask(Box::new(process));
                }
            }
            KeyCode::Up => self.step(-1),
            KeyCode::Down => self.step(1),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            _ => {}
        }
        Action::None
    }

    fn sort_by(&mut self, sort: SortBy) -> Action {
        if self.sort == sort {
            return Action::None;
        }
        self.sort = sort;
        (self.row, self.chosen) = (0, None);
        Action::Change(self.wanted())
    }

    /// Slower (1) or faster (-1).
    fn pace(&mut self, by: isize) -> Action {
        let now = INTERVALS.iter().position(|interval| *interval >= self.interval_ms);
        let index = now.unwrap_or(INTERVALS.len() - 1).saturating_add_signed(by).min(INTERVALS.len() - 1);
        if INTERVALS[index] == self.interval_ms {
            return Action::None;
        }
        self.interval_ms = INTERVALS[index];
        Action::Change(self.wanted())
    }

    fn type_filter(&mut self, key: KeyCode, before: String) -> Action {
        match key {
            KeyCode::Enter => {
                self.mode = Mode::Browse;
                return Action::None;
            }
            KeyCode::Esc => {
                self.mode = Mode::Browse;
                if self.filter == before {
                    return Action::None;
                }
                self.filter = before;
            }
            KeyCode::Backspace if self.filter.pop().is_some() => {}
            KeyCode::Char(character)
                if !character.is_control() && self.filter.chars().count() < FILTER_LIMIT =>
            {
                self.filter.push(character);
            }
            _ => return Action::None,
        }
        (self.row, self.chosen) = (0, None);
        Action::Change(self.wanted())
    }

    fn answer(&mut self, key: KeyCode, pid: u32, started: u64) -> Action {
        let force = match key {
            KeyCode::Char('y' | 'j') => false,
            KeyCode::Char('f') => true,
            KeyCode::Char('n') | KeyCode::Esc => {
                self.mode = Mode::Browse;
                return Action::None;
            }
            _ => return Action::None,
        };
        self.mode = Mode::Browse;
        self.tell(say!(en: "ending process {pid} …", sv: "avslutar process {pid} …"));
        Action::End(EndProcess { pid, started, force })
    }
}
