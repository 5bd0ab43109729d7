//! A PC's page: what is known about it, its sessions, live figures.

use crossterm::event::KeyCode;
use distans_proto::facts::Facts;
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::inner::PURPOSE_LIMIT;
use distans_proto::ops::look::Load;
use distans_proto::text::clean_line;
use distans_proto::time::Timestamp;

use super::state::{Effect, Prompt, Purpose};
use crate::live::graphs::Graphs as Curves;
use crate::say;

/// What broker and this computer know about a PC beyond the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// The PC's own facts, as it last told them.
    pub facts: Option<Facts>,
    /// Whether its chain of signatures holds, or why not.
    pub identity: Result<(), String>,
    /// Its last sessions, newest first.
    pub sessions: Vec<Visit>,
    /// A session of ours that is open.
    pub open: Option<Open>,
}

/// A session as the broker saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// By whom.
    pub technician: String,
    /// When.
    pub opened: Timestamp,
    /// Until when, if it has ended.
    pub ended: Option<Timestamp>,
    /// Bytes in both directions.
    pub bytes: u64,
}

/// An open session of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Which.
    pub id: SessionId,
    /// Until when at the latest.
    pub ends: Timestamp,
    /// What it allows, by name.
    pub scopes: String,
    /// What for.
    pub purpose: String,
    /// True if it allows live figures.
    pub may_look: bool,
}

/// Live figures.
#[derive(Debug, Clone, Default)]
pub struct Graphs {
    on: bool,
    has_any: bool,
    /// What was told so far.
    pub curves: Curves,
    /// Where it stands, or why it ended.
    pub says: String,
}

/// What there is to show of a PC.
#[derive(Debug, Clone)]
pub enum Known {
    /// It is being fetched.
    Loading,
    /// Here it is.
    Here(Box<Details>),
    /// It cannot be had.
    Failed(String),
}

/// The page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Whose.
    pub id: DeviceId,
    /// What to call the PC on a command line.
    pub argument: String,
    /// What there is to show.
    pub known: Known,
    /// Live figures.
    pub graphs: Graphs,
    /// First line shown.
    pub from: u16,
}

impl Graphs {
    /// True if they are wanted.
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// True once there is something to draw.
    pub const fn has_any(&self) -> bool {
        self.has_any
    }

    pub(super) fn say(&mut self, text: &str) {
        self.says = clean_line(text, 200);
    }

    pub(super) fn put(&mut self, load: &Load) {
        if !self.on {
            return; // the last of a stream that was ended just now
        }
        self.says.clear();
        self.has_any = true;
        self.curves.take(load);
    }

    pub(super) fn end(&mut self, why: &str) {
        self.on = false;
        self.say(why);
    }
}

impl Page {
    pub(super) fn new(id: DeviceId, argument: String) -> Self {
        Self { id, argument, known: Known::Loading, graphs: Graphs::default(), from: 0 }
    }

    /// What was fetched. What is there already outlives a failure.
    pub(super) fn load(&mut self, details: Result<Box<Details>, String>) {
        match (details, &self.known) {
            (Ok(details), _) => self.known = Known::Here(details),
            (Err(_), Known::Here(_)) => {}
            (Err(error), _) => self.known = Known::Failed(clean_line(&error, 400)),
        }
    }

    /// True if a session is open that allows live figures.
    pub(super) fn has_session(&self) -> bool {
        matches!(&self.known, Known::Here(details) if details.open.as_ref().is_some_and(|open| open.may_look))
    }

    pub(super) fn begin_graphs(&mut self, purpose: Option<String>) -> Vec<Effect> {
        self.graphs =
            Graphs { on: true, says: say!(en: "opening …", sv: "öppnar …"), ..Graphs::default() };
        vec![Effect::Graphs(self.id, self.argument.clone(), purpose)]
    }

    /// What follows from a typed line.
    pub(super) fn answer(&mut self, prompt: &Prompt) -> Result<Vec<Effect>, String> {
        let typed = prompt.line.text();
        match prompt.purpose {
            Purpose::Verb(binding) => {
                binding.arguments(&self.argument, &typed).map(|arguments| vec![Effect::Run(arguments)])
            }
            Purpose::Confirm(binding) => match typed.trim().to_lowercase().as_str() {
                "y" | "j" | "yes" | "ja" => {
                    binding.arguments(&self.argument, "").map(|arguments| vec![Effect::Run(arguments)])
                }
                _ => Ok(Vec::new()),
            },
            Purpose::Graphs => match typed.trim() {
                "" => Err(
                    say!(en: "say why; the person at the PC sees it", sv: "skriv varför; personen vid datorn ser det"),
                ),
                long if long.chars().count() > PURPOSE_LIMIT => {
                    Err(say!(en: "at most {} characters", sv: "högst {} tecken", PURPOSE_LIMIT))
                }
                purpose => Ok(self.begin_graphs(Some(purpose.to_owned()))),
            },
        }
    }

    pub(super) const fn scroll(&mut self, code: KeyCode) {
        self.from = match code {
            KeyCode::Up => self.from.saturating_sub(1),
            KeyCode::Down => self.from.saturating_add(1),
            KeyCode::PageUp => self.from.saturating_sub(10),
            KeyCode::PageDown => self.from.saturating_add(10),
            KeyCode::Home => 0,
            _ => self.from,
        };
    }
}
