//! What a network card is, as the list of adapters tells.

use std::collections::HashMap;

use windows_sys::Win32::NetworkManagement::IpHelper::{IF_TYPE_ETHERNET_CSMACD, IF_TYPE_IEEE80211};

use super::net::each_adapter;
use crate::wake::Kind;

/// The cards by hardware address: adapters have names of two sorts, and only one address.
pub(crate) struct Kinds {
    cards: HashMap<[u8; 6], Kind>,
}

/// Of this machine.
pub(crate) fn kinds() -> Kinds {
    let mut cards = HashMap::new();
    each_adapter(|adapter| {
        let Some(mac) = adapter.PhysicalAddress.first_chunk::<6>().copied() else { return };
        if adapter.PhysicalAddressLength == 6 {
            let kind = match adapter.IfType {
                IF_TYPE_ETHERNET_CSMACD => Kind::Wired,
                IF_TYPE_IEEE80211 => Kind::Wireless,
                _ => Kind::Other,
            };
            cards.insert(mac, kind);
        }
    });
    Kinds { cards }
}

impl Kinds {
    /// What the card is. Whether it wakes the machine stands in its driver's own settings.
    pub(crate) fn of(&self, _name: &str, mac: [u8; 6]) -> (Kind, Option<bool>) {
        (self.cards.get(&mac).copied().unwrap_or(Kind::Other), None)
    }
}
