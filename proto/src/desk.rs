//! Messages between a technician's program and the broker: one bidirectional stream per
//! request, a [`DeskRequest`] frame first.
//!
//! Answers are frames too: some requests get several [`DeskReply`] frames and then
//! [`DeskReply::Done`], so that no list outgrows a frame. After [`DeskReply::Opened`] the stream
//! belongs to the end-to-end session and the broker copies opaque bytes.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::enrol::Refused;
use crate::facts::{Facts, Severity};
use crate::ids::{DeviceId, GroupId, SessionId, SiteId, TechnicianId};
use crate::link::{DocumentVersions, Documents, Noted, SessionRecord};
use crate::segment::{Card, Mac};
use crate::text::Untrusted;
use crate::time::Timestamp;
use crate::trips::{Booking, EntryRecord, LedgerFilter, Leg, Site};

/// What a technician's program may ask the broker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DeskRequest {
    /// A stream to a PC. The technician may send the first bytes at once.
    #[n(0)]
    Open(#[n(0)] Open),
    /// PCs that match; answered by `Device` frames and `Done`.
    #[n(1)]
    Devices(#[n(0)] DeviceFilter),
    /// Signed documents newer than these; answered by `Documents`.
    #[n(2)]
    Documents(#[n(0)] DocumentVersions),
    /// Signed documents for the broker to take and spread; answered by `Done`. Needs `records`.
    #[n(3)]
    Publish(#[n(0)] Publish),
    /// A session's signed record; answered by `Done` after it is on disk.
    #[n(4)]
    Record(#[n(0)] SessionRecord),
    /// Sessions that match; answered by `Session` frames and `Done`.
    #[n(5)]
    Sessions(#[n(0)] SessionFilter),
    /// The signed record of one session; answered by `Record`.
    #[n(6)]
    SessionRecord(#[n(0)] SessionId),
    /// Books an avoided or made visit, or reverses one; answered by `Entry`.
    #[n(7)]
    Book(#[n(0)] Booking),
    /// Ledger entries; answered by `Entry` frames and `Done`.
    #[n(8)]
    Ledger(#[n(0)] LedgerFilter),
    /// Replaces sites and road legs, as a new revision; answered by `Done`. Needs `records`.
    #[n(9)]
    ImportSites(#[n(0)] SiteImport),
    /// All sites; answered by `Site` frames and `Done`.
    #[n(10)]
    Sites(#[n(0)] SitesQuery),
    /// Confirms a new PC or places it at a site; answered by `Device`. Needs `records`.
    #[n(11)]
    EditDevice(#[n(0)] EditDevice),
    /// Who the broker takes this connection for; answered by `Identity`.
    #[n(12)]
    WhoAmI(#[n(0)] WhoAmI),
    /// PCs and every change of them from now on; answered by `Device` frames with a `Current`
    /// after each batch, without end. `Again` between them: forget them all, they are told anew.
    #[n(13)]
    Watch(#[n(0)] Watch),
    /// PCs that could wake this one; answered by `Neighbours`.
    #[n(14)]
    Neighbours(#[n(0)] DeviceId),
}

/// The broker's answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DeskReply {
    /// The stream leads to the PC from here on.
    #[n(0)]
    Opened(#[n(0)] Opened),
    /// One PC.
    #[n(1)]
    Device(#[n(0)] Box<Device>),
    /// Signed documents.
    #[n(2)]
    Documents(#[n(0)] Documents),
    /// One session, as the broker saw it.
    #[n(3)]
    Session(#[n(0)] SessionSummary),
    /// A session's signed record.
    #[n(4)]
    Record(#[n(0)] SessionRecord),
    /// One ledger entry.
    #[n(5)]
    Entry(#[n(0)] Box<EntryRecord>),
    /// One site.
    #[n(6)]
    Site(#[n(0)] Site),
    /// Who the broker takes the technician for.
    #[n(7)]
    Identity(#[n(0)] Identity),
    /// All of it; for a change: it is on disk.
    #[n(8)]
    Done(#[n(0)] Done),
    /// No.
    #[n(9)]
    Refused(#[n(0)] RefusedOpen),
    /// All that has changed so far is told; only in the answer to `Watch`.
    #[n(10)]
    Current(#[n(0)] Current),
    /// What the technician may see has changed: forget all PCs, they follow anew.
    #[n(11)]
    Again(#[n(0)] Again),
    /// PCs that could wake another.
    #[n(12)]
    Neighbours(#[n(0)] Neighbours),
}

/// Asks for a stream to a PC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Open {
    /// Which PC.
    #[n(0)]
    pub device: DeviceId,
    /// Chosen by the technician at random; the same for every stream of a session.
    #[n(1)]
    pub session: SessionId,
}

/// The PC took the stream.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Opened {}

/// A refusal; for an offline PC with the time it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RefusedOpen {
    /// Why.
    #[n(0)]
    pub refused: Refused,
    /// When the PC was last connected.
    #[n(1)]
    pub last_seen: Option<Timestamp>,
}

/// Which PCs; all conditions must hold, an absent one holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceFilter {
    /// Id, host name or an unambiguous prefix of either, case ignored.
    #[n(0)]
    pub name: Option<Untrusted>,
    /// At this site.
    #[n(1)]
    pub site: Option<SiteId>,
    /// In this group.
    #[n(2)]
    pub group: Option<GroupId>,
    /// Connected now, or not connected now.
    #[n(3)]
    pub online: Option<bool>,
    /// With facts and the signed endorsement (`pc`), or without (`pcs`).
    #[n(4)]
    pub details: bool,
    /// In this municipality, case ignored.
    #[n(5)]
    pub municipality: Option<Untrusted>,
    /// With a finding of this rule.
    #[n(6)]
    pub finding: Option<Untrusted>,
    /// With a finding at least so bad.
    #[n(7)]
    pub severity: Option<Severity>,
}

/// One PC as the broker knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Device {
    /// Id.
    #[n(0)]
    pub id: DeviceId,
    /// Host name as the PC last told.
    #[n(1)]
    pub hostname: Untrusted,
    /// Group given by its token.
    #[n(2)]
    pub group: GroupId,
    /// Where it stands, if known.
    #[n(3)]
    pub site: Option<SiteId>,
    /// False until a technician confirmed it ("obekräftad").
    #[n(4)]
    pub confirmed: bool,
    /// Connected now.
    #[n(5)]
    pub online: bool,
    /// Connected since, or last seen.
    #[n(6)]
    pub since: Option<Timestamp>,
    /// When it was enrolled.
    #[n(7)]
    pub enrolled: Timestamp,
    /// Newest facts; only with details.
    #[n(8)]
    pub facts: Option<Facts>,
    /// Envelope of type `endorsement`; only with details. The technician verifies the chain.
    #[n(9)]
    pub endorsement: Option<minicbor::bytes::ByteVec>,
    /// Envelope of type `token-cert`; only with details.
    #[n(10)]
    pub token_cert: Option<minicbor::bytes::ByteVec>,
    /// The device's public key, SPKI DER; only with details.
    #[n(11)]
    pub spki: Option<minicbor::bytes::ByteVec>,
    /// Municipality of the site, if it is known.
    #[n(12)]
    pub municipality: Option<Untrusted>,
    /// What the PC last told; `None` if it never did.
    #[n(13)]
    pub told: Option<Told>,
}

/// The little of a PC's inventory that a list shows. All of it is the PC's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Told {
    /// Version of its agent.
    #[n(0)]
    pub agent_version: Option<Untrusted>,
    /// The person signed in, if any.
    #[n(1)]
    pub user: Option<Untrusted>,
    /// What is wrong with it, worst first.
    #[n(2)]
    pub findings: Vec<Noted>,
}

/// Most token certificates in one [`Publish`], so that it stays within its frame.
pub const TOKENS_LIMIT: usize = 256;

/// Documents to spread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Publish {
    /// Roots and policy.
    #[n(0)]
    pub documents: Documents,
    /// Envelopes of type `token-cert`, at most [`TOKENS_LIMIT`].
    #[n(1)]
    pub tokens: Vec<minicbor::bytes::ByteVec>,
}

/// Which sessions; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SessionFilter {
    /// On this PC.
    #[n(0)]
    pub device: Option<DeviceId>,
    /// Only those without an end.
    #[n(1)]
    pub open: bool,
    /// At most so many; 0 = 100.
    #[n(2)]
    pub limit: u32,
}

/// A session as the broker saw it: metadata only.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SessionSummary {
    /// Id.
    #[n(0)]
    pub id: SessionId,
    /// On which PC.
    #[n(1)]
    pub device: DeviceId,
    /// Its host name.
    #[n(2)]
    pub hostname: Untrusted,
    /// By whom.
    #[n(3)]
    pub technician: TechnicianId,
    /// First stream.
    #[n(4)]
    pub opened: Timestamp,
    /// When its record arrived.
    #[n(5)]
    pub ended: Option<Timestamp>,
    /// Bytes relayed from the technician to the PC.
    #[n(6)]
    pub bytes_to_agent: u64,
    /// Bytes relayed from the PC to the technician.
    #[n(7)]
    pub bytes_to_technician: u64,
}

/// Sites and legs to take as the next revision.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SiteImport {
    /// All sites.
    #[n(0)]
    pub sites: Vec<Site>,
    /// All legs.
    #[n(1)]
    pub legs: Vec<Leg>,
    /// The factor set (TOML text of vehicles.toml) to freeze into entries, if it is to change.
    #[n(2)]
    pub factor_set: Option<String>,
}

/// Asks for all sites.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SitesQuery {}

/// Changes what the broker records about a PC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EditDevice {
    /// Which.
    #[n(0)]
    pub device: DeviceId,
    /// Confirm it.
    #[n(1)]
    pub confirm: bool,
    /// Place it here.
    #[n(2)]
    pub site: Option<SiteId>,
}

/// Asks who the broker takes this connection for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WhoAmI {}

/// Asks for all PCs the technician may see, and their changes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Watch {}

/// Nothing more has changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Current {}

/// What was told before no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Again {}

/// Whom the broker sees.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Identity {
    /// Id in the certificate.
    #[n(0)]
    pub technician: TechnicianId,
    /// When the certificate ends.
    #[n(1)]
    pub certificate_ends: Timestamp,
    /// The broker's clock.
    #[n(2)]
    pub now: Timestamp,
}

/// End of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Done {}

/// Who could wake a PC, as far as the broker can tell from inventories. Only a hint: it can name
/// a wrong address or a wrong neighbour, and then nothing wakes, or another PC does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Neighbours {
    /// The PC's wired cards; empty if it has never told of any.
    #[n(0)]
    pub cards: Vec<Card>,
    /// Awake PCs on one of its segments, the likeliest first, at most [`NEIGHBOURS_LIMIT`].
    #[n(1)]
    pub awake: Vec<Neighbour>,
}

/// Most PCs in [`Neighbours`].
pub const NEIGHBOURS_LIMIT: usize = 16;

/// A PC that could wake another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Neighbour {
    /// Which.
    #[n(0)]
    pub device: DeviceId,
    /// The sleeping PC's card on the segment they share.
    #[n(1)]
    pub mac: Mac,
}
