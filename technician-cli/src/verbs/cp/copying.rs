//! A copy over a session: the transfer's own engine on a thread here, its other half at the PC.
//!
//! Within one operation the session comes back by itself after a lost line. Where the operation
//! itself is lost (the agent was killed), the copy is begun again and goes on from what is there.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::files::{Get, Problem, Put, Rules, Summary};
use distans_transfer::bridge::{ChannelReader, FromChannel, Giver, ToChannel, channel};
use distans_transfer::receiver::{Settings, Target, receive};
use distans_transfer::sender::{Source, send};
use distans_transfer::trouble::{problem, why};
use distans_transfer::{Broken, Verdict, Watch, place};
use tokio_util::sync::CancellationToken;

use crate::client::{Error, Io, Session, Sink, Stream};
use crate::lang;

/// Times a copy is begun again with nothing gained in between.
const FRUITLESS: u32 = 3;

/// What is copied which way.
#[derive(Debug, Clone)]
pub enum Copy {
    /// From the PC.
    Get {
        /// Paths and patterns there.
        paths: Vec<Vec<u8>>,
        /// Into this folder here.
        folder: PathBuf,
        /// The one thing that comes gets this name.
        rename: Option<OsString>,
    },
    /// To the PC.
    Put {
        /// Paths here.
        sources: Vec<PathBuf>,
        /// Where to there.
        target: Vec<u8>,
        /// That is a folder, made if need be.
        into: bool,
    },
}

/// Why a copy did not come to its end. What is complete has its name, the rest can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The session, the line, or a refusal.
    #[error(transparent)]
    Client(#[from] Error),
    /// Files here.
    #[error("{path}: {error}", path = .path.display())]
    Here {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The PC's end does not keep to the protocol; what it sent after that was not looked at.
    #[error("the PC sent what no honest agent sends ({0}); the copy was stopped")]
    Hostile(&'static str),
    /// The operation ended in another way; see the outcome.
    #[error("the copy ended early: {}", .0.text.as_ref().map(ToString::to_string).unwrap_or_default())]
    Ended(OpResult),
}

/// Copies; what became of it. `watch` sees it all, `cancel` stops it at both ends.
///
/// # Errors
/// [`CopyError`].
pub async fn copy<W: Watch + 'static>(
    session: &Session,
    what: &Copy,
    rules: Rules,
    watch: &Arc<Mutex<W>>,
    cancel: &CancellationToken,
    mut again: impl FnMut(&OpResult),
) -> Result<Summary, CopyError> {
    let mut fruitless = 0;
    loop {
        let gained = Arc::new(Mutex::new(0));
        let shared = Shared { watch: Arc::clone(watch), gained: Arc::clone(&gained) };
        match once(session, what, rules, shared, cancel).await {
            Err(CopyError::Ended(result)) if result.outcome == Outcome::Unknown => {
                let gained = *gained.lock().unwrap_or_else(PoisonError::into_inner) > 0;
                fruitless = if gained { 0 } else { fruitless + 1 };
                if fruitless > FRUITLESS || cancel.is_cancelled() {
                    return Err(CopyError::Ended(result));
                }
                again(&result);
            }
            other => return other,
        }
    }
}

/// A watch that is used by one engine after the other.
struct Shared<W> {
    watch: Arc<Mutex<W>>,
    gained: Arc<Mutex<u64>>,
}

impl<W: Watch> Shared<W> {
    fn see(&self, see: impl FnOnce(&mut W)) {
        see(&mut self.watch.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<W: Watch> Watch for Shared<W> {
    fn listed(&mut self, files: u64, bytes: u64, complete: bool) {
        self.see(|watch| watch.listed(files, bytes, complete));
    }

    fn file(&mut self, path: &str, size: u64, verdict: Verdict) {
        self.see(|watch| watch.file(path, size, verdict));
    }

    fn moved(&mut self, bytes: u64) {
        *self.gained.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        self.see(|watch| watch.moved(bytes));
    }

    fn spared(&mut self, bytes: u64) {
        self.see(|watch| watch.spared(bytes));
    }

    fn problem(&mut self, problem: &Problem) {
        self.see(|watch| watch.problem(problem));
    }
}

/// What the engine's thread does.
type Engine = Box<dyn FnOnce(FromChannel, ToChannel, &mut dyn Watch) -> Result<Summary, Broken> + Send>;

/// One operation to its end.
async fn once<W: Watch + 'static>(
    session: &Session,
    what: &Copy,
    rules: Rules,
    mut watch: Shared<W>,
    cancel: &CancellationToken,
) -> Result<Summary, CopyError> {
    let (op, engine) = prepare(what, rules)?;
    let ((to_engine, input), (output, from_engine)) = (channel(), channel());
    let working =
        tokio::task::spawn_blocking(move || engine(FromChannel::new(input), ToChannel(output), &mut watch));
    // A cancel of this operation alone: a failed engine must not look like the caller's wish.
    let stop = cancel.child_token();
    let io = Io {
        input: Some(ChannelReader::new(from_engine)),
        sink: ToEngine(to_engine),
        cancel: stop,
        size: None,
    };
    let performed = Box::pin(session.perform(op, io)).await;
    let worked = working.await.map_err(|error| Error::Local {
        what: lang::current().pick("the copy", "kopieringen"),
        error: io::Error::other(error),
    })?;
    match (worked, performed) {
        (Err(Broken::Protocol(what)), _) => Err(CopyError::Hostile(what)),
        (_, Err(error)) => Err(error.into()),
        (Ok(summary), Ok(result)) if result.outcome == Outcome::Completed => Ok(summary),
        (_, Ok(result)) => Err(CopyError::Ended(result)),
    }
}

/// What the PC is asked, and what is done here.
fn prepare(what: &Copy, rules: Rules) -> Result<(Op, Engine), CopyError> {
    match what {
        Copy::Get { paths, folder, rename } => {
            let paths = paths.iter().map(|path| path.clone().into()).collect();
            let dir = Dir::open_ambient_dir(folder, ambient_authority())
                .map_err(|error| CopyError::Here { path: folder.clone(), error })?;
            let target = Target { dir, rename: rename.clone() };
            let engine: Engine = Box::new(move |input, output, watch| {
                receive(input, output, target, Settings::new(rules), watch)
            });
            Ok((Op::Get(Get { paths }), engine))
        }
        Copy::Put { sources, target, into } => {
            let (mut found, mut problems) = (Vec::new(), Vec::new());
            for path in sources {
                match source(path) {
                    Ok(source) => found.push(source),
                    Err(error) => problems.push(problem(path.to_string_lossy(), why(&error))),
                }
            }
            let engine: Engine =
                Box::new(move |input, output, watch| send(input, output, found, problems, watch));
            Ok((Op::Put(Put { target: target.clone().into(), into: *into, rules }), engine))
        }
    }
}

fn source(path: &Path) -> io::Result<Source> {
    let (dir, name, called) = place::own(path)?;
    Ok(Source { dir, name, called })
}

/// Hands what comes from the PC to the engine, which holds the PC back while it is busy.
struct ToEngine(Giver);

impl Sink for ToEngine {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if stream == Stream::Errors {
            return Ok(()); // a transfer has none
        }
        self.0.give(Bytes::copy_from_slice(bytes)).await
    }
}
