//! Which protocol versions exist and how two sides agree on one.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Every protocol version ever released, newest first.
pub const VERSIONS: [u16; 1] = [1];

/// ALPN of the outer connection to the broker.
pub const ALPN_OUTER: &[u8] = b"distans/1";

/// ALPN of the end-to-end session.
pub const ALPN_INNER: &[u8] = b"distans-e2e/1";

/// The versions one side speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct VersionRange {
    /// Oldest.
    #[n(0)]
    pub min: u16,
    /// Newest.
    #[n(1)]
    pub max: u16,
}

impl VersionRange {
    /// What this program speaks.
    pub const OURS: Self = Self { min: VERSIONS[VERSIONS.len() - 1], max: VERSIONS[0] };

    /// The newest version both sides speak and that is at least `floor` (the signed
    /// `min_protocol`), or `None`: then the conversation ends, it never falls below.
    pub fn agree(self, other: Self, floor: u16) -> Option<u16> {
        let newest = self.max.min(other.max);
        let oldest = self.min.max(other.min).max(floor);
        (oldest <= newest).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_wins_and_never_below_the_floor() {
        let range = |min, max| VersionRange { min, max };
        assert_eq!(range(1, 4).agree(range(2, 3), 0), Some(3));
        assert_eq!(range(1, 2).agree(range(3, 4), 0), None);
        assert_eq!(range(1, 4).agree(range(1, 2), 3), None);
    }

    #[test]
    fn the_list_is_complete_and_newest_first() {
        assert!(VERSIONS.is_sorted_by(|a, b| a == &(b + 1)));
    }
}
