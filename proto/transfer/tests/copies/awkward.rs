//! What goes wrong on honest machines: names, rights, full disks, files in motion.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use distans_platform::files::Names;
use distans_proto::ops::files::{Cause, Problem, Rules};
use distans_transfer::receiver::Settings;

use crate::{copy, copy_with, names, source};

fn causes(problems: &[Problem]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = problems.iter().map(|problem| problem.why.cause).collect();
    causes.sort();
    causes
}

#[test]
fn any_name_of_unix_travels_and_windows_refuses_what_it_cannot_hold() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to, windows) =
        (folder.path().join("from"), folder.path().join("to"), folder.path().join("windows"));
    for made in [&from, &to, &windows] {
        fs::create_dir(made).expect("made");
    }
    let long = "n".repeat(255);
    let awkward: [&[u8]; 8] = [
        b"new\nline",
        b"esc\x1b[2J",
        b"\xff\xfe",
        b"nul.txt",
        b"a:b",
        "Åsen".as_bytes(),
        "åsen".as_bytes(),
        long.as_bytes(),
    ];
    for name in awkward {
        fs::write(from.join(OsStr::from_bytes(name)), name).expect("written");
    }
    let (summary, seen) = copy(&from, &to);
    assert_eq!((summary.copied, summary.failures), (8, 0), "{:?}", seen.problems);
    for name in awkward {
        let path = to.join("from").join(OsStr::from_bytes(name));
        assert_eq!(fs::read(path).expect("read"), name);
    }
    let settings = Settings { names: Names::Windows, ..Settings::new(Rules::default()) };
    let (summary, seen) = copy_with(vec![source(&from)], &windows, None, settings);
    let summary = summary.expect("the rest goes on");
    assert_eq!((summary.copied, summary.failures), (2, 6), "{:?}", seen.problems);
    let expected = [[Cause::NameNotAllowed; 5].as_slice(), &[Cause::Clash]].concat();
    assert_eq!(causes(&seen.problems), expected);
    for problem in &seen.problems {
        assert!(!problem.path.to_string().contains('\u{1b}'), "{problem:?}");
    }
}

#[test]
fn what_is_in_the_way_stays_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("folder")).expect("made");
    for name in ["file", "folder/inside", "link", "good"] {
        fs::write(from.join(name), name).expect("written");
    }
    let _socket = UnixListener::bind(from.join("socket")).expect("bound");
    fs::create_dir_all(to.join("from/file")).expect("made");
    fs::write(to.join("from/folder"), "precious").expect("written");
    fs::write(folder.path().join("victim"), "precious").expect("written");
    std::os::unix::fs::symlink(folder.path().join("victim"), to.join("from/link")).expect("made");
    let (summary, seen) = copy(&from, &to);
    assert_eq!((summary.copied, summary.failures, summary.notes), (2, 2, 1), "{:?}", seen.problems);
    assert_eq!(fs::read(folder.path().join("victim")).expect("read"), b"precious", "written through a link");
    assert_eq!(fs::read(to.join("from/link")).expect("read"), b"link");
    assert_eq!(fs::read(to.join("from/folder")).expect("read"), b"precious");
    assert_eq!(names(&to.join("from")), ["file", "folder", "good", "link"]);
}

/// A log that grows gives its beginning; a file that is rewritten all the time is not taken.
#[test]
fn files_in_motion_are_noticed() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(&from).expect("made");
    fs::create_dir(&to).expect("made");
    let block = b"line\n".repeat(1 << 18);
    fs::write(from.join("log"), block.repeat(40)).expect("written");
    fs::write(from.join("rewritten"), block.repeat(40)).expect("written");
    let stop = Arc::new(AtomicBool::new(false));
    let meddling = {
        let (stop, from) = (Arc::clone(&stop), from.clone());
        thread::spawn(move || {
            let mut log = OpenOptions::new().append(true).open(from.join("log")).expect("open");
            let mut rewritten = OpenOptions::new().write(true).open(from.join("rewritten")).expect("open");
            while !stop.load(Ordering::Relaxed) {
                log.write_all(b"more\n").expect("written");
                use std::io::{Seek, SeekFrom};
                rewritten.seek(SeekFrom::Start(7)).expect("seek");
                rewritten.write_all(b"other").expect("written");
            }
        })
    };
    let (summary, seen) = copy(&from, &to);
    stop.store(true, Ordering::Relaxed);
    meddling.join().expect("no panic");
    assert_eq!(causes(&seen.problems), [Cause::Changed, Cause::Grew]);
    assert_eq!((summary.copied, summary.failures, summary.notes), (1, 1, 1));
    assert_eq!(names(&to.join("from")), ["log"]);
    let (ours, theirs) = (fs::read(from.join("log")), fs::read(to.join("from/log")));
    assert!(ours.expect("read").starts_with(&theirs.expect("read")));
}

/// A file system of 8 MiB of its own; `None` where this account may not have one.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        let mut mount = std::process::Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder.path()).status();
        status.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_damages_nothing_and_small_files_still_fit() {
    let Some(small) = Small::new() else {
        eprintln!("skipped: this account cannot mount a small file system");
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let from = folder.path().join("from");
    fs::create_dir(&from).expect("made");
    // Noise, so that nothing becomes a hole.
    let noise: Vec<u8> = blake3_noise(20 << 20);
    fs::write(from.join("huge"), &noise).expect("written");
    for number in 0..50 {
        fs::write(from.join(format!("small{number}")), &noise[..1000]).expect("written");
    }
    fs::create_dir(small.0.path().join("from")).expect("made");
    fs::write(small.0.path().join("from/huge"), "precious").expect("written");
    let (summary, seen) = copy(&from, small.0.path());
    assert_eq!((summary.copied, summary.failures), (50, 1), "{:?}", seen.problems);
    assert_eq!(causes(&seen.problems), [Cause::Full]);
    assert_eq!(fs::read(small.0.path().join("from/huge")).expect("read"), b"precious");
    assert!(names(&small.0.path().join("from")).iter().all(|name| !name.starts_with(".distans")));
}

fn blake3_noise(count: usize) -> Vec<u8> {
    let mut noise = vec![0; count];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise
}

#[test]
fn a_name_too_long_for_the_disk_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir(&to).expect("made");
    fs::write(&from, "x").expect("written");
    let mut one = source(&from);
    one.called = OsString::from("n".repeat(300));
    let (summary, seen) = copy_with(vec![one], &to, None, Settings::new(Rules::default()));
    assert_eq!(summary.expect("an end").failures, 1);
    assert_eq!(causes(&seen.problems), [Cause::NameTooLong], "{:?}", seen.problems);
}
