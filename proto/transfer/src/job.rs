//! An agent's end of a copy as a job: what a process with the user's rights is told to do.
//!
//! The agent writes one frame with the job into the process' input; the transfer's stream follows
//! in both directions. The process ends with the copy.

use std::io::{self, Read};

use distans_proto::frame::{HEADER, body_length, decode};
use distans_proto::ops::files::{Cause, Get, Problem, Put, Summary, Why};
use minicbor::{Decode, Encode};

use crate::place::{Roots, Spot};
use crate::receiver::{Settings, Target, receive};
use crate::sender::{Source, send};
use crate::trouble::{problem, told, why};
use crate::wire::{In, Out};
use crate::{Broken, Unseen, pattern};

/// Most bytes of a job.
pub const JOB_LIMIT: usize = 256 * 1024;

/// What to do, and where it may be done.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Job {
    /// Folders that the policy gives.
    #[n(0)]
    pub roots: Vec<String>,
    /// Which way.
    #[n(1)]
    pub way: Way,
}

/// Which way files go.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Way {
    /// From here.
    #[n(0)]
    Get(#[n(0)] Get),
    /// To here.
    #[n(1)]
    Put(#[n(0)] Put),
}

/// Why a job came to no summary.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It could not begin: the target is not to be had.
    #[error("{}", told_as(.0))]
    Target(Problem),
    /// It broke off.
    #[error(transparent)]
    Broken(#[from] Broken),
}

fn told_as(problem: &Problem) -> String {
    let reason = match problem.why.cause {
        Cause::NotFound => "no such folder on the PC; end the target with / to make it",
        Cause::Permission => "the account at the PC may not write there",
        Cause::OutsideRoots => "outside the folders that files may be copied to",
        Cause::Full => "the disk is full",
        Cause::ReadOnly => "that file system is read-only",
        _ => "it cannot be written to",
    };
    match &problem.why.text {
        Some(text) => format!("{}: {reason}: {text}", problem.path),
        None => format!("{}: {reason}", problem.path),
    }
}

/// Reads a job from the beginning of a stream.
///
/// # Errors
/// If there is none.
pub fn read(from: &mut impl Read) -> io::Result<Job> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    let length = body_length(header, JOB_LIMIT).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    decode(&body).map_err(io::Error::other)
}

/// Does it.
///
/// # Errors
/// [`JobError`].
pub fn perform<I, O>(job: &Job, input: I, output: O) -> Result<Summary, JobError>
where
    I: In + Send + 'static,
    O: Out,
{
    let roots = Roots::new(&job.roots);
    match &job.way {
        Way::Get(get) => {
            let (mut sources, mut problems) = (Vec::new(), Vec::new());
            for path in &get.paths {
                if let Err(why) = find(&roots, path, &mut sources) {
                    problems.push(problem(String::from_utf8_lossy(path), why));
                }
            }
            Ok(send(input, output, sources, problems, &mut Unseen)?)
        }
        Way::Put(put) => {
            let target = target(&roots, put)
                .map_err(|why| JobError::Target(problem(String::from_utf8_lossy(&put.target), why)))?;
            Ok(receive(input, output, target, Settings::new(put.rules), &mut Unseen)?)
        }
    }
}

/// Opens what a path or pattern stands for.
fn find(roots: &Roots, typed: &[u8], sources: &mut Vec<Source>) -> Result<(), Why> {
    let spot = roots.spot(&roots.whole(typed)?)?;
    for path in pattern::expand(&spot.root, &spot.path)? {
        let called = path.file_name().map_or_else(|| spot.name.clone(), ToOwned::to_owned);
        let one = Spot { root: spot.root.try_clone().map_err(|error| why(&error))?, path, name: called };
        sources.push(source(one).map_err(|error| why(&error))?);
    }
    Ok(())
}

fn source(spot: Spot) -> io::Result<Source> {
    let path = spot.followed()?;
    let (Some(name), parent) = (path.file_name(), path.parent()) else {
        return Ok(Source { dir: spot.root, name: Default::default(), called: spot.name });
    };
    let dir = match parent {
        Some(parent) if !parent.as_os_str().is_empty() => spot.root.open_dir(parent)?,
        _ => spot.root,
    };
    Ok(Source { dir, name: name.to_owned(), called: spot.name })
}

/// Opens where things go.
fn target(roots: &Roots, put: &Put) -> Result<Target, Why> {
    let spot = roots.spot(&roots.whole(&put.target)?)?;
    match spot.open() {
        Ok(dir) => return Ok(Target { dir, rename: None }),
        Err(error)
            if error.kind() == io::ErrorKind::NotFound || error.kind() == io::ErrorKind::NotADirectory => {}
        Err(error) => return Err(why(&error)),
    }
    let (Some(name), Some(parent)) = (spot.path.file_name(), spot.path.parent()) else {
        return Err(told(Cause::NotFound, "the root itself is missing"));
    };
    let parent = Spot { root: spot.root, path: parent.to_owned(), name: name.to_owned() };
    let dir = parent.open().map_err(|error| why(&error))?;
    if !put.into {
        return Ok(Target { dir, rename: Some(parent.name) });
    }
    if !put.rules.dry_run {
        dir.create_dir(&parent.name).map_err(|error| why(&error))?;
        let dir = dir.open_dir(&parent.name).map_err(|error| why(&error))?;
        return Ok(Target { dir, rename: None });
    }
    Err(told(Cause::NotFound, "it would be made first; try without --dry-run, or name its parent"))
}
