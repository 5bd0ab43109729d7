//! The list: what is typed and filtered, in which order, and which PC is selected.

use crossterm::event::KeyCode;
use distans_proto::ids::DeviceId;

use super::filter::{Filter, Order};
use super::line_edit::LineEdit;
use super::pcs::{Pc, Pcs};

/// The list.
#[derive(Debug)]
pub struct List {
    /// What is typed.
    pub search: LineEdit,
    /// True after `/`: every letter belongs to the search, also `q` and `?`.
    pub searching: bool,
    /// What fits.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Places of the PCs that fit, and who stands there.
    visible: Vec<usize>,
    ids: Vec<DeviceId>,
    /// The selected PC, and where it stood last. INVARIANT: `at` is within `visible`, or 0.
    selected: Option<DeviceId>,
    at: usize,
    /// Rows of the screen, for paging; told by the view.
    pub rows: usize,
}

impl List {
    /// With a filter to begin with.
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            search: LineEdit::with(&filter.search),
            searching: false,
            filter,
            order: Order::Name,
            visible: Vec::new(),
            ids: Vec::new(),
            selected: None,
            at: 0,
            rows: 10,
        }
    }

    /// True while letters belong to the search.
    pub(super) fn is_typing(&self) -> bool {
        self.searching || !self.search.is_empty()
    }

    /// The search has changed: the best fit is selected.
    pub(super) fn searched(&mut self) {
        self.filter.search = self.search.text();
        self.selected = None;
        self.at = 0;
    }

    /// Takes one thing back: the search, then the filters. False if there is nothing.
    pub(super) fn clear_one(&mut self) -> bool {
        if self.is_typing() {
            self.search.clear();
            self.filter.search.clear();
            self.searching = false;
            return true;
        }
        let had_any = !self.filter.is_empty();
        self.filter = Filter::default();
        had_any
    }

    /// Which PCs fit now; the selected one stays selected as long as it does.
    pub(super) fn select(&mut self, pcs: &Pcs) {
        self.visible = self.filter.select(pcs, self.order);
        let id = |place: &usize| pcs.all().get(*place).map(|pc| pc.id);
        let kept = self
            .selected
            .and_then(|selected| self.visible.iter().position(|place| id(place) == Some(selected)));
        self.at = kept.unwrap_or(self.at).min(self.visible.len().saturating_sub(1));
        self.ids = self.visible.iter().filter_map(id).collect();
        // With nothing selected by hand the cursor stays where it is, on whatever comes there.
        if self.selected.is_some() && kept.is_none() {
            self.selected = self.ids.get(self.at).copied();
        }
    }

    /// Keeps this PC selected.
    pub(super) const fn keep(&mut self, id: DeviceId) {
        self.selected = Some(id);
    }

    /// Moves the selection; false if the key does not.
    pub(super) fn step(&mut self, code: KeyCode) -> bool {
        let last = self.visible.len().saturating_sub(1);
        let page = self.rows.saturating_sub(1).max(1);
        self.at = match code {
            KeyCode::Up => self.at.saturating_sub(1),
            KeyCode::Down => (self.at + 1).min(last),
            KeyCode::PageUp => self.at.saturating_sub(page),
            KeyCode::PageDown => (self.at + page).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return false,
        };
        self.selected = self.ids.get(self.at).copied();
        true
    }

    /// The selected PC.
    pub fn selected<'a>(&self, pcs: &'a Pcs) -> Option<&'a Pc> {
        self.visible.get(self.at).and_then(|place| pcs.all().get(*place))
    }

    /// Where the selection stands among those that fit.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// How many fit.
    pub fn len(&self) -> usize {
        self.visible.len()
    }

    /// True if none fits.
    pub fn is_empty(&self) -> bool {
        self.visible.is_empty()
    }

    /// At most `count` PCs that fit, from the `first` on.
    pub fn window<'a>(&'a self, pcs: &'a Pcs, first: usize, count: usize) -> impl Iterator<Item = &'a Pc> {
        self.visible.iter().skip(first).take(count).filter_map(|place| pcs.all().get(*place))
    }
}
