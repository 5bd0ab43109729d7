//! Real programs in real pseudo-terminals.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::process::RunAs;
use crate::pty::Terminal;

fn launch(argv: &[&str]) -> TerminalLaunch {
    TerminalLaunch {
        argv: argv.iter().map(ToString::to_string).collect(),
        run_as: RunAs::Myself,
        term: "xterm".into(),
        size: Size { columns: 91, rows: 31 },
    }
}

/// Everything until the terminal is closed.
async fn all(terminal: &mut Terminal) -> String {
    let mut output = terminal.output.take().expect("a screen");
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).await.expect("read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until `wanted` has come.
async fn read_until(output: &mut OutputPipe, wanted: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(wanted) {
            let mut piece = [0; 4096];
            let count = output.read(&mut piece).await.expect("read");
            assert!(count > 0, "closed after {text:?}");
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("in time");
    text
}

#[tokio::test]
async fn a_program_has_a_terminal_with_size_name_and_a_session_of_its_own() {
    let script = "stty size; tty; echo $TERM; test -t 0 && test -t 1 && test -t 2 && echo all; echo > /dev/tty; exit 7";
    let mut terminal = Terminal::start(&launch(&["sh", "-c", script])).expect("starts");
    let text = all(&mut terminal).await;
    for part in ["31 91", "/dev/pts/", "xterm", "all"] {
        assert!(text.contains(part), "{part} is missing in {text:?}");
    }
    assert_eq!(terminal.wait().await.expect("ends").as_code(), 7);
}

#[tokio::test]
async fn keys_reach_it_a_new_size_is_told_and_ctrl_c_interrupts() {
    let script = "trap 'stty size' WINCH; trap 'echo interrupted; exit 3' INT; echo up; while :; do read line; echo \"got $line\"; done";
    let mut terminal = Terminal::start(&launch(&["sh", "-c", script])).expect("starts");
    let (mut keys, mut screen) =
        (terminal.input.take().expect("keys"), terminal.output.take().expect("screen"));
    read_until(&mut screen, "up").await;
    terminal.sizer().set(Size { columns: 60, rows: 20 }).expect("resized");
    keys.write_all("åäö\n".as_bytes()).await.expect("typed");
    read_until(&mut screen, "got åäö").await;
    keys.write_all(b"more\n").await.expect("typed");
    read_until(&mut screen, "got more").await;
    keys.write_all(b"\x03").await.expect("typed");
    read_until(&mut screen, "interrupted").await;
    assert_eq!(terminal.wait().await.expect("ends").as_code(), 3);
}

#[tokio::test]
async fn the_own_shell_is_a_login_shell() {
    let mut terminal = Terminal::start(&launch(&[])).expect("starts");
    let (mut keys, mut screen) =
        (terminal.input.take().expect("keys"), terminal.output.take().expect("screen"));
    keys.write_all(b"echo \"<$0>\"; exit 5\n").await.expect("typed");
    let text = read_until(&mut screen, "<-").await;
    assert!(text.contains("<-"), "{text:?}");
    drop(screen);
    assert_eq!(terminal.wait().await.expect("ends").as_code(), 5);
}

#[tokio::test]
async fn the_whole_tree_ends_with_a_kill() {
    let mut terminal =
        Terminal::start(&launch(&["sh", "-c", "setsid sleep 1000 & echo up; wait"])).expect("starts");
    let mut screen = terminal.output.take().expect("screen");
    read_until(&mut screen, "up").await;
    terminal.tree().kill().await;
    // Everybody who had the other end open is gone.
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(30), screen.read_to_end(&mut rest))
        .await
        .expect("in time")
        .expect("read");
    assert_eq!(terminal.wait().await.expect("ends").signal, Some(libc::SIGKILL));
}

#[test]
fn an_unknown_or_odd_terminal_becomes_a_usual_one() {
    for (asked, told) in
        [("dumb", "dumb"), ("", USUAL), ("../../etc", USUAL), ("no-such-terminal", USUAL), ("a b", USUAL)]
    {
        assert_eq!(known(asked), told, "{asked}");
    }
}
