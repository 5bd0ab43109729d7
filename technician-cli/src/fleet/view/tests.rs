//! Pictures, asserted on what matters.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use distans_proto::desk::Device;
use distans_proto::facts::{Disk, Facts, Severity};
use distans_proto::time::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::fleet::filter::Filter;
use crate::fleet::page::{Details, Visit};
use crate::fleet::pcs::tests::{ailing, device};
use crate::fleet::state::Event;

const NOW: i64 = 1_784_815_500;

fn fleet() -> State {
    let mut state = State::new(Filter::default(), Timestamp::from_secs(NOW));
    let since = Some(Timestamp::from_secs(NOW - 3 * 3600));
    let mut pcs = vec![Device { since, ..device(1, "PC-ORSA-014", ("orsa-skola", "Orsa")) }];
    let full = ailing(device(2, "PC-IDRE-003", ("idre", "Älvdalen")), Severity::Critical, "disk-nearly-full");
    pcs.push(Device { since, online: false, ..full });
    for number in 10..60 {
        pcs.push(Device { since, ..device(number, &format!("PC-MORA-{number:03}"), ("mora", "Mora")) });
    }
    for pc in pcs {
        state.update(Event::Pc(Box::new(pc)));
    }
    state.update(Event::Current);
    state
}

fn press(state: &mut State, code: KeyCode) {
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

fn type_in(state: &mut State, text: &str) {
    text.chars().for_each(|letter| press(state, KeyCode::Char(letter)));
}

/// What stands on a screen of this size, line by line.
fn picture(state: &mut State, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    let mut shown = Shown::default();
    terminal.draw(|frame| shown = draw(state, frame, Paint { colours: true })).expect("drawn");
    state.shown(shown);
    let buffer = terminal.backend().buffer();
    let line = |row| (0..width).map(|column| buffer[(column, row)].symbol()).collect::<String>();
    (0..height).map(line).collect()
}

fn has(picture: &[String], words: &[&str]) {
    for word in words {
        assert!(picture.iter().any(|line| line.contains(word)), "no {word:?} in\n{}", picture.join("\n"));
    }
}

#[test]
fn the_list_at_80_by_24() {
    let mut state = fleet();
    let seen = picture(&mut state, 80, 24);
    has(&seen[..1], &["● 51 online", "○ 1 offline", "! 1 with findings"]);
    has(&seen[1..2], &["Search:", "52 of 52, by name"]);
    has(&seen[2..3], &["PC", "FOR", "SITE", "FINDINGS"]);
    has(&seen[3..4], &["○  PC-IDRE-003", "3 h", "idre", "!! disk-nearly-full"]);
    has(&seen[4..5], &["●  PC-MORA-010"]);
    has(&seen[23..], &["? keys", "q leave"]);
    press(&mut state, KeyCode::End);
    has(&picture(&mut state, 80, 24)[22..23], &["PC-ORSA-014"]);
}

#[test]
fn search_filter_and_what_is_asked_for_show() {
    let mut state = fleet();
    press(&mut state, KeyCode::Tab);
    let menu = picture(&mut state, 80, 24);
    has(&menu, &["‹State›", "Municipality", "✓     52  all", "51  online", "1  offline"]);
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Enter);
    type_in(&mut state, "orsa");
    let seen = picture(&mut state, 80, 24);
    has(&seen[1..2], &["Search: orsa", "[online]", "1 of 52"]);
    has(&seen[3..4], &["PC-ORSA-014"]);
    type_in(&mut state, "xyz");
    has(&picture(&mut state, 80, 24), &["no PC fits"]);
}

