//! Holds the agent, the person and the screen together.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use distans_platform::local;
use distans_platform::stop::Stop;
use distans_proto::time::Timestamp;
use tokio::sync::mpsc;

use crate::agent::{self, Agent, Found};
use crate::args::Args;
use crate::desk::{Desk, Now, Output};
use crate::screen::{self, Screen};
use crate::words::Language;

/// Pause before looking for the agent again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the counting line is brought up to date.
const COUNT: Duration = Duration::from_millis(500);

struct Helper {
    desk: Desk,
    screen: Screen,
    words: Language,
    dir: PathBuf,
    /// `None` once the input has ended.
    lines: Option<mpsc::Receiver<String>>,
    stop: Stop,
    once: bool,
}

/// Why a connection to the agent ended.
enum Parted {
    /// The agent is gone; it may come back.
    Lost,
    /// The helper has done what it was started for.
    Done,
}

/// Runs until the person or the system ends it.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let words = args.lang.unwrap_or_else(language);
    let mut helper = Helper {
        desk: Desk::new(words, args.answer, screen::person_types()),
        screen: Screen::new(),
        words,
        dir: args.state.unwrap_or_else(local::default_dir),
        lines: Some(screen::lines().context("the keyboard cannot be read")?),
        stop: Stop::listen().context("signals cannot be heard")?,
        once: args.once,
    };
    loop {
        let Some(mut agent) = helper.find_agent().await? else { return Ok(()) };
        helper.screen.show(words.waiting());
        match helper.converse(&mut agent).await {
            Ok(Parted::Done) => return Ok(()),
            Ok(Parted::Lost) | Err(_) => {
                let outputs = helper.desk.lost();
                helper.show(&outputs);
            }
        }
    }
}

impl Helper {
    /// Waits until an agent listens; `None` if the helper is to end before that.
    async fn find_agent(&mut self) -> anyhow::Result<Option<Agent>> {
        let mut pause = FIRST_PAUSE;
        let mut told = "";
        loop {
            let reason = match agent::connect(&self.dir).await? {
                Found::Agent(agent) => return Ok(Some(agent)),
                Found::Nobody => self.words.no_agent(),
                Found::Silence => self.words.turned_away(),
            };
            if told != reason {
                self.screen.show(reason);
                told = reason;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.requested() => return Ok(None),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn converse(&mut self, agent: &mut Agent) -> anyhow::Result<Parted> {
        loop {
            self.refresh();
            let outputs = tokio::select! {
                message = agent.receive() => match message? {
                    Some(message) => self.desk.message(now(), message),
                    None => return Ok(Parted::Lost),
                },
                line = next_line(&mut self.lines) => match line {
                    Some(line) => {
                        self.screen.typed();
                        self.desk.line(now(), &line)
                    }
                    None => {
                        self.lines = None;
                        vec![Output::Show(self.words.no_input().to_owned())]
                    }
                },
                () = tokio::time::sleep(COUNT), if self.desk.is_counting() => self.desk.tick(now()),
                () = self.stop.requested() => {
                    let outputs = self.desk.stop_all();
                    self.carry_out(agent, &outputs).await?;
                    return Ok(Parted::Done);
                }
            };
            self.carry_out(agent, &outputs).await?;
            if self.once && self.desk.is_over() {
                return Ok(Parted::Done);
            }
        }
    }

    async fn carry_out(&mut self, agent: &mut Agent, outputs: &[Output]) -> anyhow::Result<()> {
        self.show(outputs);
        for output in outputs {
            if let Output::Send(message) = output {
                agent.send(message).await?;
            }
        }
        Ok(())
    }

    fn show(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Show(text) => self.screen.show(text),
                Output::Call(text) => self.screen.call(text),
                Output::Above(text) => self.screen.above(text),
                Output::Send(_) => {}
            }
        }
    }

    fn refresh(&mut self) {
        let now = now();
        let counting = self.desk.counting(now);
        let prompt = self.desk.prompt();
        self.screen.refresh(counting.as_deref(), self.desk.seconds_left(now), prompt.as_deref());
    }
}

/// The next typed line; never, once the input has ended.
async fn next_line(lines: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match lines {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}

fn language() -> Language {
    let values: Vec<String> =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok()).collect();
    Language::from_locale(values.iter().map(String::as_str))
}

fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    Now { instant: Instant::now(), wall }
}
