//! A file on its way: written beside its target under a name of its own, resumed if it is large,
//! verified, and only then given its final name.

use std::ffi::OsStr;
use std::fs::{File, FileTimes};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blake3::Hasher;
use cap_fs_ext::{FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use distans_platform::files::{is_own, make_file_with, set_mode};
use distans_proto::ops::files::{Begin, Time};

/// A file of so many bytes or more can be resumed, and is on the disk before it gets its name.
pub const LARGE: u64 = 4 * 1024 * 1024;

/// Parts that nobody touched for so long are nobody's any more.
const OLD: Duration = Duration::from_secs(7 * 86_400);

const BEFORE: &str = ".distans-";
const AFTER: &str = ".part";

/// True if a file of this name is a part of ours.
pub fn is_part(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let inner = bytes.strip_prefix(BEFORE.as_bytes()).and_then(|rest| rest.strip_suffix(AFTER.as_bytes()));
    inner.is_some_and(|inner| inner.len() >= 16 && inner.iter().all(u8::is_ascii_hexdigit))
}

/// The name of a large file's part: bound to what its source was, so that another state of the
/// source never goes on with it.
pub fn part_name(path: &str, size: u64, modified: Time) -> String {
    let mut hasher = Hasher::new();
    hasher.update(&size.to_le_bytes()).update(&modified.seconds.to_le_bytes());
    hasher.update(&modified.nanos.to_le_bytes()).update(path.as_bytes());
    format!("{BEFORE}{}{AFTER}", &hasher.finalize().to_hex()[..24])
}

/// A name nobody else uses.
fn own_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let now = u64::try_from(now).unwrap_or_default();
    format!(
        "{BEFORE}{now:016x}{:08x}{:08x}{AFTER}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// What lies here of a large file, from an earlier try.
#[derive(Debug)]
pub struct Kept {
    /// So many bytes.
    pub offset: u64,
    /// Over those.
    pub hasher: Hasher,
}

/// Looks for the beginning of a large file. Whatever is wrong with it, it is then not there.
pub fn look(dir: &Dir, name: &str, size: u64) -> Option<Kept> {
    let file = open(dir, name, false).ok()?;
    let mut hasher = Hasher::new();
    hasher.update_reader((&file).take(size.saturating_add(1))).ok()?;
    let offset = hasher.count();
    (0 < offset && offset <= size).then_some(Kept { offset, hasher })
}

/// Opens a part that is there, unless somebody made it something else, or made it at all: in a
/// folder that several may write in, one of them could lay out a file under the part's name, and
/// go on writing to what would have become the verified file.
fn open(dir: &Dir, name: &str, write: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(write).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options)?;
    let metadata = file.metadata()?;
    let file = file.into_std();
    if !metadata.is_file() || metadata.nlink() != 1 || !is_own(&file)? {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the part is no file of our own"));
    }
    Ok(file)
}

/// A file being written.
#[derive(Debug)]
pub struct Part {
    file: File,
    name: String,
    size: u64,
    at: u64,
    hasher: Hasher,
    is_large: bool,
    /// Another try will look for it under its name.
    is_found: bool,
    /// Its last bytes are a hole, which the file does not know yet.
    ends_open: bool,
}

/// Why a complete part did not get its name.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// Its bytes are not those that were sent.
    #[error("what arrived is not what was sent")]
    Damaged,
    /// What the system says.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Part {
    /// Begins, or goes on with what was found by [`look`] if `begin` says so. `path` is the
    /// file's, as in [`part_name`].
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(dir: &Dir, name: String, begin: &Begin, kept: Option<Kept>) -> io::Result<Self> {
        let is_large = begin.size >= LARGE;
        let kept = kept.filter(|kept| begin.offset > 0 && kept.offset == begin.offset);
        let wanted = name.clone();
        // Nobody sees more of a file under way than of the whole one.
        let mode = begin.mode.unwrap_or(0o666) | 0o600;
        let (file, name) = match &kept {
            _ if !is_large => fresh(dir, mode)?,
            Some(kept) => match open(dir, &name, true) {
                Ok(file) if file.try_lock().is_ok() => (file, name),
                // Another copy of the same file is under way, or was left without its line: it
                // keeps its part, and ours begins as a copy of it.
                Ok(other) => copied(dir, &other, kept, mode)?,
                Err(error) => return Err(error),
            },
            None => match open(dir, &name, true) {
                Ok(file) if file.try_lock().is_ok() => (file, name),
                Ok(_) => fresh(dir, mode)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let file = create(dir, &name, mode)?;
                    // Nobody else knows it; if somebody was as quick, theirs is the lock.
                    if file.try_lock().is_ok() { (file, name) } else { fresh(dir, mode)? }
                }
                // Something else stands there: it stays, and we have another name.
                Err(_) => fresh(dir, mode)?,
            },
        };
        let is_found = is_large && name == wanted;
        let (at, hasher) = kept.map_or_else(|| (0, Hasher::new()), |kept| (kept.offset, kept.hasher));
        if is_large && file.metadata()?.len() != at {
            file.set_len(at)?;
        }
        let mut part =
            Self { file, name, size: begin.size, at, hasher, is_large, is_found, ends_open: false };
        part.file.seek(SeekFrom::Start(at))?;
        Ok(part)
    }

    /// Bytes still to come.
    pub const fn left(&self) -> u64 {
        self.size - self.at
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        self.at += bytes.len() as u64;
        self.ends_open = false;
        Ok(())
    }

    /// Adds zero bytes that take no room on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn hole(&mut self, count: u64) -> io::Result<()> {
        self.hasher.update_reader(io::repeat(0).take(count))?;
        self.at += count;
        self.file.seek(SeekFrom::Start(self.at))?;
        self.ends_open = true;
        Ok(())
    }

    /// Verifies it, gives it its times and mode, and its name.
    ///
    /// # Errors
    /// [`Unfinished`]; the final name is as it was.
    pub fn finish(self, dir: &Dir, name: &OsStr, begin: &Begin, hash: &[u8; 32]) -> Result<(), Unfinished> {
        if self.at != self.size || self.hasher.finalize().as_bytes() != hash {
            self.discard(dir);
            return Err(Unfinished::Damaged);
        }
        if let Err(error) = self.settle(dir, name, begin) {
            self.discard(dir);
            return Err(error.into());
        }
        Ok(())
    }

    fn settle(&self, dir: &Dir, name: &OsStr, begin: &Begin) -> io::Result<()> {
        if self.ends_open {
            self.file.set_len(self.size)?;
        }
        if let Some(mode) = begin.mode {
            set_mode(&self.file, mode)?;
        }
        if let Some(modified) = system_time(begin.modified) {
            self.file.set_times(FileTimes::new().set_modified(modified))?;
        }
        if self.is_large {
            self.file.sync_all()?;
        }
        dir.rename(&self.name, dir, name)
    }

    /// Takes it away.
    pub fn discard(&self, dir: &Dir) {
        // If that fails, whoever meets it when it is old does it.
        let _ = dir.remove_file(&self.name);
    }

    /// Leaves it for another try, if it is worth that.
    pub fn leave(&self, dir: &Dir) {
        if !self.is_found {
            self.discard(dir);
        }
    }
}

