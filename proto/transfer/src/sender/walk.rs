//! The list: folders one after the other, each opened once, its entries as the system gives them.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, DirEntry, FileType, Metadata, ReadDir};
use distans_platform::files::mode;
use distans_proto::ops::files::{Cause, File, Folder, Link, Listed, Problem, Time};

use super::{Item, Source};
use crate::FILES_LIMIT;
use crate::folders::{Folders, Id};
use crate::name::stays_inside;
use crate::part::is_part;
use crate::trouble::{plain, problem, told, why};

/// What is listed next.
pub(super) enum Entry {
    File { number: u32, item: Item, message: File },
    Folder(Folder),
    Link(Link),
    Problem(Problem),
}

/// A walk through everything that is to be copied.
pub(super) struct Walk {
    pub(super) folders: Folders,
    /// What the other end calls each folder; `None` = it is not told about it.
    numbers: Vec<Option<u32>>,
    next_folder: u32,
    next_file: u32,
    tops: VecDeque<Source>,
    /// Folders to be opened, the next one last.
    queue: Vec<Id>,
    reading: Option<(Id, Rc<Dir>, ReadDir)>,
    listed: Listed,
}

impl Walk {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self {
            folders: Folders::default(),
            numbers: Vec::new(),
            next_folder: 0,
            next_file: 0,
            tops: sources.into(),
            queue: Vec::new(),
            reading: None,
            listed: Listed::default(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.reading.is_none() && self.queue.is_empty() && self.tops.is_empty()
    }

    pub(super) const fn listed(&self) -> Listed {
        self.listed
    }

