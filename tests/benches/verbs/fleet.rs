//! How the fleet view feels with many PCs: a key pressed, and a PC that changes, each up to the
//! finished picture of 80 × 24. Terminal and line stay outside: they are measured as typing is.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use distans_cli::fleet::filter::Filter;
use distans_cli::fleet::state::{Event, State};
use distans_cli::fleet::view::{self, Paint, Shown};
use distans_proto::desk::{Device, Told};
use distans_proto::facts::Severity;
use distans_proto::ids::DeviceId;
use distans_proto::link::Noted;
use distans_proto::time::Timestamp;
use distans_tests::bench::report::Report;
use distans_tests::measure::percentile;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// PCs in the list: more than the three municipalities have together.
const PCS: u32 = 5000;

/// What is typed: words that fit many PCs, few, and one only by its letters.
const SEARCHES: [&str; 4] = ["orsa", "pc-mora-04", "mora disk karin", "porsa4711"];

/// Measures both.
pub(crate) fn measure(short: bool, report: &mut Report) -> Result<()> {
    let mut screen = Screen::with_fleet()?;
    let rounds = if short { 1 } else { 20 };
    let (mut keys, mut changes) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for search in SEARCHES {
            for letter in search.chars() {
                keys.push(screen.press(KeyCode::Char(letter))?);
            }
            for code in [KeyCode::Down, KeyCode::PageDown, KeyCode::End, KeyCode::F(2), KeyCode::Esc] {
                keys.push(screen.press(code)?);
            }
        }
        for nth in 0..50 {
            changes.push(screen.change((round * 50 + nth) * 7 % PCS)?);
        }
    }
    for (what, times) in [("a key", &mut keys), ("a PC changes", &mut changes)] {
        let (median, worst) = (percentile(times, 50), percentile(times, 99));
        let shown = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
        report.alone(
            &format!("fleet of {PCS}: {what}, to the picture"),
            format!("median {}, p99 {}", shown(median), shown(worst)),
            "immediate: < 16 ms",
        );
    }
    Ok(())
}

/// The view, on a screen in memory.
struct Screen {
    state: State,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    fn with_fleet() -> Result<Self> {
        let mut state = State::new(Filter::default(), Timestamp::from_secs(i64::from(PCS)));
        for number in 0..PCS {
            state.update(Event::Pc(Box::new(pc(number, true)?)));
        }
        state.update(Event::Current);
        let mut screen = Self { state, terminal: Terminal::new(TestBackend::new(80, 24))? };
        screen.draw()?;
        Ok(screen)
    }

    fn press(&mut self, code: KeyCode) -> Result<Duration> {
        let begun = Instant::now();
        self.state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        self.draw()?;
        Ok(begun.elapsed())
    }

    /// One PC goes offline, and the broker has nothing more to tell.
    fn change(&mut self, number: u32) -> Result<Duration> {
        let event = Event::Pc(Box::new(pc(number, false)?));
        let begun = Instant::now();
        self.state.update(event);
        self.state.update(Event::Current);
        self.draw()?;
        Ok(begun.elapsed())
    }

    fn draw(&mut self) -> Result<()> {
        let (state, mut shown) = (&self.state, Shown::default());
        self.terminal.draw(|frame| shown = view::draw(state, frame, Paint { colours: true }))?;
        self.state.shown(shown);
        Ok(())
    }
}

/// A PC of many: every twelfth with a finding.
fn pc(number: u32, online: bool) -> Result<Device> {
    let places = [("mora-skola", "Mora"), ("orsa-skola", "Orsa"), ("idre", "Älvdalen")];
    let place = usize::try_from(number)? % places.len();
    let (site, municipality) = places.get(place).context("a place")?;
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let disk = Noted { severity: Severity::Critical, rule: "disk-nearly-full".into() };
    Ok(Device {
        id: DeviceId::from_bytes(id),
        hostname: format!("PC-{}-{number:04}", municipality.to_uppercase()).as_str().into(),
        group: "skola".parse()?,
        site: Some(site.parse()?),
        confirmed: true,
        online,
        since: Some(Timestamp::from_secs(i64::from(number))),
        enrolled: Timestamp::from_secs(0),
        facts: None,
        endorsement: None,
        token_cert: None,
        spki: None,
        municipality: Some((*municipality).into()),
        told: Some(Told {
            agent_version: Some("0.1.0".into()),
            user: Some(["karin", "åsa", "erik"][place].into()),
            findings: if number.is_multiple_of(12) { vec![disk] } else { Vec::new() },
        }),
    })
}
