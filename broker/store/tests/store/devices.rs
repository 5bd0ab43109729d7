//! PCs: taking them in, finding them, and what is noted about them.

use distans_broker_store::{DeviceQuery, EnrolOutcome, NewCertificate, NewDevice, Seen, StoreError};
use distans_proto::facts::Facts;
use distans_proto::time::Timestamp;

use crate::common::{Home, NOW, TOKEN, device, pc, site};

#[tokio::test]
async fn a_pc_is_taken_in_once_and_its_answer_can_be_repeated() {
    let home = Home::with_token().await;
    assert_eq!(home.store.enrol(pc(1), 1).await.expect("done"), EnrolOutcome::New);
    let again = NewDevice { certificate: NewCertificate { serial: vec![99], not_after: NOW }, ..pc(1) };
    assert_eq!(home.store.enrol(again, 1).await.expect("done"), EnrolOutcome::Again);
    assert_eq!(home.store.token(TOKEN).await.expect("read").expect("there").uses, 1);
    assert_eq!(home.store.certificates(device(1)).await.expect("read").len(), 2);
    assert_eq!(home.store.enrol(pc(2), 1).await.expect("done"), EnrolOutcome::TokenUsedUp);
    let details = home.store.device_details(device(1)).await.expect("read").expect("there");
    assert_eq!((details.spki, details.endorsement, details.token), (pc(1).spki, pc(1).endorsement, TOKEN));
    assert_eq!((details.token_cert.as_slice(), details.facts), (b"token certificate".as_slice(), None));
    assert!(!details.row.confirmed && details.row.site.is_none() && details.row.last_seen.is_none());
}

#[tokio::test]
async fn another_pc_cannot_take_a_known_id_or_key() {
    let home = Home::with_token().await;
    home.store.enrol(pc(1), 9).await.expect("done");
    for thief in [NewDevice { spki: vec![5; 91], ..pc(1) }, NewDevice { id: device(5), ..pc(1) }] {
        assert_eq!(home.store.enrol(thief, 9).await.expect("done"), EnrolOutcome::DeviceTaken);
    }
    assert_eq!(home.store.token(TOKEN).await.expect("read").expect("there").uses, 1);
}

