//! Which PCs there are and which of them are connected, in memory: every open and every list
//! asks here, so none of them waits for the database.
//!
//! The shell loads the enrolled PCs at start, tells what changes, and owns the connections; `H`
//! is its handle of one.

use std::collections::{BTreeMap, BTreeSet};

use distans_proto::desk::DeviceFilter;
use distans_proto::ids::{DeviceId, GroupId, SiteId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

/// Longest host name a PC may give itself, in characters; the rest is cut.
pub const HOSTNAME_LIMIT: usize = 64;

/// Fewest hexadecimal digits that are taken for the beginning of an id.
const ID_PREFIX: usize = 4;

/// What is kept of every PC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Host name as the PC last told it.
    pub hostname: Untrusted,
    /// Group given by its token.
    pub group: GroupId,
    /// Where it stands, if known.
    pub site: Option<SiteId>,
    /// False until a technician confirmed it.
    pub confirmed: bool,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When it was last connected, if ever.
    pub last_seen: Option<Timestamp>,
}

/// One connection among all that ever were; tells an old one of the same PC from the new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionNumber(u64);

/// A PC's connection.
#[derive(Debug)]
pub struct Online<H> {
    /// The shell's handle.
    pub handle: H,
    /// Since when.
    pub since: Timestamp,
    number: ConnectionNumber,
}

/// One PC.
#[derive(Debug)]
pub struct Member<H> {
    /// What is kept of it.
    pub known: Known,
    /// Its connection, if it has one.
    pub online: Option<Online<H>>,
}

/// Why there is no connection to a PC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// No PC has that id.
    Unknown,
    /// Not connected; when it last was.
    Offline(Option<Timestamp>),
}

/// All PCs.
#[derive(Debug)]
pub struct Fleet<H> {
    members: BTreeMap<DeviceId, Member<H>>,
    /// Host names in small letters, for looking up by prefix.
    names: BTreeSet<(Box<str>, DeviceId)>,
    connected: usize,
    next: u64,
}

impl<H> Default for Fleet<H> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), names: BTreeSet::new(), connected: 0, next: 0 }
    }
}

impl<H> Fleet<H> {
    /// Takes in a PC, or what has changed about it. A connection it has stays.
    pub fn learn(&mut self, id: DeviceId, known: Known) {
        self.names.insert((key(&known.hostname), id));
        match self.members.get_mut(&id) {
            Some(member) => {
                let before = std::mem::replace(&mut member.known, known);
                if key(&before.hostname) != key(&member.known.hostname) {
                    self.names.remove(&(key(&before.hostname), id));
                }
            }
            None => {
                self.members.insert(id, Member { known, online: None });
            }
        }
    }

    /// The PC has a new connection, and gives its name. Returns the number to disconnect with and
    /// the handle of the connection this one supersedes; `None` if no such PC is enrolled.
    pub fn connect(
        &mut self,
        id: DeviceId,
        hostname: Untrusted,
        handle: H,
        now: Timestamp,
    ) -> Option<(ConnectionNumber, Option<H>)> {
        let member = self.members.get_mut(&id)?;
        self.next += 1;
        let number = ConnectionNumber(self.next);
        let before = member.online.replace(Online { handle, since: now, number });
        if member.known.hostname != hostname {
            self.names.remove(&(key(&member.known.hostname), id));
            self.names.insert((key(&hostname), id));
            member.known.hostname = hostname;
        }
        self.connected += usize::from(before.is_none());
        Some((number, before.map(|online| online.handle)))
    }

