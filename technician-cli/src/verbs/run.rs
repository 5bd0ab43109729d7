//! `distans run PC -- CMD…`: one command on a PC, as if it ran here.
//!
//! Output is streamed and kept apart; the exit code is passed on; Ctrl-C stops the command there.

use std::io::{self, IsTerminal};

use clap::Args;
use data_encoding::BASE64;
use distans_proto::inner::{ARGUMENTS_LIMIT, OpResult, Outcome, Run as RunMessage};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::client::{Error, Sink, Stream};
use crate::exit::{self, Exit};
use crate::failure::Stop;
use crate::filter::Cleaner;
use crate::screen::{Failure, json_text};

const EXAMPLES: &str = "\
Examples:
  distans run PC-IDRE-003 -- ipconfig /all
  distans run PC-IDRE-003 --timeout 60 -- sh -c 'df -h; uptime'
  distans run PC-IDRE-003 --system -- systemctl restart cups
  distans run PC-IDRE-003 -- tee /tmp/note < note.txt
  distans run PC-IDRE-003 -- journalctl -b > journal.txt

The command runs without a shell between; use `sh -c` or `cmd /c` for pipes and wildcards.
What is piped in goes to the command (--no-input keeps it back). On a terminal the output is
cleaned of everything that could steer the terminal; into a pipe or file it goes as it came.
Ctrl-C stops the command and everything it started; a second Ctrl-C leaves without waiting.";

/// Arguments of `distans run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", Exit::help()))]
pub struct Run {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Stop the command after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: Option<u32>,
    /// As root or SYSTEM instead of the signed-in user
    #[arg(long)]
    pub system: bool,
    /// Do not read standard input
    #[arg(short = 'n', long)]
    pub no_input: bool,
    /// The command and its arguments, after two dashes
    #[arg(value_name = "CMD", last = true, required = true, num_args = 1..)]
    pub command: Vec<String>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Runs the command; gives the exit code to end with.
///
/// # Errors
/// If it could not be run to an end that is known.
pub async fn perform(app: &App, run: Run) -> anyhow::Result<i32> {
    check(&run.command)?;
    let desk = reach::connect(app).await?;
    let scope = if run.system { Scope::CommandSystem } else { Scope::Command };
    let session = reach::session(app, &desk, &run.pc, ScopeSet::EMPTY.with(scope), run.session).await?;
    let input = (!run.no_input && !io::stdin().is_terminal()).then(tokio::io::stdin);
    let message = RunMessage {
        argv: run.command,
        system: run.system,
        stdin: input.is_some(),
        timeout_s: run.timeout.unwrap_or(0),
    };
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(watch_for_ctrl_c(app.clone(), cancel.clone()));
    let result = if app.screen.json() {
        session.run(message, input, Lines, cancel).await
    } else {
        let mut output = Output::to_standard_streams();
        let result = session.run(message, input, &mut output, cancel).await;
        let finished = output.finish().await;
        result.and_then(|result| match finished {
            Ok(()) => Ok(result),
            Err(error) => Err(Error::Local { what: "the output could not be written here", error }),
        })
    };
    watcher.abort();
    if let Err(Error::Local { error, .. }) = &result
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever read our output has enough; the command was stopped.
        return Ok(Exit::Cancelled.code().into());
    }
    conclude(app, &result?)
}

