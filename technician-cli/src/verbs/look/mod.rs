//! The verbs that look around on a PC, and the two repairs that belong to what they show.
//!
//! | module | what |
//! |---|---|
//! | this | taking a bounded answer from a PC, and what its result means |
//! | [`processes`], [`services`], [`net`], [`software`], [`users`] | one list each |
//! | [`logs`], [`moment`] | the log, and times as people type them |
//! | [`top`] | the live view's shell |

pub mod logs;
pub mod moment;
pub mod net;
pub mod processes;
pub mod services;
pub mod software;
pub mod top;
pub mod users;

use std::io;

use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::look::{LOOK_LIMIT, Look, Seen};
use distans_proto::ops::repair::Repair;
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::{Untrusted, clean_line};
use tokio::io::Empty;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::client::items::Items;
use crate::client::operation::Io;
use crate::client::{Discard, Error, Session, Sink, Stream};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::lang;
use crate::say;

/// Most bytes of one answer: far more than any honest list.
const ANSWER_LIMIT: u64 = 64 * 1024 * 1024;

/// Longest text in a cell of a table on a terminal, in characters.
const CELL_LIMIT: usize = 60;

/// Hands output on up to a limit; beyond it, `enough` says so. A PC that goes on for ever does
/// not stop either when it is told to, so that nobody may wait for that.
struct Bounded<S> {
    sink: S,
    left: u64,
    enough: CancellationToken,
}

impl<S> Bounded<S> {
    fn new(sink: S, enough: &CancellationToken) -> Self {
        Self { sink, left: ANSWER_LIMIT, enough: enough.clone() }
    }
}

impl<S: Sink> Sink for Bounded<S> {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(count) else {
            self.enough.cancel();
            return Err(endless());
        };
        self.left = left;
        self.sink.write(stream, bytes).await
    }
}

/// What an answer without end is called.
fn given_up() -> Error {
    Error::Local {
        what: lang::current().pick("the answer was given up", "svaret väntades inte ut"),
        error: endless(),
    }
}

fn endless() -> io::Error {
    let text = say!(
        en: "the PC's answer has no end; no honest one is so long",
        sv: "datorns svar tar inte slut; inget ärligt svar är så långt"
    );
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

/// Everything one look finds. Ctrl-C stops it.
///
/// # Errors
/// What keeps the PC from answering; also an answer without end.
async fn take(session: &Session, look: Look) -> Result<(Vec<Seen>, OpResult), Error> {
    let cancel = CancellationToken::new();
    let (taker, mut items) = mpsc::channel(64);
    let enough = CancellationToken::new();
    let io = Io::output(Bounded::new(Items::new(taker), &enough), cancel);
    let doing = session.perform(Op::Look(look), io);
    tokio::pin!(doing);
    let mut seen = Vec::new();
    let result = loop {
        tokio::select! {
            result = &mut doing => break result?,
            Some(item) = items.recv() => {
                if seen.len() == LOOK_LIMIT {
                    return Err(given_up());
                }
                seen.push(item);
            }
            () = enough.cancelled() => return Err(given_up()),
            _ = tokio::signal::ctrl_c() => return Err(Error::Cancelled),
        }
    };
    while let Ok(item) = items.try_recv() {
        seen.push(item);
    }
    Ok((seen, result))
}

/// Opens or resumes a session with `scope` and looks.
async fn look(
    app: &App,
    pc: &str,
    scopes: ScopeSet,
    options: SessionOptions,
    look: Look,
) -> anyhow::Result<(Session, Vec<Seen>, OpResult)> {
    let desk = reach::connect(app).await?;
    let session = reach::session(app, &desk, pc, scopes, options).await?;
    let (seen, result) = take(&session, look).await?;
    Ok((session, seen, result))
}

fn diagnose() -> ScopeSet {
    ScopeSet::EMPTY.with(Scope::Diagnose)
}

/// Does one repair on the PC.
async fn mend(session: &Session, repair: Repair) -> Result<OpResult, Error> {
    let cancel = CancellationToken::new();
    let io = Io::<Empty, _>::output(Discard, cancel.clone());
    let doing = session.perform(Op::Repair(repair), io);
    tokio::pin!(doing);
    tokio::select! {
        result = &mut doing => result,
        _ = tokio::signal::ctrl_c() => {
            cancel.cancel();
            doing.await
        }
    }
}

/// The exit code for a result, and its text shown: as a failure where it is one, as a remark
/// where the list stands all the same.
fn conclude(app: &App, result: &OpResult) -> anyhow::Result<i32> {
    let text = result.text.as_ref().map(ToString::to_string);
    let told = |words: String| match &text {
        Some(text) => format!("{words}: {text}"),
        None => words,
    };
    let (exit, words) = match (result.outcome, result.exit) {
        (Outcome::Completed, Some(0) | None) => {
            if let Some(text) = &text {
                app.screen.hint(text);
            }
            return Ok(0);
        }
        (Outcome::Completed, Some(_)) => (
            Exit::Failed,
            text.unwrap_or_else(|| say!(en: "the PC could not do it", sv: "datorn kunde inte göra det")),
        ),
        (Outcome::NotStarted, _) => {
            (Exit::NotStarted, told(say!(en: "it was not begun", sv: "det påbörjades inte")))
        }
        (Outcome::Cancelled, _) => (Exit::Cancelled, told(say!(en: "stopped", sv: "avbrutet"))),
        (Outcome::TimedOut, _) => {
            (Exit::TimedOut, told(say!(en: "it took too long", sv: "det tog för lång tid")))
        }
        (Outcome::SessionEnded, _) => (
            Exit::SessionOver,
            told(say!(en: "the session ended under it", sv: "sessionen avslutades under tiden")),
        ),
        (Outcome::Unknown, _) => (
            Exit::Unknown,
            told(say!(
                en: "the PC was interrupted; whether it was done is unknown",
                sv: "datorn avbröts; om det hann göras är okänt"
            )),
        ),
    };
    Err(Stop::new(exit, words).into())
}

/// A text for a cell: one line, not too long.
fn cell(text: &Untrusted) -> String {
    clean_line(text.raw(), CELL_LIMIT)
}

fn optional(text: Option<&Untrusted>) -> String {
    text.map(cell).unwrap_or_default()
}

/// True if one of the texts holds `wanted`; letters are compared without case.
fn holds(wanted: Option<&str>, texts: &[Option<&Untrusted>]) -> bool {
    wanted.is_none_or(|wanted| {
        let wanted = wanted.to_lowercase();
        texts.iter().flatten().any(|text| text.raw().to_lowercase().contains(&wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let mut sink = Bounded { sink: Vec::new(), left: 10, enough: CancellationToken::new() };
        sink.write(Stream::Output, b"12345").await.expect("within the limit");
        let error = sink.write(Stream::Errors, b"678901").await.expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(sink.enough.is_cancelled());
    }

    #[test]
    fn filters_compare_without_case() {
        let text = Untrusted::from("Öberg");
        assert!(holds(Some("öB"), &[None, Some(&text)]) && holds(None, &[]));
        assert!(!holds(Some("x"), &[None, Some(&text)]));
    }
}
