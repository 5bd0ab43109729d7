//! Booking: what an entry freezes, what is refused, and what a visit takes back.

use distans_broker_core::dates::DateError;
use distans_broker_core::ledger::BookError;
use distans_broker_core::needs::NeedError;
use distans_broker_store::StoreError;
use distans_proto::ids::{EntryId, NeedId};
use distans_proto::trips::{
    AvoidedVisit, Booking, EntryKind, EntryRecord, LedgerFilter, MadeVisit, Reverse, upper_bound_m,
};

use crate::common::{Home, NOW, anna, avoided, factors, made, roads, site};

fn with_ticket(byte: u8, ticket: &str) -> Booking {
    Booking::Avoided(AvoidedVisit { ticket: Some(ticket.into()), ..avoided(byte) })
}

async fn refused(home: &Home, booking: Booking) -> BookError {
    match home.book(booking).await {
        Err(StoreError::Booking(error)) => error,
        other => panic!("was not refused by a rule: {other:?}"),
    }
}

#[tokio::test]
async fn help_in_grovelsjon_saves_378_kilometres_at_most() {
    let home = Home::with_sites().await;
    let entry = home.book(Booking::Avoided(avoided(1))).await.expect("booked").remove(0);
    assert_eq!((entry.kind, entry.seq), (EntryKind::Avoided, 3));
    assert_eq!((entry.site.clone(), entry.road_m), (Some(site("grovelsjon")), Some(189_000)));
    assert_eq!((entry.site_revision, entry.service_date.raw()), (Some(1), "2026-06-01"));
    assert_eq!(entry.factor_set.as_ref().map(|id| id.raw()), Some("2026-1"));
    assert_eq!(entry.method.as_ref().map(|id| id.raw()), Some("avoided-trips/1"));
    assert!(entry.by.as_ref().is_some_and(|by| by.raw().starts_with("t-") && !by.raw().contains("anna")));
    let entries = home.entries().await;
    assert_eq!(entries.last(), Some(&entry));
    assert_eq!(upper_bound_m(&entries), 378_000);
    home.assert_sound().await;
}

#[tokio::test]
async fn the_same_ticket_about_the_same_pc_is_the_same_need() {
    let home = Home::with_sites().await;
    let first = home.book(with_ticket(1, "INC-1")).await.expect("booked").remove(0);
    let need = first.need.expect("a need");
    assert!(matches!(
        refused(&home, with_ticket(1, " inc-1 ")).await,
        BookError::AlreadyAvoided { need: known, entry, .. } if known == need && entry == first.id
    ));
    let other_pc = home.book(with_ticket(2, "INC-1")).await.expect("another need").remove(0);
    let other_ticket = home.book(with_ticket(1, "INC-2")).await.expect("another need").remove(0);
    assert_ne!(other_pc.need, Some(need));
    assert_ne!(other_ticket.need, Some(need));
}

#[tokio::test]
async fn help_by_telephone_needs_only_a_place() {
    let home = Home::with_sites().await;
    let phone =
        AvoidedVisit { device: None, site: Some(site("idre")), ticket: Some("T".into()), ..avoided(1) };
    home.book(Booking::Avoided(phone.clone())).await.expect("booked");
    assert!(matches!(refused(&home, Booking::Avoided(phone)).await, BookError::AlreadyAvoided { .. }));
    let nowhere = AvoidedVisit { device: None, ..avoided(1) };
    assert_eq!(refused(&home, Booking::Avoided(nowhere)).await, BookError::NoSite);
    assert_eq!(refused(&home, Booking::Avoided(avoided(3))).await, BookError::NoSite);
}

#[tokio::test]
async fn a_visit_takes_the_saving_back_by_itself() {
    let home = Home::with_sites().await;
    let saved = home.book(with_ticket(1, "INC-1")).await.expect("booked").remove(0);
    let visit = MadeVisit { ticket: Some("INC-1".into()), ..made(1) };
    let booked = home.book(Booking::Made(visit)).await.expect("booked");
    let kinds: Vec<EntryKind> = booked.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Visit, EntryKind::Reversal]);
    assert_eq!(booked[1].reverses, Some(saved.id));
    let entries = home.entries().await;
    let listed = entries.iter().find(|entry| entry.id == saved.id).expect("there");
    assert_eq!(listed.reversed_by, Some(booked[1].id));
    assert_eq!(upper_bound_m(&entries), 0);
    // Somebody drove: the need cannot save that trip any more.
    assert!(matches!(refused(&home, with_ticket(1, "INC-1")).await, BookError::VisitWasMade { .. }));
    home.assert_sound().await;
}

#[tokio::test]
async fn a_visit_for_a_place_alone_is_about_no_need() {
    let home = Home::with_sites().await;
    let visit = MadeVisit { device: None, site: Some(site("orsa")), ..made(1) };
    let booked = home.book(Booking::Made(visit)).await.expect("booked");
    assert_eq!((booked.len(), booked[0].need, booked[0].road_m), (1, None, Some(15_000)));
    let for_a_pc = home.book(Booking::Made(made(2))).await.expect("booked");
    assert!(for_a_pc[0].need.is_some());
}