    /// That connection is gone. False if a newer one had superseded it: the PC stays online.
    pub fn disconnect(&mut self, id: DeviceId, number: ConnectionNumber, now: Timestamp) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        if member.online.as_ref().is_none_or(|online| online.number != number) {
            return false;
        }
        member.online = None;
        member.known.last_seen = Some(now);
        self.connected -= 1;
        true
    }

    /// One PC.
    pub fn get(&self, id: DeviceId) -> Option<&Member<H>> {
        self.members.get(&id)
    }

    /// The connection to a PC, and what is known of it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn reach(&self, id: DeviceId) -> Result<(&Known, &H), Absent> {
        let member = self.members.get(&id).ok_or(Absent::Unknown)?;
        match &member.online {
            Some(online) => Ok((&member.known, &online.handle)),
            None => Err(Absent::Offline(member.known.last_seen)),
        }
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.connected
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True if nobody is enrolled.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Every connection there is.
    pub fn connections(&self) -> impl Iterator<Item = (DeviceId, &H)> {
        self.members.iter().filter_map(|(id, member)| Some((*id, &member.online.as_ref()?.handle)))
    }

    /// PCs that match, by host name. A name that fits one PC exactly means that PC, also when it
    /// begins others' names; more than one answer to a name means that it is ambiguous.
    pub fn find(&self, filter: &DeviceFilter) -> Vec<(DeviceId, &Member<H>)> {
        let named = match &filter.name {
            Some(name) => self.by_name(name.raw().trim()),
            None => self.names.iter().map(|(_, id)| *id).collect(),
        };
        let matching = |member: &Member<H>| {
            filter.site.as_ref().is_none_or(|site| member.known.site.as_ref() == Some(site))
                && filter.group.as_ref().is_none_or(|group| member.known.group == *group)
                && filter.online.is_none_or(|online| member.online.is_some() == online)
        };
        named
            .into_iter()
            .filter_map(|id| Some((id, self.members.get(&id)?)))
            .filter(|(_, member)| matching(member))
            .collect()
    }

    fn by_name(&self, name: &str) -> Vec<DeviceId> {
        if let Ok(id) = name.parse::<DeviceId>() {
            return self.members.contains_key(&id).then_some(id).into_iter().collect();
        }
        let wanted: Box<str> = name.to_lowercase().into();
        let from = (wanted.clone(), DeviceId::from_bytes([0; 16]));
        let begun: Vec<&(Box<str>, DeviceId)> =
            self.names.range(from..).take_while(|(have, _)| have.starts_with(&*wanted)).collect();
        let exact: Vec<DeviceId> =
            begun.iter().filter(|(have, _)| *have == wanted).map(|(_, id)| *id).collect();
        if !exact.is_empty() {
            return exact;
        }
        let mut found: Vec<DeviceId> = begun.into_iter().map(|(_, id)| *id).collect();
        if let Some((from, to)) = id_range(&wanted) {
            found.extend(self.members.range(from..=to).map(|(id, _)| *id));
            found.dedup();
        }
        found
    }
}

/// A host name as the PC tells it, at most [`HOSTNAME_LIMIT`] characters of it.
pub fn bounded_hostname(hostname: &Untrusted) -> Untrusted {
    match hostname.raw().char_indices().nth(HOSTNAME_LIMIT) {
        Some((end, _)) => Untrusted::new(&hostname.raw()[..end]),
        None => hostname.clone(),
    }
}

fn key(hostname: &Untrusted) -> Box<str> {
    hostname.raw().to_lowercase().into()
}

