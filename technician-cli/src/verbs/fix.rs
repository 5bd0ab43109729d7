//! `distans fix PC …`: one named repair, as `distans doctor` suggests it.

use clap::{Args, Subcommand, ValueEnum};
use distans_proto::inner::{Op, Outcome};
use distans_proto::ops::repair::{Cache, Change, FlushNames, PrintQueue, Repair, ServiceChange};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::client::{Discard, Error, Io};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::screen::Tone;
use crate::verbs::interrupt;

/// Arguments of `distans fix`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  distans fix PC-IDRE-003 print-queue HP-LaserJet
  distans fix PC-IDRE-003 service cups
  distans fix PC-IDRE-003 cache packages
  distans fix PC-IDRE-003 names

Each is one fixed call on the PC, done as the system and written into the record.")]
pub struct Fix {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Which repair
    #[command(subcommand)]
    pub what: What,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// The repairs.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Remove all jobs of a print queue
    #[command(after_help = "Example:\n  distans fix PC-IDRE-003 print-queue HP-LaserJet")]
    PrintQueue {
        /// Its name, as the PC knows it
        name: String,
    },
    /// Restart a service
    #[command(after_help = "Example:\n  distans fix PC-IDRE-003 service cups")]
    Service {
        /// Its name
        name: String,
    },
    /// Empty a cache; nothing that a person made
    #[command(after_help = "Example:\n  distans fix PC-IDRE-003 cache packages")]
    Cache {
        /// Which
        cache: CacheName,
    },
    /// Forget names that were looked up
    #[command(after_help = "Example:\n  distans fix PC-IDRE-003 names")]
    Names,
}

/// The caches by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CacheName {
    /// Packages that were fetched and installed
    Packages,
    /// The system's journal beyond 200 MB
    Journal,
    /// Small pictures of files, of the signed-in user
    Thumbnails,
    /// Temporary files that nobody has touched for ten days
    Temporary,
    /// Windows updates that were fetched
    Updates,
}

impl From<What> for Repair {
    fn from(what: What) -> Self {
        match what {
            What::PrintQueue { name } => Self::ClearPrintQueue(PrintQueue { name: name.into() }),
            What::Service { name } => {
                Self::Service(ServiceChange { name: name.into(), change: Change::Restart })
            }
            What::Cache { cache } => Self::FreeCache(match cache {
                CacheName::Packages => Cache::Packages,
                CacheName::Journal => Cache::Journal,
                CacheName::Thumbnails => Cache::Thumbnails,
                CacheName::Temporary => Cache::Temporary,
                CacheName::Updates => Cache::Updates,
            }),
            What::Names => Self::FlushNames(FlushNames {}),
        }
    }
}

/// Does the repair and tells what it did.
///
/// # Errors
/// If the PC cannot be reached or says no, or the repair failed.
pub async fn perform(app: &App, fix: Fix) -> anyhow::Result<()> {
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Repair);
    let session = reach::session(app, &desk, &fix.pc, scopes, fix.session).await?;
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels(cancel.clone()));
    let result = session.perform(Op::Repair(fix.what.into()), Io::output(Discard, cancel)).await;
    watcher.abort();
    let result = result?;
    let text = result.text.as_ref().map(ToString::to_string).unwrap_or_default();
    let well = result.outcome == Outcome::Completed && result.exit.unwrap_or(0) == 0;
    if app.screen.json() {
        app.screen.object(&json!({
            "pc": session.target().id,
            "name": session.target().hostname,
            "session": session.id(),
            "done": well,
            "outcome": result.outcome,
            "text": result.text,
        }))?;
    }
    match result.outcome {
        Outcome::Completed if well => {
            if !app.screen.json() {
                app.screen.line(app.screen.paint(Tone::Good, &text))?;
            }
            Ok(())
        }
        Outcome::Completed => Err(Stop::new(Exit::Failed, text).into()),
        _ => Err(Error::unfinished(&session.target().hostname, result).into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;
    use crate::verbs::doctor::remedy::words;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        fix: Fix,
    }

    #[test]
    fn what_doctor_suggests_is_what_this_verb_takes() {
        for repair in [
            Repair::ClearPrintQueue(PrintQueue { name: "HP".into() }),
            Repair::Service(ServiceChange { name: "cups".into(), change: Change::Restart }),
            Repair::FlushNames(FlushNames {}),
        ]
        .into_iter()
        .chain(Cache::ALL.map(Repair::FreeCache))
        {
            let line = format!("fix PC {}", words(&repair).expect("a safe one"));
            let matches = Alone::command().try_get_matches_from(line.split(' ')).expect(&line);
            let alone = Alone::from_arg_matches(&matches).expect("taken");
            assert_eq!(Repair::from(alone.fix.what), repair, "{line}");
        }
    }
}
