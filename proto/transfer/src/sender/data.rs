//! One file's bytes: read once, hashed on the way, holes and what shrinks sent small.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use blake3::Hasher;
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::OpenOptions;
use distans_platform::files::mode;
use distans_proto::ops::files::{Begin, Cause, End, FromSender, Over, Time, Want, Why};

use super::walk::time;
use super::{Item, Sender};
use crate::squeeze::Squeeze;
use crate::trouble::{plain, why};
use crate::wire::{BLOCK, HEADER, Out};
use crate::{Broken, Verdict};

/// zstd's level: what keeps up with lines worth compressing for.
const LEVEL: i32 = 2;

/// Zero runs shorter than this are sent as they are: no file system makes holes of them.
const HOLE: usize = 4096;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// How a file's sending ended.
enum Sent {
    Whole(End),
    Changed,
    Abandoned,
    Failed(Why),
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Time,
}

impl State {
    fn of(file: &File) -> io::Result<(Self, Option<u32>)> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is no file any more"));
        }
        let state = Self { size: metadata.len(), modified: time(metadata.modified()?) };
        Ok((state, mode(&metadata)))
    }
}

impl<O: Out> Sender<'_, O> {
    /// Sends a wanted file; a second time if it changes meanwhile.
    pub(super) fn serve(&mut self, want: &Want) -> Result<(), Broken> {
        let number = want.file;
        let item = self.items.remove(&number).ok_or(Broken::Protocol("a file that was not listed"))?;
        let path = self.walk.folders.path(item.folder, &item.name);
        self.watch.file(&path, item.size, Verdict::Begun);
        for again in [false, true] {
            let sent = match self.open(&item) {
                Ok(file) => self.file(want, &item, file, again)?,
                Err(error) => Sent::Failed(why(&error)),
            };
            match sent {
                Sent::Whole(end) => {
                    self.out.message(&FromSender::End(end))?;
                    self.watch.file(&path, item.size, Verdict::Copied);
                    return Ok(());
                }
                Sent::Changed if !again => self.out.message(&FromSender::Again(Over {}))?,
                Sent::Changed => return self.fail(number, &item, plain(Cause::Changed)),
                Sent::Failed(why) => return self.fail(number, &item, why),
                Sent::Abandoned => {
                    let why = plain(Cause::Other); // the other end knows, and has told
                    return self.out.message(&FromSender::Failed(distans_proto::ops::files::Failed {
                        file: number,
                        why,
                    }));
                }
            }
        }
        Ok(())
    }

    /// Opens a file by its name in its folder, whatever may have been put there meanwhile: links
    /// are not followed, and a pipe does not make us wait.
    fn open(&mut self, item: &Item) -> io::Result<File> {
        let dir = self.walk.folders.dir(item.folder)?;
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        Ok(dir.open_with(&item.name, &options)?.into_std())
    }

    fn file(&mut self, want: &Want, item: &Item, mut file: File, again: bool) -> Result<Sent, Broken> {
        let (before, mode) = match State::of(&file) {
            Ok(state) => state,
            Err(error) => return Ok(Sent::Failed(why(&error))),
        };
        // No more than was listed, so that nobody gets more than was announced.
        let size = before.size.min(item.size);
        let mut hasher = Hasher::new();
        let mut offset = 0;
        if let (Some(prefix), false) = (&want.prefix, again)
            && want.offset <= size
        {
            match same_beginning(&mut file, want.offset, prefix) {
                Ok(Some(same)) => (hasher, offset) = (same, want.offset),
                Ok(None) => {}
                Err(error) => return Ok(Sent::Failed(why(&error))),
            }
        }
        let begin = Begin { file: want.file, offset, size, modified: before.modified, mode };
        self.out.message(&FromSender::Begin(begin))?;
        self.watch.spared(offset);
        self.squeeze.another_file();
        let mut left = size - offset;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let mut piece = Vec::with_capacity(HEADER + length);
            piece.extend_from_slice(&[0; HEADER]);
            let read = (&file).take(length as u64).read_to_end(&mut piece);
            match read {
                Ok(0) => return Ok(Sent::Changed),
                Ok(_) => {}
                Err(error) => return Ok(Sent::Failed(why(&error))),
            }
            let bytes = &piece[HEADER..];
            hasher.update(bytes);
            let count = bytes.len() as u64;
            left -= count;
            self.block(piece)?;
            self.watch.moved(count);
            if length == BLOCK {
                self.look()?;
            }
            if self.abandoned.take_if(|file| *file == want.file).is_some() {
                return Ok(Sent::Abandoned);
            }
        }
        let end = |grew| End { hash: (*hasher.finalize().as_bytes()).into(), grew };
        Ok(match State::of(&file) {
            Ok((after, _)) if after == before && size == before.size => Sent::Whole(end(false)),
            Ok((after, _)) if after.size > size && after.size >= before.size => Sent::Whole(end(true)),
            Ok(_) => Sent::Changed,
            Err(error) => Sent::Failed(why(&error)),
        })
    }

    /// Sends a block in whatever way is cheapest.
    fn block(&mut self, piece: Vec<u8>) -> Result<(), Broken> {
        let bytes = &piece[HEADER..];
        if bytes.len() >= HOLE && *bytes == ZEROS[..bytes.len()] {
            return self.out.message(&FromSender::Hole(bytes.len() as u64));
        }
        let (sent, waited) = self.out.toll();
        self.squeeze.line(sent, waited);
        if bytes.len() >= 512 && self.squeeze.pays(bytes.len() as u64) {
            let packer = match &mut self.packer {
                Some(packer) => packer,
                none => none.insert(zstd::bulk::Compressor::new(LEVEL)?),
            };
            let begun = Instant::now();
            let packed = packer.compress(bytes)?;
            self.squeeze.tried(bytes.len() as u64, packed.len() as u64, begun.elapsed());
            if Squeeze::is_worth(bytes.len(), packed.len()) {
                return self.out.packed(&packed);
            }
        }
        // Large pieces are given away as they are; small ones gather.
        if bytes.len() >= BLOCK / 4 { self.out.piece(piece) } else { self.out.raw(bytes) }
    }
}

/// The hash so far, if the file begins with what the other end has; else back at its start.
fn same_beginning(file: &mut File, count: u64, prefix: &[u8; 32]) -> io::Result<Option<Hasher>> {
    let mut hasher = Hasher::new();
    hasher.update_reader((&*file).take(count))?;
    if hasher.count() == count && hasher.finalize().as_bytes() == prefix {
        return Ok(Some(hasher));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(None)
}
