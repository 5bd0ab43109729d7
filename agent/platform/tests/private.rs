//! Owner-only folders and files, and writes that are whole at every moment.
#![cfg(unix)]
#![allow(clippy::expect_used)] // the helpers too may stop at the first surprise

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use distans_platform::private::{self, PrivateError};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("exists").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own");
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_new_folder_is_the_owners_alone() {
    let dir = temporary();
    let place = dir.path().join("a/b/state");
    private::create_dir(&place).expect("made");
    assert_eq!(mode(&place), 0o700);
    private::create_dir(&place).expect("made before is as good");
}

#[test]
fn an_exposed_folder_is_refused_and_left_as_it_is() {
    let dir = temporary();
    for open in [0o750, 0o705, 0o777] {
        set_mode(dir.path(), open);
        let refused = private::create_dir(dir.path()).expect_err("open to others");
        assert!(matches!(refused, PrivateError::Exposed { .. }), "{refused}");
        assert_eq!(mode(dir.path()), open);
    }
}

#[test]
fn links_files_and_missing_folders_are_refused() {
    let dir = temporary();
    let real = dir.path().join("real");
    private::create_dir(&real).expect("made");
    let link = dir.path().join("link");
    symlink(&real, &link).expect("a link");
    assert!(matches!(private::check_dir(&link), Err(PrivateError::NotA { .. })));
    let file = real.join("file");
    private::write(&file, b"x").expect("written");
    assert!(matches!(private::create_dir(&file), Err(PrivateError::NotA { .. })));
    assert!(private::check_dir(&dir.path().join("none")).expect_err("missing").is_not_found());
}

#[test]
fn somebody_elses_folder_is_refused() {
    if !distans_platform::is_privileged() {
        let refused = private::check_dir(Path::new("/")).expect_err("root's folder");
        assert!(matches!(refused, PrivateError::Exposed { .. }));
        return;
    }
    let dir = temporary();
    std::os::unix::fs::chown(dir.path(), Some(65_534), None).expect("root may");
    let refused = private::check_dir(dir.path()).expect_err("somebody else's");
    assert!(refused.to_string().contains("belongs to user 65534"), "{refused}");
}

#[test]
fn what_is_written_is_read_back_and_private() {
    let dir = temporary();
    let path = dir.path().join("key");
    std::fs::write(dir.path().join("key.new"), "left by a killed write").expect("a leftover");
    set_mode(&dir.path().join("key.new"), 0o666);
    private::write(&path, b"ett").expect("written");
    private::write(&path, "två".as_bytes()).expect("replaced");
    assert_eq!(private::read(&path, 100).expect("read"), "två".as_bytes());
    assert_eq!(mode(&path), 0o600);
    assert!(!dir.path().join("key.new").exists());
}

#[test]
fn reading_refuses_exposed_large_and_missing_files() {
    let dir = temporary();
    let path = dir.path().join("key");
    private::write(&path, &[7; 100]).expect("written");
    assert!(matches!(private::read(&path, 99), Err(PrivateError::TooLarge { limit: 99, .. })));
    set_mode(&path, 0o640);
    assert!(matches!(private::read(&path, 100), Err(PrivateError::Exposed { .. })));
    assert!(private::read(&dir.path().join("none"), 1).expect_err("missing").is_not_found());
}

#[test]
fn a_failed_write_leaves_the_old_and_no_half() {
    let dir = temporary();
    let path = dir.path().join("taken");
    std::fs::create_dir(&path).expect("a folder in the way");
    assert!(private::write(&path, b"new").is_err());
    assert!(path.is_dir());
    assert!(!dir.path().join("taken.new").exists());
}

#[test]
fn one_program_at_a_time_holds_the_lock() {
    let dir = temporary();
    let path = dir.path().join("lock");
    let held = private::lock(&path).expect("free");
    assert!(matches!(private::lock(&path), Err(PrivateError::InUse { .. })));
    drop(held);
    private::lock(&path).expect("free again");
}

const PLACE: &str = "DISTANS_TEST_PLACE";
const SIZE: usize = 200_000;

/// Not a test by itself: started as a program of its own by the one below, and killed by it.
#[test]
fn writer_to_be_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let path = Path::new(&place).join("state");
    let _lock = private::lock(&Path::new(&place).join("lock")).expect("the lock");
    for round in 0u8.. {
        private::write(&path, &[round; SIZE]).expect("written");
        if round == 0 {
            println!("begun");
        }
        if round == u8::MAX {
            break;
        }
    }
}

#[test]
fn a_write_survives_kill_9_whole_and_the_lock_is_released() {
    let dir = temporary();
    for _ in 0..10 {
        let mut writer = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "writer_to_be_killed", "--nocapture"])
            .env(PLACE, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut output = writer.stdout.take().expect("a pipe");
        let mut seen = Vec::new();
        while !seen.windows(5).any(|part| part == b"begun") {
            let mut byte = [0];
            assert_eq!(output.read(&mut byte).expect("output"), 1, "the writer ended early");
            seen.push(byte[0]);
        }
        writer.kill().expect("killed");
        writer.wait().expect("ends");
        let bytes = private::read(&dir.path().join("state"), u64::MAX).expect("whole");
        assert_eq!(bytes.len(), SIZE);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "old and new are mixed");
        private::lock(&dir.path().join("lock")).expect("released by the death");
    }
}
