//! Network cards and the segments they are on: what it takes to find a PC that can wake another.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::Untrusted;

/// Most cards a PC tells of, and are looked at.
pub const CARDS_LIMIT: usize = 16;

/// Most networks of one card.
pub const NETWORKS_LIMIT: usize = 8;

/// A hardware address; as text `02:42:ac:11:00:02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Mac(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 6]);

impl Mac {
    /// True if it can be one card's address: not a group's, not none.
    pub fn is_of_one(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// A text that is no hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hardware address is six pairs of hexadecimal digits, like 02:42:ac:11:00:02")]
pub struct NotMac;

impl FromStr for Mac {
    type Err = NotMac;

    fn from_str(text: &str) -> Result<Self, NotMac> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let two = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            let part = parts.next().filter(two).ok_or(NotMac)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| NotMac)?;
        }
        if parts.next().is_some() { Err(NotMac) } else { Ok(Self(bytes)) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum CardKind {
    /// With a cable, or what looks like one to the system.
    #[n(0)]
    Wired,
    /// Wi-Fi.
    #[n(1)]
    Wireless,
    /// Tunnels, networks inside the machine.
    #[n(2)]
    Other,
}

/// An IPv4 address of a card and its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Network {
    /// The address.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub address: [u8; 4],
    /// How many leading bits of it name the network.
    #[n(1)]
    pub prefix: u8,
}

impl Network {
    /// The first and the last address of a network that others can be on as well; `None` for one
    /// that has no broadcast address or no neighbours, link-local ones among them.
    pub fn segment(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let address = Ipv4Addr::from(self.address);
        if !(8..=30).contains(&self.prefix) || address.is_link_local() || address.is_multicast() {
            return None;
        }
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix))?;
        let first = u32::from(address) & mask;
        Some((first.into(), (first | !mask).into()))
    }
}

/// One network card.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Card {
    /// Its name at the PC.
    #[n(0)]
    pub name: Untrusted,
    /// Its hardware address.
    #[n(1)]
    pub mac: Mac,
    /// What it is.
    #[n(2)]
    pub kind: CardKind,
    /// Its networks, at most [`NETWORKS_LIMIT`].
    #[n(3)]
    pub networks: Vec<Network>,
    /// Whether it wakes the PC, where the system tells.
    #[n(4)]
    pub wakes: Option<bool>,
}

impl Card {
    /// The segments a wake-up call goes to from here.
    pub fn segments(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        let is_wired = self.kind == CardKind::Wired;
        let networks = self.networks.iter().take(NETWORKS_LIMIT).filter(move |_| is_wired);
        networks.filter_map(Network::segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_a_segment_if_others_can_be_on_it() {
        for (address, prefix, segment) in [
            ([10, 1, 2, 3], 24, Some(([10, 1, 2, 0], [10, 1, 2, 255]))),
            ([192, 168, 17, 200], 20, Some(([192, 168, 16, 0], [192, 168, 31, 255]))),
            ([10, 1, 2, 3], 8, Some(([10, 0, 0, 0], [10, 255, 255, 255]))),
            ([10, 1, 2, 3], 30, Some(([10, 1, 2, 0], [10, 1, 2, 3]))),
            ([10, 1, 2, 3], 31, None),
            ([10, 1, 2, 3], 0, None),
            ([10, 1, 2, 3], 255, None),
            ([169, 254, 2, 3], 16, None),
            ([224, 0, 0, 1], 24, None),
        ] {
            let expected = segment.map(|(first, last)| (Ipv4Addr::from(first), Ipv4Addr::from(last)));
            assert_eq!(Network { address, prefix }.segment(), expected, "{address:?}/{prefix}");
        }
    }

    #[test]
    fn a_hardware_address_is_read_as_it_is_written() {
        let mac = Mac([2, 0x42, 0xac, 0x11, 0, 0xff]);
        assert_eq!(mac.to_string(), "02:42:ac:11:00:ff");
        assert_eq!("02-42-AC-11-00-FF".parse(), Ok(mac));
        for text in ["", "02:42:ac:11:00", "02:42:ac:11:00:ff:00", "2:42:ac:11:00:ff", "02:42:ac:11:00:+f"] {
            assert_eq!(text.parse::<Mac>(), Err(NotMac), "{text:?}");
        }
        assert!(mac.is_of_one() && !Mac([0; 6]).is_of_one() && !Mac([0xff; 6]).is_of_one());
    }
}
