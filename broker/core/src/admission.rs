//! The coarse right: may this technician have a stream to that PC at all?
//!
//! It keeps strangers and the wrong group away from a PC and the broker from filling up. It is
//! not what protects the PC: the agent decides again, with documents it has verified itself.

use distans_proto::enrol::{RefusalCode, Refused};
use distans_proto::ids::{DeviceId, GroupId, TechnicianId};
use distans_proto::scope::Scope;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_trust::policy::{NoRight, Policy};
use distans_trust::store::{Standing, Trust};

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionRefusal {
    /// There is no policy, or it expired long ago.
    #[error("the broker holds no valid policy; have the administrator publish one")]
    NoPolicy,
    /// The policy gives no right.
    #[error("{0}")]
    NoRight(#[from] NoRight),
    /// The PC is revoked.
    #[error("this pc is revoked by policy")]
    DeviceRevoked,
    /// A right on the broker's own records is missing.
    #[error("this needs the scope records, which the policy does not give you")]
    NoRecords,
    /// The disk is nearly full.
    #[error("the broker's disk is nearly full, and a session's record must find room; make room first")]
    DiskFull,
}

impl AdmissionRefusal {
    /// The reason to tell over the wire.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::NoPolicy | Self::NoRight(_) | Self::DeviceRevoked | Self::NoRecords => {
                RefusalCode::NotAllowed
            }
            Self::DiskFull => RefusalCode::Storage,
        }
    }
}

/// A refusal as it travels.
pub fn refused(code: RefusalCode, text: &dyn std::fmt::Display) -> Refused {
    Refused { code, text: Untrusted::new(text.to_string()) }
}

/// May `technician` have a stream to `device`, which is in `group`?
///
/// # Errors
/// What stands against it.
pub fn may_open(
    trust: &Trust,
    technician: &TechnicianId,
    device: DeviceId,
    group: &GroupId,
    now: Timestamp,
) -> Result<(), AdmissionRefusal> {
    let policy = valid_policy(trust, now)?;
    policy.may_work(technician, group, now)?;
    if policy.revoked.devices.contains(&device) {
        return Err(AdmissionRefusal::DeviceRevoked);
    }
    Ok(())
}

/// May `technician` change the broker's own records?
///
/// # Errors
/// What stands against it.
pub fn may_record(trust: &Trust, technician: &TechnicianId, now: Timestamp) -> Result<(), AdmissionRefusal> {
    let entry = valid_policy(trust, now)?.technician(technician).ok_or(NoRight::NotInRoster)?;
    if entry.scopes.contains(Scope::Records) { Ok(()) } else { Err(AdmissionRefusal::NoRecords) }
}

/// Which PCs and sessions a technician may read about at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// All of them: who keeps the records.
    All,
    /// Those of these groups.
    Groups(Vec<GroupId>),
}

impl Sight {
    /// True if PCs of `group` are among them.
    pub fn covers(&self, group: &GroupId) -> bool {
        match self {
            Self::All => true,
            Self::Groups(groups) => groups.contains(group),
        }
    }
}

/// What `technician` may read about. Also by an expired policy, which nobody is widened by.
pub fn sight(trust: &Trust, technician: &TechnicianId) -> Sight {
    match trust.policy().and_then(|policy| policy.technician(technician)) {
        Some(entry) if entry.scopes.contains(Scope::Records) => Sight::All,
        Some(entry) => Sight::Groups(entry.groups.clone()),
        None => Sight::Groups(Vec::new()),
    }
}

/// Is there room for a new session? `free_permille` is what the shell measured, `None` if the
/// system does not tell.
///
/// # Errors
/// [`AdmissionRefusal::DiskFull`].
pub fn has_room(free_permille: Option<u32>, least_percent: u32) -> Result<(), AdmissionRefusal> {
    match free_permille {
        Some(free) if free < least_percent.saturating_mul(10) => Err(AdmissionRefusal::DiskFull),
        _ => Ok(()),
    }
}

fn valid_policy(trust: &Trust, now: Timestamp) -> Result<&Policy, AdmissionRefusal> {
    match (trust.policy(), trust.standing(now)) {
        (Some(policy), Standing::Full | Standing::AttendedOnly) => Ok(policy),
        _ => Err(AdmissionRefusal::NoPolicy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{GROUP, NOW, Organisation, technician};

    fn group(name: &str) -> GroupId {
        name.parse().expect("a label")
    }

    fn pc() -> DeviceId {
        DeviceId::from_bytes([1; 16])
    }

    #[test]
    fn only_the_roster_and_only_its_groups() {
        let organisation = Organisation::new(|_| {});
        let open = |name: &str, group_name: &str| {
            may_open(&organisation.trust, &technician(name), pc(), &group(group_name), NOW)
        };
        assert_eq!(open("anna", GROUP), Ok(()));
        assert_eq!(open("anna", "skola"), Err(NoRight::OtherGroup.into()));
        assert_eq!(open("mallory", GROUP), Err(NoRight::NotInRoster.into()));
    }

    #[test]
    fn a_revoked_pc_and_a_long_expired_policy_open_nothing() {
        let organisation = Organisation::new(|policy| policy.revoked.devices.push(pc()));
        let anna = technician("anna");
        let refusal = may_open(&organisation.trust, &anna, pc(), &group(GROUP), NOW);
        assert_eq!(refusal, Err(AdmissionRefusal::DeviceRevoked));
        let other = DeviceId::from_bytes([2; 16]);
        let days = |days: u64| NOW.plus(std::time::Duration::from_secs(days * 86_400));
        assert_eq!(may_open(&organisation.trust, &anna, other, &group(GROUP), days(40)), Ok(()));
        let refusal = may_open(&organisation.trust, &anna, other, &group(GROUP), days(80));
        assert_eq!(refusal, Err(AdmissionRefusal::NoPolicy));
    }

    #[test]
    fn records_need_their_scope() {
        let organisation = Organisation::new(|_| {});
        assert_eq!(may_record(&organisation.trust, &technician("anna"), NOW), Ok(()));
        let refusal = may_record(&organisation.trust, &technician("bo"), NOW);
        assert_eq!(refusal, Err(AdmissionRefusal::NoRecords));
    }

    #[test]
    fn a_nearly_full_disk_takes_no_session() {
        assert_eq!(has_room(Some(49), 5), Err(AdmissionRefusal::DiskFull));
        assert_eq!(has_room(Some(50), 5), Ok(()));
        assert_eq!(has_room(None, 5), Ok(()));
        assert_eq!(has_room(Some(0), 0), Ok(()));
    }
}