fn create(dir: &Dir, name: &str, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    make_file_with(&mut options, mode);
    options.read(true).write(true).create_new(true).follow(FollowSymlinks::No);
    Ok(dir.open_with(name, &options)?.into_std())
}

fn fresh(dir: &Dir, mode: u32) -> io::Result<(File, String)> {
    let name = own_name();
    Ok((create(dir, &name, mode)?, name))
}

/// A part of our own that begins as another one does; the other may be written to at this moment.
fn copied(dir: &Dir, other: &File, kept: &Kept, mode: u32) -> io::Result<(File, String)> {
    let (file, name) = fresh(dir, mode)?;
    let mut hasher = Hasher::new();
    let mut block = vec![0; 256 * 1024];
    let mut from = other.take(kept.offset);
    loop {
        let count = from.read(&mut block)?;
        if count == 0 {
            break;
        }
        hasher.update(&block[..count]);
        (&file).write_all(&block[..count])?;
    }
    if hasher.count() == kept.offset && hasher.finalize() == kept.hasher.finalize() {
        return Ok((file, name));
    }
    let _ = dir.remove_file(&name);
    Err(io::Error::other("another copy changed the beginning that lay here; try again"))
}

/// Takes away what earlier copies left here and nobody came back for.
pub fn clean_up(dir: &Dir) {
    // Nothing rests on it: whatever cannot be looked at or removed stays.
    let Ok(entries) = dir.entries() else { return };
    for entry in entries.flatten().filter(|entry| is_part(&entry.file_name())) {
        let name = entry.file_name();
        let is_old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > OLD);
        let old =
            entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|at| is_old(at.into_std()));
        let Some(name) = name.to_str().filter(|_| old) else { continue };
        if open(dir, name, true).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = dir.remove_file(name);
        }
    }
}

