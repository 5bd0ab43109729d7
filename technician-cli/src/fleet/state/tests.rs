//! Events and what follows from them.

use crossterm::event::KeyCode::{BackTab, Backspace, Char, Down, Enter, Esc, F, Home, PageDown, Tab, Up};
use crossterm::event::{KeyCode, KeyModifiers};
use distans_proto::facts::Severity;

use super::*;
use crate::fleet::filter::Order;
use crate::fleet::pcs::tests::{ailing, device};

fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn control(state: &mut State, letter: char) -> Vec<Effect> {
    state.update(Event::Key(KeyEvent::new(Char(letter), KeyModifiers::CONTROL)))
}

fn type_in(state: &mut State, text: &str) {
    for letter in text.chars() {
        assert_eq!(press(state, Char(letter)), []);
    }
}

fn told(state: &mut State, device: Device) -> Vec<Effect> {
    state.update(Event::Pc(Box::new(device)))
}

/// Three PCs, told by a broker.
fn state() -> State {
    let mut state = State::new(Filter::default(), Timestamp::from_secs(5000));
    told(&mut state, device(1, "PC-ORSA-014", ("orsa-skola", "Orsa")));
    told(&mut state, device(2, "PC-ORSA-01", ("orsa-skola", "Orsa")));
    told(
        &mut state,
        ailing(device(3, "PC-IDRE-003", ("idre", "Älvdalen")), Severity::Warning, "disk-nearly-full"),
    );
    state.update(Event::Current);
    state
}

fn selected(state: &State) -> &str {
    state.list.selected(&state.pcs).map_or("", |pc| pc.name.as_str())
}

fn page(state: &State) -> &Page {
    state.page.as_ref().expect("a page")
}

#[test]
fn what_is_typed_searches_and_enter_opens_the_best_fit() {
    let mut state = state();
    type_in(&mut state, "pc-orsa-01");
    assert_eq!((state.list.len(), selected(&state)), (2, "PC-ORSA-01"));
    let id = DeviceId::from_bytes([2; 16]);
    assert_eq!(press(&mut state, Enter), [Effect::Load(id, "PC-ORSA-01".into())]);
    assert_eq!(press(&mut state, Char('q')), [], "back to the list, not out");
    assert!(state.page.is_none());
    press(&mut state, Esc);
    assert_eq!((state.list.len(), selected(&state)), (3, "PC-ORSA-01"), "the same PC stays selected");
    assert_eq!(press(&mut state, Char('q')), [Effect::Quit]);
}

#[test]
fn q_and_question_mark_are_letters_once_something_is_typed() {
    let mut state = state();
    press(&mut state, Char('/'));
    type_in(&mut state, "q?");
    assert_eq!((state.list.search.text().as_str(), state.overlay.is_none()), ("q?", true));
    press(&mut state, Esc);
    press(&mut state, Char('?'));
    assert_eq!(state.overlay, Some(Overlay::Help(0)));
    press(&mut state, Char('x'));
    assert!(state.overlay.is_none() && state.list.search.is_empty(), "the key closed the help and no more");
}

#[test]
fn the_selection_stays_on_its_pc_whatever_changes_around_it() {
    let mut state = state();
    press(&mut state, Down);
    assert_eq!(selected(&state), "PC-ORSA-01");
    told(&mut state, device(4, "AAA-FIRST", ("idre", "Älvdalen")));
    told(&mut state, Device { online: false, ..device(2, "PC-ORSA-01", ("orsa-skola", "Orsa")) });
    state.update(Event::Current);
    assert_eq!((selected(&state), state.list.at()), ("PC-ORSA-01", 2));
    for code in [F(2), F(2), BackTab] {
        press(&mut state, code);
        assert_eq!(selected(&state), "PC-ORSA-01");
    }
    assert_eq!(state.list.order, Order::Place);
    press(&mut state, Home);
    press(&mut state, Up);
    press(&mut state, PageDown);
    assert_eq!(state.list.at(), 3);
}

#[test]
fn a_lost_broker_keeps_the_list_until_it_tells_anew() {
    let mut state = state();
    state.update(Event::Lost("no answer\u{1b}[2J".into()));
    state.update(Event::Tick(Timestamp::from_secs(5030)));
    state.update(Event::Lost("still none".into()));
    assert_eq!(
        state.line,
        Line::Lost(Timestamp::from_secs(5000), "still none".into()),
        "since the first loss"
    );
    assert_eq!(state.pcs.all().len(), 3);
    told(&mut state, device(1, "PC-ORSA-014", ("orsa-skola", "Orsa")));
    assert_eq!(state.pcs.all().len(), 1, "what is told now counts");
    state.update(Event::Current);
    assert_eq!(state.line, Line::Live);
    state.update(Event::Again);
    state.update(Event::Current);
    assert!(state.pcs.all().is_empty(), "all rights are gone: nothing is told");
}

