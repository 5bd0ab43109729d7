//! What the store takes and gives back: one plain struct per kind of record.
//!
//! Times are [`Timestamp`]s (microseconds UTC); bytes are kept as they came.

use distans_proto::desk::Told;
use distans_proto::ids::{DeviceId, GroupId, SessionId, SiteId, TechnicianId, TokenId};
use distans_proto::link::SessionRecord;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

/// Which signed document. The numbers are in the database and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DocumentKind {
    /// The organisation's root; every version is kept, so that old agents can walk the chain.
    Root = 1,
    /// The policy; the newest is handed out, older ones stay as evidence.
    Policy = 2,
}

impl DocumentKind {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Policy => "policy",
        }
    }

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }
}

/// A signed document to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// Which.
    pub kind: DocumentKind,
    /// Its version, from 1.
    pub version: u64,
    /// The envelope, byte for byte.
    pub bytes: Vec<u8>,
}

/// A signed document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Which.
    pub kind: DocumentKind,
    /// Its version.
    pub version: u64,
    /// SHA-256 of `bytes`.
    pub sha256: [u8; 32],
    /// The envelope, byte for byte.
    pub bytes: Vec<u8>,
    /// When the broker took it.
    pub stored_at: Timestamp,
}

/// An enrolment token's certificate to keep. The token's seed never comes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Which token.
    pub token: TokenId,
    /// Envelope of type `token-cert`.
    pub cert: Vec<u8>,
}

/// How much of what was published was new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Documents not known before.
    pub documents: usize,
    /// Token certificates not known before.
    pub tokens: usize,
}

/// An enrolment token as the broker knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Which token.
    pub token: TokenId,
    /// Envelope of type `token-cert`.
    pub cert: Vec<u8>,
    /// How many PCs it has taken in.
    pub uses: u32,
    /// How many proofs made with it did not hold.
    pub bad_proofs: u32,
    /// True once too many proofs did not hold; it takes in nobody any more.
    pub frozen: bool,
}

/// A PC to take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// The id it chose.
    pub id: DeviceId,
    /// Its name for itself.
    pub hostname: Untrusted,
    /// Group of its token.
    pub group: GroupId,
    /// Its public key, SPKI DER.
    pub spki: Vec<u8>,
    /// Envelope of type `endorsement`.
    pub endorsement: Vec<u8>,
    /// The token it came with.
    pub token: TokenId,
    /// Its first outer certificate.
    pub certificate: NewCertificate,
    /// Now.
    pub at: Timestamp,
}

/// An outer device certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate {
    /// Serial number, big-endian, unique.
    pub serial: Vec<u8>,
    /// When it ends.
    pub not_after: Timestamp,
}

/// An outer device certificate as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Serial number, big-endian.
    pub serial: Vec<u8>,
    /// Whose.
    pub device: DeviceId,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// What became of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolOutcome {
    /// The PC is recorded and one use of the token is taken.
    New,
    /// The same PC with the same key and token was recorded before (its answer got lost); its
    /// new certificate is recorded, no further use is taken.
    Again,
    /// No such token.
    TokenUnknown,
    /// The token is frozen.
    TokenFrozen,
    /// The token has taken in as many PCs as it may.
    TokenUsedUp,
    /// Another PC has this id or this key.
    DeviceTaken,
}

/// One PC without its large parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Id.
    pub id: DeviceId,
    /// Host name as it last told.
    pub hostname: Untrusted,
    /// Group.
    pub group: GroupId,
    /// Where it stands, if known.
    pub site: Option<SiteId>,
    /// True once a technician confirmed it.
    pub confirmed: bool,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When it was last connected.
    pub last_seen: Option<Timestamp>,
    /// What it last told, if ever.
    pub told: Option<Told>,
}

/// The large parts of one PC's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDetails {
    /// The rest.
    pub row: DeviceRow,
    /// Newest facts, if they can be read.
    pub facts: Option<distans_proto::facts::Facts>,
    /// Its public key, SPKI DER.
    pub spki: Vec<u8>,
    /// Envelope of type `endorsement`.
    pub endorsement: Vec<u8>,
    /// The token it came with.
    pub token: TokenId,
    /// Envelope of type `token-cert` of that token.
    pub token_cert: Vec<u8>,
}

