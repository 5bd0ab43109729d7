//! The road network: places, the legs between them, and shortest paths from the depot.
//!
//! A table of sites is only taken whole and only when it agrees with its legs, because every
//! distance in the ledger is copied from it. Distances are metres, times seconds, one way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;

use aws_lc_rs::digest;
use distans_proto::ids::SiteId;
use distans_proto::trips::{Leg, Site};

/// Where every trip starts and ends.
pub const DEPOT: &str = "mora";

/// How far a site's driving time may lie from the sum of its legs: times are written in whole
/// minutes, legs in tenths.
pub const DRIVE_TOLERANCE_S: u64 = 31;

/// Most sites of one network.
pub const MOST_SITES: usize = 5_000;

/// Most legs of one network.
pub const MOST_LEGS: usize = 20_000;

/// Latitudes of Sweden with a margin, millionths of a degree. Catches swapped columns.
const LATITUDES: std::ops::RangeInclusive<i32> = 55_000_000..=69_500_000;

/// Longitudes of Sweden with a margin, millionths of a degree.
const LONGITUDES: std::ops::RangeInclusive<i32> = 10_500_000..=24_500_000;

/// One thing that is wrong with sites or legs, naming the ids it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More than this version takes.
    #[error("at most {MOST_SITES} sites and {MOST_LEGS} legs are taken")]
    TooMany,
    /// The depot is not among the sites.
    #[error("site {DEPOT} is missing: every distance is counted from there")]
    NoDepot,
    /// A site stands twice.
    #[error("site {0} stands more than once")]
    DuplicateSite(SiteId),
    /// A leg stands twice, in either direction.
    #[error("leg {0} to {1} stands more than once; legs count in both directions")]
    DuplicateLeg(SiteId, SiteId),
    /// A leg leads nowhere.
    #[error("leg {from} to {to}: site {unknown} is not in the site table")]
    UnknownEnd {
        /// The leg's one end.
        from: SiteId,
        /// The leg's other end.
        to: SiteId,
        /// The end nobody knows.
        unknown: SiteId,
    },
    /// A leg leads back to where it starts.
    #[error("leg {0} to {0} leads back to itself")]
    Loop(SiteId),
    /// No legs lead there.
    #[error("site {0} cannot be reached from {DEPOT} over the legs")]
    Unreachable(SiteId),
    /// The site's distance is not the shortest path.
    #[error(
        "site {site}: road is {stated} m, but the shortest path from {DEPOT} over the legs is {shortest} m"
    )]
    Road {
        /// Which.
        site: SiteId,
        /// As the table says.
        stated: u32,
        /// As the legs say.
        shortest: u64,
    },
    /// The site's driving time is not that of the shortest path.
    #[error(
        "site {site}: driving time is {stated} s, but the shortest path takes {shortest} s (they may differ by {DRIVE_TOLERANCE_S} s)"
    )]
    Drive {
        /// Which.
        site: SiteId,
        /// As the table says.
        stated: u32,
        /// As the legs say.
        shortest: u64,
    },
    /// The site is not in Sweden.
    #[error("site {0}: latitude must be 55 to 69.5 and longitude 10.5 to 24.5 degrees; are they swapped?")]
    Coordinates(SiteId),
}

/// Everything that is wrong with a table, so that one round of corrections is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoadsError {
    /// In the order found; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for RoadsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the sites were not taken, {} to correct:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

impl std::error::Error for RoadsError {}

/// Length and driving time of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance {
    /// Metres. First, because the shorter path wins and seconds only break ties.
    pub m: u64,
    /// Seconds.
    pub s: u64,
}

/// A road network whose sites agree with its legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roads {
    sites: BTreeMap<SiteId, Site>,
    legs: BTreeMap<(SiteId, SiteId), Leg>,
    neighbours: BTreeMap<SiteId, Vec<(SiteId, Distance)>>,
}

impl Roads {
    /// Takes a table of sites and legs if it is sound. Revisions in it are ignored.
    ///
    /// # Errors
    /// Lists every problem with the ids it is about.
    pub fn check(sites: Vec<Site>, legs: Vec<Leg>) -> Result<Self, RoadsError> {
        if sites.len() > MOST_SITES || legs.len() > MOST_LEGS {
            return Err(RoadsError { problems: vec![Problem::TooMany] });
        }
        let mut problems = Vec::new();
        let mut roads = Self { sites: BTreeMap::new(), legs: BTreeMap::new(), neighbours: BTreeMap::new() };
        for site in sites {
            roads.add_site(site, &mut problems);
        }
        for leg in legs {
            roads.add_leg(leg, &mut problems);
        }
        roads.check_distances(&mut problems);
        if problems.is_empty() { Ok(roads) } else { Err(RoadsError { problems }) }
    }

    /// One site.
    pub fn site(&self, id: &SiteId) -> Option<&Site> {
        self.sites.get(id)
    }

