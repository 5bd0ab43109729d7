//! `kill -9` and a full disk: what was acknowledged is there afterwards, and the ledger is whole.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use distans_proto::enrol::RefusalCode;
use distans_proto::ids::EntryId;
use distans_proto::trips::{AvoidedVisit, Booking};

use crate::common::{Home, NOW, anna, avoided, open};

/// Where the suffering program finds the database; set only for it.
const DATABASE: &str = "DISTANS_TEST_DATABASE_TO_SUFFER";

/// The program that suffers: books from eight tasks until it dies or is refused, and says each
/// entry's id once it was acknowledged. Does nothing in an ordinary run of the tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_program_that_suffers() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = open(path.into()).await.expect("the database");
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let ticket = Some(format!("INC-{}-{task}-{number}", std::process::id()).into());
                    let booking = Booking::Avoided(AvoidedVisit { ticket, ..avoided(1) });
                    match store.book(booking, &anna(), NOW).await {
                        Ok(entries) => say(&format!("acknowledged {}", entries[0].id)),
                        Err(error) => {
                            assert_eq!(error.code(), RefusalCode::Storage, "{error}");
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("refused in good order");
    }
    let readable = store.entries(&Default::default(), 0, 10).await.expect("still readable");
    say(&format!("refused, {} entries readable", readable.len()));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("told");
}

/// The program above, started by `shell`, which gets it as its arguments.
fn suffer(path: &Path, shell: &str) -> Child {
    Command::new("sh")
        .args(["-c", shell])
        .arg(std::env::current_exe().expect("this test's program"))
        .args(["--exact", "durability::the_program_that_suffers", "--nocapture"])
        .env(DATABASE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

fn acknowledged_id(line: &str) -> Option<EntryId> {
    // The last line may be cut off by the kill.
    line.split_once("acknowledged ").and_then(|(_, id)| id.parse().ok())
}

/// Panics unless all of `acknowledged` are in the database and it is whole.
async fn assert_kept(path: PathBuf, acknowledged: Vec<EntryId>) {
    let store = open(path).await.expect("opens afterwards");
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

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let home = Home::with_sites().await;
    home.store.close().await;
    let mut acknowledged = Vec::new();
    for count in [1, 40, 150] {
        let mut child = suffer(&home.path(), "exec \"$0\" \"$@\"");
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().expect("its output")).lines() {
            let Some(id) = acknowledged_id(&line.expect("text")) else { continue };
            acknowledged.push(id);
            seen += 1;
            if seen == count {
                child.kill().expect("killed");
            }
        }
        assert!(!child.wait().expect("ended").success(), "it was killed, it did not end by itself");
    }
    assert!(acknowledged.len() >= 191);
    assert_kept(home.path(), acknowledged).await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let home = Home::with_sites().await;
    home.store.close().await;
    // No file may grow beyond 1 MiB: writing fails as on a full disk.
    let child = suffer(&home.path(), "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"");
    let output = child.wait_with_output().expect("ended");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("refused, 10 entries readable"), "{text}");
    let acknowledged: Vec<EntryId> = text.lines().filter_map(acknowledged_id).collect();
    assert!(!acknowledged.is_empty());
    assert_kept(home.path(), acknowledged).await;
}
