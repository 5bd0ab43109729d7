//! Facts of the system and its users.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::ops::repair::Cache;
use crate::text::Untrusted;
use crate::time::Timestamp;

/// The PC's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Clock {
    /// What it showed when the request came.
    #[n(0)]
    pub at: Timestamp,
    /// What the technician's showed then, give or take the way.
    #[n(1)]
    pub technician: Timestamp,
    /// The system says that something keeps it right.
    #[n(2)]
    pub synchronised: Option<bool>,
    /// The time service that runs.
    #[n(3)]
    pub service: Option<Untrusted>,
    /// Time zone.
    #[n(4)]
    pub zone: Option<Untrusted>,
}

/// Since when it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Uptime {
    /// Seconds since the start.
    #[n(0)]
    pub seconds: u64,
    /// The system waits for a restart; `None` where it does not tell.
    #[n(1)]
    pub restart_pending: Option<bool>,
}

/// Services that are not as they should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Services {
    /// Failed, or stopped although they start by themselves.
    #[n(0)]
    pub failed: Vec<Service>,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Service {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// What the system says about it.
    #[n(1)]
    pub text: Option<Untrusted>,
}

/// Errors of the last day in the system's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Log {
    /// Entries of level error or worse.
    #[n(0)]
    pub errors: u64,
    /// Programs that crashed.
    #[n(1)]
    pub crashes: u64,
    /// The most frequent.
    #[n(2)]
    pub worst: Vec<Entry>,
    /// All of the day was read.
    #[n(3)]
    pub complete: bool,
}

/// Entries of one source that say the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Entry {
    /// Who wrote it.
    #[n(0)]
    pub source: Untrusted,
    /// What.
    #[n(1)]
    pub text: Untrusted,
    /// How often.
    #[n(2)]
    pub count: u64,
    /// It tells of a crash.
    #[n(3)]
    pub crash: bool,
}

/// Printers and their queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Printers {
    /// The print service runs.
    #[n(0)]
    pub running: bool,
    /// Each queue.
    #[n(1)]
    pub printers: Vec<Printer>,
}

/// One print queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Printer {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// It takes jobs and prints none.
    #[n(1)]
    pub stopped: bool,
    /// Jobs that wait.
    #[n(2)]
    pub jobs: u32,
    /// How long the oldest has waited, seconds.
    #[n(3)]
    pub oldest_s: Option<u64>,
    /// What the system says about it.
    #[n(4)]
    pub text: Option<Untrusted>,
}

/// Certificates of this PC that end soon or have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Certificates {
    /// How many were looked at.
    #[n(0)]
    pub seen: u32,
    /// Those that end within 90 days, soonest first.
    #[n(1)]
    pub ending: Vec<Certificate>,
}

/// One certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Certificate {
    /// File or store.
    #[n(0)]
    pub place: Untrusted,
    /// Whose.
    #[n(1)]
    pub subject: Untrusted,
    /// Its end.
    #[n(2)]
    pub ends: Timestamp,
}

/// Updates that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Updates {
    /// How many, as far as the PC knows.
    #[n(0)]
    pub pending: Option<u32>,
    /// Of these for security.
    #[n(1)]
    pub security: Option<u32>,
    /// How long ago it last asked, seconds.
    #[n(2)]
    pub checked_s: Option<u64>,
}

/// Which directory the PC belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Domain {
    /// Its name; `None` = none.
    #[n(0)]
    pub name: Option<Untrusted>,
    /// What kind: `active-directory`, `ipa`, `workgroup`, `none`.
    #[n(1)]
    pub kind: Untrusted,
    /// It answers.
    #[n(2)]
    pub online: Option<bool>,
}

/// Who is signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct User {
    /// Login name; `None` = nobody.
    #[n(0)]
    pub name: Option<Untrusted>,
}

/// The signed-in user's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Profile {
    /// Where.
    #[n(0)]
    pub path: Untrusted,
    /// Size on disk.
    #[n(1)]
    pub bytes: u64,
    /// How many files.
    #[n(2)]
    pub files: u64,
    /// All of it was counted within the time.
    #[n(3)]
    pub complete: bool,
}

/// What may be thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Caches {
    /// Each known cache that is there.
    #[n(0)]
    pub caches: Vec<CacheSize>,
}

/// One cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct CacheSize {
    /// Which.
    #[n(0)]
    pub cache: Cache,
    /// What can be freed.
    #[n(1)]
    pub bytes: u64,
}
