//! What a diagnosis looks at besides, and from when on it speaks up; by group of PCs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use distans_proto::ids::GroupId;
use serde::{Deserialize, Serialize};

/// Most targets of one group.
pub const TARGETS_LIMIT: usize = 16;

/// Most limits of one group; more are of no version.
const LIMITS_LIMIT: usize = 64;

/// Longest host name, as DNS has it.
const HOST_LIMIT: usize = 253;

/// The limits this version knows: name, least and greatest value.
pub const LIMITS: [(&str, u32, u32); 13] = [
    ("disk_free_percent", 1, 90),
    ("disk_critical_percent", 1, 50),
    ("inodes_free_percent", 1, 50),
    ("memory_available_percent", 1, 90),
    ("processor_busy_percent", 10, 100),
    ("clock_s", 1, 3600),
    ("uptime_days", 1, 3650),
    ("latency_ms", 1, 60_000),
    ("wifi_dbm_below", 30, 100),
    ("certificate_days", 1, 90),
    ("updates_days", 1, 365),
    ("log_errors", 1, 1_000_000),
    ("profile_gib", 1, 10_000),
];

/// What counts on PCs of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// Which PCs.
    pub group: GroupId,
    /// What must be reachable: `intranet.mora.se:443`, `ping:10.1.0.1`.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Limits by name, see [`LIMITS`]; others stay as they are. Unknown ones are of a newer version.
    #[serde(default)]
    pub limits: BTreeMap<String, u32>,
}

impl Doctor {
    /// What is wrong with it, if anything.
    pub(super) fn rules(&self) -> Result<(), String> {
        let place = format!("doctor of group {}", self.group);
        if self.targets.len() > TARGETS_LIMIT {
            return Err(format!(
                "{place}: {} targets, at most {TARGETS_LIMIT} are allowed",
                self.targets.len()
            ));
        }
        if self.limits.len() > LIMITS_LIMIT {
            return Err(format!("{place}: {} limits, there are {}", self.limits.len(), LIMITS.len()));
        }
        for target in &self.targets {
            target.parse::<Target>().map_err(|error| format!("{place}: {error}"))?;
        }
        for (name, least, greatest) in LIMITS {
            if let Some(value) = self.limits.get(name)
                && !(least..=greatest).contains(value)
            {
                return Err(format!("{place}: {name} is {value}, must be {least} to {greatest}"));
            }
        }
        Ok(())
    }
}

/// Something that must be reachable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Takes TCP connections.
    Tcp(String, u16),
    /// Answers an echo request (ping).
    Ping(String),
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(out, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(out, "{host}:{port}"),
            Self::Ping(host) => write!(out, "ping:{host}"),
        }
    }
}

/// Not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target {0:?} is neither HOST:PORT nor ping:HOST")]
pub struct NoTarget(String);

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let wrong = || NoTarget(text.chars().take(64).collect());
        if let Some(host) = text.strip_prefix("ping:") {
            return if is_host(host) { Ok(Self::Ping(host.to_owned())) } else { Err(wrong()) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match port.parse() {
            Ok(port) if port > 0 && is_host(host) => Ok(Self::Tcp(host.to_owned(), port)),
            _ => Err(wrong()),
        }
    }
}

fn is_host(text: &str) -> bool {
    let name = |text: &str| {
        text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
            && text.starts_with(char::is_alphanumeric)
    };
    !text.is_empty() && text.len() <= HOST_LIMIT && (text.parse::<IpAddr>().is_ok() || name(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_or_refused() {
        for good in ["intranet.mora.se:443", "ping:10.1.0.1", "[2001:db8::1]:53", "ping:fe80::1", "åäö.se:80"]
        {
            assert_eq!(good.parse::<Target>().map(|target| target.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "x", "x:0", "x:70000", ":80", "ping:", "a b:80", "-x:80", "ping:a;b", "\u{1b}:80"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limits_have_bounds_and_unknown_ones_wait_for_a_newer_version() {
        let doctor = |text: &str| serde_json::from_str::<Doctor>(text).expect("JSON").rules();
        assert_eq!(doctor(r#"{"group":"kontor","limits":{"disk_free_percent":20,"of_2030":7}}"#), Ok(()));
        assert!(doctor(r#"{"group":"kontor","limits":{"disk_free_percent":0}}"#).is_err());
        assert!(doctor(r#"{"group":"kontor","targets":["nowhere"]}"#).is_err());
        let many = format!(r#"{{"group":"kontor","targets":[{}"x:1"]}}"#, r#""x:1","#.repeat(TARGETS_LIMIT));
        assert!(doctor(&many).is_err());
    }
}