#[test]
fn a_page_shows_facts_findings_sessions_and_keys() {
    let mut state = fleet();
    press(&mut state, KeyCode::Enter);
    has(
        &picture(&mut state, 80, 24),
        &["PC-IDRE-003", "offline, last seen", "!! disk-nearly-full", "fetching"],
    );
    let id = state.page.as_ref().expect("open").id;
    let disk = Disk {
        mount: "C:\\".into(),
        file_system: "NTFS".into(),
        total: 100 << 30,
        available: 1 << 30,
        read_only: false,
    };
    let facts = Facts { os: "Windows\u{1b}[2J 11".into(), disks: vec![disk], ..Facts::default() };
    let visit = Visit {
        technician: "anna".into(),
        opened: Timestamp::from_secs(NOW - 900),
        ended: None,
        bytes: 2048,
    };
    let details =
        Details { facts: Some(facts), identity: Err("not ours".into()), sessions: vec![visit], open: None };
    state.update(Event::Details(id, Ok(Box::new(details))));
    let seen = picture(&mut state, 80, 36);
    has(&seen, &["identity     !! not ours", "Windows\u{fffd}[2J 11", "C:\\: 1.0 GiB free of 100 GiB"]);
    has(&seen, &["Programs cannot save files", "do         Empty the bin"]);
    has(&seen, &["Last sessions", "anna", "2.0 KiB", "d doctor", "r run a command", "q back"]);
    press(&mut state, KeyCode::Char('r'));
    type_in(&mut state, "dir 'C:\\a b'");
    has(&picture(&mut state, 80, 24), &["> dir", "$ distans run PC-IDRE-003 -- dir 'C:\\a b'"]);
}

#[test]
fn the_help_shows_every_verb_of_the_table() {
    let mut state = fleet();
    press(&mut state, KeyCode::Char('?'));
    let tall = picture(&mut state, 80, 60);
    for binding in crate::fleet::keys::BINDINGS {
        has(&tall, &[binding.english]);
    }
    let top = picture(&mut state, 80, 16);
    for _ in 0..9 {
        press(&mut state, KeyCode::PageDown);
        picture(&mut state, 80, 16);
    }
    let bottom = picture(&mut state, 80, 16);
    assert_ne!(top, bottom);
    press(&mut state, KeyCode::Up);
    assert_ne!(picture(&mut state, 80, 16), bottom, "it was not scrolled out of sight");
}

#[test]
fn a_lost_broker_is_said_and_the_list_stays() {
    let mut state = fleet();
    state.update(Event::Lost("no answer within 8 s".into()));
    state.update(Event::Tick(Timestamp::from_secs(NOW + 42)));
    let seen = picture(&mut state, 80, 24);
    has(&seen[..1], &["LINE LOST for 42 s", "no answer"]);
    has(&seen[3..4], &["PC-IDRE-003"]);
}

#[test]
fn no_size_panics_and_no_name_steers() {
    let mut state = fleet();
    let hostile = "\u{1b}]0;x\u{7}\u{202e}PC\u{9b}31m\r\nå\u{301}\u{1f468}\u{200d}\u{1f469}日本";
    let evil = ailing(device(0, hostile, ("idre", "Älvdalen\u{1b}[H")), Severity::Warning, "x\u{1b}[?1049l");
    state.update(Event::Pc(Box::new(evil)));
    state.update(Event::Current);
    let mut walk =
        vec![None, Some(KeyCode::Tab), Some(KeyCode::Esc), Some(KeyCode::Char('?')), Some(KeyCode::Esc)];
    walk.extend(
        [KeyCode::Home, KeyCode::Enter, KeyCode::Char('r'), KeyCode::Esc, KeyCode::Char('g')].map(Some),
    );
    for step in walk {
        if let Some(code) = step {
            press(&mut state, code);
        }
        for width in (1..130).step_by(7) {
            for height in [1, 2, 3, 4, 5, 6, 7, 9, 12, 24, 50] {
                let seen = picture(&mut state, width, height);
                let steering = |sign: char| sign.is_control() || distans_proto::text::is_steering(sign);
                assert!(!seen.iter().any(|line| line.contains(steering)), "{width}×{height}: {seen:?}");
            }
        }
    }
}