fn check(command: &[String]) -> anyhow::Result<()> {
    let (count, bytes) = ARGUMENTS_LIMIT;
    if command.len() > count || command.iter().map(String::len).sum::<usize>() > bytes {
        let text = format!(
            "a command may have {count} arguments and {bytes} bytes; send larger things through standard input"
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    Ok(())
}

async fn watch_for_ctrl_c(app: App, cancel: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_err() {
        return; // no such signal here: nothing to watch for
    }
    app.screen.hint("stopping the command on the PC; Ctrl-C again leaves without waiting");
    cancel.cancel();
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(Exit::Cancelled.code().into());
    }
}

/// What the result means for whoever called.
fn conclude(app: &App, result: &OpResult) -> anyhow::Result<i32> {
    let detail = result.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let (exit, text) = match result.outcome {
        Outcome::Completed => (None, String::new()),
        Outcome::NotStarted => {
            (Some(Exit::NotStarted), format!("the command could not be started on the PC{detail}"))
        }
        Outcome::Cancelled => (Some(Exit::Cancelled), format!("the command was stopped{detail}")),
        Outcome::TimedOut => (
            Some(Exit::TimedOut),
            format!("the command took longer than --timeout allows and was stopped{detail}"),
        ),
        Outcome::SessionEnded => (
            Some(Exit::SessionOver),
            format!("the session ended, and the command was stopped with it{detail}"),
        ),
        Outcome::Unknown => (
            Some(Exit::Unknown),
            format!("the PC was interrupted; whether the command ran to its end is unknown{detail}"),
        ),
    };
    let code = match exit {
        Some(exit) => exit.code().into(),
        // Killed there by a signal: no code, but surely no success.
        None => result.exit.map_or(i32::from(Exit::Failed.code()), exit::remote),
    };
    if app.screen.json() {
        app.screen.object(&json!({
            "event": "finished",
            "outcome": result.outcome,
            "exit": result.exit,
            "bytes": result.bytes,
            "text": result.text,
            "code": code,
        }))?;
    } else if let Some(exit) = exit {
        app.screen.failure(&Failure {
            code: exit.name(),
            exit: exit.code(),
            text,
            details: Default::default(),
        });
    } else if let (None, Some(text)) = (result.exit, &result.text) {
        app.screen.hint(text.to_string());
    }
    Ok(code)
}

/// Output to our own standard streams: cleaned where a terminal is, raw where not.
struct Output {
    out: Channel<tokio::io::Stdout>,
    err: Channel<tokio::io::Stderr>,
}

struct Channel<W> {
    stream: W,
    cleaner: Option<Cleaner>,
}

impl Output {
    fn to_standard_streams() -> Self {
        let cleaner = |is_terminal: bool| is_terminal.then(Cleaner::default);
        Self {
            out: Channel { stream: tokio::io::stdout(), cleaner: cleaner(io::stdout().is_terminal()) },
            err: Channel { stream: tokio::io::stderr(), cleaner: cleaner(io::stderr().is_terminal()) },
        }
    }

    /// Shows what a cleaner still holds: half a letter at the very end.
    async fn finish(&mut self) -> io::Result<()> {
        self.out.finish().await?;
        self.err.finish().await
    }
}

impl<W: AsyncWrite + Unpin> Channel<W> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.cleaner {
            Some(cleaner) => self.stream.write_all(cleaner.push(bytes).as_bytes()).await?,
            None => self.stream.write_all(bytes).await?,
        }
        // What is acknowledged to the PC has been written out.
        self.stream.flush().await
    }

    async fn finish(&mut self) -> io::Result<()> {
        if let Some(cleaner) = &mut self.cleaner {
            self.stream.write_all(cleaner.finish().as_bytes()).await?;
        }
        self.stream.flush().await
    }
}

impl Sink for Output {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Output => self.out.write(bytes).await,
            Stream::Errors => self.err.write(bytes).await,
        }
    }
}

/// Output as JSON, one object for each piece: `text` where it is UTF-8, else `base64`.
struct Lines;

impl Sink for Lines {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let name = match stream {
            Stream::Output => "stdout",
            Stream::Errors => "stderr",
        };
        let line = match std::str::from_utf8(bytes) {
            Ok(text) => json_text(&json!({ "event": "output", "stream": name, "text": text }))?,
            Err(_) => {
                json_text(&json!({ "event": "output", "stream": name, "base64": BASE64.encode(bytes) }))?
            }
        };
        let mut out = tokio::io::stdout();
        out.write_all(line.as_bytes()).await?;
        out.write_all(b"\n").await?;
        out.flush().await
    }
}
