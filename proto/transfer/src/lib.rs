//! Copying files and folders: both ends of a transfer, over any pair of byte streams.
//!
//! The same code runs in the agent (or in a process of it that has the user's rights) and in the
//! technician's program: [`sender::send`] at one end, [`receiver::receive`] at the other. Files
//! are blocking things, so both ends are ordinary threads; [`bridge`] joins them to asynchronous
//! streams.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | frames: messages and file bytes on one stream |
//! | [`place`] | from a path that somebody typed to a folder's handle, inside the policy's roots |
//! | [`pattern`] | `logs/*.txt` on the side that has the files |
//! | [`folders`] | the tree being copied; every step from a handle, never along a path |
//! | [`name`] | which names can be here |
//! | [`sender`], [`receiver`] | the two ends |
//! | [`part`] | a file on its way: beside its target, resumed, verified, renamed |
//! | [`squeeze`] | when compressing pays |
//! | [`trouble`] | from the system's errors to causes |
//! | [`job`] | an agent's end as a job for a process of its own |
//!
//! # What is promised
//! - Nothing is read or written outside the folders that were opened at the beginning: each step
//!   down is one name below an open handle, and symbolic links are never followed on the way.
//! - Under a file's final name there is the old content or the whole new one, verified by hash.
//! - A file of [`part::LARGE`] or more is on the disk before it gets its name. Smaller ones get
//!   their names at once and all of them are synced before the end is reported; a power cut in
//!   between may leave some of them empty, and the next run copies those again.
//! - Memory is bounded, whatever the other end says.
#![forbid(unsafe_code)]

pub mod bridge;
pub mod folders;
pub mod job;
pub mod name;
pub mod part;
pub mod pattern;
pub mod place;
pub mod receiver;
pub mod sender;
pub mod squeeze;
pub mod trouble;
pub mod wire;

use std::io;

use distans_proto::ops::files::Problem;

/// Files that may be listed and not yet be done with, as the receiver allows and the sender keeps.
pub const UNDER_WAY: usize = 16_384;

/// Most folders of one copy: both ends remember them all.
pub const FOLDERS_LIMIT: usize = 500_000;

/// Most files of one copy.
pub const FILES_LIMIT: u32 = 50_000_000;

/// Deepest folder below what was asked for.
pub const DEPTH_LIMIT: u32 = 256;

/// Why a copy ended early. What is complete has its name; what is not can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The stream to or from the other end.
    #[error("the stream to the other end broke: {0}")]
    Stream(#[from] io::Error),
    /// The other end does not keep to the protocol.
    #[error("the other end does not keep to the protocol: {0}")]
    Protocol(&'static str),
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its bytes are on their way now.
    Begun,
    /// It is complete.
    Copied,
    /// It was there already, the same.
    Same,
    /// Something of that name was kept.
    Kept,
    /// It would be copied.
    Would,
}

/// Sees a copy's progress at either end. Paths are for people: `/` between names, not clean.
pub trait Watch: Send {
    /// So much is listed by now; `complete` once that is all.
    fn listed(&mut self, _files: u64, _bytes: u64, _complete: bool) {}
    /// What happens to a file of so many bytes.
    fn file(&mut self, _path: &str, _size: u64, _verdict: Verdict) {}
    /// So many bytes of files more have come or gone over the line.
    fn moved(&mut self, _bytes: u64) {}
    /// So many bytes need not go over the line: they are there.
    fn spared(&mut self, _bytes: u64) {}
    /// Something failed, at either end, or is worth a note.
    fn problem(&mut self, _problem: &Problem) {}
}

/// Sees nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unseen;

impl Watch for Unseen {}
