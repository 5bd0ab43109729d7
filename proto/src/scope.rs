//! What a technician may do, as names in signed documents and as a set of bits in messages.
//!
//! Rights are always an intersection of such sets, never a union; see `agent/core`.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One right. The discriminant is its bit on the wire and is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// Fixed read-only collectors on the PC.
    Diagnose = 0,
    /// One command as the signed-in user.
    Command = 1,
    /// One command as root or SYSTEM.
    CommandSystem = 2,
    /// A terminal as the signed-in user.
    Shell = 3,
    /// A terminal as root or SYSTEM.
    ShellSystem = 4,
    /// Files as the signed-in user, inside the policy's roots.
    Files = 5,
    /// TCP and UDP from the PC to the targets that policy lists, and back.
    Forward = 6,
    // 7 and 8 are kept for the screen: view and control.
    /// Text, a question or a conversation on the PC's screen.
    Message = 9,
    /// The named repairs: services, print queues, caches, ending a process.
    Repair = 10,
    /// Restart, shut down, sign out, lock.
    Power = 11,
    /// A wake-up call to another PC on the same network segment.
    Wake = 12,
    /// The encrypted recordings of shells that the PC keeps.
    Recordings = 13,
    /// The broker's own records: sites, confirming and moving PCs, publishing signed documents.
    /// Gives nothing on any PC.
    Records = 16,
}

impl Scope {
    /// Every scope this version knows, in wire order.
    pub const ALL: [Self; 13] = [
        Self::Diagnose,
        Self::Command,
        Self::CommandSystem,
        Self::Shell,
        Self::ShellSystem,
        Self::Files,
        Self::Forward,
        Self::Message,
        Self::Repair,
        Self::Power,
        Self::Wake,
        Self::Recordings,
        Self::Records,
    ];

    /// The name in policies, certificates' requests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Diagnose => "diagnose",
            Self::Command => "command",
            Self::CommandSystem => "command:system",
            Self::Shell => "shell",
            Self::ShellSystem => "shell:system",
            Self::Files => "files",
            Self::Forward => "forward",
            Self::Message => "message",
            Self::Repair => "repair",
            Self::Power => "power",
            Self::Wake => "wake",
            Self::Recordings => "recordings",
            Self::Records => "records",
        }
    }

    const fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// A name that is no scope of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope {0:?}; known are {known}", known = Scope::ALL.map(Scope::name).join(", "))]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| UnknownScope(text.chars().take(64).collect()))
    }
}

/// A set of scopes. As JSON a list of names (unknown names are dropped: they can only give
/// less); as CBOR an unsigned integer (unknown bits are dropped for the same reason).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// No scope at all.
    pub const EMPTY: Self = Self(0);

    /// True if `scope` is in the set.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes in both sets.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes of this set that are not in `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// This set and one scope more. For building a request or a rule; rights are intersected.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// True if every scope of this set is in `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// True for the empty set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in wire order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::name).collect();
        out.pad(&names.join(", "))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::name))
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

impl<C> Encode<C> for ScopeSet {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.u32(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ScopeSet {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let known: Self = Scope::ALL.into_iter().collect();
        Ok(Self(decoder.u32()?).intersect(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_and_bits_only_take_away() {
        let set: ScopeSet = serde_json::from_str(r#"["diagnose","fly","command"]"#).expect("a list of names");
        assert_eq!(set, [Scope::Diagnose, Scope::Command].into_iter().collect());
        let bytes = minicbor::to_vec(u32::MAX).expect("encodes");
        let all: ScopeSet = minicbor::decode(&bytes).expect("decodes");
        assert_eq!(all, Scope::ALL.into_iter().collect());
    }

    #[test]
    fn command_does_not_imply_system() {
        assert!(!ScopeSet::EMPTY.with(Scope::Command).contains(Scope::CommandSystem));
    }
}
