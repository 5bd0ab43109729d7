//! `distans cp`: files and folders from a PC or to it.

pub mod copying;
mod progress;
pub mod spec;
mod words;

use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use clap::Args;
use distans_proto::inner::Outcome;
use distans_proto::ops::files::{Rules, Summary};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::verbs::interrupt;
use copying::{Copy, CopyError, copy};
use progress::Progress;
use spec::{Way, local_target};

const EXAMPLES: &str = "\
Examples:
  distans cp PC-IDRE-003:rapport.txt .                    from the user's home there to here
  distans cp 'PC-IDRE-003:logs/*.txt' logs/               quoted, so that the PC finds the files
  distans cp drivrutin.zip PC-IDRE-003:Downloads/
  distans cp -n ./profil PC-IDRE-003:C:\\Temp              folders go whole, no option needed
  distans cp PC-IDRE-003:/srv/data backup/ --dry-run

It works as the user who is signed in at the PC, in the folders that the policy allows (the
user's home if it says nothing). Relative paths begin at that home. What is there with the same
size and time is left alone; interrupted copies go on where they were when run again; every file
is verified before it gets its name. A local name with a colon is written ./a:b.
Ctrl-C stops at both ends; a second Ctrl-C leaves without waiting.";

/// Arguments of `distans cp`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "distans cp [OPTIONS] <SOURCE>... <TARGET>")]
pub struct Cp {
    /// What to copy, and last where to; one side is PC:path
    #[arg(value_names = ["SOURCE", "TARGET"], required = true, num_args = 2..)]
    pub words: Vec<OsString>,
    /// Overwrite nothing that is there
    #[arg(short = 'n', long)]
    pub no_clobber: bool,
    /// Copy nothing, list what would be
    #[arg(long)]
    pub dry_run: bool,
    /// Show neither progress nor the summary, only what fails
    #[arg(short, long)]
    pub quiet: bool,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Copies; gives the exit code to end with.
///
/// # Errors
/// If the copy did not come to its end.
pub async fn perform(app: &App, cp: Cp) -> anyhow::Result<i32> {
    let spec = spec::read(&cp.words)?;
    let what = match spec.way {
        Way::Get { paths, target } => {
            let one = paths.len() == 1 && !paths[0].iter().any(|byte| b"*?[{".contains(byte));
            let (folder, rename) = local_target(&target, one, cp.dry_run)?;
            Copy::Get { paths, folder, rename }
        }
        Way::Put { sources, target, into } => {
            for path in &sources {
                if let Err(error) = std::fs::metadata(path) {
                    return Err(Stop::new(Exit::Failed, format!("{}: {error}", path.display())).into());
                }
            }
            Copy::Put { sources, target, into }
        }
    };
    let desk = reach::connect(app).await?;
    let needed = ScopeSet::EMPTY.with(Scope::Files);
    let session = reach::session(app, &desk, &spec.pc, needed, cp.session).await?;
    let rules = Rules { keep_existing: cp.no_clobber, dry_run: cp.dry_run };
    let progress = Arc::new(Mutex::new(Progress::new(app.screen, cp.quiet, cp.dry_run)));
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels_and_says(
        cancel.clone(),
        app.screen,
        say!(
            en: "stopping the copy; Ctrl-C again leaves without waiting",
            sv: "stoppar kopieringen; Ctrl-C igen avslutar utan att vänta"
        ),
    ));
    let begun = Instant::now();
    let again = |_: &_| {
        app.screen.hint(say!(
            en: "the PC's agent was interrupted; going on from what is there",
            sv: "datorns agent avbröts; fortsätter från det som finns"
        ));
        lock(&progress).restart();
    };
    let copied = Box::pin(copy(&session, &what, rules, &progress, &cancel, again)).await;
    watcher.abort();
    lock(&progress).finish();
    match copied {
        Ok(summary) => told(app, &summary, cp.quiet, cp.dry_run, begun),
        Err(error) => Err(stopped(error)),
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

fn told(app: &App, summary: &Summary, quiet: bool, dry_run: bool, begun: Instant) -> anyhow::Result<i32> {
    let exit = if summary.failures == 0 { Exit::Ok } else { Exit::Failed };
    if app.screen.json() {
        app.screen.object(&json!({
            "event": "finished",
            "files": summary.copied,
            "bytes": summary.bytes,
            "resumed_bytes": summary.resumed,
            "same": summary.same,
            "kept": summary.kept,
            "failures": summary.failures,
            "notes": summary.notes,
            "dry_run": dry_run,
            "code": exit.code(),
        }))?;
    } else if !quiet || summary.failures > 0 {
        app.screen.hint(words::summary(summary, dry_run, begun.elapsed()));
    }
    Ok(exit.code().into())
}

/// What an early end means for whoever called.
fn stopped(error: CopyError) -> anyhow::Error {
    let result = match error {
        CopyError::Client(error) => return error.into(),
        CopyError::Hostile(_) => return Stop::new(Exit::Untrusted, error.to_string()).into(),
        CopyError::Here { .. } => return Stop::new(Exit::Failed, error.to_string()).into(),
        CopyError::Ended(result) => result,
    };
    let detail = result.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let later = say!(
        en: "what is complete is there; the same command goes on with the rest",
        sv: "det som är klart finns där; samma kommando fortsätter med resten"
    );
    let (exit, text) = match result.outcome {
        Outcome::NotStarted => {
            (Exit::Failed, say!(en: "nothing was copied{detail}", sv: "inget kopierades{detail}"))
        }
        Outcome::Cancelled => (Exit::Cancelled, say!(en: "stopped; {later}", sv: "stoppad; {later}")),
        Outcome::SessionEnded => {
            (Exit::SessionOver, say!(en: "the session ended; {later}", sv: "sessionen tog slut; {later}"))
        }
        Outcome::Completed | Outcome::TimedOut | Outcome::Unknown => (
            Exit::Failed,
            say!(en: "the copy broke off{detail}; {later}", sv: "kopieringen bröts{detail}; {later}"),
        ),
    };
    Stop::new(exit, text).into()
}