/// The system's form of a time, if it can have it.
pub fn system_time(time: Time) -> Option<SystemTime> {
    let nanos = Duration::from_nanos(u64::from(time.nanos.min(999_999_999)));
    let whole = match u64::try_from(time.seconds) {
        Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(time.seconds.unsigned_abs())),
    };
    whole?.checked_add(nanos)
}

/// True if a file here that was last changed at `here` is the one that was changed at `there`;
/// some file systems keep whole seconds or tenths of microseconds only.
pub fn same_time(here: SystemTime, there: Time) -> bool {
    let Some(there) = system_time(there) else { return false };
    let apart = here.duration_since(there).unwrap_or_else(|error| error.duration());
    let whole = here.duration_since(UNIX_EPOCH).is_ok_and(|since| since.subsec_nanos() == 0);
    apart < Duration::from_micros(1) || whole && here <= there && apart < Duration::from_secs(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;

    fn begin(size: u64, offset: u64) -> Begin {
        Begin {
            file: 0,
            offset,
            size,
            modified: Time { seconds: 1_000_000_000, nanos: 7 },
            mode: Some(0o640),
        }
    }

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().expect("folder");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("open");
        (folder, dir)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).expect("read");
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("text")).collect()
    }

    #[test]
    fn a_whole_file_gets_its_name_and_a_damaged_one_does_not() {
        let (folder, dir) = folder();
        let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
        for (bytes, expected) in [(&b"old"[..], true), (b"new", true), (b"bad", false)] {
            let mut part = Part::begin(&dir, String::new(), &begin(3, 0), None).expect("begun");
            part.write(bytes).expect("written");
            let told = if expected { hash(bytes) } else { [0; 32] };
            assert_eq!(part.finish(&dir, OsStr::new("file"), &begin(3, 0), &told).is_ok(), expected);
        }
        assert_eq!(names(&folder), ["file"]);
        assert_eq!(std::fs::read(folder.path().join("file")).expect("read"), b"new");
    }

    #[test]
    fn a_large_file_goes_on_where_it_was_and_two_copies_do_not_meet() {
        let (folder, dir) = folder();
        let bytes: Vec<u8> = (0..LARGE).map(|number| u8::try_from(number % 251).expect("small")).collect();
        let name = part_name("x/file", LARGE, Time::default());
        assert!(is_part(OsStr::new(&name)));
        let mut first = Part::begin(&dir, name.clone(), &begin(LARGE, 0), None).expect("begun");
        first.write(&bytes[..1000]).expect("written");
        let kept = look(&dir, &name, LARGE).expect("there");
        assert_eq!(kept.offset, 1000);
        // The first still holds its part: the second begins with a copy of it.
        let mut second = Part::begin(&dir, name.clone(), &begin(LARGE, 1000), Some(kept)).expect("begun");
        first.write(b"more").expect("written");
        second.write(&bytes[1000..]).expect("written");
        let hash = *blake3::hash(&bytes).as_bytes();
        second.finish(&dir, OsStr::new("file"), &begin(LARGE, 1000), &hash).expect("whole");
        assert_eq!(std::fs::read(folder.path().join("file")).expect("read"), bytes);
        drop(first);
        let kept = look(&dir, &name, LARGE).expect("still there");
        let part = Part::begin(&dir, name, &begin(LARGE, 1004), Some(kept)).expect("begun");
        assert_eq!(part.left(), LARGE - 1004);
    }

    #[test]
    fn a_link_planted_as_a_part_is_not_written_through() {
        let (folder, dir) = folder();
        std::fs::write(folder.path().join("victim"), "precious").expect("written");
        let name = part_name("file", LARGE, Time::default());
        std::fs::hard_link(folder.path().join("victim"), folder.path().join(&name)).expect("linked");
        assert!(look(&dir, &name, LARGE).is_none());
        let mut part = Part::begin(&dir, name, &begin(LARGE, 0), None).expect("begun elsewhere");
        part.write(b"x").expect("written");
        assert_eq!(std::fs::read(folder.path().join("victim")).expect("read"), b"precious");
    }

    /// As whoever shares a folder with us could: the part's name can be worked out.
    #[cfg(unix)]
    #[test]
    fn a_part_that_somebody_else_laid_out_does_not_become_the_file() {
        let (folder, dir) = folder();
        let name = part_name("file", LARGE, Time::default());
        std::fs::write(folder.path().join(&name), "beginning").expect("written");
        if std::os::unix::fs::chown(folder.path().join(&name), Some(65_534), None).is_err() {
            return; // only root can give files away
        }
        assert!(look(&dir, &name, LARGE).is_none());
        let bytes = vec![7; usize::try_from(LARGE).expect("small")];
        let mut part = Part::begin(&dir, name.clone(), &begin(LARGE, 0), None).expect("begun elsewhere");
        part.write(&bytes).expect("written");
        let hash = *blake3::hash(&bytes).as_bytes();
        part.finish(&dir, OsStr::new("file"), &begin(LARGE, 0), &hash).expect("whole");
        assert_eq!(std::fs::read(folder.path().join("file")).expect("read"), bytes);
        assert_eq!(std::fs::read(folder.path().join(name)).expect("untouched"), b"beginning");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_under_way_is_as_closed_as_the_whole_one() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, dir) = folder();
        for (size, mode) in [(3, 0o400), (LARGE, 0o600)] {
            let private = Begin { mode: Some(mode), ..begin(size, 0) };
            let part =
                Part::begin(&dir, part_name("x", size, Time::default()), &private, None).expect("begun");
            let found = std::fs::metadata(folder.path().join(&part.name)).expect("there");
            assert_eq!(found.permissions().mode() & 0o777, 0o600, "{size} bytes");
        }
    }

    #[test]
    fn only_old_parts_of_ours_are_cleaned_up() {
        let (folder, dir) = folder();
        let old = SystemTime::now() - OLD - Duration::from_secs(60);
        for (name, at) in [
            (".distans-0123456789abcdef.part", old),
            (".distans-0123456789abcdee.part", SystemTime::now()),
            (".distans-notes.part", old),
            ("file", old),
        ] {
            let file = File::create(folder.path().join(name)).expect("made");
            file.set_times(FileTimes::new().set_modified(at)).expect("set");
        }
        clean_up(&dir);
        let mut left = names(&folder);
        left.sort();
        assert_eq!(left, [".distans-0123456789abcdee.part", ".distans-notes.part", "file"]);
    }

    #[test]
    fn times_are_the_same_where_a_file_system_rounds_them() {
        let time = Time { seconds: 100, nanos: 123_456_789 };
        let at = |nanos| UNIX_EPOCH + Duration::new(100, nanos);
        for (nanos, same) in [(123_456_789, true), (123_456_700, true), (0, true), (123_000_000, false)] {
            assert_eq!(same_time(at(nanos), time), same, "{nanos}");
        }
        assert_eq!(
            system_time(Time { seconds: -1, nanos: 500_000_000 }),
            Some(UNIX_EPOCH - Duration::from_millis(500))
        );
        assert_eq!(
            system_time(Time { seconds: i64::MAX, nanos: u32::MAX }).map(|_| ()),
            Some(()),
            "no panic"
        );
    }
}
