//! Somebody at the PC swaps files and folders for links while a copy reads or writes them:
//! nothing outside is ever read or written.
//!
//! Run with `DISTANS_RACES=100000` for as many swaps as promised (a minute or so); without it
//! some thousands are made.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crate::{copy, names};

fn swaps() -> u64 {
    std::env::var("DISTANS_RACES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// Swaps `place` for a link to `lure`, and back, until told to stop.
fn swapping(place: PathBuf, lure: PathBuf) -> (Arc<AtomicBool>, Arc<AtomicU64>, JoinHandle<()>) {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (told, counted) = (Arc::clone(&stop), Arc::clone(&count));
    let aside = place.with_extension("aside");
    let worker = thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            // Any step may meet a copy's own doings; the next round begins anew.
            let _ = fs::rename(&place, &aside);
            let _ = symlink(&lure, &place);
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = fs::remove_file(&place);
            let _ = fs::rename(&aside, &place);
        }
    });
    (stop, count, worker)
}

fn lure(folder: &Path) -> PathBuf {
    let outside = folder.join("outside");
    fs::create_dir(&outside).expect("made");
    for number in 0..8 {
        fs::write(outside.join(format!("f{number}")), "SECRET").expect("written");
    }
    outside
}

fn no_secret(folder: &Path) {
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // It may be away at this moment.
            let Ok(kind) = fs::symlink_metadata(&path).map(|there| there.file_type()) else { continue };
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() {
                let content = fs::read(&path).unwrap_or_default();
                assert_ne!(content, b"SECRET", "{} was read", path.display());
            }
        }
    }
}

#[test]
fn symlink_race_100k() {
    let folder = tempfile::tempdir().expect("folder");
    let outside = lure(folder.path());
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("d")).expect("made");
    fs::create_dir_all(&to).expect("made");
    for number in 0..8 {
        fs::write(from.join(format!("d/f{number}")), "harmless").expect("written");
    }
    fs::write(from.join("file"), "harmless").expect("written");
    // The source's folder, its file, and the target's folder, each by a worker of its own.
    let workers = [
        swapping(from.join("d"), outside.clone()),
        swapping(from.join("file"), outside.join("f0")),
        swapping(to.join("from/d"), outside.clone()),
    ];
    let mut copies = 0;
    while workers.iter().map(|(_, count, _)| count.load(Ordering::Relaxed)).sum::<u64>() < swaps() {
        let (_, _seen) = copy(&from, &to);
        no_secret(&to);
        let _ = fs::remove_dir_all(to.join("from"));
        copies += 1;
    }
    for (stop, _, worker) in workers {
        stop.store(true, Ordering::Relaxed);
        worker.join().expect("no panic");
    }
    eprintln!("{copies} copies");
    let expected: Vec<String> = (0..8).map(|number| format!("f{number}")).collect();
    assert_eq!(names(&outside), expected, "something was written outside");
    for name in expected {
        assert_eq!(fs::read(outside.join(name)).expect("read"), b"SECRET");
    }
}
