//! The menu of filters: a column for each thing to filter by, its values with how many PCs have
//! them.

use std::collections::BTreeMap;

use crossterm::event::KeyCode;
use distans_proto::facts::Severity;

use super::filter::{Filter, Presence, Wanted};
use super::pcs::{Pc, Pcs};
use crate::say;

/// What can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Connected or not, unconfirmed.
    State,
    /// Municipality.
    Municipality,
    /// Site.
    Site,
    /// Group.
    Group,
    /// Findings.
    Finding,
}

/// Every subject, from left to right.
pub(super) const SUBJECTS: [Subject; 5] =
    [Subject::State, Subject::Municipality, Subject::Site, Subject::Group, Subject::Finding];

/// What a value filters by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    All,
    State(Presence),
    Text(String),
    AtLeast(Severity),
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// How it reads.
    pub label: String,
    /// How many PCs have it.
    pub count: usize,
    /// It is chosen at the moment.
    pub chosen: bool,
    choice: Choice,
}

/// The menu while it is open. INVARIANT: `at` is within the values of `subject`, of which there
/// is always the first, "all".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    columns: [Vec<Value>; SUBJECTS.len()],
    subject: usize,
    at: usize,
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Nothing,
    Changed,
    Close,
}

impl Subject {
    /// Its heading.
    pub fn name(self) -> String {
        match self {
            Self::State => say!(en: "State", sv: "Läge"),
            Self::Municipality => say!(en: "Municipality", sv: "Kommun"),
            Self::Site => say!(en: "Site", sv: "Plats"),
            Self::Group => say!(en: "Group", sv: "Grupp"),
            Self::Finding => say!(en: "Finding", sv: "Fynd"),
        }
    }
}

impl Menu {
    /// With the values these PCs have.
    pub(super) fn new(pcs: &Pcs, filter: &Filter) -> Self {
        let columns = SUBJECTS.map(|subject| values(subject, pcs, filter));
        Self { columns, subject: 0, at: 0 }
    }

    /// The same place with the values as they are now.
    pub(super) fn again(self, pcs: &Pcs, filter: &Filter) -> Self {
        let mut menu = Self { subject: self.subject, ..Self::new(pcs, filter) };
        menu.at = self.at.min(menu.values().len().saturating_sub(1));
        menu
    }

    /// Which subject is open.
    pub const fn subject(&self) -> Subject {
        SUBJECTS[self.subject]
    }

    /// Its values.
    pub fn values(&self) -> &[Value] {
        &self.columns[self.subject]
    }

    /// The value under the cursor.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Takes a key. Enter sets the filter and closes; space sets it and stays.
    pub(super) fn key(&mut self, code: KeyCode, filter: &mut Filter) -> Chosen {
        let last = self.values().len().saturating_sub(1);
        match code {
            KeyCode::Esc | KeyCode::Char('q') => return Chosen::Close,
            KeyCode::Left | KeyCode::BackTab => self.turn(SUBJECTS.len() - 1),
            KeyCode::Right | KeyCode::Tab => self.turn(1),
            KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Down => self.at = (self.at + 1).min(last),
            KeyCode::PageUp => self.at = self.at.saturating_sub(10),
            KeyCode::PageDown => self.at = (self.at + 10).min(last),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = last,
            KeyCode::Enter => {
                self.choose(filter);
                return Chosen::Close;
            }
            KeyCode::Char(' ') => {
                self.choose(filter);
                return Chosen::Changed;
            }
            KeyCode::Delete | KeyCode::Backspace => {
                *filter = Filter { search: std::mem::take(&mut filter.search), ..Filter::default() };
                return Chosen::Changed;
            }
            KeyCode::Char(letter) => self.jump(letter),
            _ => {}
        }
        Chosen::Nothing
    }

    const fn turn(&mut self, steps: usize) {
        self.subject = (self.subject + steps) % SUBJECTS.len();
        self.at = 0;
    }

    /// To the next value that begins with the letter.
    fn jump(&mut self, letter: char) {
        let letter = letter.to_lowercase().to_string();
        let begins = |value: &Value| value.label.to_lowercase().starts_with(&letter);
        let count = self.values().len();
        let after = (1..=count).map(|step| (self.at + step) % count);
        if let Some(found) = after.into_iter().find(|place| self.values().get(*place).is_some_and(begins)) {
            self.at = found;
        }
    }

