//! What a copy is for: trees, times, modes, holes, repeats.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use distans_proto::ops::files::{Cause, Rules};
use distans_transfer::part::LARGE;
use distans_transfer::receiver::Settings;

use crate::{copy, copy_with, names, source};

fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

fn write(path: &Path, content: &[u8], mode: u32, seconds: u64) {
    let mut file = File::create(path).expect("made");
    file.write_all(content).expect("written");
    file.set_permissions(Permissions::from_mode(mode)).expect("set");
    let time = UNIX_EPOCH + Duration::new(seconds, 123_456_789);
    file.set_times(FileTimes::new().set_modified(time)).expect("set");
}

fn set_time(folder: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    File::open(folder).expect("open").set_times(FileTimes::new().set_modified(time)).expect("set");
}

#[test]
fn a_tree_arrives_with_times_modes_and_links_and_only_once() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("a/b/c")).expect("made");
    fs::create_dir(&to).expect("made");
    let large = bytes(usize::try_from(LARGE).expect("fits") + 12345, 1);
    write(&from.join("large"), &large, 0o640, 1_000_000_000);
    write(&from.join("a/empty"), b"", 0o600, 1_100_000_000);
    write(&from.join("a/b/script"), &b"echo hej\n".repeat(10_000), 0o755, 1_200_000_000);
    for number in 0..500 {
        let name = format!("a/b/c/{number}");
        write(&from.join(name), format!("number {number}").as_bytes(), 0o644, 1_300_000_000);
    }
    symlink("b/script", from.join("a/link")).expect("made");
    symlink("/etc/passwd", from.join("a/out")).expect("made");
    symlink("../../out", from.join("a/out2")).expect("made");
    fs::set_permissions(from.join("a/b"), Permissions::from_mode(0o555)).expect("set");
    set_time(&from.join("a/b"), 900_000_000);

    let (summary, seen) = copy(&from, &to);
    assert_eq!((summary.copied, summary.failures, summary.notes), (503, 0, 2), "{:?}", seen.problems);
    assert!(seen.problems.iter().all(|problem| problem.why.cause == Cause::LinkOutside));
    let there = to.join("from");
    assert_eq!(fs::read(there.join("large")).expect("read"), large);
    assert_eq!(fs::read(there.join("a/b/c/77")).expect("read"), b"number 77");
    let script = fs::metadata(there.join("a/b/script")).expect("there");
    assert_eq!(
        (script.mode() & 0o777, script.mtime(), script.mtime_nsec()),
        (0o755, 1_200_000_000, 123_456_789)
    );
    let inner = fs::metadata(there.join("a/b")).expect("there");
    assert_eq!((inner.mode() & 0o777, inner.mtime()), (0o555, 900_000_000));
    assert_eq!(fs::read_link(there.join("a/link")).expect("a link"), Path::new("b/script"));
    assert!(!there.join("a/out").exists() && fs::symlink_metadata(there.join("a/out2")).is_err());

    let (again, _) = copy(&from, &to);
    assert_eq!((again.copied, again.same, again.failures), (0, 503, 0));
    write(&from.join("a/empty"), b"more", 0o600, 1_100_000_000);
    let (changed, _) = copy(&from, &to);
    assert_eq!((changed.copied, changed.same, changed.bytes), (1, 502, 4));
}

#[test]
fn one_file_gets_another_name_and_rules_are_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("file"), folder.path().join("to"));
    fs::create_dir(&to).expect("made");
    write(&from, b"new", 0o644, 1_000_000_000);
    let with =
        |rules, rename| copy_with(vec![source(&from)], &to, rename, Settings::new(rules)).0.expect("a copy");
    let dry = Rules { dry_run: true, ..Rules::default() };
    assert_eq!(with(dry, Some("other")).copied, 1);
    assert_eq!(names(&to), Vec::<String>::new());
    assert_eq!(with(Rules::default(), Some("other")).copied, 1);
    assert_eq!(names(&to), ["other"]);
    fs::write(to.join("file"), "precious").expect("written");
    let keep = Rules { keep_existing: true, ..Rules::default() };
    assert_eq!((with(keep, None).kept, with(keep, None).copied), (1, 0));
    assert_eq!(fs::read(to.join("file")).expect("read"), b"precious");
    assert_eq!(with(Rules::default(), None).copied, 1);
    assert_eq!(fs::read(to.join("file")).expect("read"), b"new");
    let two = vec![source(&from), source(&to.join("other"))];
    let (summary, _) = copy_with(two, &to, Some("one"), Settings::new(Rules::default()));
    assert_eq!(summary.expect("a copy").failures, 1, "two cannot get one name");
}

#[test]
fn holes_stay_holes() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("sparse"), folder.path().join("to"));
    fs::create_dir(&to).expect("made");
    let mut file = File::create(&from).expect("made");
    file.write_all(b"begin").expect("written");
    file.seek(SeekFrom::Start(40 << 20)).expect("seek");
    file.write_all(b"middle").expect("written");
    file.set_len(80 << 20).expect("set");
    drop(file);
    let (summary, seen) = copy(&from, &to);
    assert_eq!((summary.copied, summary.bytes, seen.moved), (1, 80 << 20, 80 << 20));
    assert_eq!(fs::read(&from).expect("read"), fs::read(to.join("sparse")).expect("read"));
    let there = fs::metadata(to.join("sparse")).expect("there");
    assert!(there.blocks() * 512 < 4 << 20, "{} blocks", there.blocks());
}

#[test]
fn what_compresses_and_what_does_not_arrive_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(&from).expect("made");
    fs::create_dir(&to).expect("made");
    write(&from.join("text"), &b"2026-11-24 kl 10:53 utskriften fastnade\n".repeat(300_000), 0o644, 1);
    write(&from.join("noise"), &bytes(9 << 20, 7), 0o644, 1);
    let (summary, _) = copy(&from, &to);
    assert_eq!((summary.copied, summary.failures), (2, 0));
    for name in ["text", "noise"] {
        let (ours, theirs) = (fs::read(from.join(name)), fs::read(to.join("from").join(name)));
        assert!(ours.expect("read") == theirs.expect("read"), "{name}");
    }
}
