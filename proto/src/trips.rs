//! Sites, road legs, bookings and ledger entries as they travel and as they are kept.
//!
//! Units are integers throughout (avoided-trips.md §2): metres, seconds, micro-degrees. Dates
//! are `YYYY-MM-DD` in Europe/Stockholm.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, EntryId, NeedId, SiteId};
use crate::text::Untrusted;
use crate::time::Timestamp;

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Site {
    /// Id.
    #[n(0)]
    pub id: SiteId,
    /// Name as people say it.
    #[n(1)]
    pub name: Untrusted,
    /// Municipality.
    #[n(2)]
    pub municipality: Untrusted,
    /// Latitude, millionths of a degree.
    #[n(3)]
    pub lat_e6: i32,
    /// Longitude, millionths of a degree.
    #[n(4)]
    pub lon_e6: i32,
    /// Shortest road from the depot, metres, one way.
    #[n(5)]
    pub road_m: u32,
    /// Driving time of that road, seconds, one way.
    #[n(6)]
    pub drive_s: u32,
    /// Where the figures come from.
    #[n(7)]
    pub source: Untrusted,
    /// Revision of the site table; set by the broker.
    #[n(8)]
    pub revision: u32,
}

/// One undirected road leg.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Leg {
    /// One end.
    #[n(0)]
    pub from: SiteId,
    /// The other end.
    #[n(1)]
    pub to: SiteId,
    /// Metres.
    #[n(2)]
    pub m: u32,
    /// Seconds.
    #[n(3)]
    pub s: u32,
    /// Where the figures come from.
    #[n(4)]
    pub source: Untrusted,
}

/// Kind of a ledger entry. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum EntryKind {
    /// A visit that was not driven.
    #[n(0)]
    Avoided,
    /// A stop of a real trip.
    #[n(1)]
    Visit,
    /// Takes one avoided entry back.
    #[n(2)]
    Reversal,
    /// A new factor set came into force.
    #[n(3)]
    FactorSet,
    /// A new revision of sites and legs came into force.
    #[n(4)]
    SiteRevision,
}

/// How the help was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Channel {
    /// Through Distans.
    #[n(0)]
    Remote,
    /// By telephone alone.
    #[n(1)]
    Phone,
}

/// Why somebody would have driven out. Closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Reason {
    /// A visit was booked and has been cancelled.
    #[n(0)]
    BookedVisitCancelled,
    /// This fault used to need hands on the PC.
    #[n(1)]
    FaultUsedToNeedHands,
    /// The person could not follow instructions by telephone.
    #[n(2)]
    UserCouldNotFollowByPhone,
    /// There is no other way in.
    #[n(3)]
    NoOtherWayIn,
}

/// How soon somebody would have driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Urgency {
    /// The same day.
    #[n(0)]
    SameDay,
    /// It would have ridden along with another trip; the default.
    #[n(1)]
    #[default]
    CanWait,
}

/// What a technician books.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Booking {
    /// A visit that was not driven.
    #[n(0)]
    Avoided(#[n(0)] AvoidedVisit),
    /// A visit that was made.
    #[n(1)]
    Made(#[n(0)] MadeVisit),
    /// An avoided entry was wrong.
    #[n(2)]
    Reverse(#[n(0)] Reverse),
}

/// A visit that was not driven.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AvoidedVisit {
    /// The PC, when the need is about one; its site counts unless `site` is given.
    #[n(0)]
    pub device: Option<DeviceId>,
    /// The place.
    #[n(1)]
    pub site: Option<SiteId>,
    /// The need it settles; `None` makes one, or finds it by ticket and PC.
    #[n(2)]
    pub need: Option<NeedId>,
    /// Ticket; kept outside the ledger.
    #[n(3)]
    pub ticket: Option<Untrusted>,
    /// How.
    #[n(4)]
    pub channel: Channel,
    /// Why somebody would have driven.
    #[n(5)]
    pub reason: Reason,
    /// How soon.
    #[n(6)]
    pub urgency: Urgency,
    /// The day, `YYYY-MM-DD`; `None` = today in Europe/Stockholm.
    #[n(7)]
    pub service_date: Option<Untrusted>,
}

/// A visit that was made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MadeVisit {
    /// The PC, when the visit was for one.
    #[n(0)]
    pub device: Option<DeviceId>,
    /// The place; else the PC's.
    #[n(1)]
    pub site: Option<SiteId>,
    /// The need; an avoided entry of the same need within 14 days is reversed.
    #[n(2)]
    pub need: Option<NeedId>,
    /// Ticket; kept outside the ledger.
    #[n(3)]
    pub ticket: Option<Untrusted>,
    /// The day, `YYYY-MM-DD`; `None` = today in Europe/Stockholm.
    #[n(4)]
    pub service_date: Option<Untrusted>,
}

