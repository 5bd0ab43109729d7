//! Which bookings are taken, and which entries each of them makes.
//!
//! Whoever keeps the ledger looks up what stands in [`Frozen`], [`History`] and [`Target`] in
//! the same transaction in which it writes the [`Plan`], so that two people who book at the
//! same moment cannot both be right.

use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{EntryId, NeedId, SiteId};
use distans_proto::time::Timestamp;
use distans_proto::trips::{AvoidedVisit, EntryKind};

use super::METHOD;
use super::body::Body;
use crate::dates::{DateError, ServiceDate};
use crate::needs::NeedError;
use crate::pseudonym::Pseudonym;

/// A visit for the same need within so many days after help takes the saving back.
pub const REBOUND_DAYS: i32 = 14;

/// Why a booking is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The day is wrong.
    #[error(transparent)]
    Date(#[from] DateError),
    /// The need is wrong.
    #[error(transparent)]
    Need(#[from] NeedError),
    /// Nothing says where.
    #[error("the PC has no site yet; name one with --site, or place the PC at its site first")]
    NoSite,
    /// There are no distances.
    #[error("no sites are loaded yet; load them with `distans admin site import`")]
    NoSites,
    /// There are no factors.
    #[error("no factor set is loaded yet; import one with the sites (`distans admin site import`)")]
    NoFactorSet,
    /// One need saves one trip.
    #[error(
        "need {need} already has an avoided visit (entry {entry} for {day}); nothing more is saved by the same need"
    )]
    AlreadyAvoided {
        /// The need.
        need: NeedId,
        /// Its active entry.
        entry: EntryId,
        /// The day of that entry.
        day: ServiceDate,
    },
    /// Somebody did drive.
    #[error("a visit for need {need} was made on {day}, so no visit was avoided")]
    VisitWasMade {
        /// The need.
        need: NeedId,
        /// The day of the visit.
        day: ServiceDate,
    },
    /// No such entry.
    #[error("no ledger entry {0} is recorded; `distans trips` lists them")]
    NoEntry(EntryId),
    /// Only avoided visits can be taken back.
    #[error("entry {0} is not an avoided visit, so it cannot be reversed")]
    NotAvoided(EntryId),
    /// Once is enough.
    #[error("entry {entry} was already reversed by entry {by}")]
    AlreadyReversed {
        /// The entry.
        entry: EntryId,
        /// Its reversal.
        by: EntryId,
    },
}

impl BookError {
    /// The reason to tell over the wire.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::NoEntry(_) | Self::Need(NeedError::Unknown(_)) => RefusalCode::NotFound,
            Self::AlreadyAvoided { .. } | Self::VisitWasMade { .. } | Self::AlreadyReversed { .. } => {
                RefusalCode::Conflict
            }
            Self::Date(_)
            | Self::Need(_)
            | Self::NoSite
            | Self::NoSites
            | Self::NoFactorSet
            | Self::NotAvoided(_) => RefusalCode::BadRequest,
        }
    }
}

/// Fresh random ids for the entries a booking may make.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// For the entry asked for.
    pub first: EntryId,
    /// For one that comes with it: the reversal a visit causes, the factor set beside the sites.
    pub second: EntryId,
}

/// Who books, when, and under which ids.
#[derive(Debug, Clone)]
pub struct Booking {
    /// Who.
    pub by: Pseudonym,
    /// When.
    pub now: Timestamp,
    /// Fresh ids.
    pub ids: Ids,
}

/// What an entry freezes: a later change of distances or factors does not touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// The place.
    pub site: SiteId,
    /// One-way road from the depot, metres.
    pub road_m: u32,
    /// Revision of the site table.
    pub site_revision: u32,
    /// Id of the factor set in force on the service date.
    pub factor_set: String,
}

/// What the ledger holds about one need already; empty for a new one.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Its avoided entry that is not reversed.
    pub active: Option<Body>,
    /// The days of visits made for it.
    pub visits: Vec<ServiceDate>,
}

/// An entry somebody wants to take back.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it says.
    pub body: Body,
    /// The entry that reversed it, if any.
    pub reversed_by: Option<EntryId>,
}

/// The entries to add, in this order.
pub type Plan = Vec<Body>;

/// The place a booking is about: the one it names, else the PC's, else the need's.
///
/// # Errors
/// If none of them is known.
pub fn place(
    named: Option<&SiteId>,
    device: Option<&SiteId>,
    need: Option<&SiteId>,
) -> Result<SiteId, BookError> {
    named.or(device).or(need).cloned().ok_or(BookError::NoSite)
}

