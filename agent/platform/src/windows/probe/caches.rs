//! Caches on Windows: sizes, and emptying them. Links (reparse points) are never followed.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::imp::sys::windows_folder;
use crate::probe::Answer;
use crate::probe::caches::{Cache, TEMPORARY_AGE};
use crate::services::{self, Change};
use crate::session_user::SignedIn;
use crate::thread::Slots;

/// Longest time to count, and to free.
const LIMITS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(60));
/// Longest wait for the update service.
const SERVICE_LIMIT: Duration = Duration::from_secs(60);
/// The service that holds fetched updates open.
const UPDATE_SERVICE: &str = "wuauserv";
/// Folders inside folders that are looked into.
const DEPTH: usize = 24;
/// Junctions, symbolic links and the like (winnt.h).
const REPARSE_POINT: u32 = 0x400;

/// A walk that follows no reparse point never leaves its volume.
pub(crate) fn file_system(_found: &Metadata) -> u64 {
    0
}

pub(crate) fn on_disk(found: &Metadata) -> u64 {
    found.len()
}

pub(crate) fn first_of_links(_found: &Metadata, _seen: &mut HashSet<u64>) -> bool {
    true
}

fn folder(cache: Cache) -> Option<PathBuf> {
    let windows = windows_folder()?;
    match cache {
        Cache::Temporary => Some(windows.join("Temp")),
        Cache::Updates => Some(windows.join(r"SoftwareDistribution\Download")),
        Cache::Packages | Cache::Journal | Cache::Thumbnails => None,
    }
}

pub(crate) async fn sizes(_user: Option<&SignedIn>) -> Answer<Vec<(Cache, u64)>> {
    static SLOTS: Slots = Slots::new(2);
    let read = || {
        let deadline = Instant::now() + LIMITS.0;
        let all = [Cache::Temporary, Cache::Updates].into_iter();
        all.filter_map(|cache| Some((cache, sweep(&folder(cache)?, 0, cache, false, deadline))))
            .filter(|(_, bytes)| *bytes > 0)
            .collect()
    };
    Ok(SLOTS.run(read).await?)
}

pub(crate) async fn free(cache: Cache, _user: Option<&SignedIn>) -> io::Result<u64> {
    static SLOTS: Slots = Slots::new(1);
    let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no such cache on this system");
    let folder = folder(cache).ok_or_else(missing)?;
    let held = cache == Cache::Updates;
    if held {
        services::change(UPDATE_SERVICE, Change::Stop, SERVICE_LIMIT).await.map_err(io::Error::other)?;
    }
    let deadline = Instant::now() + LIMITS.1;
    let freed = SLOTS.run(move || sweep(&folder, 0, cache, true, deadline)).await;
    if held {
        services::change(UPDATE_SERVICE, Change::Start, SERVICE_LIMIT).await.map_err(io::Error::other)?;
    }
    freed
}

/// Bytes of the plain files below a folder that only administrators may change; with `free` they
/// are removed, as far as nobody holds them.
fn sweep(folder: &Path, depth: usize, cache: Cache, free: bool, deadline: Instant) -> u64 {
    let Ok(listing) = std::fs::read_dir(folder) else { return 0 };
    let mut bytes = 0u64;
    for entry in listing.filter_map(Result::ok) {
        let Ok(found) = entry.metadata() else { continue };
        if Instant::now() >= deadline || found.file_attributes() & REPARSE_POINT != 0 {
            continue;
        }
        if found.is_dir() && depth < DEPTH {
            bytes = bytes.saturating_add(sweep(&entry.path(), depth + 1, cache, free, deadline));
        } else if found.is_file()
            && (cache != Cache::Temporary || is_old(&found))
            && (!free || std::fs::remove_file(entry.path()).is_ok())
        {
            bytes = bytes.saturating_add(found.len());
        }
    }
    bytes
}

fn is_old(found: &Metadata) -> bool {
    let now = SystemTime::now();
    let touched = [found.modified(), found.created()].into_iter().filter_map(Result::ok).max();
    touched.is_some_and(|touched| now.duration_since(touched).is_ok_and(|age| age > TEMPORARY_AGE))
}
