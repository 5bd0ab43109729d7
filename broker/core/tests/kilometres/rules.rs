//! The rules of booking, one by one and in any order.

use std::collections::BTreeMap;

use distans_broker_core::dates::ServiceDate;
use distans_broker_core::ledger::{Body, BookError, History, Target, rules};
use distans_proto::ids::EntryId;
use distans_proto::trips::EntryKind;
use proptest::prelude::*;

use crate::common::{booking, frozen, need, real, reversals, visit};

fn day(text: &str) -> ServiceDate {
    text.parse().expect("a day")
}

fn avoided_on(date: &str) -> Body {
    rules::avoided(&booking(1), &visit(), day(date), need(1), frozen(real(), "idre"), &History::default())
        .expect("a first booking")
        .remove(0)
}

#[test]
fn an_avoided_visit_freezes_distance_revision_factors_and_method() {
    let entry = avoided_on("2026-03-09");
    assert_eq!(entry.kind, EntryKind::Avoided);
    assert_eq!((entry.road_m, entry.site_revision), (Some(151_000), Some(1)));
    assert_eq!((entry.factor_set.as_deref(), entry.method.as_str()), (Some("2026-1"), "avoided-trips/1"));
}

#[test]
fn a_need_saves_one_trip() {
    let active = avoided_on("2026-03-09");
    let history = History { active: Some(active.clone()), visits: Vec::new() };
    let again =
        rules::avoided(&booking(2), &visit(), day("2026-03-20"), need(1), frozen(real(), "idre"), &history);
    assert_eq!(
        again,
        Err(BookError::AlreadyAvoided { need: need(1), entry: active.id, day: day("2026-03-09") })
    );
}

#[test]
fn a_visit_within_fourteen_days_takes_the_saving_back() {
    for (visit_on, reversed) in
        [("2026-03-08", false), ("2026-03-09", true), ("2026-03-23", true), ("2026-03-24", false)]
    {
        let active = avoided_on("2026-03-09");
        let history = History { active: Some(active.clone()), visits: Vec::new() };
        let plan = rules::made(&booking(2), day(visit_on), Some(need(1)), frozen(real(), "idre"), &history);
        assert_eq!(plan[0].kind, EntryKind::Visit);
        assert_eq!(!reversals(&plan).is_empty(), reversed, "visit on {visit_on}");
        if let Some(reversal) = plan.get(1) {
            assert_eq!((reversal.kind, reversal.reverses), (EntryKind::Reversal, Some(active.id)));
            assert_eq!(reversal.service_date, active.service_date);
            assert_eq!(
                (reversal.road_m, &reversal.site, reversal.need),
                (active.road_m, &active.site, active.need)
            );
            assert_ne!(reversal.id, plan[0].id);
        }
    }
}

#[test]
fn nothing_is_saved_when_somebody_drove_anyway() {
    for (made, refused) in
        [("2026-03-08", false), ("2026-03-09", true), ("2026-03-23", true), ("2026-03-24", false)]
    {
        let history = History { active: None, visits: vec![day(made)] };
        let booked = rules::avoided(
            &booking(1),
            &visit(),
            day("2026-03-09"),
            need(1),
            frozen(real(), "idre"),
            &history,
        );
        assert_eq!(booked.is_err(), refused, "visit made on {made}");
    }
}

#[test]
fn only_an_avoided_visit_can_be_reversed_and_only_once() {
    let (entry, other) = (EntryId::from_bytes([9; 16]), EntryId::from_bytes([8; 16]));
    assert_eq!(rules::reverse(&booking(2), entry, None), Err(BookError::NoEntry(entry)));
    let body = avoided_on("2026-03-09");
    let target = Target { body: body.clone(), reversed_by: None };
    let plan = rules::reverse(&booking(2), body.id, Some(&target)).expect("the first time");
    assert_eq!(reversals(&plan), [(body.id, booking(2).ids.first)]);
    let reversed = Target { body: body.clone(), reversed_by: Some(other) };
    assert_eq!(
        rules::reverse(&booking(2), body.id, Some(&reversed)),
        Err(BookError::AlreadyReversed { entry: body.id, by: other })
    );
    let reversal = Target { body: plan[0].clone(), reversed_by: None };
    assert_eq!(rules::reverse(&booking(3), entry, Some(&reversal)), Err(BookError::NotAvoided(entry)));
}

