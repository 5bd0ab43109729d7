//! Which PCs there are and which of them are connected, in memory: every open and every list
//! asks here, so none of them waits for the database.
//!
//! The shell loads the enrolled PCs at start, tells what changes, and owns the connections; `H`
//! is its handle of one.

use std::collections::{BTreeMap, BTreeSet};

use distans_proto::desk::{DeviceFilter, Told};
use distans_proto::ids::{DeviceId, GroupId, SiteId};
use distans_proto::link::{NOTED_LIMIT, Noted, RULE_LIMIT};
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
    /// What it last told about itself, if ever; bounded by whoever takes it.
    pub told: Option<Told>,
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
    /// When it last changed.
    changed: Revision,
}

/// A moment in the fleet's history; the later the larger. Zero is before everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(u64);

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
    /// Every PC once, by its last change: whoever watches reads on from where it was, however
    /// slowly, and nothing is kept for it.
    changes: BTreeSet<(Revision, DeviceId)>,
    revision: Revision,
    municipalities: BTreeMap<SiteId, Untrusted>,
    connected: usize,
    next: u64,
}

impl<H> Default for Fleet<H> {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            names: BTreeSet::new(),
            changes: BTreeSet::new(),
            revision: Revision::default(),
            municipalities: BTreeMap::new(),
            connected: 0,
            next: 0,
        }
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
                self.members.insert(id, Member { known, online: None, changed: Revision::default() });
            }
        }
        self.touch(id);
    }

    /// The PC tells its agent's version and who is signed in. True if that is news.
    pub fn inventory(&mut self, id: DeviceId, agent_version: Untrusted, user: Option<Untrusted>) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let findings = member.known.told.as_ref().map(|told| told.findings.clone()).unwrap_or_default();
        let told = Some(Told { agent_version: Some(agent_version), user, findings });
        self.tell(id, told)
    }

    /// The PC tells its findings. True if they are news.
    pub fn findings(&mut self, id: DeviceId, findings: Vec<Noted>) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let told = Told { findings, ..member.known.told.clone().unwrap_or_default() };
        self.tell(id, Some(told))
    }

    fn tell(&mut self, id: DeviceId, told: Option<Told>) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        if member.known.told == told {
            return false;
        }
        member.known.told = told;
        self.touch(id);
        true
    }

    /// The municipality of each site, all of them. Concerns every PC.
    pub fn learn_sites(&mut self, municipalities: BTreeMap<SiteId, Untrusted>) {
        if self.municipalities != municipalities {
            self.municipalities = municipalities;
            let ids: Vec<DeviceId> = self.members.keys().copied().collect();
            ids.into_iter().for_each(|id| self.touch(id));
        }
    }

    /// Where a PC stands: its site's municipality, if it is known.
    pub fn municipality(&self, known: &Known) -> Option<&Untrusted> {
        known.site.as_ref().and_then(|site| self.municipalities.get(site))
    }

    /// The PC has changed just now.
    fn touch(&mut self, id: DeviceId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        self.changes.remove(&(member.changed, id));
        self.revision.0 += 1;
        member.changed = self.revision;
        self.changes.insert((member.changed, id));
    }

    /// The newest change.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// PCs that have changed after `since`, at most `limit`, in the order of their changes: each
    /// once, as it is now, with the revision to go on from.
    pub fn changed(
        &self,
        since: Revision,
        limit: usize,
    ) -> impl Iterator<Item = (Revision, DeviceId, &Member<H>)> {
        let from = (Revision(since.0 + 1), DeviceId::from_bytes([0; 16]));
        self.changes
            .range(from..)
            .take(limit)
            .filter_map(|(revision, id)| Some((*revision, *id, self.members.get(id)?)))
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
        self.touch(id);
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
        self.touch(id);
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
                && filter.municipality.as_ref().is_none_or(|wanted| self.stands_in(member, wanted))
                && has_finding(member, filter)
        };
        named
            .into_iter()
            .filter_map(|id| Some((id, self.members.get(&id)?)))
            .filter(|(_, member)| matching(member))
            .collect()
    }

    fn stands_in(&self, member: &Member<H>, wanted: &Untrusted) -> bool {
        let have = self.municipality(&member.known).map(key);
        have.is_some_and(|have| have == key(wanted))
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

/// True if one finding is of the wanted rule and as bad as wanted.
fn has_finding<H>(member: &Member<H>, filter: &DeviceFilter) -> bool {
    if filter.finding.is_none() && filter.severity.is_none() {
        return true;
    }
    member.known.told.iter().flat_map(|told| &told.findings).any(|noted| {
        filter.finding.as_ref().is_none_or(|rule| noted.rule == *rule)
            && filter.severity.is_none_or(|least| noted.severity >= least)
    })
}

/// Findings as the PC tells them, worst first: at most [`NOTED_LIMIT`], names cut to
/// [`RULE_LIMIT`], each rule once.
pub fn bounded_findings(mut findings: Vec<Noted>) -> Vec<Noted> {
    let mut kept: Vec<Noted> = Vec::new();
    findings.sort_by_key(|noted| std::cmp::Reverse(noted.severity));
    for noted in findings {
        let rule = bounded(&noted.rule, RULE_LIMIT);
        if kept.len() < NOTED_LIMIT && kept.iter().all(|have| have.rule != rule) {
            kept.push(Noted { severity: noted.severity, rule });
        }
    }
    kept
}

/// A host name as the PC tells it, at most [`HOSTNAME_LIMIT`] characters of it.
pub fn bounded_hostname(hostname: &Untrusted) -> Untrusted {
    bounded(hostname, HOSTNAME_LIMIT)
}

/// At most so many characters of a text that is kept in memory for every PC.
pub fn bounded(text: &Untrusted, limit: usize) -> Untrusted {
    match text.raw().char_indices().nth(limit) {
        Some((end, _)) => Untrusted::new(&text.raw()[..end]),
        None => text.clone(),
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
mod tests;
