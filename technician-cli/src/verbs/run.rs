//! `distans run PC… -- CMD…`: one command on a PC, as if it ran here; or on several side by side.
//!
//! Output is streamed and kept apart; the exit code is passed on; Ctrl-C stops the command there.

mod many;
mod output;
mod summary;

use std::io::{self, IsTerminal};

use clap::Args;
use distans_proto::ids::GroupId;
use distans_proto::inner::{ARGUMENTS_LIMIT, OpResult, Outcome, Run as RunMessage};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::client::Error;
use crate::exit::{self, Exit};
use crate::failure::Stop;
use crate::lang;
use crate::say;
use crate::screen::Failure;
use crate::verbs::interrupt;
use output::{Lines, Output};

const EXAMPLES: &str = "\
Examples:
  distans run PC-IDRE-003 -- ipconfig /all
  distans run PC-IDRE-003 --timeout 60 -- sh -c 'df -h; uptime'
  distans run PC-IDRE-003 --system -- systemctl restart cups
  distans run PC-IDRE-003 -- tee /tmp/note < note.txt
  distans run PC-IDRE-003 -- journalctl -b > journal.txt
  distans run PC-IDRE-003 PC-IDRE-004 -- hostname
  distans run --site grovelsjon --grouped -- df -h

The command runs without a shell between; use `sh -c` or `cmd /c` for pipes and wildcards.
What is piped in goes to the command (--no-input keeps it back). On a terminal the output is
cleaned of everything that could steer the terminal; into a pipe or file it goes as it came.
Ctrl-C stops the command and everything it started; a second Ctrl-C leaves without waiting.
The command's own exit code is passed on. With several PCs every line begins with the PC's name,
a summary ends it, standard input is not passed on, and the exit code is 0 only if all succeeded;
else the one that all failures share, or 125.";

/// Arguments of `distans run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// Name, id or the beginning of either; several run side by side
    #[arg(value_name = "PC", num_args = 1.., required_unless_present_any = ["group", "site"])]
    pub pcs: Vec<String>,
    /// All PCs of this group that are online
    #[arg(long)]
    pub group: Option<GroupId>,
    /// All PCs at this site (id or name) that are online
    #[arg(long)]
    pub site: Option<String>,
    /// With several PCs: so many at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub parallel: u8,
    /// With several PCs: each PC's output in one piece, when it is done
    #[arg(long)]
    pub grouped: bool,
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
    let pc = match &run.pcs[..] {
        [pc] if run.group.is_none() && run.site.is_none() => pc.clone(),
        _ => return Box::pin(many::perform(app, run)).await,
    };
    let desk = reach::connect(app).await?;
    let scope = if run.system { Scope::CommandSystem } else { Scope::Command };
    let session = reach::session(app, &desk, &pc, ScopeSet::EMPTY.with(scope), run.session).await?;
    let input = (!run.no_input && !io::stdin().is_terminal()).then(tokio::io::stdin);
    let message = RunMessage {
        argv: run.command,
        system: run.system,
        stdin: input.is_some(),
        timeout_s: run.timeout.unwrap_or(0),
    };
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels_and_says(cancel.clone(), app.screen, stopping()));
    let result = if app.screen.json() {
        session.run(message, input, Lines::default(), cancel).await
    } else {
        let mut output = Output::to_standard_streams();
        let result = session.run(message, input, &mut output, cancel).await;
        let finished = output.finish().await;
        result.and_then(|result| match finished {
            Ok(()) => Ok(result),
            Err(error) => Err(Error::Local {
                what: lang::current()
                    .pick("the output could not be written here", "utdata kunde inte skrivas här"),
                error,
            }),
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

/// What Ctrl-C says.
fn stopping() -> String {
    say!(
        en: "stopping the command on the PC; Ctrl-C again leaves without waiting",
        sv: "stoppar kommandot på datorn; Ctrl-C igen lämnar utan att vänta"
    )
}

/// Refuses a command line that no PC takes.
///
/// # Errors
/// [`Exit::Usage`].
pub(super) fn check(command: &[String]) -> anyhow::Result<()> {
    let (count, bytes) = ARGUMENTS_LIMIT;
    if command.len() > count || command.iter().map(String::len).sum::<usize>() > bytes {
        let text = say!(
            en: "a command may have {count} arguments and {bytes} bytes; send larger things through standard input",
            sv: "ett kommando får ha {count} argument och {bytes} byte; skicka större saker genom standard input"
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    Ok(())
}

/// What a result means: our own failure with its text, if it is one, and the code to end with.
fn verdict(result: &OpResult) -> (Option<(Exit, String)>, i32) {
    let detail = result.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let failure = match result.outcome {
        // Killed there by a signal: no code, but surely no success.
        Outcome::Completed => {
            return (None, result.exit.map_or(i32::from(Exit::Failed.code()), exit::remote));
        }
        Outcome::NotStarted => (
            Exit::NotStarted,
            say!(
                en: "the command could not be started on the PC{detail}",
                sv: "kommandot kunde inte startas på datorn{detail}"
            ),
        ),
        Outcome::Cancelled => {
            (Exit::Cancelled, say!(en: "the command was stopped{detail}", sv: "kommandot stoppades{detail}"))
        }
        Outcome::TimedOut => (
            Exit::TimedOut,
            say!(
                en: "the command took longer than --timeout allows and was stopped{detail}",
                sv: "kommandot tog längre tid än --timeout tillåter och stoppades{detail}"
            ),
        ),
        Outcome::SessionEnded => (
            Exit::SessionOver,
            say!(
                en: "the session ended, and the command was stopped with it{detail}",
                sv: "sessionen avslutades, och kommandot stoppades med den{detail}"
            ),
        ),
        Outcome::Unknown => (
            Exit::Unknown,
            say!(
                en: "the PC was interrupted; whether the command ran to its end is unknown{detail}",
                sv: "datorn avbröts; om kommandot hann bli klart är okänt{detail}"
            ),
        ),
    };
    let code = failure.0.code().into();
    (Some(failure), code)
}

/// What the result means for whoever called.
fn conclude(app: &App, result: &OpResult) -> anyhow::Result<i32> {
    let (failure, code) = verdict(result);
    if app.screen.json() {
        app.screen.object(&json!({
            "event": "finished",
            "outcome": result.outcome,
            "exit": result.exit,
            "bytes": result.bytes,
            "text": result.text,
            "code": code,
        }))?;
    } else if let Some((exit, text)) = failure {
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
