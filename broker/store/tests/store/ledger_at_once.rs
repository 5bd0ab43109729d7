//! Many technicians booking at the same moment: one need saves one trip, the chain has no gaps.

use distans_broker_core::ledger::BookError;
use distans_broker_store::StoreError;
use distans_proto::ids::TechnicianId;
use distans_proto::trips::{AvoidedVisit, Booking, EntryKind, Reverse};

use crate::common::{Home, NOW, avoided};

fn technician(number: usize) -> TechnicianId {
    format!("tekniker-{number}").parse().expect("a label")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_book_one_need_at_once_exactly_one_wins() {
    let home = Home::with_sites().await;
    for round in 0..25 {
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(2));
        let both: Vec<_> = (0..2)
            .map(|number| {
                let (store, start) = (home.store.clone(), start.clone());
                let ticket = Some(format!("INC-{round}").into());
                tokio::spawn(async move {
                    start.wait().await;
                    let booking = Booking::Avoided(AvoidedVisit { ticket, ..avoided(1) });
                    store.book(booking, &technician(number), NOW).await
                })
            })
            .collect();
        let mut won = 0;
        for task in both {
            match task.await.expect("finished") {
                Ok(_) => won += 1,
                Err(StoreError::Booking(BookError::AlreadyAvoided { .. })) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    home.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refused_booking_does_not_disturb_those_it_shares_a_commit_with() {
    let home = Home::with_sites().await;
    // Ten needs, each booked by ten technicians at once: 100 writes, 10 of them kept.
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let store = home.store.clone();
            let ticket = Some(format!("INC-{}", number % 10).into());
            let booking = Booking::Avoided(AvoidedVisit { ticket, ..avoided(1) });
            tokio::spawn(async move { store.book(booking, &technician(number), NOW).await.is_ok() })
        })
        .collect();
    let mut kept = 0;
    for task in tasks {
        kept += usize::from(task.await.expect("finished"));
    }
    assert_eq!(kept, 10);
    let entries = home.entries().await;
    assert_eq!(entries.iter().filter(|entry| entry.kind == EntryKind::Avoided).count(), 10);
    assert!(entries.iter().zip(1..).all(|(entry, seq)| entry.seq == seq), "no gaps");
    home.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_is_reversed_once_however_many_try() {
    let home = Home::with_sites().await;
    let entry = home.book(Booking::Avoided(avoided(1))).await.expect("booked")[0].id;
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let store = home.store.clone();
            let booking = Booking::Reverse(Reverse { entry });
            tokio::spawn(async move { store.book(booking, &technician(number), NOW).await.is_ok() })
        })
        .collect();
    let mut reversed = 0;
    for task in tasks {
        reversed += usize::from(task.await.expect("finished"));
    }
    assert_eq!(reversed, 1);
    home.assert_sound().await;
}
