//! The tables: made from nothing, left alone when newer, and closed to whoever would change the
//! past.

use std::os::unix::fs::PermissionsExt;

use distans_broker_core::pseudonym::Pseudonyms;
use distans_broker_store::{Store, StoreError};
use distans_proto::trips::{AvoidedVisit, Booking};
use sea_orm::ConnectionTrait;

use crate::common::{Home, LEDGER_KEY, avoided, open, refusal};

#[tokio::test]
async fn a_new_database_is_its_owners_alone_and_opens_again() {
    let home = Home::with_sites().await;
    let mode = std::fs::metadata(home.path()).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    home.store.close().await;
    let again = open(home.path()).await.expect("opens again");
    assert_eq!(again.device_count().await.expect("read"), 3);
    assert!(again.integrity().await.expect("read").problems.is_empty());
}

#[tokio::test]
async fn a_closed_store_takes_no_more_writes() {
    let home = Home::with_sites().await;
    home.store.close().await;
    assert!(matches!(home.book(Booking::Avoided(avoided(1))).await, Err(StoreError::Closed)));
    home.store.close().await;
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let home = Home::with_sites().await;
    home.store.close().await;
    let raw = home.raw().await;
    raw.execute_unprepared("INSERT INTO seaql_migrations (version, applied_at) VALUES ('0999_future', 0)")
        .await
        .expect("inserted");
    raw.close().await.expect("closed");
    let before = std::fs::read(home.path()).expect("readable");
    let error = open(home.path()).await.expect_err("newer");
    assert!(matches!(&error, StoreError::Newer { migration, .. } if migration == "0999_future"));
    assert!(error.to_string().contains("newer version"), "{error}");
    assert_eq!(std::fs::read(home.path()).expect("readable"), before);
}

#[tokio::test]
async fn another_ledger_key_is_noticed() {
    let home = Home::empty().await;
    home.store.close().await;
    let wrong = Store::open(&home.path(), Pseudonyms::new(&[1; 32])).await;
    assert!(matches!(wrong, Err(StoreError::WrongLedgerKey)));
    open(home.path()).await.expect("the right key opens it");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broker.db");
    std::fs::write(&path, "not a database at all, just a text file\n".repeat(100)).expect("written");
    assert!(matches!(open(path).await, Err(StoreError::Database(_))));
}

#[tokio::test]
async fn the_past_cannot_be_changed_even_past_the_store() {
    let home = Home::with_sites().await;
    let entry = home.book(Booking::Avoided(avoided(1))).await.expect("booked").remove(0);
    home.book(Booking::Reverse(distans_proto::trips::Reverse { entry: entry.id })).await.expect("reversed");
    let raw = home.raw().await;
    for (table, column) in [
        ("entry", "hash"),
        ("entry_body", "body"),
        ("factor_set", "body"),
        ("site_revision", "sha256"),
        ("site", "road_m"),
        ("leg", "m"),
        ("avoidance", "need_id"),
    ] {
        for sql in [format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")] {
            let said = refusal(&raw, &sql).await;
            assert!(said.contains("never") || said.contains("once"), "{sql}: {said}");
        }
    }
    let gap = "INSERT INTO entry VALUES (99, x'01', x'01', x'02', x'03')";
    assert!(refusal(&raw, gap).await.contains("without gaps"));
    home.assert_sound().await;
}

#[tokio::test]
async fn the_database_itself_allows_one_active_avoided_visit_per_need() {
    let home = Home::with_sites().await;
    for ticket in ["A", "B"] {
        let booking = AvoidedVisit { ticket: Some(ticket.into()), ..avoided(1) };
        home.book(Booking::Avoided(booking)).await.expect("booked");
    }
    let raw = home.raw().await;
    // A second row for the first need, however it might come about.
    let twice = "INSERT INTO avoidance (entry_id, need_id) \
                 SELECT e.id, (SELECT need_id FROM avoidance LIMIT 1) FROM entry e WHERE seq = 1";
    assert!(refusal(&raw, twice).await.contains("UNIQUE"));
}

#[tokio::test]
async fn database_has_no_secrets() {
    let home = Home::with_sites().await;
    home.book(Booking::Avoided(avoided(1))).await.expect("booked");
    let hex: String = LEDGER_KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    for file in std::fs::read_dir(home.folder.path()).expect("readable") {
        let bytes = std::fs::read(file.expect("an entry").path()).expect("readable");
        for secret in [LEDGER_KEY.as_slice(), hex.as_bytes()] {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret),
                "the ledger key is in the database"
            );
        }
    }
    // No table has a column for a key or a seed, whoever might fill it.
    let rows = home
        .raw()
        .await
        .query_all_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Sqlite,
            "SELECT m.name || '.' || p.name AS field FROM sqlite_master m, pragma_table_info(m.name) p \
             WHERE m.type = 'table'",
        ))
        .await
        .expect("the schema");
    for row in rows {
        let field: String = row.try_get("", "field").expect("a name");
        let column = field.rsplit('.').next().unwrap_or_default();
        let harmless = matches!(column, "hostname_key" | "ticket_key");
        for word in ["key", "seed", "secret", "password", "private"] {
            assert!(harmless || !column.contains(word), "{field} sounds like a secret");
        }
    }
}
