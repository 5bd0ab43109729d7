//! From when on a figure is a finding. Signed policy may move each limit for a group of PCs.

use distans_trust::policy::doctor::Doctor;

/// The limits that count on this PC. Named as in policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Below this share of free space a disk is nearly full.
    pub disk_free_percent: u64,
    /// Below this share programs begin to fail.
    pub disk_critical_percent: u64,
    /// Below this share of free names a file system takes no new files soon.
    pub inodes_free_percent: u64,
    /// Below this share of available memory the PC is short of it.
    pub memory_available_percent: u64,
    /// Above this share the processor has no time left.
    pub processor_busy_percent: u64,
    /// A clock further off than this makes signing in unreliable (Kerberos allows 300 s).
    pub clock_s: u64,
    /// A PC that has run longer than this has missed updates that need a restart.
    pub uptime_days: u64,
    /// A target that takes longer is slow.
    pub latency_ms: u64,
    /// A wireless signal weaker than minus this many dBm breaks.
    pub wifi_dbm_below: u64,
    /// A certificate that ends sooner should have been renewed.
    pub certificate_days: u64,
    /// A PC that has not asked for updates for longer is forgotten.
    pub updates_days: u64,
    /// More errors a day than this are many.
    pub log_errors: u64,
    /// A user's folder larger than this is large.
    pub profile_gib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            disk_free_percent: 10,
            disk_critical_percent: 3,
            inodes_free_percent: 5,
            memory_available_percent: 10,
            processor_busy_percent: 90,
            clock_s: 60,
            uptime_days: 30,
            latency_ms: 300,
            wifi_dbm_below: 75,
            certificate_days: 21,
            updates_days: 14,
            log_errors: 200,
            profile_gib: 50,
        }
    }
}

impl Limits {
    /// The usual limits with those that policy moves.
    pub fn of(doctor: Option<&Doctor>) -> Self {
        let mut limits = Self::default();
        for (name, value) in doctor.into_iter().flat_map(|doctor| &doctor.limits) {
            if let Some(limit) = limits.named(name) {
                *limit = u64::from(*value);
            }
        }
        limits
    }

    /// The limit of that name, as policy calls it.
    fn named(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "disk_free_percent" => &mut self.disk_free_percent,
            "disk_critical_percent" => &mut self.disk_critical_percent,
            "inodes_free_percent" => &mut self.inodes_free_percent,
            "memory_available_percent" => &mut self.memory_available_percent,
            "processor_busy_percent" => &mut self.processor_busy_percent,
            "clock_s" => &mut self.clock_s,
            "uptime_days" => &mut self.uptime_days,
            "latency_ms" => &mut self.latency_ms,
            "wifi_dbm_below" => &mut self.wifi_dbm_below,
            "certificate_days" => &mut self.certificate_days,
            "updates_days" => &mut self.updates_days,
            "log_errors" => &mut self.log_errors,
            "profile_gib" => &mut self.profile_gib,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use distans_trust::policy::doctor::LIMITS;

    use super::*;

    #[test]
    fn every_limit_of_policy_counts_and_others_are_of_a_newer_version() {
        for (name, least, greatest) in LIMITS {
            let usual = *Limits::default().named(name).unwrap_or_else(|| panic!("{name} moves nothing"));
            assert!((u64::from(least)..=u64::from(greatest)).contains(&usual), "{name}");
        }
        let json = r#"{"group":"kontor","limits":{"disk_free_percent":25,"of_2030":1}}"#;
        let doctor: Doctor = serde_json::from_str(json).expect("JSON");
        assert_eq!(Limits::of(Some(&doctor)), Limits { disk_free_percent: 25, ..Limits::default() });
    }
}
