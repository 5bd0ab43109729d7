//! Backups while the broker goes on, and noticing what was changed behind its back.

use std::os::unix::fs::PermissionsExt;

use distans_broker_store::StoreError;
use distans_proto::trips::Booking;
use sea_orm::ConnectionTrait;

use crate::common::{Home, NOW, anna, avoided, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_taken_while_booking_goes_on_is_whole() {
    let home = Home::with_sites().await;
    let store = home.store.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let booking = tokio::spawn(async move {
        let mut booked = 0u64;
        while stopped.try_recv().is_err() {
            store.book(Booking::Avoided(avoided(1)), &anna(), NOW).await.expect("booked");
            booked += 1;
        }
        booked
    });
    let before = home.entries().await.len();
    let target = home.folder.path().join("backup.db");
    home.store.backup(&target).await.expect("copied");
    stop.send(()).expect("still booking");
    booking.await.expect("finished");

    let mode = std::fs::metadata(&target).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let copy = open(target.clone()).await.expect("a database");
    assert!(copy.integrity().await.expect("read").problems.is_empty());
    let copied = copy.entries(&Default::default(), 0, 0).await.expect("read");
    let all = home.entries().await;
    assert!(copied.len() >= before);
    assert_eq!(copied, all[..copied.len()], "a beginning of what is there now");
    assert!(matches!(home.store.backup(&target).await, Err(StoreError::BackupExists(_))));
    assert!(!home.folder.path().join("backup.db.partial").exists());
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_says_where_and_leaves_nothing() {
    let home = Home::with_sites().await;
    let nowhere = home.folder.path().join("missing").join("backup.db");
    let error = home.store.backup(&nowhere).await.expect_err("no such folder");
    assert!(matches!(error, StoreError::File { .. }) && error.to_string().contains("missing"), "{error}");
}

/// What the integrity check says after `sql` was run with the triggers out of the way.
async fn problems_after(sql: &str) -> Vec<String> {
    let home = Home::with_sites().await;
    for _ in 0..3 {
        home.book(Booking::Avoided(avoided(1))).await.expect("booked");
    }
    home.assert_sound().await;
    let raw = home.raw().await;
    for trigger in [
        "entry_no_update",
        "entry_no_delete",
        "entry_body_no_update",
        "entry_body_no_delete",
        "avoidance_only_reversed",
        "avoidance_no_delete",
        "factor_set_no_update",
        "site_no_update",
        "leg_no_update",
    ] {
        raw.execute_unprepared(&format!("DROP TRIGGER {trigger}")).await.expect("dropped");
    }
    raw.execute_unprepared(&format!("PRAGMA foreign_keys = OFF; {sql}")).await.expect("done");
    home.store.integrity().await.expect("readable").problems
}

#[tokio::test]
async fn every_change_of_the_past_is_found_and_named() {
    for (sql, named) in [
        // Half the kilometres, in the text that is hashed.
        (
            "UPDATE entry_body SET body = CAST(replace(CAST(body AS TEXT), '189000', '94500') AS BLOB) WHERE seq = 4",
            "ledger entry 4 is broken: its body",
        ),
        ("UPDATE entry_body SET salt = zeroblob(32) WHERE seq = 3", "ledger entry 3 is broken: its body"),
        ("UPDATE entry SET hash = zeroblob(32) WHERE seq = 2", "ledger entry 2 is broken: its hash"),
        (
            "UPDATE entry SET prev_hash = randomblob(32) WHERE seq = 5",
            "ledger entry 5 is broken: its previous hash",
        ),
        ("DELETE FROM entry WHERE seq = 4", "ledger entry 4 is broken: its position"),
        ("DELETE FROM entry_body WHERE seq = 4", "ledger entry 4 is broken: its body"),
        ("UPDATE entry_body SET service_date = '2020-01-01' WHERE seq = 4", "entry 4: its columns"),
        ("DELETE FROM avoidance WHERE entry_id = (SELECT id FROM entry WHERE seq = 5)", "entry 5: whether"),
        (
            "UPDATE avoidance SET reversed_by = (SELECT id FROM entry WHERE seq = 1) \
             WHERE entry_id = (SELECT id FROM entry WHERE seq = 3)",
            "entry 3: whether",
        ),
        ("UPDATE factor_set SET body = body || ' '", "factor set 2026-1"),
        ("UPDATE site SET road_m = road_m + 1 WHERE id = 'idre'", "revision 1"),
        ("UPDATE leg SET source = 'me'", "revision 1"),
    ] {
        let problems = problems_after(sql).await;
        assert!(problems.iter().any(|problem| problem.contains(named)), "{sql}: {problems:?}");
    }
}
