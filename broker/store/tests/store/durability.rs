//! `kill -9`: what was acknowledged is there afterwards, and the ledger is whole.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use distans_proto::ids::EntryId;
use distans_proto::trips::{AvoidedVisit, Booking};

use crate::common::{Home, NOW, anna, avoided, open};

/// Where the killed program finds the database; set only for it.
const DATABASE: &str = "DISTANS_TEST_DATABASE_TO_BE_KILLED";

/// The program that gets killed: books from eight tasks until it dies, and says each entry's id
/// once it was acknowledged. Does nothing in an ordinary run of the tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_program_that_gets_killed() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = open(path.into()).await.expect("the database");
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let ticket = Some(format!("INC-{}-{task}-{number}", std::process::id()).into());
                    let booking = Booking::Avoided(AvoidedVisit { ticket, ..avoided(1) });
                    let entry = store.book(booking, &anna(), NOW).await.expect("booked").remove(0);
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {}", entry.id).and_then(|()| out.flush()).expect("told");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("never ends by itself");
    }
}

/// Runs the program above, kills it after it acknowledged `count` entries; gives all it said.
fn kill_after(path: &Path, count: usize) -> Vec<EntryId> {
    let mut child = Command::new(std::env::current_exe().expect("this test's program"))
        .args(["--exact", "durability::the_program_that_gets_killed", "--nocapture"])
        .env(DATABASE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        let line = line.expect("text");
        let Some((_, id)) = line.split_once("acknowledged ") else { continue };
        // The last line may be cut off by the kill.
        acknowledged.extend(id.parse::<EntryId>().ok());
        if acknowledged.len() == count {
            child.kill().expect("killed");
        }
    }
    assert!(!child.wait().expect("ended").success(), "it was killed, it did not end by itself");
    acknowledged
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let home = Home::with_sites().await;
    home.store.close().await;
    let mut acknowledged = Vec::new();
    for count in [1, 40, 150] {
        acknowledged.extend(kill_after(&home.path(), count));
    }
    assert!(acknowledged.len() >= 191);
    let store = open(home.path()).await.expect("opens after a kill");
    assert_eq!(store.integrity().await.expect("read").problems, Vec::<String>::new());
    let mut recorded = Vec::new();
    loop {
        let after = u64::try_from(recorded.len()).expect("a position");
        let page = store.entries(&Default::default(), after, 0).await.expect("read");
        if page.is_empty() {
            break;
        }
        recorded.extend(page.into_iter().map(|entry| entry.id));
    }
    for id in acknowledged {
        assert!(recorded.contains(&id), "{id} was acknowledged and is lost");
    }
}
