//! The policy: who the technicians are, what they may do where, and who must be asked.
//!
//! Names that this version does not know (a scope, a field) only ever take away: unknown
//! scopes are dropped from every set, unknown fields are kept for signing again and otherwise
//! ignored, and what must not be ignored stands in `crit`.

pub mod files;
pub mod recording;
mod restart;

pub mod doctor;

pub mod forward;

use std::collections::BTreeMap;
use std::time::Duration;

use distans_proto::ids::{DeviceId, GroupId, TechnicianId, TokenId};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::documents::{Document, Head};
use crate::hash::Sha256;
use crate::hours::Hours;
use crate::keys::PublicKey;

pub use restart::{RESTART_MINUTES_LIMIT, RestartRule, ResumeMode};

/// Longest life of a technician's certificate, whatever the policy says, in hours.
pub const CERT_HOURS_LIMIT: u32 = 12;

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Organisation, version, times.
    #[serde(flatten)]
    pub head: Head,
    /// The organisation's name as people at the PCs know it.
    pub organisation: Untrusted,
    /// The roster.
    pub technicians: Vec<Technician>,
    /// Groups of PCs.
    pub groups: Vec<Group>,
    /// Who must be asked.
    #[serde(default)]
    pub consent: Consent,
    /// What is allowed when nobody is asked.
    #[serde(default)]
    pub unattended: Vec<UnattendedRule>,
    /// Scopes for which the request itself must be signed by the technician's long-term key.
    #[serde(default)]
    pub strong: ScopeSet,
    /// What no longer counts.
    #[serde(default)]
    pub revoked: Revoked,
    /// What is recorded at the PC; absent = nothing.
    #[serde(default, skip_serializing_if = "recording::Recording::is_default")]
    pub recording: recording::Recording,
    /// Longest life of a technician's certificate, hours; at most [`CERT_HOURS_LIMIT`].
    #[serde(default = "default_cert_hours")]
    pub max_cert_hours: u32,
    /// Longest session, minutes.
    #[serde(default = "default_session_min")]
    pub max_session_min: u16,
    /// Oldest agent version that may serve, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_agent: Option<String>,
    /// Targets and limits of a diagnosis.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doctor: Vec<doctor::Doctor>,
    /// Whose clock counts.
    #[serde(default)]
    pub time: TimeSource,
    /// What becomes of a session when the technician restarts the PC in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<RestartRule>,
    /// Where connections through PCs may go; absent = nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward: Vec<forward::ForwardRule>,
    /// Where files may be copied from and to; absent = the user's home.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<files::FilesRule>,
    /// What a newer version added; kept when the document is signed again.
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

const fn default_cert_hours() -> u32 {
    CERT_HOURS_LIMIT
}

const fn default_session_min() -> u16 {
    8 * 60
}

/// One technician.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Technician {
    /// As in the certificate.
    pub id: TechnicianId,
    /// As the person at the PC sees it.
    pub name: Untrusted,
    /// What may be asked for at most.
    pub scopes: ScopeSet,
    /// On PCs of which groups; empty = none.
    pub groups: Vec<GroupId>,
    /// Keys that prove who it is to the signing service and under strong requests.
    #[serde(default)]
    pub long_term_keys: Vec<PublicKey>,
    /// When; absent = always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// A group of PCs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// As in tokens.
    pub id: GroupId,
    /// As people say it.
    pub name: Untrusted,
}

/// How the person at the PC is involved, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentMode {
    /// Never.
    Deny,
    /// Only if somebody at the PC says yes.
    Ask,
    /// It is shown to whoever sits there and done.
    Announce,
    /// Nobody is asked; it is shown if somebody sits there.
    Unattended,
}

/// Who must be asked, by group and scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Where no rule matches: never wider than the scope's own default. Absent = that default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ConsentMode>,
    /// Silence means no after so many seconds.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u16,
    /// The first that matches counts.
    #[serde(default)]
    pub rules: Vec<ConsentRule>,
}

const fn default_timeout_s() -> u16 {
    60
}

impl Default for Consent {
    fn default() -> Self {
        Self { default: None, timeout_s: default_timeout_s(), rules: Vec::new() }
    }
}

/// One rule. A scope that this version does not know matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRule {
    /// Which PCs.
    pub group: GroupId,
    /// Name of the scope.
    pub scope: String,
    /// What then.
    pub mode: ConsentMode,
}

/// Allows requests that nobody is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattendedRule {
    /// On PCs of this group.
    pub group: GroupId,
    /// Which scopes.
    pub scopes: ScopeSet,
    /// By whom; empty = every technician.
    #[serde(default)]
    pub technicians: Vec<TechnicianId>,
    /// When; absent = always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// What no longer counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// PCs.
    #[serde(default)]
    pub devices: Vec<DeviceId>,
    /// Certificates, by the SHA-256 of their DER.
    #[serde(default)]
    pub certs: Vec<Sha256>,
    /// Keys, by the SHA-256 of their SPKI.
    #[serde(default)]
    pub keys: Vec<Sha256>,
    /// Tokens: no PC enrolled with one of them is believed any more. To stop a token without
    /// losing its PCs, let it expire or be used up.
    #[serde(default)]
    pub tokens: Vec<TokenId>,
}

/// Whose clock counts for unattended work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The signing service's.
    #[default]
    Signer,
    /// The PC's own.
    Os,
}

impl Policy {
    /// The roster's entry for `id`.
    pub fn technician(&self, id: &TechnicianId) -> Option<&Technician> {
        self.technicians.iter().find(|technician| &technician.id == id)
    }

