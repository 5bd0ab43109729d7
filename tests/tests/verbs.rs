//! Every verb that talks to a PC, struck in the middle: its agent is killed and comes back, the PC
//! is gone, the person there ends it. The real `distans` as a process, a real agent as a process.
//!
//! The verb must end, with the right exit code and words; call nothing done that was not; do
//! nothing twice; leave no process, listener or bent terminal; and the PC takes the next session.
//!
//! | module | what |
//! |---|---|
//! | this | the blows, and what must hold after them |
//! | `cases` | the verbs, how one sees that each is under way, and how it must end |
//! | `house` | one PC for each case |
//! | `program` | `distans` as a process |

mod cases;
mod house;
mod program;

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use distans_proto::local::ToHelper;
use distans_tests::pc::until;
use distans_tests::world::free_port;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use cases::{CASES, Case, Sign};
use house::{House, Room};
use program::Running;

/// Cases at once.
const ABREAST: usize = 6;

/// What happens to the PC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// `kill -9`, and the agent is started again.
    Killed,
    /// `kill -9`, and it stays away; the technician presses Ctrl-C.
    Gone,
    /// The person at the PC ends the session, or says no.
    Stopped,
}

/// The technician's way to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Good,
    /// So long that what is answered at once can be struck before the answer is here.
    Long,
    /// So narrow that a file takes a while.
    Narrow,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_in_the_middle_of_each_verb() {
    all(Blow::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_that_disappears_in_the_middle_of_each_verb() {
    all(Blow::Gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_persons_stop_in_the_middle_of_each_verb() {
    all(Blow::Stopped).await;
}

/// Every case, some side by side; tells all that failed.
async fn all(blow: Blow) {
    let house = Arc::new(House::new().await.expect("a house"));
    let places = Arc::new(Semaphore::new(ABREAST));
    let only = std::env::var("DISTANS_CASE").ok();
    let mut tasks = JoinSet::new();
    for case in CASES.iter().filter(|case| only.as_ref().is_none_or(|only| case.name == only)) {
        let (house, places) = (Arc::clone(&house), Arc::clone(&places));
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            Box::pin(one(&house, case, blow)).await.with_context(|| format!("{blow:?}: {}", case.name))
        });
    }
    let mut failed = Vec::new();
    while let Some(done) = tasks.join_next().await {
        failed.extend(done.expect("no panic").err().map(|error| format!("{error:#}")));
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n\n"));
}

async fn one(house: &House, case: &'static Case, blow: Blow) -> Result<()> {
    let mut room = house.room(case.name, case.line).await?;
    let port = free_port()?.port();
    (case.prepare)(&room).await?;
    let words: Vec<String> =
        case.words.iter().map(|word| filled(word, house, &room, port, case.name)).collect();
    let mut running = if case.terminal {
        Running::at_a_terminal(&room.home, &words)?
    } else {
        Running::piped(&room.home, &room.dir, &[&["--json".to_owned()], &words[..]].concat())?
    };
    under_way(&mut running, &room, case.sign).await?;
    let offspring = room.offspring();
    match blow {
        Blow::Killed => {
            room.kill()?;
            room.revive(&house.desk).await?;
        }
        Blow::Gone => {
            room.kill()?;
            running.signal(if case.terminal_has_keys { Signal::TERM } else { Signal::INT })?;
        }
        Blow::Stopped => room.stop().await?,
    }
    if case.goes_on {
        std::fs::write(room.dir.join("go"), "")?;
    }
    let code = running.end().await?;
    let (codes, words) = case.ends(blow);
    ensure!(codes.contains(&code), "exit {code}, not {codes:?}: {}", running.said());
    if code != 0 {
        running.says(words).await?;
    }
    if !case.terminal {
        json_agrees(&room.dir, code)?;
    }
    running.terminal_is_restored()?;
    // What was ordered of the machine is never cut off half-way; here it waits for this.
    std::fs::write(room.dir.join("go"), "")?;
    let free =
        || TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok();
    until("its port to be free", || async { free().then_some(()) }).await?;
    if case.outlives_the_agent && blow != Blow::Stopped {
        for pid in &offspring {
            let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw).context("a process")?;
            kill_process(pid, Signal::KILL).context("a command that was cut loose is still there")?;
        }
    }
    let alive = |pid: &u32| Path::new("/proc").join(pid.to_string()).exists();
    until("what the agent had started to end", || async { (!offspring.iter().any(alive)).then_some(()) })
        .await
        .with_context(|| {
            format!("left: {:?}", offspring.iter().filter(|pid| alive(pid)).collect::<Vec<_>>())
        })?;
    if blow == Blow::Gone {
        room.revive(&house.desk).await?;
    }
    (case.check)(&room, blow, code)?;
    room.is_fit(&house.desk).await.context("the next session")
}

/// A word of the command line with what it stands for.
fn filled(word: &str, house: &House, room: &Room, port: u16, name: &str) -> String {
    word.replace("{pc}", &room.pc.id.to_string())
        .replace("{other}", &house.other.id.to_string())
        .replace("{dir}", &room.dir.display().to_string())
        .replace("{port}", &port.to_string())
        .replace("{why}", &format!("--purpose={name}"))
}

/// Waits until the verb is in the middle of its work.
async fn under_way(running: &mut Running, room: &Room, sign: Sign) -> Result<()> {
    let seen = until("the verb to be under way", || {
        let seen = match sign {
            Sign::Says(text) => running.said().contains(text),
            Sign::Lines(name, count) => cases::lines(&room.dir.join(name)) == count,
            Sign::Heard(what) => room.person.heard().iter().any(what),
        };
        let over = running.code();
        async move { if seen { Some(Ok(())) } else { over.map(Err) } }
    })
    .await;
    let seen = seen.with_context(|| format!("it said: {}", running.said()))?;
    seen.map_err(|code| anyhow::anyhow!("it ended with {code} before it could be struck: {}", running.said()))
}

/// Each line is one object, and a failure's says the exit code.
fn json_agrees(dir: &Path, code: i32) -> Result<()> {
    let text = std::fs::read_to_string(dir.join("out"))?;
    let objects = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let objects = objects.with_context(|| format!("not JSON: {text}"))?;
    if code == 0 {
        return Ok(());
    }
    let last = objects.last().with_context(|| format!("exit {code} without an object"))?;
    let told = last["error"]["exit"].as_i64().or(last["code"].as_i64());
    ensure!(told == Some(i64::from(code)), "exit {code}, but {last}");
    // With several PCs the summary only counts; each PC's own object says why.
    let why = |one: &Value| {
        [&one["error"]["text"], &one["text"], &one["outcome"]]
            .into_iter()
            .any(|text| text.as_str().is_some_and(|text| !text.is_empty()))
    };
    ensure!(objects.iter().any(why), "no word of why: {text}");
    Ok(())
}

/// True for the notice of a session.
pub(crate) fn session_began(heard: &ToHelper) -> bool {
    matches!(heard, ToHelper::Started(_))
}
