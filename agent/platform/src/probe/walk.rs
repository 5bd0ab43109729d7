//! How large a folder is: a walk that follows no link, stays on its file system where the system
//! tells, and ends by its time limit.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Answer, NoAnswer, blocking};
use crate::imp;
use crate::thread::Slots;

/// What a walk has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// On disk.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
    /// All of it was counted.
    pub complete: bool,
}

/// Stops the walk's thread when nobody waits for it any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Walks through `folder` for at most `limit`.
///
/// # Errors
/// [`NoAnswer`]: the folder is not there or cannot be read.
pub async fn size(folder: PathBuf, limit: Duration) -> Answer<Size> {
    static SLOTS: Slots = Slots::new(2);
    let stop = Stop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    blocking(&SLOTS, move || walk(folder, Instant::now() + limit, &stopped)).await
}

fn walk(folder: PathBuf, deadline: Instant, stopped: &AtomicBool) -> Answer<Size> {
    /// Folders that wait to be looked into; more are left out.
    const WAITING: usize = 100_000;
    let home = imp::probe::caches::file_system(&std::fs::symlink_metadata(&folder).map_err(NoAnswer::of)?);
    std::fs::read_dir(&folder).map_err(NoAnswer::of)?;
    let mut size = Size { complete: true, ..Size::default() };
    let (mut open, mut linked) = (vec![folder], HashSet::new());
    while let Some(folder) = open.pop() {
        let Ok(listing) = std::fs::read_dir(folder) else {
            size.complete = false;
            continue;
        };
        for entry in listing.filter_map(Result::ok) {
            if stopped.load(Ordering::Relaxed) || Instant::now() >= deadline {
                size.complete = false;
                return Ok(size);
            }
            // Of a link this tells about the link itself.
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                if imp::probe::caches::file_system(&found) == home && open.len() < WAITING {
                    open.push(entry.path());
                } else {
                    size.complete = false;
                }
            } else if found.is_file() && imp::probe::caches::first_of_links(&found, &mut linked) {
                size.files += 1;
                size.bytes = size.bytes.saturating_add(imp::probe::caches::on_disk(&found));
            }
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_counted_and_a_late_walk_says_so() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(root.path().join("inner")).expect("a folder");
        std::fs::write(root.path().join("inner/å"), vec![1; 100_000]).expect("a file");
        let found = size(root.path().to_owned(), Duration::from_secs(60)).await.expect("walked");
        assert!(found.complete && found.files == 1 && found.bytes >= 100_000, "{found:?}");
        let late = size(root.path().to_owned(), Duration::ZERO).await.expect("walked");
        assert!(!late.complete);
        let missing = size(root.path().join("none"), Duration::ZERO).await;
        assert!(matches!(missing, Err(NoAnswer::NotHere)), "{missing:?}");
    }
}
