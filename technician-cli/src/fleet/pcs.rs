//! The PCs as the broker last told them, cleaned for the screen and ready to be searched.

use std::collections::HashMap;

use distans_proto::desk::Device;
use distans_proto::facts::Severity;
use distans_proto::ids::DeviceId;
use distans_proto::text::clean_line;
use distans_proto::time::Timestamp;

/// Most PCs kept; a broker that tells of more is not believed.
pub const PCS_LIMIT: usize = 100_000;

/// Longest text of a cell, in characters.
const TEXT_LIMIT: usize = 64;

/// One PC, every text of it safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pc {
    /// Id.
    pub id: DeviceId,
    /// Host name.
    pub name: String,
    /// Site's id, if it is placed.
    pub site: String,
    /// Municipality of the site.
    pub municipality: String,
    /// Group.
    pub group: String,
    /// Who is signed in; empty if nobody is, or it is not known.
    pub user: String,
    /// Version of its agent.
    pub agent: String,
    /// False until somebody confirmed it.
    pub confirmed: bool,
    /// Connected now.
    pub online: bool,
    /// Connected since, or last seen.
    pub since: Option<Timestamp>,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// Small letters, for searching: the name, and everything else.
    pub(super) key: String,
    pub(super) rest: String,
}

/// A finding by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Rule.
    pub rule: String,
}

impl Pc {
    /// The worst of its findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.first().map(|finding| finding.severity)
    }

    /// What to call it on a command line: its name, which the verb then holds against the PC's
    /// signed endorsement. Its id only if the name means several PCs or is no plain word.
    pub fn argument(&self, is_unique: bool) -> String {
        let plain = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.');
        let is_plain = !self.name.starts_with('-') && !self.name.is_empty() && self.name.chars().all(plain);
        if is_unique && is_plain { self.name.clone() } else { self.id.to_string() }
    }
}

impl From<Device> for Pc {
    fn from(device: Device) -> Self {
        let shown = |text: &str| clean_line(text, TEXT_LIMIT);
        let told = device.told.unwrap_or_default();
        let text = |text: Option<distans_proto::text::Untrusted>| {
            text.map(|text| shown(text.raw())).unwrap_or_default()
        };
        let name = shown(device.hostname.raw());
        let site = device.site.as_ref().map(|site| shown(site.as_str())).unwrap_or_default();
        let (municipality, group) = (text(device.municipality), shown(device.group.as_str()));
        let (user, agent) = (text(told.user), text(told.agent_version));
        let mut findings: Vec<Finding> = told
            .findings
            .iter()
            .map(|noted| Finding { severity: noted.severity, rule: shown(noted.rule.raw()) })
            .collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let rules = findings.iter().map(|finding| finding.rule.as_str());
        let rest = [site.as_str(), &municipality, &group, &user].into_iter().chain(rules);
        let rest = rest.collect::<Vec<_>>().join("\n").to_lowercase();
        Self {
            id: device.id,
            key: name.to_lowercase(),
            rest,
            name,
            site,
            municipality,
            group,
            user,
            agent,
            confirmed: device.confirmed,
            online: device.online,
            since: device.since,
            findings,
        }
    }
}

/// All PCs, in the order they came.
#[derive(Debug, Clone, Default)]
pub struct Pcs {
    all: Vec<Pc>,
    places: HashMap<DeviceId, usize>,
    /// How many PCs have each name.
    names: HashMap<String, usize>,
    /// True if the broker told of more than are kept.
    pub too_many: bool,
}

/// How many PCs are how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connected.
    pub online: usize,
    /// Not connected.
    pub offline: usize,
    /// With a finding that is at least a warning.
    pub ailing: usize,
}

impl Pcs {
    /// Takes a PC in as it is now.
    pub fn put(&mut self, pc: Pc) {
        match self.places.get(&pc.id) {
            Some(&place) => {
                let before = std::mem::replace(&mut self.all[place], pc);
                if before.key != self.all[place].key {
                    self.uncount(&before.key);
                    *self.names.entry(self.all[place].key.clone()).or_default() += 1;
                }
            }
            None if self.all.len() >= PCS_LIMIT => self.too_many = true,
            None => {
                self.places.insert(pc.id, self.all.len());
                *self.names.entry(pc.key.clone()).or_default() += 1;
                self.all.push(pc);
            }
        }
    }

    fn uncount(&mut self, key: &str) {
        if let Some(count) = self.names.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.names.remove(key);
            }
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All, in the order they came.
    pub fn all(&self) -> &[Pc] {
        &self.all
    }

    /// One.
    pub fn get(&self, id: DeviceId) -> Option<&Pc> {
        self.places.get(&id).and_then(|place| self.all.get(*place))
    }

    /// What to call `pc` on a command line.
    pub fn argument(&self, pc: &Pc) -> String {
        pc.argument(self.names.get(&pc.key).is_none_or(|count| *count == 1))
    }

    /// How many are how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for pc in &self.all {
            if pc.online {
                counts.online += 1;
            } else {
                counts.offline += 1;
            }
            counts.ailing += usize::from(pc.worst() >= Some(Severity::Warning));
        }
        counts
    }
}

#[cfg(test)]
pub(super) mod tests {
    use distans_proto::desk::Told;
    use distans_proto::link::Noted;

    use super::*;

    /// A PC for tests: `name site municipality group`, online and with a rule or not.
    pub(in crate::fleet) fn device(number: u8, name: &str, place: (&str, &str)) -> Device {
        Device {
            id: DeviceId::from_bytes([number; 16]),
            hostname: name.into(),
            group: "kontor".parse().expect("a label"),
            site: Some(place.0.parse().expect("a label")),
            confirmed: true,
            online: true,
            since: Some(Timestamp::from_secs(1000)),
            enrolled: Timestamp::from_secs(0),
            facts: None,
            endorsement: None,
            token_cert: None,
            spki: None,
            municipality: Some(place.1.into()),
            told: None,
        }
    }

    pub(in crate::fleet) fn ailing(device: Device, severity: Severity, rule: &str) -> Device {
        let told = Told {
            agent_version: Some("0.1.0".into()),
            user: Some("karin".into()),
            findings: vec![Noted { severity, rule: rule.into() }],
        };
        Device { told: Some(told), ..device }
    }

    #[test]
    fn hostile_names_are_cleaned_and_called_by_id() {
        let pc = Pc::from(device(1, "PC\u{1b}]0;x\u{7}\u{202e}\n--json", ("orsa", "Orsa")));
        assert!(!pc.name.chars().any(|sign| distans_proto::text::is_steering(sign) || sign == '\n'));
        assert_eq!(pc.argument(true), pc.id.to_string());
        assert_eq!(Pc::from(device(1, "-h", ("orsa", "Orsa"))).argument(true), pc.id.to_string());
    }

    #[test]
    fn a_name_that_means_two_pcs_is_no_argument() {
        let mut pcs = Pcs::default();
        for number in [1, 2] {
            pcs.put(device(number, "PC-1", ("orsa", "Orsa")).into());
        }
        let first = DeviceId::from_bytes([1; 16]);
        assert_eq!(pcs.argument(pcs.get(first).expect("there")), first.to_string());
        pcs.put(device(2, "PC-2", ("orsa", "Orsa")).into());
        assert_eq!(pcs.argument(pcs.get(first).expect("there")), "PC-1");
        assert_eq!(pcs.all().len(), 2);
    }
}