#[tokio::test]
async fn a_reversal_is_for_one_avoided_entry_once_and_frees_its_need() {
    let home = Home::with_sites().await;
    let saved = home.book(with_ticket(1, "INC-1")).await.expect("booked").remove(0);
    let reverse = |entry: EntryId| Booking::Reverse(Reverse { entry });
    let reversal = home.book(reverse(saved.id)).await.expect("reversed").remove(0);
    assert_eq!((reversal.need, reversal.service_date.clone()), (saved.need, saved.service_date.clone()));
    assert_eq!(
        refused(&home, reverse(saved.id)).await,
        BookError::AlreadyReversed { entry: saved.id, by: reversal.id }
    );
    assert_eq!(refused(&home, reverse(reversal.id)).await, BookError::NotAvoided(reversal.id));
    let unknown = EntryId::from_bytes([0xee; 16]);
    assert_eq!(refused(&home, reverse(unknown)).await, BookError::NoEntry(unknown));
    let again = home.book(with_ticket(1, "INC-1")).await.expect("free again").remove(0);
    assert_eq!(again.need, saved.need);
    home.assert_sound().await;
}

#[tokio::test]
async fn named_needs_must_exist_and_be_about_the_pc() {
    let home = Home::with_sites().await;
    let unknown = NeedId::from_bytes([1; 16]);
    let naming = |byte: u8, need| Booking::Avoided(AvoidedVisit { need: Some(need), ..avoided(byte) });
    assert_eq!(refused(&home, naming(1, unknown)).await, BookError::Need(NeedError::Unknown(unknown)));
    let need = home.book(Booking::Avoided(avoided(1))).await.expect("booked")[0].need.expect("a need");
    assert_eq!(refused(&home, naming(2, need)).await, BookError::Need(NeedError::AnotherDevice(need)));
    // A visit that names the need alone finds its place.
    let visit = MadeVisit { device: None, need: Some(need), ..made(1) };
    let booked = home.book(Booking::Made(visit)).await.expect("booked");
    assert_eq!((booked.len(), booked[0].site.clone()), (2, Some(site("grovelsjon"))));
}

#[tokio::test]
async fn days_in_the_future_or_the_distant_past_are_refused() {
    let home = Home::with_sites().await;
    let on = |day: &str| Booking::Avoided(AvoidedVisit { service_date: Some(day.into()), ..avoided(1) });
    assert!(matches!(refused(&home, on("2026-06-02")).await, BookError::Date(DateError::Future { .. })));
    assert!(matches!(refused(&home, on("2019-12-31")).await, BookError::Date(DateError::TooEarly(_))));
    assert_eq!(refused(&home, on("1 juni")).await, BookError::Date(DateError::NotADate));
    let early = home.book(on("2020-01-01")).await.expect("booked").remove(0);
    assert_eq!(early.service_date.raw(), "2020-01-01");
}

#[tokio::test]
async fn nothing_is_booked_without_distances_and_factors() {
    let home = Home::with_token().await;
    let phone = Booking::Avoided(AvoidedVisit { device: None, site: Some(site("idre")), ..avoided(1) });
    assert_eq!(refused(&home, phone.clone()).await, BookError::NoSites);
    home.store.import_sites(roads(151_000), None, &anna(), NOW).await.expect("imported");
    assert_eq!(refused(&home, phone.clone()).await, BookError::NoFactorSet);
    home.store.import_sites(roads(151_000), Some(factors()), &anna(), NOW).await.expect("imported");
    home.book(phone).await.expect("booked");
}

#[tokio::test]
async fn a_new_distance_changes_no_old_entry() {
    let home = Home::with_sites().await;
    let before = home.book(Booking::Avoided(avoided(1))).await.expect("booked").remove(0);
    home.store.import_sites(roads(160_000), None, &anna(), NOW).await.expect("imported");
    let after = home.book(Booking::Avoided(avoided(1))).await.expect("booked").remove(0);
    assert_eq!((after.road_m, after.site_revision), (Some(198_000), Some(2)));
    assert!(home.entries().await.contains(&before));
    // Undoing takes back what was booked, not what it would be today.
    let reversal =
        home.book(Booking::Reverse(Reverse { entry: before.id })).await.expect("reversed").remove(0);
    assert_eq!((reversal.road_m, reversal.site_revision), (Some(189_000), Some(1)));
    home.assert_sound().await;
}

#[tokio::test]
async fn entries_are_listed_by_day_and_page_by_page() {
    let home = Home::with_sites().await;
    for day in ["2026-05-01", "2026-05-03", "2026-05-02"] {
        let booking = AvoidedVisit { service_date: Some(day.into()), ..avoided(1) };
        home.book(Booking::Avoided(booking)).await.expect("booked");
    }
    let days = |entries: Vec<EntryRecord>| {
        entries.iter().map(|entry| entry.service_date.raw().to_owned()).collect::<Vec<_>>()
    };
    let filter = LedgerFilter { from: Some("2026-05-02".into()), to: Some("2026-05-03".into()) };
    let listed = home.store.entries(&filter, 0, 0).await.expect("read");
    assert_eq!(days(listed.clone()), ["2026-05-03", "2026-05-02"], "in the order of booking");
    let first = home.store.entries(&filter, 0, 1).await.expect("read");
    let second = home.store.entries(&filter, first[0].seq, 1).await.expect("read");
    assert_eq!([first, second].concat(), listed);
    let wrong = LedgerFilter { from: Some("maj".into()), to: None };
    assert!(matches!(home.store.entries(&wrong, 0, 0).await, Err(StoreError::Date(DateError::NotADate))));
}