/// Takes an avoided entry back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reverse {
    /// Which entry.
    #[n(0)]
    pub entry: EntryId,
}

/// Which entries; oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LedgerFilter {
    /// First service date, `YYYY-MM-DD`.
    #[n(0)]
    pub from: Option<Untrusted>,
    /// Last service date, `YYYY-MM-DD`.
    #[n(1)]
    pub to: Option<Untrusted>,
}

/// One ledger entry with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct EntryRecord {
    /// Position, from 1 without gaps.
    #[n(0)]
    pub seq: u64,
    /// Id.
    #[n(1)]
    pub id: EntryId,
    /// Kind.
    #[n(2)]
    pub kind: EntryKind,
    /// When it was booked.
    #[n(3)]
    pub booked_at: Timestamp,
    /// The day it counts for, `YYYY-MM-DD`.
    #[n(4)]
    pub service_date: Untrusted,
    /// The need.
    #[n(5)]
    pub need: Option<NeedId>,
    /// The place.
    #[n(6)]
    pub site: Option<SiteId>,
    /// One-way road from the depot at booking, metres.
    #[n(7)]
    pub road_m: Option<u32>,
    /// Revision of the site table at booking.
    #[n(8)]
    pub site_revision: Option<u32>,
    /// Factor set in force at booking.
    #[n(9)]
    pub factor_set: Option<Untrusted>,
    /// Method in force at booking.
    #[n(10)]
    pub method: Option<Untrusted>,
    /// How.
    #[n(11)]
    pub channel: Option<Channel>,
    /// Why.
    #[n(12)]
    pub reason: Option<Reason>,
    /// How soon.
    #[n(13)]
    pub urgency: Option<Urgency>,
    /// Pseudonym of who booked.
    #[n(14)]
    pub by: Option<Untrusted>,
    /// The entry it reverses.
    #[n(15)]
    pub reverses: Option<EntryId>,
    /// For an avoided entry: the entry that reversed it, if any.
    #[n(16)]
    pub reversed_by: Option<EntryId>,
    /// SHA-256 over salt and body, hex.
    #[n(17)]
    pub body_hash: Untrusted,
    /// Hash of the entry before, hex; zeros for the first.
    #[n(18)]
    pub prev_hash: Untrusted,
    /// SHA-256(prev_hash ‖ seq as u64 big-endian ‖ body_hash), hex.
    #[n(19)]
    pub hash: Untrusted,
}

/// The upper bound of what was saved, metres: for each day and site once, there and back, over
/// avoided entries that still stand. It knows nothing of shared trips, so it is never the
/// headline.
///
/// The order of the entries does not matter: where two of one day and site were frozen with
/// different distances, the longer one counts.
pub fn upper_bound_m(entries: &[EntryRecord]) -> u64 {
    let mut stops: BTreeMap<(&Untrusted, Option<&SiteId>), u64> = BTreeMap::new();
    for entry in entries {
        if entry.kind == EntryKind::Avoided && entry.reversed_by.is_none() {
            let there_and_back = 2 * u64::from(entry.road_m.unwrap_or(0));
            let longest = stops.entry((&entry.service_date, entry.site.as_ref())).or_default();
            *longest = (*longest).max(there_and_back);
        }
    }
    stops.values().sum()
}
