//! A PC live on the screen: state in, picture out, nothing else. No terminal, no network, no
//! clock in here, so that every picture can be tested.
//!
//! | module | what |
//! |---|---|
//! | this | the view's state: what was told last, what is chosen, what keys do |
//! | [`graphs`] | a PC's load as numbers and curves; also for a page of the fleet view |
//! | [`table`] | the processes |
//! | [`frame`] | all of it on one screen, with help and questions |
//!
//! ```text
//! let mut live = Live::new("PC-IDRE-003", true);
//! live.take(snapshot);
//! terminal.draw(|frame| live.draw(frame, frame.area()))?;
//! match live.key(key) { Action::Change(top) => …, Action::End(end) => …, … }
//! ```

pub mod frame;
pub mod graphs;
mod keys;
pub mod table;

use distans_proto::ops::look::{Process, Snapshot, SortBy, Top};
use distans_proto::ops::repair::EndProcess;
use distans_proto::text::Untrusted;

use graphs::Graphs;

/// Times between two snapshots that can be chosen, milliseconds.
const INTERVALS: [u32; 8] = [500, 1000, 2000, 3000, 5000, 10_000, 30_000, 60_000];

/// Time between two snapshots when nothing is chosen, milliseconds.
pub const USUAL_INTERVAL: u32 = 2000;

/// Processes in a snapshot for a full screen.
const ROWS: u16 = 120;

/// Longest filter, in characters.
const FILTER_LIMIT: usize = 60;

/// What a key asks the program to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing, or it is only drawn otherwise.
    None,
    /// Leave.
    Quit,
    /// The PC shall go on so.
    Change(Top),
    /// End this process.
    End(EndProcess),
}

/// What the keys are for at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    /// Moving about.
    Browse,
    /// The filter is typed; what it was before.
    Filter(String),
    /// Whether this process is to end.
    Ask(Box<Process>),
    /// The keys are shown.
    Help,
}

/// The view of one PC.
#[derive(Debug, Clone)]
pub struct Live {
    pc: Untrusted,
    color: bool,
    snapshot: Option<Snapshot>,
    graphs: Graphs,
    sort: SortBy,
    filter: String,
    interval_ms: u32,
    paused: bool,
    mode: Mode,
    /// Which process is chosen: number and beginning. The row follows it.
    chosen: Option<(u32, u64)>,
    /// Where the chosen row was, for when its process is gone.
    row: usize,
    /// One line for the technician: what came of the last key.
    notice: Option<String>,
}

impl Live {
    /// Has not been told anything yet. `color` = may the picture be coloured.
    pub fn new(pc: impl Into<Untrusted>, color: bool) -> Self {
        Self {
            pc: pc.into(),
            color,
            snapshot: None,
            graphs: Graphs::default(),
            sort: SortBy::Cpu,
            filter: String::new(),
            interval_ms: USUAL_INTERVAL,
            paused: false,
            mode: Mode::Browse,
            chosen: None,
            row: 0,
            notice: None,
        }
    }

    /// Begins with another order, filter and interval than the usual ones.
    #[must_use]
    pub fn with(mut self, sort: SortBy, filter: &str, interval_ms: u32) -> Self {
        (self.sort, self.interval_ms) = (sort, interval_ms);
        self.filter = filter.chars().take(FILTER_LIMIT).collect();
        self
    }

    /// What the PC is to send.
    pub fn wanted(&self) -> Top {
        let filter = Some(self.filter.trim()).filter(|filter| !filter.is_empty());
        Top { interval_ms: self.interval_ms, sort: self.sort, rows: ROWS, filter: filter.map(Into::into) }
    }

    /// Takes what the PC told. While paused, it is dropped.
    pub fn take(&mut self, mut snapshot: Snapshot) {
        if self.paused {
            return;
        }
        // A PC may tell more than it was asked for.
        snapshot.processes.truncate(usize::from(ROWS));
        self.graphs.take(&snapshot.load);
        self.snapshot = Some(snapshot);
        self.settle();
    }

    /// Shows one line until the next key.
    pub fn tell(&mut self, notice: impl Into<String>) {
        self.notice = Some(notice.into());
    }

    /// True while new snapshots are dropped.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    fn processes(&self) -> &[Process] {
        self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.processes)
    }

    fn selected(&self) -> Option<&Process> {
        self.processes().get(self.row)
    }

    /// The row follows its process; if that is gone, the row stays where it was.
    fn settle(&mut self) {
        let found = self.chosen.and_then(|chosen| {
            self.processes().iter().position(|process| (process.pid, process.started) == chosen)
        });
        let last = self.processes().len().saturating_sub(1);
        self.row = found.unwrap_or(self.row).min(last);
        if self.chosen.is_some() && found.is_none() {
            self.chosen = None;
        }
    }

    /// Moves the choice by so many rows, and keeps it on its process from then on.
    fn step(&mut self, by: isize) {
        let last = self.processes().len().saturating_sub(1);
        self.row = self.row.saturating_add_signed(by).min(last);
        self.chosen = self.selected().map(|process| (process.pid, process.started));
    }
}

#[cfg(test)]
mod tests;