    /// True if `id` is in the roster, may work on PCs of `group` and its hours allow `now`.
    pub fn may_work(
        &self,
        id: &TechnicianId,
        group: &GroupId,
        now: Timestamp,
    ) -> Result<&Technician, NoRight> {
        let technician = self.technician(id).ok_or(NoRight::NotInRoster)?;
        if !technician.groups.contains(group) {
            return Err(NoRight::OtherGroup);
        }
        if technician.hours.as_ref().is_some_and(|hours| !hours.contains(now)) {
            return Err(NoRight::OutsideHours);
        }
        Ok(technician)
    }

    /// How the person at a PC of `group` is involved in `scope`.
    pub fn consent_mode(&self, group: &GroupId, scope: Scope) -> ConsentMode {
        let own_default = match scope {
            Scope::Diagnose | Scope::Message | Scope::Wake | Scope::Recordings => ConsentMode::Announce,
            Scope::Command
            | Scope::CommandSystem
            | Scope::Shell
            | Scope::ShellSystem
            | Scope::Files
            | Scope::Forward
            | Scope::Repair
            | Scope::Power => ConsentMode::Ask,
            Scope::Records => ConsentMode::Deny, // gives nothing on any PC
        };
        if scope == Scope::Records {
            return ConsentMode::Deny;
        }
        self.consent
            .rules
            .iter()
            .find(|rule| &rule.group == group && rule.scope == scope.name())
            .map_or(self.consent.default.unwrap_or(own_default).min(own_default), |rule| rule.mode)
    }

    /// The scopes that `technician` may use on PCs of `group` at `now` although nobody is asked.
    pub fn unattended(&self, group: &GroupId, technician: &TechnicianId, now: Timestamp) -> ScopeSet {
        self.unattended
            .iter()
            .filter(|rule| &rule.group == group)
            .filter(|rule| rule.technicians.is_empty() || rule.technicians.contains(technician))
            .filter(|rule| rule.hours.as_ref().is_none_or(|hours| hours.contains(now)))
            .flat_map(|rule| rule.scopes.iter())
            .filter(|scope| *scope != Scope::Records)
            .collect()
    }

    /// How long after the order to restart a PC of `group` the session it was given in can be
    /// come back to; `None` = it ends with the restart.
    pub fn may_resume_after_restart(&self, group: &GroupId) -> Option<Duration> {
        restart::may_resume(&self.restart, group)
    }

    /// Longest life of a technician's certificate.
    pub fn max_cert_span(&self) -> Duration {
        Duration::from_secs(u64::from(self.max_cert_hours.min(CERT_HOURS_LIMIT)) * 3600)
    }
}

/// Why a technician has no right on a PC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRight {
    /// Unknown to the policy.
    #[error("the technician is not in the policy's roster")]
    NotInRoster,
    /// The PC is in a group that is not the technician's.
    #[error("the technician's role does not cover this PC's group")]
    OtherGroup,
    /// Not at this time.
    #[error("the technician's role does not cover this time of day")]
    OutsideHours,
}

impl Document for Policy {
    const TYPE: &'static str = "policy";
    const LIMIT: usize = 1024 * 1024;
    const LIFE: Duration = Duration::from_secs(30 * 86_400);

    fn head(&self) -> &Head {
        &self.head
    }

    fn rules(&self) -> Result<(), String> {
        if self.max_cert_hours == 0 || self.max_cert_hours > CERT_HOURS_LIMIT {
            return Err(format!(
                "max_cert_hours is {}, must be 1 to {CERT_HOURS_LIMIT}",
                self.max_cert_hours
            ));
        }
        if self.max_session_min == 0 {
            return Err("max_session_min must be at least 1".into());
        }
        if !(5..=600).contains(&self.consent.timeout_s) {
            return Err(format!("consent.timeout_s is {}, must be 5 to 600", self.consent.timeout_s));
        }
        restart::check(&self.restart)?;
        self.files.iter().try_for_each(files::check)?;
        if let Some(id) = first_repeated(self.files.iter().map(|rule| &rule.group)) {
            return Err(format!("files of group {id} stands twice"));
        }
        for doctor in &self.doctor {
            doctor.rules()?;
        }
        if let Some(id) = first_repeated(self.doctor.iter().map(|doctor| &doctor.group)) {
            return Err(format!("doctor of group {id} stands twice"));
        }
        if let Some(id) = first_repeated(self.technicians.iter().map(|technician| &technician.id)) {
            return Err(format!("technician {id} stands twice"));
        }
        if let Some(id) = first_repeated(self.groups.iter().map(|group| &group.id)) {
            return Err(format!("group {id} stands twice"));
        }
        let named = self.technicians.iter().flat_map(|technician| technician.groups.iter());
        let named = named.chain(self.consent.rules.iter().map(|rule| &rule.group));
        let named = named.chain(self.doctor.iter().map(|doctor| &doctor.group));
        let named = named.chain(self.restart.iter().map(|rule| &rule.group));
        let named = named.chain(self.unattended.iter().map(|rule| &rule.group));
        let named = named.chain(self.files.iter().map(|rule| &rule.group));
        let mut named = named.chain(self.forward.iter().map(|rule| &rule.group));
        if let Some(id) = named.find(|id| !self.groups.iter().any(|group| &group.id == *id)) {
            return Err(format!("group {id} is used and not listed in groups"));
        }
        self.forward.iter().try_for_each(forward::ForwardRule::check)
    }
}

fn first_repeated<'a, T: Ord + 'a>(items: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let mut sorted: Vec<&T> = items.collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