/// First and last id that begin with these hexadecimal digits.
fn id_range(prefix: &str) -> Option<(DeviceId, DeviceId)> {
    let digits: Vec<u8> = prefix
        .chars()
        .filter(|character| *character != '-')
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if !(ID_PREFIX..=32).contains(&digits.len()) {
        return None;
    }
    let fill = |rest: u8| {
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digit = |at: usize| digits.get(at).copied().unwrap_or(rest);
            *byte = (digit(2 * index) << 4) | digit(2 * index + 1);
        }
        DeviceId::from_bytes(bytes)
    };
    Some((fill(0), fill(0xf)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(hostname: &str, group: &str) -> Known {
        Known {
            hostname: hostname.into(),
            group: group.parse().expect("a group"),
            site: None,
            confirmed: false,
            enrolled: Timestamp::from_secs(1),
            last_seen: None,
        }
    }

    fn id(first: u8) -> DeviceId {
        let mut bytes = [0; 16];
        bytes[0] = first;
        bytes[1] = 0xcd;
        DeviceId::from_bytes(bytes)
    }

    fn fleet() -> Fleet<&'static str> {
        let mut fleet = Fleet::default();
        for (first, name) in [(0xa1, "PC-ORSA-01"), (0xa2, "pc-orsa-014"), (0xa3, "PC-Älvdalen")] {
            fleet.learn(id(first), known(name, "kontor"));
        }
        fleet
    }

    fn named(fleet: &Fleet<&'static str>, name: &str) -> Vec<DeviceId> {
        let filter = DeviceFilter { name: Some(name.into()), ..DeviceFilter::default() };
        fleet.find(&filter).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn names_match_whole_or_by_prefix_and_tell_when_ambiguous() {
        let fleet = fleet();
        assert_eq!(named(&fleet, "pc-orsa-01"), [id(0xa1)], "the whole name wins over a longer one");
        assert_eq!(named(&fleet, "PC-ORSA-014"), [id(0xa2)]);
        assert_eq!(named(&fleet, "pc-o"), [id(0xa1), id(0xa2)]);
        assert_eq!(named(&fleet, "PC-ÄL"), [id(0xa3)]);
        assert_eq!(named(&fleet, "a2cd"), [id(0xa2)]);
        assert_eq!(named(&fleet, &id(0xa3).to_string()), [id(0xa3)]);
        assert_eq!(named(&fleet, "a2c"), []);
        assert_eq!(named(&fleet, "x"), []);
    }

    #[test]
    fn a_new_connection_supersedes_and_the_old_one_cannot_take_it_down() {
        let mut fleet = fleet();
        let now = Timestamp::from_secs(10);
        let pc = id(0xa1);
        let (first, before) = fleet.connect(pc, "PC-ORSA-01".into(), "first", now).expect("enrolled");
        assert_eq!(before, None);
        let (second, before) = fleet.connect(pc, "PC-ORSA-01".into(), "second", now).expect("enrolled");
        assert_eq!((before, fleet.connected()), (Some("first"), 1));
        assert!(!fleet.disconnect(pc, first, now));
        assert_eq!(fleet.reach(pc).map(|(_, handle)| *handle), Ok("second"));
        assert!(fleet.disconnect(pc, second, Timestamp::from_secs(20)));
        assert_eq!(fleet.reach(pc).err(), Some(Absent::Offline(Some(Timestamp::from_secs(20)))));
        assert_eq!(fleet.connected(), 0);
    }

    #[test]
    fn a_pc_that_changes_its_name_is_found_by_the_new_one_only() {
        let mut fleet = fleet();
        let pc = id(0xa1);
        fleet.connect(pc, "RECEPTION".into(), "handle", Timestamp::default()).expect("enrolled");
        assert_eq!(named(&fleet, "recep"), [pc]);
        assert_eq!(named(&fleet, "pc-orsa-01"), [id(0xa2)], "now only the beginning of the other");
        fleet.learn(pc, known("PC-7", "skola"));
        assert_eq!(named(&fleet, "pc-7"), [pc]);
        assert_eq!(named(&fleet, "recep"), []);
        assert_eq!(fleet.connected(), 1, "what is learnt does not end a connection");
    }

    #[test]
    fn nobody_unknown_is_connected_or_reached() {
        let mut fleet = fleet();
        assert!(fleet.connect(id(0xff), "x".into(), "handle", Timestamp::default()).is_none());
        assert_eq!(fleet.reach(id(0xff)).err(), Some(Absent::Unknown));
    }

    #[test]
    fn filters_are_all_required() {
        let mut fleet = fleet();
        fleet.learn(id(0xa4), known("pc-orsa-02", "skola"));
        fleet.connect(id(0xa4), "pc-orsa-02".into(), "handle", Timestamp::default()).expect("enrolled");
        let filter = |group: &str, online| DeviceFilter {
            name: Some("pc-orsa".into()),
            group: Some(group.parse().expect("a group")),
            online: Some(online),
            ..DeviceFilter::default()
        };
        assert_eq!(fleet.find(&filter("skola", true)).len(), 1);
        assert_eq!(fleet.find(&filter("skola", false)).len(), 0);
        assert_eq!(fleet.find(&filter("kontor", false)).len(), 2);
    }

    #[test]
    fn host_names_are_bounded() {
        assert_eq!(bounded_hostname(&"å".repeat(900).as_str().into()).raw().chars().count(), HOSTNAME_LIMIT);
        assert_eq!(bounded_hostname(&"PC".into()).raw(), "PC");
    }
}
