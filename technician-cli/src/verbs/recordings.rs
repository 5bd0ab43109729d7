//! `distans recordings PC`: which shells were recorded there, and a recording's file as it is:
//! encrypted, for the organisation's auditors alone.

use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use distans_platform::private;
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::shell::{RECORDINGS_LIMIT, Recording, Recordings as Asked};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::client::{Error, Io, Session, Sink, Stream};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::lang::{self, Lang};
use crate::say;

/// Largest recording taken, in bytes: more than any agent writes.
const LIMIT: usize = 256 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  distans recordings PC-IDRE-003
  distans recordings PC-IDRE-003 --get NAME --out shell.distans-recording
Whoever holds an audit key reads it then:
  distans admin recording open shell.distans-recording --dir ORG --out shell.cast";

/// Arguments of `distans recordings`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Recordings {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Fetch the recording of this name instead of listing them
    #[arg(long, value_name = "NAME", requires = "out")]
    pub get: Option<String>,
    /// Where to write it
    #[arg(long, value_name = "FILE", requires = "get")]
    pub out: Option<PathBuf>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Lists recordings or fetches one.
///
/// # Errors
/// If the PC cannot be reached or says no, or the file cannot be written.
pub async fn perform(app: &App, recordings: Recordings) -> anyhow::Result<i32> {
    if let Some(out) = recordings.out.as_ref().filter(|out| out.exists()) {
        let text = say!(
            en: "{} exists already; choose another name with --out",
            sv: "{} finns redan; välj ett annat namn med --out",
            out.display()
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Recordings);
    let session = reach::session(app, &desk, &recordings.pc, scopes, recordings.session).await?;
    let doing = async {
        match (recordings.get, recordings.out) {
            (Some(name), Some(out)) => fetch(app, &session, &name, out).await,
            _ => list(app, &session).await,
        }
    };
    tokio::select! {
        done = doing => done?,
        _ = tokio::signal::ctrl_c() => return Err(Error::Cancelled.into()),
    }
    Ok(0)
}

async fn list(app: &App, session: &Session) -> anyhow::Result<()> {
    let mut found = Vec::new();
    let op = Op::Recordings(Asked { name: None });
    let each = |recording: Recording| {
        if found.len() < RECORDINGS_LIMIT {
            found.push(recording);
        }
    };
    completed(session, session.items(op, CancellationToken::new(), each).await?)?;
    if app.screen.json() {
        for recording in &found {
            app.screen.object(&json!({
                "name": recording.name,
                "session": recording.session,
                "technician": recording.technician,
                "started": format::utc(recording.started),
                "bytes": recording.bytes,
            }))?;
        }
        return Ok(());
    }
    if found.is_empty() {
        app.screen.hint(say!(en: "this PC keeps no recordings", sv: "datorn har inga inspelningar"));
        return Ok(());
    }
    let rows = found.iter().map(|recording| {
        vec![
            format::local(recording.started),
            recording.technician.to_string(),
            format::bytes(recording.bytes),
            recording.name.to_string(),
        ]
    });
    let head = match lang::current() {
        Lang::English => ["STARTED", "TECHNICIAN", ">SIZE", "NAME"],
        Lang::Swedish => ["BÖRJADE", "TEKNIKER", ">STORLEK", "NAMN"],
    };
    Ok(app.screen.table(&head, rows)?)
}

async fn fetch(app: &App, session: &Session, name: &str, out: PathBuf) -> anyhow::Result<()> {
    let mut file = Bounded(Vec::new());
    let op = Op::Recordings(Asked { name: Some(name.into()) });
    completed(session, session.perform(op, Io::output(&mut file, CancellationToken::new())).await?)?;
    private::write(&out, &file.0)
        .with_context(|| say!(en: "{} was not written", sv: "{} kunde inte skrivas", out.display()))?;
    let hash = distans_trust::hash::Sha256::of(&file.0);
    if app.screen.json() {
        let bytes = file.0.len();
        return Ok(app.screen.object(&json!({ "out": out, "bytes": bytes, "sha256": hash }))?);
    }
    app.screen.line(say!(en: "wrote {}", sv: "skrev {}", out.display()))?;
    app.screen.hint(format!("SHA-256 {hash}"));
    Ok(())
}

fn completed(session: &Session, result: OpResult) -> Result<(), Error> {
    match result.outcome {
        Outcome::Completed => Ok(()),
        _ => Err(Error::unfinished(&session.target().hostname, result)),
    }
}

/// A file in memory that a PC cannot make as large as it likes.
struct Bounded(Vec<u8>);

impl Sink for Bounded {
    async fn write(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
        if self.0.len() + bytes.len() > LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the PC sends more than any recording has",
            ));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
