//! What one ledger entry says, and the one text in which it says it.

use data_encoding::HEXLOWER;
use distans_proto::ids::{EntryId, NeedId, SiteId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_proto::trips::{Channel, EntryKind, EntryRecord, Reason, Urgency};
use serde::{Deserialize, Serialize};

use super::chain::Link;
use crate::dates::ServiceDate;
use crate::pseudonym::Pseudonym;

/// What one entry says.
///
/// INVARIANT: the fields stand in alphabetical order and absent ones are left out, so that
/// [`Body::canonical`] is one text for one body, today and with fields added later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// When it was booked, microseconds UTC.
    pub booked_at: Timestamp,
    /// Pseudonym of who booked.
    pub by: Pseudonym,
    /// How the help was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// SHA-256, hex, of the table an entry of kind factor set or site revision brings in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// Id of the factor set in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_set: Option<String>,
    /// Id of the entry.
    pub id: EntryId,
    /// Kind.
    pub kind: EntryKind,
    /// Id of the method.
    pub method: String,
    /// The need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<NeedId>,
    /// Why somebody would have driven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The entry it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<EntryId>,
    /// One-way road from the depot, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub road_m: Option<u32>,
    /// The day it counts for; a reversal counts for its target's day.
    pub service_date: ServiceDate,
    /// The place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// Revision of the site table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_revision: Option<u32>,
    /// How soon somebody would have driven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
}

impl Body {
    /// The text that is hashed and kept: JSON without white space, fields in order.
    ///
    /// # Errors
    /// Never for the values this type can hold; serde's signature says otherwise.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a kept text back.
    ///
    /// # Errors
    /// If it is not a body this version knows.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// The entry as it travels.
    pub fn record(&self, link: &Link, reversed_by: Option<EntryId>) -> EntryRecord {
        let hash = |bytes: &[u8; 32]| Untrusted::new(HEXLOWER.encode(bytes));
        EntryRecord {
            seq: link.seq,
            id: self.id,
            kind: self.kind,
            booked_at: self.booked_at,
            service_date: Untrusted::new(self.service_date.to_string()),
            need: self.need,
            site: self.site.clone(),
            road_m: self.road_m,
            site_revision: self.site_revision,
            factor_set: self.factor_set.clone().map(Untrusted::new),
            method: Some(Untrusted::new(self.method.clone())),
            channel: self.channel,
            reason: self.reason,
            urgency: self.urgency,
            by: Some(Untrusted::from(self.by.as_str())),
            reverses: self.reverses,
            reversed_by,
            body_hash: hash(&link.body_hash),
            prev_hash: hash(&link.prev_hash),
            hash: hash(&link.hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::METHOD;
    use crate::pseudonym::Pseudonyms;

    #[test]
    fn the_canonical_text_is_frozen_and_reads_back() {
        let body = Body {
            booked_at: Timestamp::from_secs(1_767_000_000),
            by: Pseudonyms::new(&[7; 32]).technician(&"anna".parse().expect("a label")),
            channel: Some(Channel::Remote),
            content_sha256: None,
            factor_set: Some("2026-1".to_owned()),
            id: EntryId::from_bytes([1; 16]),
            kind: EntryKind::Avoided,
            method: METHOD.to_owned(),
            need: Some(NeedId::from_bytes([2; 16])),
            reason: Some(Reason::NoOtherWayIn),
            reverses: None,
            road_m: Some(189_000),
            service_date: "2026-03-09".parse().expect("a day"),
            site: Some("grovelsjon".parse().expect("a label")),
            site_revision: Some(1),
            urgency: Some(Urgency::CanWait),
        };
        let text = body.canonical().expect("a body");
        assert_eq!(
            String::from_utf8_lossy(&text),
            format!(
                "{{\"booked_at\":1767000000000000,\"by\":\"{}\",\"channel\":\"remote\",\"factor_set\":\"2026-1\",\
                 \"id\":\"01010101-0101-0101-0101-010101010101\",\"kind\":\"avoided\",\"method\":\"avoided-trips/1\",\
                 \"need\":\"02020202-0202-0202-0202-020202020202\",\"reason\":\"no_other_way_in\",\"road_m\":189000,\
                 \"service_date\":\"2026-03-09\",\"site\":\"grovelsjon\",\"site_revision\":1,\"urgency\":\"can_wait\"}}",
                body.by
            )
        );
        assert_eq!(Body::parse(&text).expect("its own text"), body);
    }
}
