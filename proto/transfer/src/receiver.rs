//! The end that gets the files: decides about each one listed, and writes what it wanted.
//!
//! The other end may be hostile. A name is one component or refused; a folder is entered by handle
//! and never through a link; a file gets no byte more than was announced for it, and its name only
//! when all of it is verified.

mod entries;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;

use cap_std::fs::Dir;
use distans_platform::files::{self, Names};
use distans_proto::ops::files::{Begin, Cause, End, FromReceiver, FromSender, Problem, Rules, Summary, Why};

use crate::folders::{Folders, Id, as_file};
use crate::part::{Kept, Part, Unfinished, part_name};
use crate::trouble::{plain, problem, why};
use crate::wire::{BLOCK, FrameReader, FrameWriter, In, Out, Unit};
use crate::{Broken, FILES_LIMIT, UNDER_WAY, Verdict, Watch};

/// Where things go.
#[derive(Debug)]
pub struct Target {
    /// Into this folder.
    pub dir: Dir,
    /// The one thing that comes gets this name; `None` = all keep theirs.
    pub rename: Option<OsString>,
}

/// How to receive.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How what exists is treated.
    pub rules: Rules,
    /// Which names can be here.
    pub names: Names,
    /// Most files and most links that are taken.
    pub entries: u32,
}

impl Settings {
    /// For this system.
    pub const fn new(rules: Rules) -> Self {
        Self { rules, names: files::names(), entries: FILES_LIMIT }
    }
}

/// A folder as the sender numbered it.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    id: Id,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was here.
    Here,
    /// We made it, with this mode and time to be set at the end.
    Made,
    /// A dry run would make it.
    Would,
    /// It cannot be here.
    Failed,
}

/// A file that was wanted.
#[derive(Debug)]
struct Pending {
    folder: Id,
    name: OsString,
    path: String,
    size: u64,
    part: String,
    kept: Option<Kept>,
}

/// The file whose bytes come now.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Current {
    None,
    Writing {
        file: u32,
        pending: Pending,
        part: Part,
        begin: Begin,
    },
    /// It failed here; what comes of it is dropped.
    Dropping {
        file: u32,
        pending: Pending,
        left: u64,
    },
}

struct Receiver<'a, O> {
    out: FrameWriter<O>,
    settings: Settings,
    rename: Option<OsString>,
    folders: Folders,
    numbered: Vec<Numbered>,
    attributes: Vec<(Id, Option<u32>, distans_proto::ops::files::Time)>,
    seen: HashSet<(Id, Vec<u8>)>,
    pending: HashMap<u32, Pending>,
    current: Current,
    next_file: u32,
    tops: u32,
    links: u32,
    listed: (u64, u64),
    wrote: bool,
    summary: Summary,
    watch: &'a mut dyn Watch,
}

/// Receives into `target`; what became of it all.
///
/// # Errors
/// [`Broken`]. What is complete has its name.
pub fn receive<I: In, O: Out>(
    input: I,
    output: O,
    target: Target,
    settings: Settings,
    watch: &mut dyn Watch,
) -> Result<Summary, Broken> {
    let mut folders = Folders::default();
    if !settings.rules.dry_run {
        crate::part::clean_up(&target.dir);
    }
    folders.add_base(target.dir, OsString::new().as_os_str());
    let mut receiver = Receiver {
        out: FrameWriter::new(output),
        settings,
        rename: target.rename,
        folders,
        numbered: Vec::new(),
        attributes: Vec::new(),
        seen: HashSet::new(),
        pending: HashMap::new(),
        current: Current::None,
        next_file: 0,
        tops: 0,
        links: 0,
        listed: (0, 0),
        wrote: false,
        summary: Summary::default(),
        watch,
    };
    let received = receiver.all(&mut FrameReader::new(input));
    if received.is_err() {
        receiver.leave();
    }
    received
}

