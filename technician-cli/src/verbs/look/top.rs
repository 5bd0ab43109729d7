//! `distans top PC`: how busy a PC is and by what, live. On a terminal a full screen, else one
//! JSON object or one line for each snapshot. State and picture are [`crate::live`]'s.

mod full_screen;

use clap::{Args, ValueEnum};
use distans_proto::inner::{Op, Outcome};
use distans_proto::ops::look::load::INTERVALS_MS;
use distans_proto::ops::look::{Snapshot, SortBy, Top as Request};
use distans_proto::scope::Scope;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{App, SessionOptions, cell, conclude, diagnose, optional};
use crate::client::items::Items;
use crate::client::operation::Io;
use crate::client::{Error, Session};
use crate::exit::Exit;
use crate::format;
use crate::live::{Live, USUAL_INTERVAL};
use crate::say;
use crate::verbs::reach;

const EXAMPLES: &str = "\
Examples:
  distans top PC-IDRE-003
  distans top PC-IDRE-003 --sort memory --filter firefox
  distans top PC-IDRE-003 --repair           with the right to end processes (k)
  distans top PC-IDRE-003 --once
  distans top PC-IDRE-003 --json --interval 5 | jq .load.cpu

Keys: c m p n sort, / filters, k ends a process, space pauses, + - pace, ? tells them all, q quits.";

/// Which processes come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Processor load
    Cpu,
    /// Memory
    Memory,
    /// Number
    Pid,
    /// Name
    Name,
}

/// Arguments of `distans top`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Top {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Which processes come first
    #[arg(long, value_enum, default_value_t = Sort::Cpu)]
    pub sort: Sort,
    /// Only processes whose name, user or number holds this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Seconds between two looks, 0.5 to 60 [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = interval)]
    pub interval: Option<u32>,
    /// One look, and done
    #[arg(long)]
    pub once: bool,
    /// Ask for the right to end processes, too
    #[arg(long, conflicts_with = "once")]
    pub repair: bool,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Seconds as milliseconds.
fn interval(text: &str) -> Result<u32, String> {
    let wrong = || say!(en: "give seconds from 0.5 to 60", sv: "ange sekunder från 0.5 till 60");
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let part: u32 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    let millis = whole.parse::<u32>().ok().and_then(|whole| whole.checked_mul(1000)?.checked_add(part));
    let (shortest, longest) = INTERVALS_MS;
    millis.filter(|millis| (shortest..=longest).contains(millis)).ok_or_else(wrong)
}

/// Processes shown where the screen is not full.
const ROWS: u16 = 20;

/// Shows the PC until the technician has enough.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be used.
pub async fn perform(app: &App, arguments: Top) -> anyhow::Result<i32> {
    let scopes = if arguments.repair { diagnose().with(Scope::Repair) } else { diagnose() };
    let sort = match arguments.sort {
        Sort::Cpu => SortBy::Cpu,
        Sort::Memory => SortBy::Memory,
        Sort::Pid => SortBy::Pid,
        Sort::Name => SortBy::Name,
    };
    let interval_ms = arguments.interval.unwrap_or(USUAL_INTERVAL);
    let filter = arguments.filter.unwrap_or_default();
    if app.screen.may_ask() && app.screen.is_terminal() && !arguments.once {
        let notices = full_screen::Notices::new(app.screen);
        let desk = reach::connect_with(app, notices.listener()).await?;
        let session = reach::session(app, &desk, &arguments.pc, scopes, arguments.session).await?;
        let name = session.target().hostname.clone();
        let live = Live::new(name, app.screen.has_colours()).with(sort, &filter, interval_ms);
        let result = Box::pin(full_screen::run(&session, live, notices)).await?;
        return match result.outcome {
            Outcome::Cancelled => Ok(0),
            _ => conclude(app, &result),
        };
    }
    let desk = reach::connect(app).await?;
    let session = reach::session(app, &desk, &arguments.pc, scopes, arguments.session).await?;
    let filter = Some(filter).filter(|filter| !filter.is_empty()).map(Into::into);
    stream(app, &session, Request { interval_ms, sort, rows: ROWS, filter }, arguments.once).await
}

/// Snapshot after snapshot as lines. The first has no rates and is only shown if it is the last.
async fn stream(app: &App, session: &Session, request: Request, once: bool) -> anyhow::Result<i32> {
    let cancel = CancellationToken::new();
    let (taker, mut snapshots) = mpsc::channel::<Snapshot>(4);
    let doing = session.perform(Op::Top(request), Io::output(Items::new(taker), cancel.clone()));
    tokio::pin!(doing);
    let (mut count, mut stopped) = (0u32, false);
    let result = loop {
        tokio::select! {
            result = &mut doing => break result?,
            Some(mut snapshot) = snapshots.recv(), if !stopped => {
                count = count.saturating_add(1);
                if count == 1 {
                    continue;
                }
                snapshot.processes.truncate(usize::from(ROWS));
                match show(app, &snapshot) {
                    // The one who reads our output has enough.
                    Err(error) if is_broken_pipe(&error) => stopped = true,
                    shown => shown?,
                }
                stopped |= once;
                if stopped {
                    cancel.cancel();
                }
            }
            _ = tokio::signal::ctrl_c(), if !stopped => {
                cancel.cancel();
                return match doing.await {
                    Err(error @ Error::Left { .. }) => Err(error.into()),
                    _ => Ok(Exit::Cancelled.code().into()),
                };
            }
        }
    };
    if stopped && result.outcome == Outcome::Cancelled { Ok(0) } else { conclude(app, &result) }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn show(app: &App, snapshot: &Snapshot) -> anyhow::Result<()> {
    if app.screen.json() {
        let mut object = serde_json::to_value(snapshot)?;
        object["at"] = json!(format::utc(snapshot.at));
        return Ok(app.screen.object(&object)?);
    }
    let load = &snapshot.load;
    let cpu = load.cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{}.{} %", cpu / 10, cpu % 10));
    let memory = format::bytes(load.memory_total.saturating_sub(load.memory_available));
    let (total, at) = (format::bytes(load.memory_total), format::local(snapshot.at));
    app.screen.line(say!(
        en: "{at}  CPU {cpu}  memory {memory} of {total}",
        sv: "{at}  CPU {cpu}  minne {memory} av {total}"
    ))?;
    let rows = snapshot.processes.iter().map(|process| {
        vec![
            process.pid.to_string(),
            optional(process.user.as_ref()),
            process.state.letter().to_string(),
            process.cpu.map_or_else(String::new, |cpu| format!("{}.{} %", cpu / 10, cpu % 10)),
            format::bytes(process.memory),
            cell(&process.name),
        ]
    });
    let names = [
        ">PID".to_owned(),
        say!(en: "USER", sv: "ANVÄNDARE"),
        "S".to_owned(),
        ">CPU".to_owned(),
        say!(en: ">MEMORY", sv: ">MINNE"),
        say!(en: "PROGRAM", sv: "PROGRAM"),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), rows)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_seconds_with_or_without_a_part() {
        for (text, millis) in [("2", 2000), ("0.5", 500), ("1,25", 1250), ("60", 60_000)] {
            assert_eq!(interval(text), Ok(millis));
        }
        for text in ["", "0", "0.4", "61", "-1", "2.", "x", "1.2345", "99999999999", "1.é"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