    /// All sites in the order of their ids.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values()
    }

    /// All legs in the order of their ends, the lower id first.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values()
    }

    /// Shortest path between two sites; ties go to the fewer seconds. `None` for unknown sites.
    pub fn between(&self, from: &SiteId, to: &SiteId) -> Option<Distance> {
        self.distances(from).get(to).copied()
    }

    /// The place a site belongs to: sites at distance 0 of each other are one place, named by
    /// the lowest of their ids. `None` for an unknown site.
    pub fn place_of(&self, id: &SiteId) -> Option<SiteId> {
        self.distances(id).into_iter().find(|(_, distance)| distance.m == 0).map(|(id, _)| id)
    }

    /// SHA-256 over the table's content, the same for the same content in any order.
    pub fn sha256(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut field = |bytes: &[u8]| {
            // The length keeps two neighbouring fields from flowing into each other.
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        for site in self.sites.values() {
            field(site.id.as_str().as_bytes());
            field(site.name.raw().as_bytes());
            field(site.municipality.raw().as_bytes());
            field(&site.lat_e6.to_be_bytes());
            field(&site.lon_e6.to_be_bytes());
            field(&site.road_m.to_be_bytes());
            field(&site.drive_s.to_be_bytes());
            field(site.source.raw().as_bytes());
        }
        for leg in self.legs.values() {
            field(leg.from.as_str().as_bytes());
            field(leg.to.as_str().as_bytes());
            field(&leg.m.to_be_bytes());
            field(&leg.s.to_be_bytes());
            field(leg.source.raw().as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }

    fn add_site(&mut self, site: Site, problems: &mut Vec<Problem>) {
        if !LATITUDES.contains(&site.lat_e6) || !LONGITUDES.contains(&site.lon_e6) {
            problems.push(Problem::Coordinates(site.id.clone()));
        }
        if self.sites.contains_key(&site.id) {
            problems.push(Problem::DuplicateSite(site.id));
        } else {
            self.sites.insert(site.id.clone(), site);
        }
    }

    fn add_leg(&mut self, leg: Leg, problems: &mut Vec<Problem>) {
        let unknown: Vec<&SiteId> =
            [&leg.from, &leg.to].into_iter().filter(|end| !self.sites.contains_key(end)).collect();
        if !unknown.is_empty() {
            problems.extend(unknown.into_iter().map(|end| Problem::UnknownEnd {
                from: leg.from.clone(),
                to: leg.to.clone(),
                unknown: end.clone(),
            }));
            return;
        }
        if leg.from == leg.to {
            problems.push(Problem::Loop(leg.from));
            return;
        }
        let mut ends = (leg.from.clone(), leg.to.clone());
        if ends.0 > ends.1 {
            ends = (ends.1, ends.0);
        }
        if self.legs.contains_key(&ends) {
            problems.push(Problem::DuplicateLeg(leg.from, leg.to));
            return;
        }
        let distance = Distance { m: leg.m.into(), s: leg.s.into() };
        for (here, there) in [(&leg.from, &leg.to), (&leg.to, &leg.from)] {
            self.neighbours.entry(here.clone()).or_default().push((there.clone(), distance));
        }
        self.legs.insert(ends, leg);
    }

    fn check_distances(&self, problems: &mut Vec<Problem>) {
        let Some(depot) = self.sites.keys().find(|id| id.as_str() == DEPOT) else {
            problems.push(Problem::NoDepot);
            return;
        };
        let shortest = self.distances(depot);
        for site in self.sites.values() {
            let Some(path) = shortest.get(&site.id) else {
                problems.push(Problem::Unreachable(site.id.clone()));
                continue;
            };
            if u64::from(site.road_m) != path.m {
                problems.push(Problem::Road { site: site.id.clone(), stated: site.road_m, shortest: path.m });
            }
            if u64::from(site.drive_s).abs_diff(path.s) > DRIVE_TOLERANCE_S {
                problems.push(Problem::Drive {
                    site: site.id.clone(),
                    stated: site.drive_s,
                    shortest: path.s,
                });
            }
        }
    }

    /// Dijkstra from one site to all it reaches. Empty for an unknown site.
    fn distances(&self, from: &SiteId) -> BTreeMap<SiteId, Distance> {
        let mut reached = BTreeMap::new();
        let mut queue = BinaryHeap::new();
        if let Some((id, _)) = self.sites.get_key_value(from) {
            queue.push(Reverse((Distance::default(), id)));
        }
        let mut done: BTreeSet<&SiteId> = BTreeSet::new();
        while let Some(Reverse((distance, id))) = queue.pop() {
            if !done.insert(id) {
                continue;
            }
            reached.insert(id.clone(), distance);
            for (next, leg) in self.neighbours.get(id).into_iter().flatten() {
                if !done.contains(next) {
                    queue.push(Reverse((Distance { m: distance.m + leg.m, s: distance.s + leg.s }, next)));
                }
            }
        }
        reached
    }
}