/// Which PCs, in the order of their ids; an absent condition always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceQuery {
    /// Id, host name, or a prefix of either; case ignored.
    pub name: Option<Untrusted>,
    /// At this site.
    pub site: Option<SiteId>,
    /// In this group.
    pub group: Option<GroupId>,
    /// Only ids above this one: the last of the page before.
    pub after: Option<DeviceId>,
    /// At most so many; 0 and more than 1,000 mean 1,000.
    pub limit: u32,
}

/// A PC was connected at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub device: DeviceId,
    /// When; an earlier moment than the recorded one changes nothing.
    pub at: Timestamp,
    /// Its host name, if it told.
    pub hostname: Option<Untrusted>,
    /// From which address the broker saw it, if it did now.
    pub origin: Option<std::net::IpAddr>,
}

/// A session whose first stream was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Id chosen by the technician's program.
    pub id: SessionId,
    /// On which PC.
    pub device: DeviceId,
    /// By whom.
    pub technician: TechnicianId,
    /// Now.
    pub at: Timestamp,
}

/// Bytes relayed for a session since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed {
    /// Which session.
    pub session: SessionId,
    /// From the technician to the PC.
    pub to_agent: u64,
    /// From the PC to the technician.
    pub to_technician: u64,
}

/// A session as the broker saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Id.
    pub id: SessionId,
    /// On which PC.
    pub device: DeviceId,
    /// That PC's host name now.
    pub hostname: Untrusted,
    /// By whom.
    pub technician: TechnicianId,
    /// First stream.
    pub opened: Timestamp,
    /// When its record arrived.
    pub ended: Option<Timestamp>,
    /// Bytes relayed from the technician to the PC.
    pub bytes_to_agent: u64,
    /// Bytes relayed from the PC to the technician.
    pub bytes_to_technician: u64,
}

/// Which sessions, newest first; an absent condition always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// On this PC.
    pub device: Option<DeviceId>,
    /// Only those without an end.
    pub open: bool,
    /// At most so many; 0 means 100, more than 1,000 means 1,000.
    pub limit: u32,
    /// Only what this reader may see; `None` for everything.
    pub reader: Option<Reader>,
}

/// Who reads about sessions and may not read about all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The technician, who sees their own.
    pub technician: TechnicianId,
    /// And those on PCs of these groups.
    pub groups: Vec<GroupId>,
}

/// A session's signed record, verified by the caller, to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Which session.
    pub session: SessionId,
    /// The PC whose signature the record carries.
    pub device: DeviceId,
    /// The technician named in the certificate.
    pub technician: TechnicianId,
    /// True if the technician countersigned the receipt.
    pub countersigned: bool,
    /// Grant, receipt and certificate.
    pub record: SessionRecord,
    /// Now.
    pub at: Timestamp,
}

/// A session's signed record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Which session.
    pub session: SessionId,
    /// The PC whose signature the record carries.
    pub device: DeviceId,
    /// The technician whose session it was.
    pub technician: TechnicianId,
    /// True if the technician countersigned the receipt.
    pub countersigned: bool,
    /// Grant, receipt and certificate.
    pub record: SessionRecord,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// What became of a record handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It is kept.
    New,
    /// It is countersigned and took the place of one that was not.
    Replaced,
    /// One at least as complete was there already and stays.
    Known,
}

/// What became of an import of sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteImported {
    /// The revision now in force.
    pub revision: u32,
    /// True if sites or legs differed from the revision before, so that a new one was made.
    pub new_revision: bool,
    /// True if the factor set was new.
    pub new_factor_set: bool,
}

/// The result of checking the whole database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Integrity {
    /// Entries in the ledger.
    pub entries: u64,
    /// Everything found wrong, one line each; empty = sound.
    pub problems: Vec<String>,
}
