//! What the screen is about, and what an event does to it. Pure: effects are for the shell.

mod input;

use crossterm::event::KeyEvent;
use distans_proto::desk::Device;
use distans_proto::ids::DeviceId;
use distans_proto::ops::look::Load;
use distans_proto::text::clean_line;
use distans_proto::time::Timestamp;

use super::filter::Filter;
use super::keys::Binding;
use super::line_edit::LineEdit;
use super::list::List;
use super::menu::Menu;
use super::page::{Details, Page};
use super::pcs::Pcs;
use super::view::Shown;
use crate::say;

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// A key.
    Key(KeyEvent),
    /// Text pasted at once.
    Paste(String),
    /// A PC is new or has changed.
    Pc(Box<Device>),
    /// All that has changed so far is told.
    Current,
    /// All PCs are told anew.
    Again,
    /// The broker cannot be heard, and why.
    Lost(String),
    /// What the broker and this computer know about a PC.
    Details(DeviceId, Result<Box<Details>, String>),
    /// The PC of the page is asked for live figures; where that stands, in a sentence.
    GraphsSay(DeviceId, String),
    /// Live figures.
    Load(DeviceId, Box<Load>),
    /// No more of them, and why.
    GraphsEnd(DeviceId, String),
    /// A verb has ended with this exit code, or could not be started.
    Ended(Result<i32, String>),
    /// Time has passed.
    Tick(Timestamp),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Draw everything anew, also what should stand there already.
    Redraw,
    /// Fetch what is known about a PC; the text is what to call it.
    Load(DeviceId, String),
    /// Start this program with these arguments, on the terminal.
    Run(Vec<String>),
    /// Begin live figures of a PC for a purpose; without one only in a session that is open.
    Graphs(DeviceId, String, Option<String>),
    /// End them.
    StopGraphs,
}

/// The line to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Not heard of it yet.
    Connecting,
    /// It tells what happens.
    Live,
    /// Lost since, and why.
    Lost(Timestamp, String),
}

/// What a typed line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Arguments of a verb.
    Verb(&'static Binding),
    /// Say yes to a verb.
    Confirm(&'static Binding),
    /// Why live figures are wanted.
    Graphs,
}

/// A line to be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub purpose: Purpose,
    /// The line.
    pub line: LineEdit,
    /// What was wrong with it.
    pub wrong: Option<String>,
}

/// Something over the list or the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// The keys; from which line on.
    Help(u16),
    /// Choosing a filter.
    Menu(Menu),
    /// Typing a line.
    Prompt(Prompt),
}

/// The whole of it.
#[derive(Debug)]
pub struct State {
    /// All PCs.
    pub pcs: Pcs,
    /// Search, filters, order, what is selected.
    pub list: List,
    /// A PC's page over the list.
    pub page: Option<Page>,
    /// Something over both.
    pub overlay: Option<Overlay>,
    /// The line to the broker.
    pub line: Line,
    /// The last word on something, for the bottom line.
    pub message: Option<String>,
    /// Now, as far as is known.
    pub now: Timestamp,
    /// PCs come in that are not sorted in yet.
    stale: bool,
    /// The broker tells all anew: what was told before goes when the first PC comes.
    renewing: bool,
}

impl State {
    /// The list with `filter`, before anything is known.
    pub fn new(filter: Filter, now: Timestamp) -> Self {
        Self {
            pcs: Pcs::default(),
            list: List::new(filter),
            page: None,
            overlay: None,
            line: Line::Connecting,
            message: None,
            now,
            stale: false,
            renewing: false,
        }
    }

    /// Takes an event.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Pc(device) => return self.take(*device),
            Event::Current => {
                self.renew();
                self.line = Line::Live;
                self.sort_in();
            }
            Event::Again => self.renewing = true,
            Event::Lost(why) => {
                let since = match self.line {
                    Line::Lost(since, _) => since,
                    Line::Connecting | Line::Live => self.now,
                };
                self.line = Line::Lost(since, clean_line(&why, 400));
                // Whoever comes back is told everything anew.
                self.renewing = true;
            }
            Event::Details(id, details) => self.with_page(id, |page| page.load(details)),
            Event::GraphsSay(id, text) => self.with_page(id, |page| page.graphs.say(&text)),
            Event::Load(id, load) => {
                let had_any = self.page.as_ref().is_some_and(|page| page.graphs.has_any());
                self.with_page(id, |page| page.graphs.put(&load));
                let has_any = self.page.as_ref().is_some_and(|page| page.graphs.has_any());
                // Now there is a session to show.
                return if has_any && !had_any { self.reload() } else { Vec::new() };
            }
            Event::GraphsEnd(id, why) => {
                self.with_page(id, |page| page.graphs.end(&why));
                // Perhaps because the session is over.
                return self.reload();
            }
            Event::Ended(outcome) => {
                self.message = match outcome {
                    Ok(0) => None,
                    Ok(code) => {
                        Some(say!(en: "ended with exit code {code}", sv: "slutade med felkod {code}"))
                    }
                    Err(error) => Some(clean_line(&error, 200)),
                };
                return self.reload();
            }
            Event::Tick(now) => {
                self.now = now;
                if self.stale {
                    self.sort_in();
                }
            }
        }
        Vec::new()
    }

    /// What of it fitted the screen, for paging and so that nothing is scrolled out of sight.
    pub fn shown(&mut self, shown: Shown) {
        self.list.rows = shown.rows.max(1);
        match (&mut self.overlay, &mut self.page) {
            (Some(Overlay::Help(from)), _) => *from = (*from).min(shown.last_line),
            (None, Some(page)) => page.from = page.from.min(shown.last_line),
            _ => {}
        }
    }

    fn with_page(&mut self, id: DeviceId, change: impl FnOnce(&mut Page)) {
        if let Some(page) = self.page.as_mut().filter(|page| page.id == id) {
            change(page);
        }
    }

    fn renew(&mut self) {
        if std::mem::take(&mut self.renewing) {
            self.pcs.clear();
            self.stale = true;
        }
    }

    fn take(&mut self, device: Device) -> Vec<Effect> {
        self.renew();
        let id = device.id;
        self.pcs.put(device.into());
        self.stale = true;
        if self.page.as_ref().is_some_and(|page| page.id == id) { self.reload() } else { Vec::new() }
    }

    fn reload(&self) -> Vec<Effect> {
        let load = |page: &Page| Effect::Load(page.id, page.argument.clone());
        self.page.iter().map(load).collect()
    }

    fn sort_in(&mut self) {
        self.stale = false;
        self.list.select(&self.pcs);
    }
}

#[cfg(test)]
mod tests;
