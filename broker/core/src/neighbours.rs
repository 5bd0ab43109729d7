//! Which awake PCs could wake a sleeping one: those on the same wired segment.
//!
//! Two PCs are on the same segment if wired cards of both have the same IPv4 network *and* the
//! broker sees both from the same outside address: every second school has a 192.168.1.0/24. What
//! PCs tell is only a hint; a wrong one wakes nobody, or wakes another PC.

use std::net::{IpAddr, Ipv4Addr};

use distans_proto::desk::{NEIGHBOURS_LIMIT, Neighbour, Neighbours};
use distans_proto::ids::{DeviceId, GroupId};
use distans_proto::segment::{CARDS_LIMIT, Card, CardKind, Mac};

/// Most awake PCs behind one outside address that are looked at.
pub const CANDIDATES_LIMIT: usize = 256;

/// A PC as far as its segments are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub device: DeviceId,
    /// Its group.
    pub group: GroupId,
    /// From where the broker sees it, or saw it last.
    pub origin: Option<IpAddr>,
    /// Its cards, as it told.
    pub cards: Vec<Card>,
}

impl Place {
    /// Its wired cards that can be called, as far as they are looked at.
    fn wired(&self) -> impl Iterator<Item = &Card> {
        let cards = self.cards.iter().take(CARDS_LIMIT);
        cards.filter(|card| card.kind == CardKind::Wired && card.mac.is_of_one())
    }

    /// Segments with the card on each.
    fn segments(&self) -> impl Iterator<Item = (Mac, (Ipv4Addr, Ipv4Addr))> {
        self.wired().flat_map(|card| card.segments().map(|segment| (card.mac, segment)))
    }
}

/// Who of `awake` could wake `asleep`; PCs of the same group first.
pub fn neighbours(asleep: &Place, awake: impl IntoIterator<Item = Place>) -> Neighbours {
    let shared = |other: &Place| {
        let other: Vec<_> = other.segments().map(|(_, segment)| segment).collect();
        asleep.segments().find(|(_, segment)| other.contains(segment)).map(|(mac, _)| mac)
    };
    let mut found: Vec<(bool, Neighbour)> = awake
        .into_iter()
        .take(CANDIDATES_LIMIT)
        .filter(|other| other.device != asleep.device)
        .filter(|other| other.origin.is_some() && other.origin == asleep.origin)
        .filter_map(|other| {
            let mac = shared(&other)?;
            Some((other.group != asleep.group, Neighbour { device: other.device, mac }))
        })
        .collect();
    found.sort_by_key(|(other_group, _)| *other_group);
    found.truncate(NEIGHBOURS_LIMIT);
    Neighbours {
        cards: asleep.wired().cloned().collect(),
        awake: found.into_iter().map(|(_, neighbour)| neighbour).collect(),
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::segment::Network;

    use super::*;

    const OFFICE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)));
    const SCHOOL: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)));

    fn card(number: u8, kind: CardKind, address: [u8; 4], prefix: u8) -> Card {
        let networks = vec![Network { address, prefix }];
        Card { name: "eth0".into(), mac: Mac([2, 0, 0, 0, 0, number]), kind, networks, wakes: None }
    }

    fn place(number: u8, group: &str, origin: Option<IpAddr>, cards: Vec<Card>) -> Place {
        Place {
            device: DeviceId::from_bytes([number; 16]),
            group: group.parse().expect("a label"),
            origin,
            cards,
        }
    }

    fn asleep() -> Place {
        place(1, "kontor", OFFICE, vec![card(1, CardKind::Wired, [192, 168, 1, 10], 24)])
    }

    #[test]
    fn a_neighbour_is_on_the_same_wired_segment_behind_the_same_address() {
        use CardKind::{Other, Wired, Wireless};
        for (name, number, origin, kind, address, prefix, is_one) in [
            ("beside it", 2, OFFICE, Wired, [192, 168, 1, 20], 24, true),
            ("itself", 1, OFFICE, Wired, [192, 168, 1, 20], 24, false),
            ("another school's network of the same number", 2, SCHOOL, Wired, [192, 168, 1, 20], 24, false),
            ("never seen from anywhere", 2, None, Wired, [192, 168, 1, 20], 24, false),
            ("another network", 2, OFFICE, Wired, [192, 168, 2, 20], 24, false),
            ("another size", 2, OFFICE, Wired, [192, 168, 1, 20], 16, false),
            ("on wi-fi", 2, OFFICE, Wireless, [192, 168, 1, 20], 24, false),
            ("in a tunnel", 2, OFFICE, Other, [192, 168, 1, 20], 24, false),
            ("alone on its network", 2, OFFICE, Wired, [192, 168, 1, 20], 32, false),
        ] {
            let other = place(number, "kontor", origin, vec![card(2, kind, address, prefix)]);
            let found = neighbours(&asleep(), [other]);
            let mac = Mac([2, 0, 0, 0, 0, 1]);
            let expected = Neighbour { device: DeviceId::from_bytes([number; 16]), mac };
            assert_eq!(found.awake, is_one.then_some(expected).into_iter().collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn the_card_on_the_shared_segment_is_named_and_what_has_none_is_told() {
        let two = vec![
            card(1, CardKind::Wired, [10, 0, 0, 10], 24),
            card(3, CardKind::Wired, [192, 168, 1, 10], 24),
            card(4, CardKind::Wireless, [192, 168, 1, 11], 24),
        ];
        let beside = place(2, "kontor", OFFICE, vec![card(2, CardKind::Wired, [192, 168, 1, 20], 24)]);
        let found = neighbours(&place(1, "kontor", OFFICE, two), [beside.clone()]);
        assert_eq!(found.awake[0].mac, Mac([2, 0, 0, 0, 0, 3]));
        assert_eq!(found.cards.len(), 2, "wired ones alone");
        let nothing = neighbours(&place(1, "kontor", OFFICE, Vec::new()), [beside]);
        assert_eq!(nothing, Neighbours::default());
    }

    #[test]
    fn the_same_group_comes_first_and_all_is_bounded() {
        let awake = (2..=200).map(|number| {
            let group = if number % 2 == 0 { "skola" } else { "kontor" };
            place(number, group, OFFICE, vec![card(number, CardKind::Wired, [192, 168, 1, number], 24)])
        });
        let found = neighbours(&asleep(), awake);
        assert_eq!(found.awake.len(), NEIGHBOURS_LIMIT);
        assert!(found.awake.iter().all(|neighbour| neighbour.device.as_bytes()[0] % 2 == 1));
    }
}
