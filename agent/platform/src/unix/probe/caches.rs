//! Caches on Linux: sizes, and emptying them without ever following a link.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat, unlinkat};

use super::entries;
use crate::imp::tool;
use crate::probe::caches::{Cache, JOURNAL_KEEP, TEMPORARY_AGE};
use crate::probe::{Answer, blocking};
use crate::session_user::SignedIn;
use crate::thread::Slots;

/// Longest time one sweep takes.
const SWEEP_LIMIT: Duration = Duration::from_secs(60);
/// Longest time to count.
const COUNT_LIMIT: Duration = Duration::from_secs(3);
/// Longest wait for a tool that frees.
const TOOL_LIMIT: Duration = Duration::from_secs(60);
/// Folders inside folders that are looked into.
const DEPTH: usize = 24;

pub(crate) fn file_system(found: &Metadata) -> u64 {
    found.dev()
}

pub(crate) fn on_disk(found: &Metadata) -> u64 {
    found.blocks().saturating_mul(512)
}

/// A file with several names counts once.
pub(crate) fn first_of_links(found: &Metadata, seen: &mut HashSet<u64>) -> bool {
    const SEEN: usize = 1_000_000;
    found.nlink() < 2 || (seen.len() < SEEN && seen.insert(found.ino()))
}

pub(crate) async fn sizes(user: Option<&SignedIn>) -> Answer<Vec<(Cache, u64)>> {
    static SLOTS: Slots = Slots::new(2);
    let user = user.cloned();
    blocking(&SLOTS, move || {
        let deadline = Instant::now() + COUNT_LIMIT;
        let all = [Cache::Packages, Cache::Journal, Cache::Thumbnails, Cache::Temporary];
        Ok(all
            .into_iter()
            .filter_map(|cache| Some((cache, measure(cache, user.as_ref(), deadline)?)))
            .filter(|(_, bytes)| *bytes > 0)
            .collect())
    })
    .await
}

fn measure(cache: Cache, user: Option<&SignedIn>, deadline: Instant) -> Option<u64> {
    match cache {
        Cache::Packages => {
            let apt = plain_files("/var/cache/apt/archives", "deb");
            let repositories = entries("/var/cache/dnf").into_iter();
            let dnf = repositories.map(|folder| plain_files(folder.join("packages"), "rpm")).sum::<u64>();
            Some(apt + dnf)
        }
        Cache::Journal => {
            let machines = entries("/var/log/journal").into_iter();
            let all = machines.map(|folder| plain_files(folder, "journal")).sum::<u64>();
            Some(all.saturating_sub(JOURNAL_KEEP))
        }
        Cache::Thumbnails => Some(sweep_thumbnails(user?, Sweep::counting(deadline)).ok()?.bytes),
        Cache::Temporary => Some(sweep_temporary(Sweep::counting(deadline)).bytes),
        Cache::Updates => None,
    }
}

fn plain_files(folder: impl AsRef<Path>, ending: &str) -> u64 {
    let Ok(listing) = std::fs::read_dir(folder) else { return 0 };
    let files = listing
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|found| found == OsStr::new(ending)));
    files
        .filter_map(|entry| entry.metadata().ok())
        .filter(Metadata::is_file)
        .map(|found| on_disk(&found))
        .sum()
}

pub(crate) async fn free(cache: Cache, user: Option<&SignedIn>) -> io::Result<u64> {
    static SLOTS: Slots = Slots::new(1);
    let size = |cache, user: Option<SignedIn>| async move {
        let deadline = Instant::now() + COUNT_LIMIT;
        SLOTS.run(move || measure(cache, user.as_ref(), deadline).unwrap_or_default()).await
    };
    let user = user.cloned();
    match cache {
        Cache::Packages | Cache::Journal => {
            let before = size(cache, None).await?;
            let keep = format!("--vacuum-size={JOURNAL_KEEP}");
            let calls: &[(&str, &[&str])] = if cache == Cache::Packages {
                &[("apt-get", &["clean"]), ("dnf", &["-q", "clean", "packages"])]
            } else {
                &[("journalctl", &["--quiet", &keep])]
            };
            let here = calls.iter().find_map(|(program, arguments)| Some((tool::find(program)?, *arguments)));
            let (program, arguments) = here.ok_or_else(not_here)?;
            let said = tool::run(&program, arguments, TOOL_LIMIT, 64 * 1024).await?;
            if said.code != Some(0) {
                let reason = said.errors.lines().next().unwrap_or("it failed without a word");
                return Err(io::Error::other(format!("{}: {reason}", program.display())));
            }
            Ok(before.saturating_sub(size(cache, None).await?))
        }
        Cache::Thumbnails | Cache::Temporary => {
            let deadline = Instant::now() + SWEEP_LIMIT;
            let swept = SLOTS.run(move || match (cache, user) {
                (Cache::Thumbnails, Some(user)) => sweep_thumbnails(&user, Sweep::freeing(deadline)),
                (Cache::Thumbnails, None) => Err(not_here()),
                _ => Ok(sweep_temporary(Sweep::freeing(deadline))),
            });
            Ok(swept.await??.bytes)
        }
        Cache::Updates => Err(not_here()),
    }
}

fn not_here() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no such cache on this system")
}

