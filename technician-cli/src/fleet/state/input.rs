//! What a key or pasted text does, by what is uppermost: overlay, page, list.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use distans_proto::text::clean_line;

use super::{Effect, Overlay, Prompt, Purpose, State};
use crate::fleet::keys::{self, Binding};
use crate::fleet::line_edit::LineEdit;
use crate::fleet::menu::{Chosen, Menu};
use crate::fleet::page::Page;
use crate::say;

impl State {
    pub(super) fn paste(&mut self, text: &str) {
        match (&mut self.overlay, &self.page) {
            (Some(Overlay::Prompt(prompt)), _) => prompt.line.paste(text),
            (None, None) => {
                self.list.search.paste(text);
                self.searched();
            }
            _ => {}
        }
    }

    fn searched(&mut self) {
        self.list.searched();
        self.sort_in();
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.message = None;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return vec![Effect::StopGraphs, Effect::Quit],
            KeyCode::Char('l') if control => return vec![Effect::Redraw],
            _ => {}
        }
        match self.overlay.take() {
            Some(Overlay::Help(from)) => {
                self.overlay = scrolled(key.code, from).map(Overlay::Help);
                Vec::new()
            }
            Some(Overlay::Menu(menu)) => {
                self.menu_key(menu, key);
                Vec::new()
            }
            Some(Overlay::Prompt(prompt)) => self.prompt_key(prompt, key),
            None if self.page.is_some() => self.page_key(key),
            None => self.list_key(key),
        }
    }

    fn menu_key(&mut self, mut menu: Menu, key: KeyEvent) {
        match menu.key(key.code, &mut self.list.filter) {
            Chosen::Nothing => self.overlay = Some(Overlay::Menu(menu)),
            Chosen::Changed => {
                self.sort_in();
                self.overlay = Some(Overlay::Menu(menu.again(&self.pcs, &self.list.filter)));
            }
            Chosen::Close => self.sort_in(),
        }
    }

    fn prompt_key(&mut self, mut prompt: Prompt, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Enter => {
                let Some(page) = &mut self.page else { return Vec::new() };
                match page.answer(&prompt) {
                    Ok(effects) => return effects,
                    Err(wrong) => prompt.wrong = Some(wrong),
                }
            }
            _ => {
                prompt.line.key(key);
                prompt.wrong = None;
            }
        }
        self.overlay = Some(Overlay::Prompt(prompt));
        Vec::new()
    }

    fn page_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(page) = &mut self.page else { return Vec::new() };
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => {
                let was_live = page.graphs.is_on();
                self.page = None;
                return if was_live { vec![Effect::StopGraphs] } else { Vec::new() };
            }
            KeyCode::Char('?') | KeyCode::F(1) => self.overlay = Some(Overlay::Help(0)),
            KeyCode::F(5) => return self.reload(),
            KeyCode::Char('g') => return self.graphs_key(),
            KeyCode::Char(sign) => match keys::binding(sign) {
                Some(binding) => return self.start(binding),
                None => self.message = Some(unknown(sign)),
            },
            code => page.scroll(code),
        }
        Vec::new()
    }

    fn graphs_key(&mut self) -> Vec<Effect> {
        let Some(page) = &mut self.page else { return Vec::new() };
        if page.graphs.is_on() {
            page.graphs.end("");
            return vec![Effect::StopGraphs];
        }
        if page.has_session() {
            return page.begin_graphs(None);
        }
        let prompt = Prompt { purpose: Purpose::Graphs, line: LineEdit::default(), wrong: None };
        self.overlay = Some(Overlay::Prompt(prompt));
        Vec::new()
    }

    fn start(&mut self, binding: &'static Binding) -> Vec<Effect> {
        let Some(page) = &self.page else { return Vec::new() };
        let purpose = match (binding.ask, binding.confirm) {
            (Some(_), _) => Purpose::Verb(binding),
            (None, true) => Purpose::Confirm(binding),
            (None, false) => {
                let arguments = binding.arguments(&page.argument, "");
                return arguments.map_or_else(|_| Vec::new(), |arguments| vec![Effect::Run(arguments)]);
            }
        };
        let starts = binding.ask.map_or("", |ask| ask.starts).replace("{pc}", &page.argument);
        self.overlay = Some(Overlay::Prompt(Prompt { purpose, line: LineEdit::with(&starts), wrong: None }));
        Vec::new()
    }

    fn list_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let typing = self.list.is_typing();
        match key.code {
            KeyCode::Enter => return self.open(),
            KeyCode::Tab => self.overlay = Some(Overlay::Menu(Menu::new(&self.pcs, &self.list.filter))),
            KeyCode::F(1) => self.overlay = Some(Overlay::Help(0)),
            KeyCode::Char('?') if !typing => self.overlay = Some(Overlay::Help(0)),
            KeyCode::Char('q') if !typing => return vec![Effect::Quit],
            KeyCode::Char('/') if !typing => self.list.searching = true,
            KeyCode::F(2) | KeyCode::BackTab => {
                self.list.order = self.list.order.next();
                self.sort_in();
            }
            KeyCode::Esc => {
                if self.list.clear_one() {
                    self.sort_in();
                } else {
                    self.message = Some(say!(en: "q leaves", sv: "q avslutar"));
                }
            }
            code if self.list.step(code) => {}
            _ => {
                if self.list.search.key(key) {
                    self.searched();
                }
            }
        }
        Vec::new()
    }

    fn open(&mut self) -> Vec<Effect> {
        let Some(pc) = self.list.selected(&self.pcs) else { return Vec::new() };
        let (id, argument) = (pc.id, self.pcs.argument(pc));
        self.list.keep(id);
        self.page = Some(Page::new(id, argument));
        self.reload()
    }
}

/// The first line shown of something that scrolls, after a key; `None` if the key closes it.
fn scrolled(code: KeyCode, from: u16) -> Option<u16> {
    match code {
        KeyCode::Up => Some(from.saturating_sub(1)),
        KeyCode::Down => Some(from.saturating_add(1)),
        KeyCode::PageUp => Some(from.saturating_sub(10)),
        KeyCode::PageDown => Some(from.saturating_add(10)),
        _ => None,
    }
}

fn unknown(sign: char) -> String {
    let sign = clean_line(&sign.to_string(), 1);
    say!(en: "{sign} means nothing here; ? shows the keys", sv: "{sign} betyder inget här; ? visar tangenterna")
}
