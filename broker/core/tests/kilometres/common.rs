//! The project's default sites and legs, and short words for tests.

use std::sync::LazyLock;

use distans_broker_core::ledger::{Body, Booking, Frozen, Ids};
use distans_broker_core::pseudonym::Pseudonyms;
use distans_broker_core::roads::Roads;
use distans_proto::ids::{EntryId, NeedId, SiteId};
use distans_proto::time::Timestamp;
use distans_proto::trips::{AvoidedVisit, Channel, Leg, Reason, Site, Urgency};

const SITES: &str = include_str!("../../../../deploy/data/sites.csv");
const LEGS: &str = include_str!("../../../../deploy/data/road_legs.csv");

pub(crate) fn id(text: &str) -> SiteId {
    text.parse().expect("a label")
}

/// A decimal number with at most `digits` after the point, in units of the last of them.
fn scaled(text: &str, digits: usize) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<digits$}").parse().expect("a decimal number")
}

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
}

pub(crate) fn sites() -> Vec<Site> {
    let site = |row: &Vec<String>| Site {
        id: id(&row[0]),
        name: row[1].as_str().into(),
        municipality: row[2].as_str().into(),
        lat_e6: i32::try_from(scaled(&row[3], 6)).expect("a latitude"),
        lon_e6: i32::try_from(scaled(&row[4], 6)).expect("a longitude"),
        road_m: u32::try_from(scaled(&row[5], 3)).expect("metres"),
        drive_s: row[6].parse::<u32>().expect("minutes") * 60,
        source: row[7].as_str().into(),
        revision: 0,
    };
    rows(SITES).iter().map(site).collect()
}

pub(crate) fn legs() -> Vec<Leg> {
    let leg = |row: &Vec<String>| Leg {
        from: id(&row[0]),
        to: id(&row[1]),
        m: u32::try_from(scaled(&row[2], 3)).expect("metres"),
        s: u32::try_from(scaled(&row[3], 1) * 6).expect("seconds"),
        source: row[4].as_str().into(),
    };
    rows(LEGS).iter().map(leg).collect()
}

pub(crate) fn real() -> &'static Roads {
    static REAL: LazyLock<Roads> = LazyLock::new(|| Roads::check(sites(), legs()).expect("sound data"));
    &REAL
}

/// Noon in Stockholm, early summer of 2026.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_780_308_000);

/// A booking whose ids are made of `number`.
pub(crate) fn booking(number: u64) -> Booking {
    let entry = |kind: u64| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes[8..].copy_from_slice(&kind.to_be_bytes());
        EntryId::from_bytes(bytes)
    };
    let by = Pseudonyms::new(&[7; 32]).technician(&"anna".parse().expect("a label"));
    Booking { by, now: NOW, ids: Ids { first: entry(1), second: entry(2) } }
}

pub(crate) fn need(byte: u8) -> NeedId {
    NeedId::from_bytes([byte; 16])
}

pub(crate) fn frozen(roads: &Roads, site: &str) -> Frozen {
    let site = roads.site(&id(site)).expect("a known site");
    Frozen { site: site.id.clone(), road_m: site.road_m, site_revision: 1, factor_set: "2026-1".to_owned() }
}

/// Everything about the visit that the rules copy.
pub(crate) fn visit() -> AvoidedVisit {
    AvoidedVisit {
        device: None,
        site: None,
        need: None,
        ticket: None,
        channel: Channel::Remote,
        reason: Reason::FaultUsedToNeedHands,
        urgency: Urgency::SameDay,
        service_date: None,
    }
}

/// The reversals among some entries, as (target, reversal).
pub(crate) fn reversals(bodies: &[Body]) -> Vec<(EntryId, EntryId)> {
    bodies.iter().filter_map(|body| body.reverses.map(|target| (target, body.id))).collect()
}
