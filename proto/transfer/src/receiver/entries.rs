//! What is decided about each entry of the list.

use std::ffi::{OsStr, OsString};
use std::fs::FileTimes;
use std::io::{self, ErrorKind};

use cap_fs_ext::DirExt;
use cap_std::fs::Dir;
use distans_platform::files::{Names, make_folder_with, set_mode};
use distans_proto::ops::files::{Cause, File, Folder, FromReceiver, Link, Skip, SkipReason, Time, Want, Why};

use super::{Numbered, Pending, Receiver, State};
use crate::folders::{Id, as_file};
use crate::name::{check, key, stays_inside};
use crate::part::{LARGE, clean_up, look, same_time, system_time};
use crate::trouble::{plain, problem, told, why};
use crate::wire::Out;
use crate::{Broken, Verdict};

/// What to do with a file.
enum Decision {
    Skip(SkipReason),
    Refuse(Why),
    Want,
}

impl<O: Out> Receiver<'_, O> {
    /// The folder that an entry's parent is here.
    fn parent(&self, number: Option<u32>) -> Result<Numbered, Broken> {
        match number {
            None => Ok(Numbered { id: 0, state: State::Here }),
            Some(number) => usize::try_from(number)
                .ok()
                .and_then(|number| self.numbered.get(number).copied())
                .ok_or(Broken::Protocol("an entry lies in a folder that was not listed")),
        }
    }

    /// The name an entry gets here.
    fn name(&mut self, parent: Option<u32>, id: Id, bytes: &[u8]) -> Result<OsString, Why> {
        let checked = check(bytes, self.settings.names)?;
        let name = match (&self.rename, parent) {
            (Some(name), None) => {
                self.tops += 1;
                if self.tops > 1 {
                    return Err(told(Cause::InTheWay, "several things cannot get one name"));
                }
                name.clone()
            }
            _ => checked,
        };
        // Where capital letters count, the sender's own file system has seen to it.
        if self.settings.names == Names::Windows
            && !self.seen.insert((id, key(name.as_encoded_bytes(), Names::Windows)))
        {
            return Err(plain(Cause::Clash));
        }
        Ok(name)
    }

    fn path(&self, id: Id, bytes: &[u8]) -> String {
        self.folders.path(id, OsStr::new(&*String::from_utf8_lossy(bytes)))
    }

    pub(super) fn folder(&mut self, folder: &Folder) -> Result<(), Broken> {
        let parent = self.parent(folder.parent)?;
        let failed = Numbered { id: parent.id, state: State::Failed };
        if parent.state == State::Failed {
            self.numbered.push(failed);
            return self.room();
        }
        let made = self.name(folder.parent, parent.id, &folder.name).and_then(|name| {
            let state = self.enter(parent, &name, folder.mode).map_err(|error| why(&error))?;
            let id = self.folders.add(parent.id, name);
            let id = id.map_err(|error| told(Cause::TooMany, error.to_string()))?;
            Ok(Numbered { id, state })
        });
        match made {
            Ok(numbered) => {
                self.numbered.push(numbered);
                if numbered.state == State::Made {
                    self.attributes.push((numbered.id, folder.mode, folder.modified));
                }
            }
            Err(why) => {
                self.numbered.push(failed);
                let path = self.path(parent.id, &folder.name);
                self.tell(problem(path, why))?;
            }
        }
        self.room()
    }

    fn room(&self) -> Result<(), Broken> {
        if self.numbered.len() > crate::FOLDERS_LIMIT {
            return Err(Broken::Protocol("too many folders are listed"));
        }
        Ok(())
    }

    /// Sees that a folder is there.
    fn enter(&mut self, parent: Numbered, name: &OsStr, mode: Option<u32>) -> io::Result<State> {
        if parent.state == State::Would {
            return Ok(State::Would);
        }
        let dir = self.folders.dir(parent.id)?;
        if self.settings.rules.dry_run {
            return match dir.symlink_metadata(name) {
                Ok(metadata) if metadata.is_dir() => Ok(State::Here),
                Ok(_) => Err(ErrorKind::NotADirectory.into()),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Would),
                Err(error) => Err(error),
            };
        }
        // What is closed at its source is closed here while it is filled, too.
        match dir.create_dir_with(name, &make_folder_with(mode.unwrap_or(0o777) | 0o700)) {
            Ok(()) => {
                self.wrote = true;
                Ok(State::Made)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                clean_up(&dir.open_dir_nofollow(name)?);
                Ok(State::Here)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn file(&mut self, file: &File) -> Result<(), Broken> {
        let number = self.next_file;
        if number >= self.settings.entries {
            return Err(Broken::Protocol("too many files are listed"));
        }
        self.next_file += 1;
        self.listed = (self.listed.0 + 1, self.listed.1.saturating_add(file.size));
        self.watch.listed(self.listed.0, self.listed.1, false);
        let parent = self.parent(file.parent)?;
        if parent.state == State::Failed {
            // The folder's problem says it all.
            return self.skip(number, SkipReason::Refused);
        }
        let path = self.path(parent.id, &file.name);
        let decided = self.name(file.parent, parent.id, &file.name).map(|name| {
            let decision = if parent.state == State::Would {
                Decision::Skip(SkipReason::DryRun)
            } else {
                match self.folders.dir(parent.id) {
                    Ok(dir) => self.decide(&dir, &name, file),
                    Err(error) => Decision::Refuse(why(&error)),
                }
            };
            (name, decision)
        });
        match decided {
            Err(why) | Ok((_, Decision::Refuse(why))) => {
                self.watch.spared(file.size);
                self.tell(problem(path, why))?;
                self.skip(number, SkipReason::Refused)
            }
            Ok((_, Decision::Skip(reason))) => {
                let verdict = match reason {
                    SkipReason::Same => {
                        self.summary.same += 1;
                        Verdict::Same
                    }
                    SkipReason::Kept => {
                        self.summary.kept += 1;
                        Verdict::Kept
                    }
                    SkipReason::DryRun | SkipReason::Refused => {
                        self.summary.copied += 1;
                        self.summary.bytes = self.summary.bytes.saturating_add(file.size);
                        Verdict::Would
                    }
                };
                self.watch.spared(file.size);
                self.watch.file(&path, file.size, verdict);
                self.skip(number, reason)
            }
            Ok((name, Decision::Want)) => self.want(number, file, parent.id, name, path),
        }
    }

    fn skip(&mut self, file: u32, reason: SkipReason) -> Result<(), Broken> {
        self.out.message(&FromReceiver::Skip(Skip { file, reason }))
    }

    fn decide(&self, dir: &Dir, name: &OsStr, file: &File) -> Decision {
        let rules = self.settings.rules;
        match dir.symlink_metadata(name) {
            Ok(here) if here.is_dir() => {
                Decision::Refuse(told(Cause::InTheWay, "a folder of that name is there"))
            }
            Ok(here) => {
                let same = here.is_file()
                    && here.len() == file.size
                    && here.modified().is_ok_and(|at| same_time(at.into_std(), file.modified));
                match (same, rules.keep_existing, rules.dry_run) {
                    (true, ..) => Decision::Skip(SkipReason::Same),
                    (_, true, _) => Decision::Skip(SkipReason::Kept),
                    (.., true) => Decision::Skip(SkipReason::DryRun),
                    _ => Decision::Want,
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if rules.dry_run {
                    Decision::Skip(SkipReason::DryRun)
                } else {
                    Decision::Want
                }
            }
            Err(error) => Decision::Refuse(why(&error)),
        }
    }

    fn want(
        &mut self,
        number: u32,
        file: &File,
        folder: Id,
        name: OsString,
        path: String,
    ) -> Result<(), Broken> {
        let (mut part, mut kept) = (String::new(), None);
        if file.size >= LARGE {
            part = Self::part_of(&path, file);
            if let Ok(dir) = self.folders.dir(folder) {
                kept = look(&dir, &part, file.size);
            }
        }
        let offset = kept.as_ref().map_or(0, |kept| kept.offset);
        let prefix = kept.as_ref().map(|kept| (*kept.hasher.finalize().as_bytes()).into());
        self.pending.insert(number, Pending { folder, name, path, size: file.size, part, kept });
        self.under_way()?;
        self.out.message(&FromReceiver::Want(Want { file: number, offset, prefix }))
    }

    pub(super) fn link(&mut self, link: &Link) -> Result<(), Broken> {
        self.links += 1;
        if self.links > self.settings.entries {
            return Err(Broken::Protocol("too many links are listed"));
        }
        let parent = self.parent(link.parent)?;
        if parent.state == State::Failed || link.parent.is_none() {
            return Ok(());
        }
        let path = self.path(parent.id, &link.name);
        // One folder is the top of what is copied, and lies in the target.
        let depth = self.folders.depth(parent.id).saturating_sub(1);
        if !stays_inside(&link.target, depth) {
            return self.tell(problem(path, plain(Cause::LinkOutside)));
        }
        let made = self.name(link.parent, parent.id, &link.name).and_then(|name| {
            if parent.state == State::Would || self.settings.rules.dry_run {
                return Ok(());
            }
            let dir = self.folders.dir(parent.id).map_err(|error| why(&error))?;
            place(&dir, &name, link, self.settings.names, self.settings.rules.keep_existing)
        });
        match made {
            Ok(()) => Ok(()),
            Err(why) => self.tell(problem(path, why)),
        }
    }

    /// Folders that were made get their modes and times, the innermost first: what was written
    /// into them has changed the times.
    pub(super) fn finish_folders(&mut self) {
        for (id, mode, modified) in std::mem::take(&mut self.attributes).into_iter().rev() {
            // A folder that was moved away meanwhile is no longer ours to change.
            let Ok(dir) = self.folders.dir(id) else { continue };
            let _ = attributes(&dir, mode, modified);
        }
    }
}

fn attributes(dir: &Dir, mode: Option<u32>, modified: Time) -> io::Result<()> {
    let file = as_file(dir)?;
    if let Some(mode) = mode {
        set_mode(&file, mode)?;
    }
    if let Some(modified) = system_time(modified) {
        file.set_times(FileTimes::new().set_modified(modified))?;
    }
    Ok(())
}

/// Makes a link that says what the sender's says. What is there and is no link stays.
fn place(dir: &Dir, name: &OsStr, link: &Link, names: Names, keep: bool) -> Result<(), Why> {
    let no = |_| told(Cause::NameNotAllowed, "the link's target cannot be written here");
    let target = String::from_utf8(link.target.to_vec());
    let target = match names {
        Names::Unix => distans_platform::files::name_from_bytes(&link.target).unwrap_or_default(),
        Names::Windows => target.map(|target| target.replace('/', "\\").into()).map_err(no)?,
    };
    match dir.symlink_metadata(name) {
        Ok(here) if here.is_symlink() => {
            if keep || dir.read_link_contents(name).is_ok_and(|says| says.as_os_str() == target) {
                return Ok(());
            }
            dir.remove_file_or_symlink(name).map_err(|error| why(&error))?;
        }
        Ok(_) => return Err(told(Cause::InTheWay, "something of that name is there and is no link")),
        Err(_) => {}
    }
    let made = if link.folder { dir.symlink_dir(&target, name) } else { dir.symlink_file(&target, name) };
    made.map_err(|error| why(&error))
}