/// Goes through a folder by its descriptor: what a name means cannot change under it, and no link
/// is followed. Only plain files are taken.
#[derive(Debug)]
struct Sweep {
    deadline: Instant,
    /// Takes them away instead of counting only.
    free: bool,
    /// Only what nobody has touched since, seconds since 1970.
    before: Option<i64>,
    device: u64,
    bytes: u64,
}

impl Sweep {
    const fn counting(deadline: Instant) -> Self {
        Self { deadline, free: false, before: None, device: 0, bytes: 0 }
    }

    const fn freeing(deadline: Instant) -> Self {
        Self { free: true, ..Self::counting(deadline) }
    }

    fn folder(&mut self, folder: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
        let listing = Dir::read_from(folder)?;
        for entry in listing {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if Instant::now() >= self.deadline {
                return Ok(());
            }
            let Ok(found) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            match FileType::from_raw_mode(found.st_mode) {
                FileType::Directory if depth < DEPTH && found.st_dev == self.device => {
                    // It may be gone, or not ours to read.
                    if let Ok(inner) = open(folder, OsStr::from_bytes(name.to_bytes())) {
                        let _ = self.folder(inner.as_fd(), depth + 1);
                    }
                }
                FileType::RegularFile
                    if self.is_due(&found)
                        && (!self.free || unlinkat(folder, name, AtFlags::empty()).is_ok()) =>
                {
                    let bytes = u64::try_from(found.st_blocks).unwrap_or_default().saturating_mul(512);
                    self.bytes = self.bytes.saturating_add(if found.st_nlink < 2 { bytes } else { 0 });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_due(&self, found: &Stat) -> bool {
        let touched = [found.st_mtime, found.st_atime, found.st_ctime];
        self.before.is_none_or(|before| touched.into_iter().all(|time| time < before))
    }
}

fn open(folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(folder, name, flags, Mode::empty())?)
}

fn sweep_thumbnails(user: &SignedIn, sweep: Sweep) -> io::Result<Sweep> {
    sweep_below(&user.login.home, &[".cache", "thumbnails"], user.login.uid, sweep)
}

/// Sweeps a folder below `home` that belongs to `owner`, as all on the way to it.
fn sweep_below(home: &Path, way: &[&str], owner: u32, mut sweep: Sweep) -> io::Result<Sweep> {
    let mut folder = open(rustix::fs::CWD, home.as_os_str())?;
    for name in way {
        folder = open(folder.as_fd(), OsStr::new(name))?;
        if rustix::fs::fstat(&folder)?.st_uid != owner {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder is not the user's"));
        }
    }
    sweep.device = rustix::fs::fstat(&folder)?.st_dev;
    sweep.folder(folder.as_fd(), 0)?;
    Ok(sweep)
}

fn sweep_temporary(mut sweep: Sweep) -> Sweep {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sweep.before = i64::try_from(now.saturating_sub(TEMPORARY_AGE).as_secs()).ok();
    for folder in ["/tmp", "/var/tmp"] {
        let Ok(folder) = open(rustix::fs::CWD, OsStr::new(folder)) else { continue };
        let Ok(found) = rustix::fs::fstat(&folder) else { continue };
        sweep.device = found.st_dev;
        // What could not be read stays.
        let _ = sweep.folder(folder.as_fd(), 0);
    }
    sweep
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freeing() -> Sweep {
        Sweep::freeing(Instant::now() + Duration::from_secs(60))
    }

    #[test]
    fn a_sweep_takes_plain_files_and_follows_no_link() {
        let root = tempfile::tempdir().expect("a folder");
        let (home, precious) = (root.path().join("home"), root.path().join("precious"));
        std::fs::create_dir_all(home.join(".cache/thumbnails/large")).expect("folders");
        std::fs::create_dir(&precious).expect("a folder");
        std::fs::write(precious.join("letter"), "x").expect("a file");
        std::fs::write(home.join(".cache/thumbnails/large/a.png"), vec![1; 10_000]).expect("a file");
        std::os::unix::fs::symlink(&precious, home.join(".cache/thumbnails/way")).expect("a link");
        std::os::unix::fs::symlink(precious.join("letter"), home.join(".cache/thumbnails/b.png"))
            .expect("a link");
        let own = rustix::process::geteuid().as_raw();
        let way = [".cache", "thumbnails"];
        let swept = sweep_below(&home, &way, own, freeing()).expect("swept");
        assert!(swept.bytes >= 10_000, "{swept:?}");
        assert!(!home.join(".cache/thumbnails/large/a.png").exists() && precious.join("letter").exists());
        assert!(sweep_below(&home, &way, own + 1, freeing()).is_err(), "somebody else's folder");

        // The folder itself turned into a link to somewhere else.
        std::fs::remove_dir_all(home.join(".cache/thumbnails")).expect("removed");
        std::os::unix::fs::symlink(&precious, home.join(".cache/thumbnails")).expect("a link");
        assert!(sweep_below(&home, &way, own, freeing()).is_err());
        assert!(precious.join("letter").exists());
    }

    #[test]
    fn what_was_touched_lately_stays() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(root.path().join("t")).expect("a folder");
        std::fs::write(root.path().join("t/new"), "x").expect("a file");
        let own = rustix::process::geteuid().as_raw();
        let yesterday = Sweep { before: Some(1), ..freeing() };
        assert_eq!(sweep_below(root.path(), &["t"], own, yesterday).expect("swept").bytes, 0);
        assert!(root.path().join("t/new").exists());
    }
}
