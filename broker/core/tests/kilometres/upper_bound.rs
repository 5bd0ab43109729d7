//! The upper bound, against the worked examples of the method.

use distans_broker_core::ledger::{Head, History, Link, rules};
use distans_proto::ids::EntryId;
use distans_proto::trips::{EntryRecord, upper_bound_m};
use proptest::prelude::*;

use crate::common::{booking, frozen, need, real, visit};

/// An avoided visit as it is listed.
fn avoided(number: u64, site: &str, day: &str) -> EntryRecord {
    let day = day.parse().expect("a day");
    let plan =
        rules::avoided(&booking(number), &visit(), day, need(1), frozen(real(), site), &History::default());
    let body = plan.expect("a first booking").remove(0);
    body.record(&Link::after(&Head::default(), &[0; 32], b""), None)
}

fn upper(sites: &[&str]) -> u64 {
    let entries: Vec<EntryRecord> =
        sites.iter().zip(0..).map(|(site, number)| avoided(number, site, "2026-03-09")).collect();
    upper_bound_m(&entries)
}

#[test]
fn the_worked_examples_hold() {
    assert_eq!(upper(&["grovelsjon"]), 378_000);
    for (example, sites, metres) in [
        ("E1", ["idre"].as_slice(), 302_000),
        ("E2", &["sarna", "idre"], 538_000),
        ("E3", &["idre"], 302_000),
        ("E4", &["sarna"], 236_000),
        ("E5", &["orsa", "venjan"], 116_000),
        ("E6", &["vamhus", "orsa"], 61_000),
        ("E7", &["orsa", "skattungbyn", "vamhus", "rot", "evertsberg"], 286_200),
        ("E8", &["orsa", "brand-orsa"], 60_000),
        ("E9", &["idre", "sarna", "grovelsjon"], 916_000),
    ] {
        assert_eq!(upper(sites), metres, "{example}");
    }
}

#[test]
fn a_site_counts_once_a_day() {
    assert_eq!(upper(&["idre", "idre"]), 302_000);
    let two_days = [avoided(1, "idre", "2026-03-09"), avoided(2, "idre", "2026-03-10")];
    assert_eq!(upper_bound_m(&two_days), 604_000);
}

#[test]
fn a_reversed_entry_counts_nothing() {
    let mut entries = [avoided(1, "idre", "2026-03-09"), avoided(2, "orsa", "2026-03-09")];
    entries[0].reversed_by = Some(EntryId::from_bytes([1; 16]));
    assert_eq!(upper_bound_m(&entries), 30_000);
    assert_eq!(upper_bound_m(&[]), 0);
}

fn any_entries() -> impl Strategy<Value = Vec<EntryRecord>> {
    let site = prop::sample::select(vec!["idre", "sarna", "orsa", "brand-orsa", "venjan", "mora"]);
    // Distances of the same site may differ: the site table was corrected between two bookings.
    let entry = (site, 1u8..=3, 0u32..400_000, any::<bool>()).prop_map(|(site, day, road_m, reversed)| {
        let mut entry = avoided(1, site, &format!("2026-03-{day:02}"));
        entry.road_m = Some(road_m);
        entry.reversed_by = reversed.then_some(EntryId::from_bytes([1; 16]));
        entry
    });
    prop::collection::vec(entry, 0..12)
}

proptest! {
    #[test]
    fn the_order_of_booking_does_not_matter(
        (entries, shuffled) in any_entries().prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle()))
    ) {
        prop_assert_eq!(upper_bound_m(&entries), upper_bound_m(&shuffled));
    }

    #[test]
    fn one_more_entry_never_lowers_it(entries in any_entries()) {
        if let Some((_, fewer)) = entries.split_last() {
            prop_assert!(upper_bound_m(fewer) <= upper_bound_m(&entries));
        }
    }
}