impl<O: Out> Receiver<'_, O> {
    fn all<I: In>(&mut self, reader: &mut FrameReader<I>) -> Result<Summary, Broken> {
        loop {
            if !reader.has_more() {
                self.out.flush()?;
            }
            match reader.next::<FromSender>()? {
                None => return Err(Broken::Stream(io::ErrorKind::UnexpectedEof.into())),
                Some(Unit::Bytes(bytes)) => self.bytes(bytes)?,
                Some(Unit::Message(FromSender::Over(_))) => break,
                Some(Unit::Message(message)) => self.heard(message)?,
            }
        }
        if !self.pending.is_empty() || !matches!(self.current, Current::None) {
            return Err(Broken::Protocol("it ended before all wanted files had come"));
        }
        self.finish_folders();
        if let Err(error) = self.settle() {
            self.tell(problem("", why(&error)))?;
        }
        // All is done, whether the other end waits to hear of it or not.
        let _ = self.out.message(&FromReceiver::Summary(self.summary)).and_then(|()| self.out.flush());
        Ok(self.summary)
    }

    fn heard(&mut self, message: FromSender) -> Result<(), Broken> {
        match message {
            FromSender::Folder(folder) => self.folder(&folder),
            FromSender::File(file) => self.file(&file),
            FromSender::Link(link) => self.link(&link),
            FromSender::Listed(listed) => {
                self.watch.listed(listed.files, listed.bytes, true);
                Ok(())
            }
            FromSender::Begin(begin) => self.begin(begin),
            FromSender::Hole(count) => self.hole(count),
            FromSender::End(end) => self.end(&end),
            FromSender::Failed(failed) => self.failed(failed.file, failed.why),
            FromSender::Problem(problem) => {
                self.count(&problem);
                Ok(())
            }
            FromSender::Again(_) => self.again(),
            FromSender::Over(_) => Ok(()),
        }
    }

    /// Counts and shows a problem.
    fn count(&mut self, problem: &Problem) {
        if problem.why.cause.is_note() {
            self.summary.notes += 1;
        } else {
            self.summary.failures += 1;
        }
        self.watch.problem(problem);
    }

    /// Tells of a problem here, here and there.
    fn tell(&mut self, problem: Problem) -> Result<(), Broken> {
        self.count(&problem);
        self.out.message(&FromReceiver::Problem(problem))
    }

    fn begin(&mut self, begin: Begin) -> Result<(), Broken> {
        let file = begin.file;
        if matches!(self.current, Current::Writing { .. }) {
            return Err(Broken::Protocol("a file begins inside another"));
        }
        let pending = match std::mem::replace(&mut self.current, Current::None) {
            // Begun again after a change.
            Current::Dropping { file: dropped, pending, .. } if dropped == file => Some(pending),
            Current::None => self.pending.remove(&file),
            _ => return Err(Broken::Protocol("a file begins inside another")),
        };
        let mut pending = pending.ok_or(Broken::Protocol("a file comes that was not wanted"))?;
        let known = pending.kept.as_ref().map_or(0, |kept| kept.offset);
        if begin.size > pending.size || begin.offset > begin.size || ![0, known].contains(&begin.offset) {
            return Err(Broken::Protocol("a file is not as it was announced"));
        }
        self.watch.file(&pending.path, begin.size, Verdict::Begun);
        self.watch.spared(begin.offset);
        self.wrote = true;
        let kept = pending.kept.take();
        let begun = self
            .folders
            .dir(pending.folder)
            .and_then(|dir| Part::begin(&dir, pending.part.clone(), &begin, kept));
        match begun {
            Ok(part) => self.current = Current::Writing { file, pending, part, begin },
            Err(error) => self.give_up(file, pending, begin.size - begin.offset, why(&error))?,
        }
        Ok(())
    }

    /// The file under way has failed here.
    fn give_up(&mut self, file: u32, pending: Pending, left: u64, why: Why) -> Result<(), Broken> {
        self.tell(problem(pending.path.clone(), why))?;
        self.out.message(&FromReceiver::Abandon(file))?;
        self.out.flush()?;
        self.current = Current::Dropping { file, pending, left };
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.more(bytes.len() as u64, |part| part.write(bytes))
    }

    fn hole(&mut self, count: u64) -> Result<(), Broken> {
        // They cost the other end nothing and us a pass over each byte, which nobody can stop.
        if count > BLOCK as u64 {
            return Err(Broken::Protocol("more zero bytes at once than a block"));
        }
        self.more(count, |part| part.hole(count))
    }

    /// More of the file under way.
    fn more(&mut self, count: u64, add: impl FnOnce(&mut Part) -> io::Result<()>) -> Result<(), Broken> {
        let too_much = Broken::Protocol("more bytes came than were announced");
        match &mut self.current {
            Current::None => Err(Broken::Protocol("bytes came outside any file")),
            Current::Writing { part, .. } if count > part.left() => Err(too_much),
            Current::Dropping { left, .. } => {
                *left = left.checked_sub(count).ok_or(too_much)?;
                Ok(())
            }
            Current::Writing { part, .. } => match add(part) {
                Ok(()) => {
                    self.watch.moved(count);
                    Ok(())
                }
                Err(error) => {
                    let Current::Writing { file, pending, part, .. } =
                        std::mem::replace(&mut self.current, Current::None)
                    else {
                        return Ok(());
                    };
                    let why = why(&error);
                    if let Ok(dir) = self.folders.dir(pending.folder) {
                        // What fills the disk does not stay on it.
                        if why.cause == Cause::Full { part.discard(&dir) } else { part.leave(&dir) }
                    }
                    let left = part.left().saturating_sub(count);
                    drop(part);
                    self.give_up(file, pending, left, why)
                }
            },
        }
    }

    fn end(&mut self, end: &End) -> Result<(), Broken> {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::None => Err(Broken::Protocol("a file ends that was not begun")),
            Current::Dropping { .. } => Ok(()),
            Current::Writing { pending, part, begin, .. } => {
                if part.left() > 0 {
                    self.current = Current::Writing { file: begin.file, pending, part, begin };
                    return Err(Broken::Protocol("a file ends before all of it has come"));
                }
                let finished = self
                    .folders
                    .dir(pending.folder)
                    .map_err(Unfinished::from)
                    .and_then(|dir| part.finish(&dir, &pending.name, &begin, &end.hash));
                match finished {
                    Ok(()) => {
                        self.summary.copied += 1;
                        self.summary.bytes += begin.size;
                        self.summary.resumed += begin.offset;
                        self.watch.file(&pending.path, begin.size, Verdict::Copied);
                        if end.grew {
                            self.tell(problem(pending.path, plain(Cause::Grew)))?;
                        }
                        Ok(())
                    }
                    Err(Unfinished::Damaged) => self.tell(problem(pending.path, plain(Cause::Damaged))),
                    Err(Unfinished::System(error)) => self.tell(problem(pending.path, why(&error))),
                }
            }
        }
    }

    /// A wanted file does not come, or not the rest of it.
    fn failed(&mut self, file: u32, why: Why) -> Result<(), Broken> {
        let pending = match std::mem::replace(&mut self.current, Current::None) {
            Current::Writing { file: under_way, pending, part, .. } if under_way == file => {
                if let Ok(dir) = self.folders.dir(pending.folder) {
                    part.discard(&dir);
                }
                pending
            }
            // It failed here first, and was told.
            Current::Dropping { file: dropped, left, .. } if dropped == file && left < u64::MAX => {
                return Ok(());
            }
            Current::Dropping { file: dropped, pending, .. } if dropped == file => pending,
            Current::None => {
                self.pending.remove(&file).ok_or(Broken::Protocol("a file fails that was not wanted"))?
            }
            _ => return Err(Broken::Protocol("a file fails inside another")),
        };
        self.count(&problem(pending.path, why));
        Ok(())
    }

    /// The file under way changed at its source; it is begun again or fails.
    fn again(&mut self) -> Result<(), Broken> {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Writing { file, pending, part, .. } => {
                if let Ok(dir) = self.folders.dir(pending.folder) {
                    part.discard(&dir);
                }
                self.current = Current::Dropping { file, pending, left: u64::MAX };
                Ok(())
            }
            Current::Dropping { file, pending, .. } => {
                self.current = Current::Dropping { file, pending, left: u64::MAX };
                Ok(())
            }
            Current::None => Err(Broken::Protocol("nothing was begun that could begin again")),
        }
    }

    /// The stream broke: what can be gone on with stays.
    fn leave(&mut self) {
        if let Current::Writing { pending, part, .. } = &self.current
            && let Ok(dir) = self.folders.dir(pending.folder)
        {
            part.leave(&dir);
        }
        self.finish_folders();
    }

    /// Brings everything that was written to the disk.
    fn settle(&mut self) -> io::Result<()> {
        if !self.wrote {
            return Ok(());
        }
        let base = as_file(&*self.folders.dir(0)?)?;
        files::sync_file_system(&base).map(drop)
    }

    fn under_way(&self) -> Result<(), Broken> {
        if self.pending.len() > UNDER_WAY {
            return Err(Broken::Protocol("too many files are listed at once"));
        }
        Ok(())
    }

    fn part_of(path: &str, file: &distans_proto::ops::files::File) -> String {
        part_name(path, file.size, file.modified)
    }
}
