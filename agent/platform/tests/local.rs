//! The local socket: who reaches it, and who the kernel says is there.
#![cfg(unix)]
#![allow(clippy::expect_used)] // the helpers too may stop at the first surprise

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use distans_platform::local::{LocalListener, LocalStream, Reach};
use distans_platform::{UserId, is_privileged};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("exists").permissions().mode() & 0o777
}

fn private_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).expect("our own folder");
    dir
}

#[tokio::test]
async fn both_ends_learn_who_the_other_is() {
    let dir = private_dir();
    let mut listener = LocalListener::bind(dir.path(), Reach::Own).await.expect("listens");
    let (accepted, connected) = tokio::join!(listener.accept(), LocalStream::connect(dir.path()));
    let (mut agent, helper_seen) = accepted.expect("a peer");
    let (mut helper, agent_seen) = connected.expect("the agent");
    for peer in [&helper_seen, &agent_seen] {
        assert_eq!(peer.user, UserId::current().expect("a user"));
        assert_eq!(peer.pid, std::process::id());
        assert_eq!(peer.program, Some(std::env::current_exe().expect("a program")));
    }
    assert!(agent_seen.may_serve());
    let program = std::env::current_exe().expect("a program");
    assert!(!helper_seen.runs(Path::new("/bin/true")).expect("installed"), "another program");
    let copy = dir.path().join("copy");
    std::fs::copy(&program, &copy).expect("copied");
    assert!(!helper_seen.runs(&copy).expect("there"), "another file");
    let installed = dir.path().join("installed");
    if std::fs::hard_link(&program, &installed).is_ok() {
        std::fs::set_permissions(&installed, Permissions::from_mode(0o755)).expect("our own");
        assert!(helper_seen.runs(&installed).expect("there"));
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("our own");
        assert!(!helper_seen.runs(&installed).expect("there"), "anybody could replace it");
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).expect("our own");
    }
    assert!(helper_seen.runs(&dir.path().join("missing")).is_err());

    agent.write_all("får jag?".as_bytes()).await.expect("written");
    agent.shutdown().await.expect("closed");
    let mut text = String::new();
    helper.read_to_string(&mut text).await.expect("read");
    assert_eq!(text, "får jag?");
}

#[tokio::test]
async fn an_own_socket_is_closed_to_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let place = dir.path().join("state");
    let _listener = LocalListener::bind(&place, Reach::Own).await.expect("listens");
    assert_eq!(mode(&place), 0o700);
    assert_eq!(mode(&place.join("helper.sock")), 0o600);
}

#[tokio::test]
async fn folders_that_others_can_write_in_are_refused() {
    let dir = private_dir();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("our own folder");
    let refused = LocalListener::bind(dir.path(), Reach::Own).await.expect_err("open to others");
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("our own folder");
    let refused = LocalListener::bind(dir.path(), Reach::SignedIn).await.expect_err("others can write");
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_second_agent_is_refused_and_a_dead_ones_socket_replaced() {
    let dir = private_dir();
    let listener = LocalListener::bind(dir.path(), Reach::Own).await.expect("listens");
    let second = LocalListener::bind(dir.path(), Reach::Own).await.expect_err("one agent only");
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    assert_eq!(LocalStream::connect(dir.path()).await.expect_err("gone").kind(), io::ErrorKind::NotFound);

    // A killed agent leaves its socket file; std's listener does the same when dropped.
    drop(UnixListener::bind(dir.path().join("helper.sock")).expect("a socket"));
    let gone = LocalStream::connect(dir.path()).await.expect_err("nobody answers");
    assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused);
    LocalListener::bind(dir.path(), Reach::Own).await.expect("replaces what was left");
}

/// Credentials belong to a thread: one of this test becomes another user and connects.
#[tokio::test]
async fn another_users_uid_is_seen() {
    if !is_privileged() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("our own folder");
    let place = dir.path().join("run");
    let mut listener = LocalListener::bind(&place, Reach::SignedIn).await.expect("listens");
    let stranger = std::thread::spawn(move || {
        let uid = rustix::process::Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(uid, uid, uid).expect("root may");
        UnixStream::connect(place.join("helper.sock")).expect("every user reaches it")
    });
    let (_stream, peer) = listener.accept().await.expect("a peer");
    drop(stranger.join().expect("connected"));
    assert_eq!(peer.user.to_string(), "65534");
    assert!(!peer.user.is_system() && !peer.may_serve());
}