#[test]
fn the_menu_filters_and_escape_takes_it_back() {
    let mut state = state();
    press(&mut state, Tab);
    press(&mut state, Tab);
    press(&mut state, Char('o'));
    press(&mut state, Enter);
    assert_eq!(state.list.filter.municipality.as_deref(), Some("Orsa"));
    assert_eq!(state.list.len(), 2);
    press(&mut state, Tab);
    press(&mut state, Backspace);
    assert_eq!(state.list.len(), 3);
    press(&mut state, BackTab);
    press(&mut state, Down);
    press(&mut state, Down);
    press(&mut state, Char(' '));
    press(&mut state, Esc);
    assert_eq!((state.list.len(), selected(&state)), (1, "PC-IDRE-003"));
    press(&mut state, Esc);
    assert!(state.list.filter.is_empty());
    assert_eq!(press(&mut state, Esc), [], "escape alone never leaves");
    assert!(state.message.is_some());
}

#[test]
fn keys_of_a_page_start_verbs_on_that_pc() {
    let mut state = state();
    type_in(&mut state, "idre");
    press(&mut state, Enter);
    assert_eq!(press(&mut state, Char('d')), [Effect::Run(vec!["doctor".into(), "PC-IDRE-003".into()])]);
    press(&mut state, Char('r'));
    assert_eq!(press(&mut state, Enter), [], "nothing typed");
    assert!(matches!(&state.overlay, Some(Overlay::Prompt(prompt)) if prompt.wrong.is_some()));
    type_in(&mut state, "ipconfig /all");
    let run = ["run", "PC-IDRE-003", "--", "ipconfig", "/all"].map(str::to_owned).to_vec();
    assert_eq!(press(&mut state, Enter), [Effect::Run(run)]);
    assert!(state.overlay.is_none());
    let id = page(&state).id;
    let reload = Effect::Load(id, "PC-IDRE-003".into());
    assert_eq!(state.update(Event::Ended(Ok(3))), [reload], "what the verb changed is fetched");
    assert!(state.message.as_ref().is_some_and(|text| text.contains('3')));
    press(&mut state, Char('Ö'));
    assert!(state.message.as_ref().is_some_and(|text| text.contains('Ö')));
}

#[test]
fn live_figures_need_a_purpose_and_end_with_the_page() {
    let mut state = state();
    press(&mut state, Enter);
    let (id, name) = (page(&state).id, page(&state).argument.clone());
    press(&mut state, Char('g'));
    assert_eq!(press(&mut state, Enter), [], "without a reason nobody looks");
    type_in(&mut state, "slow");
    assert_eq!(press(&mut state, Enter), [Effect::Graphs(id, name, Some("slow".into()))]);
    state.update(Event::GraphsSay(id, "being asked".into()));
    assert_eq!(page(&state).graphs.says, "being asked");
    state.update(Event::Load(id, Box::default()));
    assert!(page(&state).graphs.has_any() && page(&state).graphs.says.is_empty());
    let again = state.update(Event::GraphsEnd(id, "session is over".into()));
    assert_eq!(again, [Effect::Load(id, page(&state).argument.clone())], "it may be another session now");
    assert_eq!(page(&state).graphs.says, "session is over");
    press(&mut state, Char('g'));
    type_in(&mut state, "slow");
    press(&mut state, Enter);
    assert_eq!(press(&mut state, Esc), [Effect::StopGraphs]);
    press(&mut state, Enter);
    state.update(Event::Load(id, Box::default()));
    assert!(!page(&state).graphs.has_any(), "late figures are not taken");
}

#[test]
fn a_change_of_the_shown_pc_fetches_it_again_and_another_does_not() {
    let mut state = state();
    press(&mut state, Enter);
    let shown = page(&state).id;
    assert_eq!(shown, DeviceId::from_bytes([3; 16]));
    assert_eq!(told(&mut state, device(1, "PC-ORSA-014", ("orsa-skola", "Orsa"))), []);
    assert_eq!(told(&mut state, device(3, "PC-IDRE-003", ("idre", "Älvdalen"))).len(), 1);
}

#[test]
fn control_c_leaves_from_everywhere_and_keys_beyond_the_table_do_nothing() {
    let mut state = state();
    for keys in [vec![], vec![Tab], vec![Char('?')], vec![Enter], vec![Enter, Char('r')]] {
        for key in keys {
            press(&mut state, key);
        }
        assert!(control(&mut state, 'c').contains(&Effect::Quit));
        (state.page, state.overlay) = (None, None);
    }
    assert_eq!(control(&mut state, 'l'), [Effect::Redraw]);
}

#[test]
fn a_random_walk_over_the_keys_never_panics() {
    let seed = u64::from_le_bytes(std::process::id().to_le_bytes().repeat(2).try_into().expect("eight"));
    println!("seed {seed}");
    let mut dice = seed | 1;
    let mut roll = |below: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % below).expect("small")
    };
    let codes = [
        Enter,
        Esc,
        Tab,
        BackTab,
        Up,
        Down,
        PageDown,
        Home,
        Backspace,
        F(1),
        F(2),
        F(5),
        KeyCode::End,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Delete,
        Char('a'),
        Char('q'),
        Char('d'),
        Char('r'),
        Char('g'),
        Char('å'),
        Char(' '),
    ];
    let mut state = state();
    for _ in 0..20_000 {
        match roll(8) {
            0 => {
                let number = u8::try_from(roll(6)).expect("small");
                told(&mut state, device(number, "PC-ORSA", ("idre", "Älvdalen")));
            }
            1 => drop(state.update(if roll(2) == 0 { Event::Current } else { Event::Again })),
            _ => drop(press(&mut state, codes[roll(23)])),
        }
        assert!(state.list.at() < state.list.len().max(1));
    }
}
