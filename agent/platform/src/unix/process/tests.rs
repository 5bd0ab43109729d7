//! Real commands: pipes, exits, whole trees dying, other users' rights.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::UserId;
use crate::process::{OutputPipe, Process};
use crate::session_user::SignedIn;

fn launch(argv: &[&str]) -> Launch {
    Launch { argv: argv.iter().map(|text| (*text).to_owned()).collect(), run_as: RunAs::Myself, stdin: false }
}

fn shell(script: &str) -> Launch {
    launch(&["/bin/sh", "-c", script])
}

async fn all(pipe: &mut Option<OutputPipe>) -> String {
    let mut text = String::new();
    pipe.take().expect("a pipe").read_to_string(&mut text).await.expect("text");
    text
}

async fn output_and_exit(launch: &Launch) -> (String, Exit) {
    let mut process = Process::start(launch).expect("starts");
    let output = all(&mut process.stdout).await;
    (output, process.wait().await.expect("ends"))
}

/// Reads `count` pids, one a line, without waiting for the end of the output.
async fn pids(process: &mut Process, count: usize) -> Vec<i32> {
    let mut pipe = process.stdout.take().expect("a pipe");
    let mut text = String::new();
    while text.lines().count() < count || !text.ends_with('\n') {
        let mut part = [0; 256];
        let length = pipe.read(&mut part).await.expect("output");
        assert!(length > 0, "the command ended after {text:?}");
        text.push_str(std::str::from_utf8(&part[..length]).expect("text"));
    }
    text.lines().map(|line| line.trim().parse().expect("a pid")).collect()
}

fn lives(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
}

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    let (_, exit) = output_and_exit(&shell("exit 7")).await;
    assert_eq!((exit.code, exit.signal, exit.as_code()), (Some(7), None, 7));
    let (_, exit) = output_and_exit(&shell("kill -TERM $$")).await;
    assert_eq!((exit.code, exit.signal, exit.as_code()), (None, Some(15), 143));
}

#[tokio::test]
async fn waiting_twice_gives_the_same_answer() {
    let mut process = Process::start(&shell("exit 3")).expect("starts");
    let first = process.wait().await.expect("ends");
    assert_eq!(process.wait().await.expect("still known"), first);
}

#[tokio::test]
async fn input_output_and_errors_have_their_own_pipes() {
    let sent = "åäö\n".repeat(60_000);
    let mut process =
        Process::start(&Launch { stdin: true, ..shell("echo fel >&2; cat; echo klar >&2") }).expect("starts");
    let mut input = process.stdin.take().expect("a pipe");
    let (mut stdout, mut stderr) = (process.stdout.take(), process.stderr.take());
    let feed = async {
        input.write_all(sent.as_bytes()).await.expect("the command reads");
        input.shutdown().await.expect("the end of input");
        assert!(input.write_all(b"more").await.is_err(), "written after the end");
    };
    let (_, output, errors) = tokio::join!(feed, all(&mut stdout), all(&mut stderr));
    assert_eq!(output, sent);
    assert_eq!(errors, "fel\nklar\n");
    assert_eq!(process.wait().await.expect("ends").code, Some(0));
}

#[tokio::test]
async fn without_input_a_command_reads_the_end_at_once() {
    let (output, exit) = output_and_exit(&shell("cat; echo slut")).await;
    assert_eq!((output.as_str(), exit.code), ("slut\n", Some(0)));
}

#[tokio::test]
async fn arguments_arrive_as_given() {
    let (output, _) = output_and_exit(&launch(&["printf", "%s|", "a b", "\"q\"", "*", "$HOME", "å"])).await;
    assert_eq!(output, "a b|\"q\"|*|$HOME|å|");
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let failure = |argv: &[&str]| Process::start(&launch(argv)).expect_err("must not start");
    assert!(matches!(failure(&[]), StartError::Empty));
    assert!(matches!(failure(&[""]), StartError::Empty));
    assert!(matches!(failure(&["echo", "a\0b"]), StartError::BadArguments));
    assert!(matches!(failure(&["no-such-program-here"]), StartError::NotFound(_)));
    assert!(matches!(failure(&["/etc/passwd"]), StartError::NotPermitted(_)));
    assert!(matches!(failure(&["true", &"x".repeat(4 << 20)]), StartError::BadArguments));
}

#[tokio::test]
async fn the_whole_tree_dies_even_what_changed_session_or_became_a_daemon() {
    // A child in the group, one in a session of its own, and a daemon whose parent has ended.
    let script = "sleep 600 & echo $!
        setsid sh -c 'echo $$; exec sleep 600' &
        setsid sh -c 'sleep 600 & echo $!' &
        wait; sleep 600";
    let mut process = Process::start(&shell(script)).expect("starts");
    let pids = pids(&mut process, 3).await;
    assert!(pids.iter().all(|pid| lives(*pid)), "{pids:?}");
    process.tree().kill().await;
    assert!(!pids.iter().any(|pid| lives(*pid)), "{pids:?} still live");
    assert_eq!(process.wait().await.expect("ends").signal, Some(9));
}

#[tokio::test]
async fn what_a_command_starts_is_known_for_it() {
    let mut process = Process::start(&shell("setsid -f sleep 60; echo $$; sleep 60")).expect("starts");
    let leader = pids(&mut process, 1).await;
    assert!(is_commanded(u32::try_from(leader[0]).expect("a pid")));
    assert!(!is_commanded(std::process::id()) && !is_commanded(0));
    process.tree().kill().await;
}

#[tokio::test]
async fn what_was_left_running_lives_on_until_the_tree_is_killed() {
    let mut process = Process::start(&shell("sleep 600 >/dev/null 2>&1 & echo $!")).expect("starts");
    let pids = pids(&mut process, 1).await;
    assert_eq!(process.wait().await.expect("ends").code, Some(0));
    assert!(lives(pids[0]));
    process.tree().kill().await;
    assert!(!lives(pids[0]));
}

#[tokio::test]
async fn a_dropped_command_does_not_live_on() {
    let mut process = Process::start(&shell("echo $$; exec sleep 600")).expect("starts");
    let pids = pids(&mut process, 1).await;
    drop(process);
    while lives(pids[0]) {
        tokio::task::yield_now().await;
    }
}

fn nobody() -> Option<SignedIn> {
    let login = account::by_uid(65_534)?;
    Some(SignedIn { name: login.name.clone(), id: UserId(login.uid), login })
}

#[tokio::test]
async fn another_user_gets_own_rights_groups_and_a_clean_environment() {
    let Some(mut user) = nobody() else { return };
    user.login.groups = vec![user.login.gid, 4_242];
    let script = "id -u; id -G; umask; env | cut -d= -f1 | sort | tr '\\n' ' '";
    let launch = Launch { run_as: RunAs::User(user), ..shell(script) };
    if !is_privileged() {
        assert!(matches!(Process::start(&launch), Err(StartError::CannotActAs { .. })));
        return;
    }
    let (output, exit) = output_and_exit(&launch).await;
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(exit.code, Some(0));
    assert_eq!(lines[..3], ["65534", "65534 4242", "0022"]);
    assert_eq!(lines[3].trim(), "DISTANS_RUN HOME LANG LOGNAME PATH PWD SHELL USER");
}

#[tokio::test]
async fn another_user_cannot_get_root_back() {
    let Some(user) = nobody() else { return };
    let launch = Launch { run_as: RunAs::User(user), ..shell("cat /etc/shadow") };
    if is_privileged() {
        let (output, exit) = output_and_exit(&launch).await;
        assert_eq!(output, "");
        assert_ne!(exit.code, Some(0));
    }
}
