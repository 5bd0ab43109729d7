//! `distans logs PC`: the system's log there, and what is added to it.

use std::io;

use clap::{Args, ValueEnum};
use distans_proto::inner::{Op, Outcome};
use distans_proto::ops::look::{LOGS_LIMIT, LogEntry, Logs as Request};
use distans_proto::text::{clean_line, is_steering};
use distans_proto::time::Timestamp;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{App, Bounded, SessionOptions, conclude, diagnose, given_up, moment};
use crate::client::items::Items;
use crate::client::operation::Io;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::say;
use crate::screen::{Screen, Tone, json_text};
use crate::verbs::interrupt;
use crate::verbs::reach;

const EXAMPLES: &str = "\
Examples:
  distans logs PC-IDRE-003 --since 2h
  distans logs PC-IDRE-003 --level warning --since today
  distans logs PC-IDRE-003 --unit cups --lines 50
  distans logs PC-IDRE-003 -f --grep timeout
  distans logs PC-IDRE-003 --since 2026-11-24T10:00 --until 2026-11-24T11:00 --json

Times are your own clock's: 2h, 30min, 3d, today, yesterday, 10:00, 2026-11-24, 2026-11-24T10:00.
Ctrl-C ends what is followed.";

/// How bad an entry is at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// The system is unusable
    Emergency,
    /// Somebody must act at once
    Alert,
    /// Critical
    Critical,
    /// Errors
    Error,
    /// Warnings
    Warning,
    /// Worth knowing
    Notice,
    /// Everyday events
    Info,
    /// For those who look for faults in programs
    Debug,
}

/// Names of the levels 0 to 7.
const LEVELS: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// Arguments of `distans logs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Logs {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Only of this service or program (on Windows: source)
    #[arg(long, short, value_name = "NAME")]
    pub unit: Option<String>,
    /// Only of this level or worse
    #[arg(long, short, value_enum)]
    pub level: Option<Level>,
    /// Not older than this
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not newer than this
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub until: Option<String>,
    /// Go on with new entries as they come
    #[arg(long, short)]
    pub follow: bool,
    /// At most so many entries, the newest [default: 1000; 10 with --follow]
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=i64::from(LOGS_LIMIT)))]
    pub lines: Option<u32>,
    /// Only entries whose text holds this; letters are compared without case
    #[arg(long, short, value_name = "TEXT")]
    pub grep: Option<String>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Entries shown first when following.
const FOLLOWED: u32 = 10;

/// Shows the entries; gives the exit code.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, arguments: Logs) -> anyhow::Result<i32> {
    let request = request(&arguments)?;
    let desk = reach::connect(app).await?;
    let session = reach::session(app, &desk, &arguments.pc, diagnose(), arguments.session).await?;
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels(cancel.clone()));
    let (taker, mut items) = mpsc::channel::<LogEntry>(64);
    let (follow, enough) = (request.follow, CancellationToken::new());
    let op = Op::Logs(request);
    let doing = async {
        // What is followed has no end, and is not kept here either.
        if follow {
            session.perform(op, Io::output(Items::new(taker), cancel.clone())).await
        } else {
            session.perform(op, Io::output(Bounded::new(Items::new(taker), &enough), cancel.clone())).await
        }
    };
    let showing = async {
        let mut out = tokio::io::stdout();
        let mut count = 0u64;
        while let Some(entry) = items.recv().await {
            let text = shown(app.screen, &entry)?;
            out.write_all(text.as_bytes()).await?;
            // A reader of a pipe sees each entry as it comes.
            if items.is_empty() {
                out.flush().await?;
            }
            count += 1;
        }
        out.flush().await?;
        Ok::<u64, io::Error>(count)
    };
    tokio::pin!(doing, showing);
    let (result, count) = tokio::select! {
        result = &mut doing => (result?, showing.await?),
        () = enough.cancelled() => return Err(given_up().into()),
        // The one who reads our output has enough.
        count = &mut showing => {
            let enough = count.as_ref().err().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
            cancel.cancel();
            let result = doing.await;
            if enough {
                return Ok(0);
            }
            (result?, count?)
        }
    };
    watcher.abort();
    if follow && result.outcome == Outcome::Cancelled {
        return Ok(Exit::Cancelled.code().into());
    }
    if count == 0 && result.exit == Some(0) {
        app.screen.hint(say!(en: "no entry fits", sv: "ingen post passar"));
    }
    conclude(app, &result)
}

fn request(arguments: &Logs) -> anyhow::Result<Request> {
    let now = jiff::ZonedDateTime::now();
    let time = |text: &Option<String>| -> anyhow::Result<Option<Timestamp>> {
        let parsed = text.as_deref().map(|text| moment::parse(text, &now)).transpose();
        parsed.map_err(|problem| Stop::new(Exit::Usage, problem).into())
    };
    let (since, until) = (time(&arguments.since)?, time(&arguments.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        let text = say!(en: "--until is before --since: nothing can fit", sv: "--until ligger före --since: inget kan passa");
        return Err(Stop::new(Exit::Usage, text).into());
    }
    Ok(Request {
        unit: arguments.unit.as_deref().map(Into::into),
        level: arguments.level.and_then(|level| u8::try_from(level as usize).ok()),
        since,
        until,
        limit: arguments.lines.unwrap_or(if arguments.follow && since.is_none() { FOLLOWED } else { 0 }),
        follow: arguments.follow,
        text: arguments.grep.as_deref().map(Into::into),
    })
}

/// An entry as it is written out, its line's end too.
fn shown(screen: Screen, entry: &LogEntry) -> io::Result<String> {
    let level = entry.level.and_then(|level| LEVELS.get(usize::from(level)).copied());
    if screen.json() {
        let mut object = serde_json::to_value(entry)?;
        object["at"] = json!(entry.at.and_then(format::utc));
        object["level_name"] = json!(level);
        return json_text(&object).map(|line| line + "\n");
    }
    let at = entry.at.map(format::local_second).unwrap_or_default();
    let pid = entry.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
    let source = clean_line(entry.source.raw(), 80);
    let mut text = format!("{at} {level:<8} {source}{pid}: ", level = level.unwrap_or("–"));
    for (index, line) in entry.text.raw().lines().enumerate() {
        if index > 0 {
            // The rest of an entry stands under its beginning and cannot pass for another one.
            text.push_str("\n    ");
        }
        text.push_str(&clean_line(line, usize::MAX));
    }
    debug_assert!(!text.chars().any(is_steering));
    let tone = match entry.level {
        Some(0..=3) => Some(Tone::Bad),
        Some(4) => Some(Tone::Careful),
        Some(7) => Some(Tone::Quiet),
        _ => None,
    };
    Ok(tone.map_or_else(|| text.clone(), |tone| screen.paint(tone, &text)) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_cannot_pass_for_two_and_steers_nothing() {
        let entry = LogEntry {
            at: None,
            level: Some(4),
            source: "cups\u{1b}[2J".into(),
            pid: Some(812),
            text: "Skrivaren åäö\nNov 24 10:00:00 fake: x\r\u{9b}".into(),
        };
        let text = shown(Screen::detect(false), &entry).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("warning  cups\u{fffd}[2J[812]: Skrivaren åäö"), "{text:?}");
        assert!(lines[1].starts_with("    Nov 24") && !text.chars().any(is_steering), "{text:?}");
        let json = shown(Screen::detect(true), &entry).expect("JSON");
        assert_eq!(json.lines().count(), 1);
        assert!(json.contains(r#""level_name":"warning""#) && !json.trim_end().chars().any(is_steering));
    }
}