#[tokio::test]
async fn unknown_and_frozen_tokens_take_nobody_in() {
    let home = Home::empty().await;
    assert_eq!(home.store.enrol(pc(1), 9).await.expect("done"), EnrolOutcome::TokenUnknown);
    let home = Home::with_token().await;
    home.store.count_bad_proof(TOKEN, 1).await.expect("counted");
    assert_eq!(home.store.enrol(pc(1), 9).await.expect("done"), EnrolOutcome::TokenFrozen);
    assert_eq!(home.store.device_count().await.expect("read"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_pcs_at_once_exactly_as_many_as_allowed_get_in() {
    let home = Home::with_token().await;
    let tasks: Vec<_> = (1..=20)
        .map(|byte| {
            let store = home.store.clone();
            tokio::spawn(async move { store.enrol(pc(byte), 5).await.expect("done") })
        })
        .collect();
    let mut let_in = 0;
    for task in tasks {
        let_in += usize::from(task.await.expect("finished") == EnrolOutcome::New);
    }
    assert_eq!(let_in, 5);
    assert_eq!(home.store.device_count().await.expect("read"), 5);
    assert_eq!(home.store.token(TOKEN).await.expect("read").expect("there").uses, 5);
}

#[tokio::test]
async fn a_used_serial_number_is_refused_and_takes_no_use() {
    let home = Home::with_token().await;
    home.store.enrol(pc(1), 9).await.expect("done");
    let clash = NewDevice { certificate: pc(1).certificate, ..pc(2) };
    assert!(matches!(home.store.enrol(clash, 9).await, Err(StoreError::SerialTaken)));
    assert_eq!(home.store.token(TOKEN).await.expect("read").expect("there").uses, 1);
    assert!(home.store.device(device(2)).await.expect("read").is_none());
    let renewed = NewCertificate { serial: vec![7], not_after: NOW };
    home.store.put_certificate(device(1), renewed.clone(), NOW).await.expect("recorded");
    assert!(matches!(
        home.store.put_certificate(device(8), renewed, NOW).await,
        Err(StoreError::NoDevice(id)) if id == device(8)
    ));
}

/// Ids of the PCs that a name finds.
async fn found(home: &Home, name: &str) -> Vec<u8> {
    let query = DeviceQuery { name: Some(name.into()), ..DeviceQuery::default() };
    let rows = home.store.devices(query).await.expect("read");
    rows.iter().map(|row| row.id.as_bytes()[0]).collect()
}

#[tokio::test]
async fn pcs_are_found_by_name_id_and_prefix() {
    let home = Home::with_sites().await;
    let odd = Seen { device: device(3), at: NOW, hostname: Some("Ärendet 50%_x".into()), origin: None };
    home.store.see(vec![odd]).await.expect("noted");
    for (name, ids) in [
        ("pc-orsa-001", vec![1]),
        ("PC-Orsa", vec![1, 2]),
        ("", vec![1, 2, 3]),
        ("0202", vec![2]),
        ("02020202-0202-0202-0202-020202020202", vec![2]),
        ("ÄREN", vec![3]),
        ("ärendet 50%", vec![3]),
        ("%", vec![]),
        ("PC_ORSA", vec![]),
        ("'; DROP TABLE device; --", vec![]),
    ] {
        assert_eq!(found(&home, name).await, ids, "{name:?}");
    }
}

#[tokio::test]
async fn pcs_are_listed_by_site_and_group_page_by_page() {
    let home = Home::with_sites().await;
    let at_orsa = DeviceQuery { site: Some(site("orsa")), ..DeviceQuery::default() };
    assert_eq!(home.store.devices(at_orsa).await.expect("read").len(), 1);
    let nobody = DeviceQuery { group: Some("skola".parse().expect("a label")), ..DeviceQuery::default() };
    assert!(home.store.devices(nobody).await.expect("read").is_empty());
    let mut query = DeviceQuery { limit: 2, ..DeviceQuery::default() };
    let first = home.store.devices(query.clone()).await.expect("read");
    query.after = first.last().map(|row| row.id);
    let second = home.store.devices(query).await.expect("read");
    assert_eq!((first.len(), second.len(), second[0].id), (2, 1, device(3)));
}

#[tokio::test]
async fn being_seen_never_goes_back_in_time() {
    let home = Home::with_sites().await;
    let later = NOW.plus(std::time::Duration::from_secs(60));
    let seen =
        |at: Timestamp, name: &str| Seen { device: device(1), at, hostname: Some(name.into()), origin: None };
    home.store.see(vec![seen(later, "NEW-NAME"), seen(NOW, "OLD-NAME")]).await.expect("noted");
    home.store
        .see(vec![Seen { device: device(99), at: NOW, hostname: None, origin: None }])
        .await
        .expect("passed over");
    let row = home.store.device(device(1)).await.expect("read").expect("there");
    assert_eq!((row.last_seen, row.hostname.raw()), (Some(later), "NEW-NAME"));
}

#[tokio::test]
async fn facts_read_back_as_they_came() {
    let home = Home::with_sites().await;
    let facts = Facts { hostname: "PC-\u{1b}[31m".into(), memory_total: u64::MAX, ..Facts::default() };
    home.store.put_facts(device(1), facts.clone()).await.expect("kept");
    let details = home.store.device_details(device(1)).await.expect("read").expect("there");
    assert_eq!(details.row.hostname, facts.hostname);
    assert_eq!(details.facts, Some(facts));
    assert!(matches!(home.store.put_facts(device(9), Facts::default()).await, Err(StoreError::NoDevice(_))));
}

#[tokio::test]
async fn a_pc_is_confirmed_once_and_placed_only_where_a_site_is() {
    let home = Home::with_sites().await;
    let row = home.store.edit_device(device(1), false, Some(site("idre"))).await.expect("moved");
    assert_eq!((row.confirmed, row.site), (true, Some(site("idre"))));
    let nowhere = home.store.edit_device(device(3), true, Some(site("falun"))).await;
    assert!(matches!(nowhere, Err(StoreError::NoSite(_))));
    assert!(!home.store.device(device(3)).await.expect("read").expect("there").confirmed, "all or none");
    assert!(matches!(home.store.edit_device(device(9), true, None).await, Err(StoreError::NoDevice(_))));
}