    /// The next entry; `None` once at the end, and in between when there was nothing to tell.
    pub(super) fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some((id, dir, entries)) = &mut self.reading {
                let (id, dir) = (*id, Rc::clone(dir));
                match entries.next() {
                    Some(Ok(entry)) => match self.entry(id, &dir, &entry) {
                        Some(entry) => return Some(entry),
                        None => continue,
                    },
                    Some(Err(error)) => return Some(self.trouble(id, OsStr::new(""), &error)),
                    None => self.reading = None,
                }
            }
            if let Some(id) = self.queue.pop() {
                return Some(self.open(id));
            }
            let top = self.tops.pop_front()?;
            if let Some(entry) = self.top(top) {
                return Some(entry);
            }
        }
    }

    fn trouble(&self, folder: Id, name: &OsStr, error: &io::Error) -> Entry {
        Entry::Problem(problem(self.folders.path(folder, name), why(error)))
    }

    /// Opens the next folder for reading and tells about it.
    fn open(&mut self, id: Id) -> Entry {
        let opened = self.folders.dir(id).and_then(|dir| {
            let metadata = dir.try_clone()?.into_std_file().metadata()?;
            let modified = time(metadata.modified()?);
            Ok((dir.entries()?, dir, mode(&metadata), modified))
        });
        let (entries, dir, mode, modified) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.trouble(id, OsStr::new(""), &error),
        };
        let (parent, name) = self.folders.step(id);
        let name = name.as_encoded_bytes().to_vec().into();
        let parent = parent.and_then(|parent| self.numbers.get(parent).copied().flatten());
        self.numbers[id] = Some(self.next_folder);
        self.next_folder += 1;
        self.reading = Some((id, dir, entries));
        Entry::Folder(Folder { parent, name, mode, modified })
    }

    /// One of the things that were asked for.
    fn top(&mut self, top: Source) -> Option<Entry> {
        let Source { dir, name, called } = top;
        let is_dir = if name.is_empty() {
            Ok(true)
        } else {
            dir.symlink_metadata(&name).map(|metadata| metadata.is_dir())
        };
        match is_dir {
            Ok(true) => {
                let opened = if name.is_empty() { Ok(dir) } else { dir.open_dir_nofollow(&name) };
                match opened {
                    Ok(dir) => {
                        let id = self.add_base(dir, &called);
                        self.queue.push(id);
                        None
                    }
                    Err(error) => Some(Entry::Problem(problem(called.to_string_lossy(), why(&error)))),
                }
            }
            Ok(false) => match dir.symlink_metadata(&name) {
                Ok(metadata) => {
                    let id = self.add_base(dir, OsStr::new(""));
                    Some(self.sort(id, name, &called, metadata.file_type(), Ok(metadata)))
                }
                Err(error) => Some(Entry::Problem(problem(called.to_string_lossy(), why(&error)))),
            },
            Err(error) => Some(Entry::Problem(problem(called.to_string_lossy(), why(&error)))),
        }
    }

    fn add_base(&mut self, dir: Dir, called: &OsStr) -> Id {
        let id = self.folders.add_base(dir, called);
        self.numbers.push(None);
        id
    }

    /// An entry of a folder.
    fn entry(&mut self, folder: Id, dir: &Dir, entry: &DirEntry) -> Option<Entry> {
        let name = entry.file_name();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return Some(self.trouble(folder, &name, &error)),
        };
        if kind.is_dir() {
            return match self.folders.add(folder, name.clone()) {
                Ok(id) => {
                    self.numbers.push(None);
                    self.queue.push(id);
                    None
                }
                Err(error) => {
                    let path = self.folders.path(folder, &name);
                    Some(Entry::Problem(problem(path, told(Cause::TooMany, error.to_string()))))
                }
            };
        }
        if kind.is_symlink() {
            return Some(self.link(folder, dir, &name));
        }
        if is_part(&name) {
            return None; // of a copy into this folder, under way or left over
        }
        let called = name.clone();
        Some(self.sort(folder, name, &called, kind, entry.metadata()))
    }

    /// A file, or something that cannot be copied.
    fn sort(
        &mut self,
        folder: Id,
        name: OsString,
        called: &OsStr,
        kind: FileType,
        metadata: io::Result<Metadata>,
    ) -> Entry {
        if !kind.is_file() {
            return Entry::Problem(problem(self.folders.path(folder, &name), plain(Cause::Special)));
        }
        let told = metadata.and_then(|metadata| Ok((metadata.len(), metadata.modified()?.into_std())));
        let (size, modified) = match told {
            Ok(told) => told,
            Err(error) => return self.trouble(folder, &name, &error),
        };
        if self.next_file >= FILES_LIMIT {
            return Entry::Problem(problem(self.folders.path(folder, &name), plain(Cause::TooMany)));
        }
        let number = self.next_file;
        self.next_file += 1;
        self.listed.files += 1;
        self.listed.bytes = self.listed.bytes.saturating_add(size);
        let message = File {
            parent: self.numbers.get(folder).copied().flatten(),
            name: called.as_encoded_bytes().to_vec().into(),
            size,
            modified: time(modified),
        };
        Entry::File { number, item: Item { folder, name, size }, message }
    }

    fn link(&mut self, folder: Id, dir: &Dir, name: &OsStr) -> Entry {
        let target = match dir.read_link_contents(name) {
            Ok(target) => target,
            Err(error) => return self.trouble(folder, name, &error),
        };
        let bytes = target.as_os_str().as_encoded_bytes();
        if !stays_inside(bytes, self.folders.depth(folder)) {
            return Entry::Problem(problem(self.folders.path(folder, name), plain(Cause::LinkOutside)));
        }
        let is_folder = dir.metadata(name).is_ok_and(|metadata| metadata.is_dir());
        Entry::Link(Link {
            parent: self.numbers.get(folder).copied().flatten(),
            name: name.as_encoded_bytes().to_vec().into(),
            target: bytes.to_vec().into(),
            folder: is_folder,
        })
    }
}

/// A time as it travels.
pub(super) fn time(time: SystemTime) -> Time {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => {
            Time { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
        }
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).map_or(i64::MIN, |seconds| -seconds);
            match before.subsec_nanos() {
                0 => Time { seconds, nanos: 0 },
                nanos => Time { seconds: seconds.saturating_sub(1), nanos: 1_000_000_000 - nanos },
            }
        }
    }
}
