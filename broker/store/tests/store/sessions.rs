//! Sessions and their signed records.

use std::time::Duration;

use distans_broker_store::{NewRecord, NewSession, Reader, RecordOutcome, Relayed, SessionQuery, StoreError};
use distans_proto::ids::SessionId;
use distans_proto::link::SessionRecord;

use crate::common::{Home, NOW, anna, device};

fn id(byte: u8) -> SessionId {
    SessionId::from_bytes([byte; 16])
}

fn session(byte: u8) -> NewSession {
    NewSession {
        id: id(byte),
        device: device(1),
        technician: anna(),
        at: NOW.plus(Duration::from_secs(byte.into())),
    }
}

/// An envelope that says `content`; a countersignature changes its bytes and not what it says.
fn envelope(kind: &str, content: u8, countersigned: bool) -> Vec<u8> {
    let sigs =
        if countersigned { r#"{"keyid":"00112233445566778899aabbccddeeff","sig":"AQ=="}"# } else { "" };
    format!(r#"{{"type":"{kind}","payload":"AA{content:02}","sigs":[{sigs}]}}"#).into_bytes()
}

fn record(byte: u8, countersigned: bool) -> NewRecord {
    let record = SessionRecord {
        grant: envelope("grant", byte, countersigned),
        receipt: envelope("receipt", byte, countersigned),
        certificate: vec![3],
    };
    NewRecord { session: id(byte), device: device(1), technician: anna(), countersigned, record, at: NOW }
}

#[tokio::test]
async fn a_session_is_recorded_at_its_first_stream_and_belongs_to_one_pc_and_technician() {
    let home = Home::with_sites().await;
    home.store.open_session(session(1)).await.expect("opened");
    let later = NewSession { at: NOW.plus(Duration::from_secs(500)), ..session(1) };
    home.store.open_session(later).await.expect("a further stream");
    let row = home.store.session(id(1)).await.expect("read").expect("there");
    assert_eq!((row.opened, row.ended, row.hostname.raw()), (session(1).at, None, "PC-ORSA-001"));
    for thief in [
        NewSession { device: device(2), ..session(1) },
        NewSession { technician: "bo".parse().expect("a label"), ..session(1) },
    ] {
        assert!(matches!(home.store.open_session(thief).await, Err(StoreError::SessionTaken(_))));
    }
    let nowhere = NewSession { device: device(9), ..session(2) };
    assert!(matches!(home.store.open_session(nowhere).await, Err(StoreError::NoDevice(_))));
}

#[tokio::test]
async fn relayed_bytes_add_up() {
    let home = Home::with_sites().await;
    home.store.open_session(session(1)).await.expect("opened");
    let count = Relayed { session: id(1), to_agent: 10, to_technician: 1 << 40 };
    let unknown = Relayed { session: id(7), ..count };
    home.store.count_relayed(vec![count, unknown, count]).await.expect("counted");
    let row = home.store.session(id(1)).await.expect("read").expect("there");
    assert_eq!((row.bytes_to_agent, row.bytes_to_technician), (20, 2 << 40));
}

#[tokio::test]
async fn a_record_ends_its_session_and_the_countersigned_one_stays() {
    let home = Home::with_sites().await;
    home.store.open_session(session(1)).await.expect("opened");
    for (countersigned, outcome) in [
        (false, RecordOutcome::New),
        (false, RecordOutcome::Known),
        (true, RecordOutcome::Replaced),
        (true, RecordOutcome::Known),
        (false, RecordOutcome::Known),
    ] {
        assert_eq!(home.store.store_record(record(1, countersigned)).await.expect("kept"), outcome);
    }
    let stored = home.store.record(id(1)).await.expect("read").expect("there");
    assert_eq!(
        (stored.record, stored.countersigned, stored.device),
        (record(1, true).record, true, device(1))
    );
    assert_eq!(home.store.session(id(1)).await.expect("read").expect("there").ended, Some(NOW));
}

#[tokio::test]
async fn a_second_record_that_says_something_else_neither_replaces_nor_passes_for_the_first() {
    let home = Home::with_sites().await;
    for (session, first, second) in [(1, false, true), (2, true, true), (3, true, false)] {
        home.store.store_record(record(session, first)).await.expect("kept");
        for part in ["grant", "receipt"] {
            let mut other = record(session, second);
            let place = if part == "grant" { &mut other.record.grant } else { &mut other.record.receipt };
            *place = envelope(part, 77, second);
            let forked = home.store.store_record(other).await;
            assert!(matches!(forked, Err(StoreError::RecordFork(_))), "{part}: {forked:?}");
        }
        let stored = home.store.record(id(session)).await.expect("read").expect("there");
        assert_eq!(stored.record, record(session, first).record);
    }
}

#[tokio::test]
async fn a_record_of_a_forgotten_session_is_kept_and_a_strangers_is_not() {
    let home = Home::with_sites().await;
    assert_eq!(home.store.store_record(record(4, false)).await.expect("kept"), RecordOutcome::New);
    assert_eq!(home.store.session(id(4)).await.expect("read").expect("recorded with it").ended, Some(NOW));
    let stranger = NewRecord { device: device(2), ..record(4, true) };
    assert!(matches!(home.store.store_record(stranger).await, Err(StoreError::SessionTaken(_))));
    assert_eq!(home.store.record(id(5)).await.expect("read"), None);
}

#[tokio::test]
async fn sessions_are_listed_newest_first() {
    let home = Home::with_sites().await;
    for byte in 1..=3 {
        home.store.open_session(session(byte)).await.expect("opened");
    }
    home.store.store_record(record(2, true)).await.expect("kept");
    let list = |query: SessionQuery| async {
        let rows = home.store.sessions(query).await.expect("read");
        rows.iter().map(|row| row.id.as_bytes()[0]).collect::<Vec<_>>()
    };
    assert_eq!(list(SessionQuery::default()).await, [3, 2, 1]);
    assert_eq!(list(SessionQuery { open: true, ..Default::default() }).await, [3, 1]);
    assert_eq!(list(SessionQuery { limit: 1, ..Default::default() }).await, [3]);
    assert!(list(SessionQuery { device: Some(device(2)), ..Default::default() }).await.is_empty());
    let reader = |technician: &str, groups: &[&str]| Reader {
        technician: technician.parse().expect("a label"),
        groups: groups.iter().map(|group| group.parse().expect("a label")).collect(),
    };
    let seen_by = |reader| list(SessionQuery { reader: Some(reader), ..Default::default() });
    assert_eq!(seen_by(reader("bo", &["skola", "kontor"])).await, [3, 2, 1], "on PCs of their group");
    assert!(seen_by(reader("bo", &["kontor2", "ontor"])).await.is_empty());
    assert!(seen_by(reader("bo", &[])).await.is_empty());
    assert_eq!(seen_by(reader("anna", &[])).await, [3, 2, 1], "their own");
}
