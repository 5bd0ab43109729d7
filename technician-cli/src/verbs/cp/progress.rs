//! How a copy looks while it runs: a bar with rate and time left, lines, JSON, or nothing.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use distans_proto::ops::files::Problem;
use distans_proto::text::clean_line;
use distans_transfer::{Verdict, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::words;
use crate::format;
use crate::say;
use crate::screen::{Screen, Tone};

/// Between two drawings, two events, two lines.
const DRAW: Duration = Duration::from_millis(100);
const EVENT: Duration = Duration::from_secs(1);
const LINE: Duration = Duration::from_secs(10);

/// The rate is that of about so long.
const SPAN: Duration = Duration::from_secs(3);

/// Problems shown one by one; the rest are counted.
const SHOWN: u64 = 200;

/// Shows a copy.
pub(super) struct Progress {
    screen: Screen,
    quiet: bool,
    /// Every file gets a line.
    each: bool,
    bar: Option<ProgressBar>,
    tally: Tally,
    drawn: Instant,
    problems: u64,
    current: String,
}

/// What has come of how much, and how fast. Pure but for the clock it is given.
#[derive(Debug, Clone, Copy)]
struct Tally {
    files: (u64, u64),
    bytes: (u64, u64),
    complete: bool,
    /// Of the current span: since when, and bytes over the line.
    since: Instant,
    span: u64,
    /// Bytes a second.
    rate: Option<f64>,
}

impl Tally {
    const fn new(now: Instant) -> Self {
        Self { files: (0, 0), bytes: (0, 0), complete: false, since: now, span: 0, rate: None }
    }

    fn moved(&mut self, bytes: u64, now: Instant) {
        self.bytes.0 += bytes;
        self.span += bytes;
        let passed = now - self.since;
        if passed >= SPAN / 3 {
            let latest = self.span as f64 / passed.as_secs_f64();
            self.rate = Some(self.rate.map_or(latest, |rate| rate * 0.6 + latest * 0.4));
            (self.since, self.span) = (now, 0);
        }
    }

    fn left(&self) -> Option<Duration> {
        let rate = self.rate.filter(|rate| *rate > 0.0)?;
        let left = self.bytes.1.saturating_sub(self.bytes.0) as f64;
        self.complete.then(|| Duration::try_from_secs_f64(left / rate).ok()).flatten()
    }

    fn line(&self) -> String {
        let ((done, files), (bytes, total)) = (self.files, self.bytes);
        let more = if self.complete { "" } else { "+" };
        let (bytes, total) = (format::bytes(bytes), format::bytes(total));
        let mut line = format!("{bytes}/{total}{more}  {done}/{files}{more}");
        if let Some(rate) = self.rate {
            // Never negative, and far below what a u64 holds.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of bytes")]
            let rate = rate as u64;
            line += &format!("  {}/s", format::bytes(rate));
        }
        if let Some(left) = self.left() {
            let left = format::span(left);
            line += &say!(en: "  {left} left", sv: "  {left} kvar");
        }
        line
    }
}

impl Progress {
    pub(super) fn new(screen: Screen, quiet: bool, each: bool) -> Self {
        let draws = !quiet && !screen.json() && io::stderr().is_terminal();
        let bar = draws.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("[{bar:18}] {wide_msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        let now = Instant::now();
        Self {
            screen,
            quiet,
            each,
            bar,
            tally: Tally::new(now),
            drawn: now,
            problems: 0,
            current: String::new(),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.problems > SHOWN {
            let more = self.problems - SHOWN;
            self.screen.hint(say!(en: "and {more} more of that kind", sv: "och {more} till av det slaget"));
        }
    }

    /// A new try begins: it lists and counts again.
    pub(super) fn restart(&mut self) {
        self.tally = Tally::new(Instant::now());
        self.problems = 0;
    }

    fn draw(&mut self) {
        let now = Instant::now();
        let every = if self.bar.is_some() {
            DRAW
        } else if self.screen.json() {
            EVENT
        } else {
            LINE
        };
        if now - self.drawn < every || self.quiet {
            return;
        }
        self.drawn = now;
        if let Some(bar) = &self.bar {
            bar.set_length(self.tally.bytes.1.max(1));
            bar.set_position(self.tally.bytes.0);
            bar.set_message(format!("{}  {}", self.tally.line(), self.current));
        } else if self.screen.json() {
            let Tally { files, bytes, complete, .. } = self.tally;
            let event = json!({
                "event": "progress", "files": files.0, "files_listed": files.1,
                "bytes": bytes.0, "bytes_listed": bytes.1, "listed_all": complete,
            });
            // Whoever read it is gone; the copy's own end tells.
            let _ = self.screen.object(&event);
        } else {
            self.screen.hint(self.tally.line());
        }
    }

    fn above(&self, show: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(show),
            None => show(),
        }
    }
}

impl Watch for Progress {
    fn listed(&mut self, files: u64, bytes: u64, complete: bool) {
        let tally = &mut self.tally;
        (tally.files.1, tally.bytes.1, tally.complete) = (files, bytes, complete || tally.complete);
        self.draw();
    }

    fn file(&mut self, path: &str, size: u64, verdict: Verdict) {
        let path = clean_line(path, 400);
        let word = match verdict {
            Verdict::Begun => {
                self.current = path;
                return self.draw();
            }
            Verdict::Copied => "copied",
            Verdict::Same => "same",
            Verdict::Kept => "kept",
            Verdict::Would => "would_copy",
        };
        self.tally.files.0 += 1;
        if self.screen.json() {
            let event = json!({ "event": "file", "path": path, "bytes": size, "verdict": word });
            let _ = self.screen.object(&event);
        } else if self.each && verdict == Verdict::Would {
            self.above(|| _ = self.screen.line(format!("{:>9}  {path}", format::bytes(size))));
        }
        self.draw();
    }

    fn moved(&mut self, bytes: u64) {
        self.tally.moved(bytes, Instant::now());
        self.draw();
    }

    fn spared(&mut self, bytes: u64) {
        self.tally.bytes.0 = self.tally.bytes.0.saturating_add(bytes);
    }

    fn problem(&mut self, problem: &Problem) {
        let note = problem.why.cause.is_note();
        self.problems += 1;
        if self.screen.json() {
            let event = json!({
                "event": if note { "note" } else { "problem" },
                "path": clean_line(problem.path.raw(), 4096),
                "cause": words::cause_name(problem.why.cause),
                "text": problem.why.text,
            });
            let _ = self.screen.object(&event);
        } else if self.problems <= SHOWN && !(note && self.quiet) {
            let text = words::problem(problem);
            let tone = if note { Tone::Quiet } else { Tone::Careful };
            self.above(|| self.screen.toned_hint(tone, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_rate_of_the_line_and_waits_for_the_list() {
        let begun = Instant::now();
        let mut tally = Tally::new(begun);
        tally.bytes.1 = 100_000_000;
        for second in 1..=20 {
            tally.moved(1_000_000, begun + Duration::from_secs(second));
        }
        assert_eq!(tally.left(), None, "the list is not complete");
        tally.complete = true;
        assert_eq!(tally.left().map(|left| left.as_secs()), Some(80));
        assert!(tally.line().contains("/s"), "{}", tally.line());
    }
}
