//! Pictures of the view at 80×24, and what keys ask for.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use distans_proto::ops::look::{Load, ProcessState};
use distans_proto::text::is_steering;
use distans_proto::time::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn process(pid: u32, name: &str, cpu: u32) -> Process {
    Process {
        pid,
        parent: 1,
        started: u64::from(pid) * 100,
        since: Timestamp::default(),
        name: name.into(),
        program: None,
        user: Some("åsa".into()),
        state: ProcessState::Sleeping,
        cpu: Some(cpu),
        cpu_ms: 3_723_000,
        memory: 300 * 1024 * 1024,
        threads: 4,
    }
}

fn snapshot(processes: Vec<Process>) -> Snapshot {
    let count = u32::try_from(processes.len()).expect("few");
    Snapshot {
        load: Load {
            cpu: Some(234),
            processors: vec![100, 900],
            processor_count: 2,
            average: Some([12, 345, 6789]),
            memory_total: 8 << 30,
            memory_available: 2 << 30,
            swap_used: 1 << 20,
            receiving: Some(1 << 20),
            uptime_s: 270_000,
            ..Load::default()
        },
        process_count: count,
        running_count: 1,
        processes,
        fitting: count,
        ..Snapshot::default()
    }
}

fn picture_at(live: &Live, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| live.draw(frame, frame.area())).expect("drawn");
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

fn picture(live: &Live) -> Vec<String> {
    picture_at(live, 80, 24)
}

fn press(live: &mut Live, key: char) -> Action {
    live.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE))
}

fn live(processes: Vec<Process>) -> Live {
    let mut live = Live::new("PC-IDRE-003", false);
    live.take(snapshot(processes));
    live
}

#[test]
fn all_of_it_fits_on_80_by_24() {
    let live = live(vec![process(812, "Grövelsjön-Åsen-Älv", 421), process(7, "bash", 0)]);
    let lines = picture(&live);
    assert_eq!(lines[0], "PC-IDRE-003  up 3 d 3 h  2 processes, 1 running  every 2.0 s");
    assert_eq!(lines[1], "CPU 23.4 % of 2, busiest 90.0 %          memory 75.0 %, 6.0 GiB of 8.0 GiB");
    assert!(lines[2].ends_with('▂') && lines[4].ends_with('█') && lines[4].contains('▅'), "{lines:#?}");
    assert!(lines[5].starts_with("net ↓ 1.0 MiB/s ↑ –  disk read – write –  swap 1.0 MiB  load 0.12"));
    assert_eq!(lines[6], "     PID USER       S      CPU    MEMORY  CPU TIME PROGRAM");
    assert_eq!(lines[7], "     812 åsa        S   42.1 %   300 MiB   1:02:03 Grövelsjön-Åsen-Älv");
    assert!(lines[23].starts_with("c m p n sort") && lines[23].ends_with("q quit"), "{lines:#?}");
}

#[test]
fn a_narrow_terminal_shows_fewer_columns_and_whole_figures() {
    let picture = picture_at(&live(vec![process(4711, "firefox", 234)]), 40, 10).join("\n");
    for whole in ["4711", "23.4 %", "300 MiB", "firefox"] {
        assert!(picture.contains(whole), "{picture}");
    }
}

#[test]
fn nothing_a_pc_says_steers_the_terminal_or_spills_into_the_next_cell() {
    let hostile = "x\u{1b}[2J\u{202e}\u{9b}31m\r\n\t\u{7}y";
    let long = "å".repeat(4000);
    let mut live = live(vec![process(1, hostile, u32::MAX), process(2, &long, 1)]);
    live.pc = hostile.into();
    live.tell(hostile);
    for (width, height) in [(80, 24), (1, 1), (10, 3), (300, 100)] {
        let lines = picture_at(&live, width, height);
        assert!(!lines.concat().chars().any(is_steering), "{lines:#?}");
    }
    press(&mut live, 'k');
    let lines = picture(&live);
    assert!(lines[23].starts_with("End 1 x�[2J��31m� ") && !lines.concat().chars().any(is_steering));
    assert!(lines[8].starts_with("       2 åsa"), "{lines:#?}");
}

#[test]
fn a_pc_that_tells_too_much_is_cut_and_what_it_says_while_paused_is_dropped() {
    let mut live = live((0..5000).map(|pid| process(pid, "x", 0)).collect());
    assert_eq!(live.processes().len(), usize::from(ROWS));
    for _ in 0..10_000 {
        live.take(snapshot(vec![process(1, "x", 0)]));
    }
    assert_eq!(press(&mut live, ' '), Action::None);
    live.take(snapshot(Vec::new()));
    assert_eq!(live.processes().len(), 1);
    assert!(picture(&live)[0].ends_with("PAUSED"));
}

#[test]
fn keys_change_what_the_pc_sends() {
    let mut live = live(vec![process(1, "x", 0)]);
    assert_eq!(press(&mut live, 'c'), Action::None, "it is sorted so already");
    let Action::Change(top) = press(&mut live, 'm') else { panic!("no change") };
    assert_eq!((top.sort, top.interval_ms), (SortBy::Memory, 2000));
    let Action::Change(top) = press(&mut live, '+') else { panic!("no change") };
    assert_eq!(top.interval_ms, 3000);
    for _ in 0..20 {
        press(&mut live, '-');
    }
    assert_eq!(live.wanted().interval_ms, 500);
    assert_eq!(press(&mut live, '/'), Action::None);
    let Action::Change(top) = press(&mut live, 'å') else { panic!("no change") };
    assert_eq!(top.filter, Some("å".into()));
    assert!(picture(&live)[23].starts_with("/å▏"));
    let Action::Change(top) = live.key(KeyCode::Esc.into()) else { panic!("no change") };
    assert_eq!(top.filter, None);
    assert_eq!(live.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Action::Quit);
}

#[test]
fn what_is_chosen_stays_chosen_and_only_that_is_ended() {
    let mut live = live(vec![process(1, "a", 3), process(2, "b", 2), process(3, "c", 1)]);
    live.key(KeyCode::Down.into());
    // The order changes under it, and a new process takes its old place.
    live.take(snapshot(vec![process(3, "c", 3), process(4, "d", 2), process(2, "b", 1)]));
    assert_eq!(press(&mut live, 'k'), Action::None);
    assert_eq!(picture(&live)[23], "End 2 b?  y ask it to  f by force  n no");
    // What is asked about does not change either.
    live.take(snapshot(vec![process(9, "z", 3)]));
    assert_eq!(press(&mut live, 'x'), Action::None);
    assert_eq!(press(&mut live, 'y'), Action::End(EndProcess { pid: 2, started: 200, force: false }));
    press(&mut live, 'k');
    assert_eq!(live.key(KeyCode::Esc.into()), Action::None);
    assert_eq!(live.mode, Mode::Browse);
}

#[test]
fn help_is_shown_and_goes_away() {
    let mut live = live(Vec::new());
    press(&mut live, '?');
    let lines = picture(&live).join("\n");
    assert!(lines.contains("sort by CPU, memory, number, name") && lines.contains("Any key closes this"));
    assert_eq!(press(&mut live, 'q'), Action::None);
    assert!(!picture(&live).join("\n").contains("Any key"));
    assert_eq!(press(&mut live, 'k'), Action::None, "nothing is chosen, nothing to end");
}