    fn choose(&self, filter: &mut Filter) {
        let Some(value) = self.values().get(self.at) else { return };
        let text = || if let Choice::Text(text) = &value.choice { Some(text.clone()) } else { None };
        match self.subject() {
            Subject::State => {
                filter.presence = if let Choice::State(state) = value.choice { Some(state) } else { None };
            }
            Subject::Municipality => filter.municipality = text(),
            Subject::Site => filter.site = text(),
            Subject::Group => filter.group = text(),
            Subject::Finding => {
                filter.finding = match &value.choice {
                    Choice::AtLeast(severity) => Some(Wanted::AtLeast(*severity)),
                    Choice::Text(rule) => Some(Wanted::Rule(rule.clone())),
                    Choice::All | Choice::State(_) => None,
                };
            }
        }
    }
}

/// How a state reads.
pub(super) fn presence_words(presence: Presence) -> String {
    match presence {
        Presence::Online => say!(en: "online", sv: "uppkopplad"),
        Presence::Offline => say!(en: "offline", sv: "nedkopplad"),
        Presence::Unconfirmed => say!(en: "unconfirmed", sv: "obekräftad"),
    }
}

/// How a lowest severity reads.
pub(super) fn severity_words(severity: Severity) -> String {
    match severity {
        Severity::Info => say!(en: "any finding", sv: "något fynd"),
        Severity::Warning => say!(en: "warning or worse", sv: "varning eller värre"),
        Severity::Critical => say!(en: "critical", sv: "allvarligt"),
    }
}

fn values(subject: Subject, pcs: &Pcs, filter: &Filter) -> Vec<Value> {
    let all = pcs.all();
    let count = |test: &dyn Fn(&Pc) -> bool| all.iter().filter(|pc| test(pc)).count();
    let text = |of: &dyn Fn(&Pc) -> Vec<&str>, chosen: Option<&String>| -> Vec<Value> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for value in all.iter().flat_map(of).filter(|value| !value.is_empty()) {
            *counts.entry(value).or_default() += 1;
        }
        let value = |(label, count): (&str, usize)| Value {
            label: label.to_owned(),
            count,
            chosen: chosen.is_some_and(|chosen| chosen == label),
            choice: Choice::Text(label.to_owned()),
        };
        counts.into_iter().map(value).collect()
    };
    let mut values: Vec<Value> = match subject {
        Subject::State => [Presence::Online, Presence::Offline, Presence::Unconfirmed]
            .into_iter()
            .map(|state| {
                let wanted = Filter { presence: Some(state), ..Filter::default() };
                Value {
                    label: presence_words(state),
                    count: count(&|pc| wanted.admits(pc)),
                    chosen: filter.presence == Some(state),
                    choice: Choice::State(state),
                }
            })
            .collect(),
        Subject::Municipality => text(&|pc| vec![pc.municipality.as_str()], filter.municipality.as_ref()),
        Subject::Site => text(&|pc| vec![pc.site.as_str()], filter.site.as_ref()),
        Subject::Group => text(&|pc| vec![pc.group.as_str()], filter.group.as_ref()),
        Subject::Finding => {
            let rule = if let Some(Wanted::Rule(rule)) = &filter.finding { Some(rule) } else { None };
            let least =
                [Severity::Info, Severity::Warning, Severity::Critical].into_iter().map(|least| Value {
                    label: severity_words(least),
                    count: count(&|pc| pc.worst() >= Some(least)),
                    chosen: filter.finding == Some(Wanted::AtLeast(least)),
                    choice: Choice::AtLeast(least),
                });
            let rules = text(&|pc| pc.findings.iter().map(|found| found.rule.as_str()).collect(), rule);
            least.chain(rules).collect()
        }
    };
    let none = !values.iter().any(|value| value.chosen);
    let everything =
        Value { label: say!(en: "all", sv: "alla"), count: all.len(), chosen: none, choice: Choice::All };
    values.insert(0, everything);
    values
}