/// A ledger in memory that keeps what the rules plan.
#[derive(Default)]
struct Ledger {
    entries: Vec<Body>,
}

impl Ledger {
    fn reversed(&self) -> BTreeMap<EntryId, EntryId> {
        reversals(&self.entries).into_iter().collect()
    }

    fn active(&self, of: u8) -> Vec<&Body> {
        let reversed = self.reversed();
        let avoided = |body: &&Body| body.kind == EntryKind::Avoided && body.need == Some(need(of));
        self.entries.iter().filter(avoided).filter(|body| !reversed.contains_key(&body.id)).collect()
    }

    fn history(&self, of: u8) -> History {
        let visit = |body: &&Body| body.kind == EntryKind::Visit && body.need == Some(need(of));
        History {
            active: self.active(of).first().map(|body| (*body).clone()),
            visits: self.entries.iter().filter(visit).map(|body| body.service_date).collect(),
        }
    }

    fn take(&mut self, number: u64, what: &What) {
        let (roads, booking) = (real(), booking(number));
        let plan = match what {
            What::Avoided(of, date) => {
                let history = self.history(*of);
                rules::avoided(&booking, &visit(), *date, need(*of), frozen(roads, "idre"), &history)
            }
            What::Made(of, date) => {
                let history = self.history(*of);
                Ok(rules::made(&booking, *date, Some(need(*of)), frozen(roads, "idre"), &history))
            }
            What::Reverse(index) => {
                let Some(body) = self.entries.get(*index) else { return };
                let reversed_by = self.reversed().get(&body.id).copied();
                rules::reverse(&booking, body.id, Some(&Target { body: body.clone(), reversed_by }))
            }
        };
        self.entries.extend(plan.unwrap_or_default());
    }
}

#[derive(Debug, Clone)]
enum What {
    Avoided(u8, ServiceDate),
    Made(u8, ServiceDate),
    Reverse(usize),
}

fn any_day() -> impl Strategy<Value = ServiceDate> {
    (1u8..=28).prop_map(|number| day(&format!("2026-03-{number:02}")))
}

fn any_booking() -> impl Strategy<Value = What> {
    prop_oneof![
        (0u8..3, any_day()).prop_map(|(need, day)| What::Avoided(need, day)),
        (0u8..3, any_day()).prop_map(|(need, day)| What::Made(need, day)),
        (0usize..20).prop_map(What::Reverse),
    ]
}

proptest! {
    #[test]
    fn whatever_is_booked_the_ledger_keeps_its_promises(bookings in prop::collection::vec(any_booking(), 0..30)) {
        let mut ledger = Ledger::default();
        for (number, what) in bookings.iter().enumerate() {
            ledger.take(number as u64, what);
        }
        // A target has at most one reversal, and it is an avoided visit.
        let reversals = reversals(&ledger.entries);
        prop_assert_eq!(ledger.reversed().len(), reversals.len());
        for (target, _) in reversals {
            let target = ledger.entries.iter().find(|body| body.id == target);
            prop_assert_eq!(target.map(|body| body.kind), Some(EntryKind::Avoided));
        }
        for of in 0..3 {
            let active = ledger.active(of);
            // A need saves at most one trip, and none if somebody drove within 14 days.
            prop_assert!(active.len() <= 1);
            for body in active {
                for made in ledger.history(of).visits {
                    prop_assert!(!(0..=14).contains(&body.service_date.days_to(made)));
                }
            }
        }
    }
}