/// Books a visit that was not driven.
///
/// # Errors
/// If the need has an active avoided visit, or somebody drove for it within [`REBOUND_DAYS`].
pub fn avoided(
    booking: &Booking,
    visit: &AvoidedVisit,
    day: ServiceDate,
    need: NeedId,
    frozen: Frozen,
    history: &History,
) -> Result<Plan, BookError> {
    if let Some(active) = &history.active {
        return Err(BookError::AlreadyAvoided { need, entry: active.id, day: active.service_date });
    }
    if let Some(made) = history.visits.iter().find(|made| within_rebound(day, **made)) {
        return Err(BookError::VisitWasMade { need, day: *made });
    }
    Ok(vec![Body {
        channel: Some(visit.channel),
        reason: Some(visit.reason),
        urgency: Some(visit.urgency),
        ..stop(booking, EntryKind::Avoided, day, Some(need), frozen)
    }])
}

/// Books a visit that was made, and takes back what its need had saved in the days before.
///
/// A need is optional: a visit may be for the place alone.
pub fn made(
    booking: &Booking,
    day: ServiceDate,
    need: Option<NeedId>,
    frozen: Frozen,
    history: &History,
) -> Plan {
    let mut plan = vec![stop(booking, EntryKind::Visit, day, need, frozen)];
    if let Some(active) = history.active.as_ref().filter(|active| within_rebound(active.service_date, day)) {
        plan.push(reversal(booking, booking.ids.second, active));
    }
    plan
}

/// Takes an avoided entry back.
///
/// # Errors
/// If there is no such entry, it is not an avoided visit, or it was reversed before.
pub fn reverse(booking: &Booking, entry: EntryId, target: Option<&Target>) -> Result<Plan, BookError> {
    let target = target.ok_or(BookError::NoEntry(entry))?;
    if target.body.kind != EntryKind::Avoided {
        return Err(BookError::NotAvoided(entry));
    }
    if let Some(by) = target.reversed_by {
        return Err(BookError::AlreadyReversed { entry, by });
    }
    Ok(vec![reversal(booking, booking.ids.first, &target.body)])
}

/// Books that a new revision of sites and legs came into force.
///
/// # Errors
/// If `booking.now` is no date.
pub fn site_revision(booking: &Booking, revision: u32, content: &[u8; 32]) -> Result<Body, BookError> {
    Ok(Body {
        site_revision: Some(revision),
        ..table(booking, EntryKind::SiteRevision, booking.ids.first, content)?
    })
}

/// Books that a new factor set came into force.
///
/// # Errors
/// If `booking.now` is no date.
pub fn factor_set(booking: &Booking, id: &str, content: &[u8; 32]) -> Result<Body, BookError> {
    Ok(Body {
        factor_set: Some(id.to_owned()),
        ..table(booking, EntryKind::FactorSet, booking.ids.second, content)?
    })
}

fn within_rebound(avoided: ServiceDate, made: ServiceDate) -> bool {
    (0..=REBOUND_DAYS).contains(&avoided.days_to(made))
}

fn blank(booking: &Booking, kind: EntryKind, id: EntryId, day: ServiceDate) -> Body {
    Body {
        booked_at: booking.now,
        by: booking.by.clone(),
        channel: None,
        content_sha256: None,
        factor_set: None,
        id,
        kind,
        method: METHOD.to_owned(),
        need: None,
        reason: None,
        reverses: None,
        road_m: None,
        service_date: day,
        site: None,
        site_revision: None,
        urgency: None,
    }
}

fn stop(booking: &Booking, kind: EntryKind, day: ServiceDate, need: Option<NeedId>, frozen: Frozen) -> Body {
    Body {
        need,
        site: Some(frozen.site),
        road_m: Some(frozen.road_m),
        site_revision: Some(frozen.site_revision),
        factor_set: Some(frozen.factor_set),
        ..blank(booking, kind, booking.ids.first, day)
    }
}

/// Takes over the target's day and frozen figures: it undoes exactly what was booked.
fn reversal(booking: &Booking, id: EntryId, target: &Body) -> Body {
    Body {
        booked_at: booking.now,
        by: booking.by.clone(),
        id,
        kind: EntryKind::Reversal,
        channel: None,
        reason: None,
        urgency: None,
        reverses: Some(target.id),
        ..target.clone()
    }
}

fn table(booking: &Booking, kind: EntryKind, id: EntryId, content: &[u8; 32]) -> Result<Body, BookError> {
    let today = ServiceDate::today(booking.now)?;
    Ok(Body {
        content_sha256: Some(data_encoding::HEXLOWER.encode(content)),
        ..blank(booking, kind, id, today)
    })
}
