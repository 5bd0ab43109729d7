//! Where connections through a PC may go (`forward`). Absent = nowhere.
//!
//! A pattern is `HOST:PORTS`. HOST is an address, a network (`10.1.0.0/16`, `fd00::/8`) or a name,
//! taken literally; an IPv6 address without a prefix length stands in brackets. PORTS is `*` or a
//! list of ports and ranges. Whether a pattern fits a target is decided by the agent.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use distans_proto::ids::GroupId;
use serde::{Deserialize, Serialize};

/// Most patterns in one list of a rule.
pub const PATTERNS_LIMIT: usize = 1024;

/// Longest host name, in bytes, as DNS has it.
pub const NAME_LIMIT: usize = 253;

/// What PCs of a group may connect to, and where they may listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardRule {
    /// On PCs of this group.
    pub group: GroupId,
    /// Where connections may go, as [`Pattern`]s.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Where a PC may listen for connections towards the technician, as [`Pattern`]s of addresses.
    #[serde(default)]
    pub listen: Vec<String>,
    /// Datagrams too.
    #[serde(default)]
    pub udp: bool,
}

impl ForwardRule {
    /// Checks every pattern.
    pub(super) fn check(&self) -> Result<(), String> {
        for list in [&self.targets, &self.listen] {
            if list.len() > PATTERNS_LIMIT {
                let count = list.len();
                return Err(format!(
                    "forward: {count} patterns in one list of group {}, at most {PATTERNS_LIMIT}",
                    self.group
                ));
            }
        }
        let bad = |error: BadPattern| format!("forward: {error}");
        for pattern in &self.targets {
            pattern.parse::<Pattern>().map_err(bad)?;
        }
        for pattern in &self.listen {
            if let Host::Name(_) = pattern.parse::<Pattern>().map_err(bad)?.host {
                return Err(format!(
                    "forward: {pattern:?} in listen: a PC listens on an address, not a name"
                ));
            }
        }
        Ok(())
    }
}

/// Hosts and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Which hosts.
    pub host: Host,
    /// Which ports.
    pub ports: Ports,
}

/// Which hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Addresses whose first `prefix` bits are those of `address`.
    Network {
        /// First address. INVARIANT: bits after `prefix` are 0; never IPv4 inside IPv6.
        address: IpAddr,
        /// Length in bits.
        prefix: u8,
    },
    /// This name, in lower case and without a dot at its end.
    Name(String),
}

impl Host {
    /// True for an address in the network; a name contains none.
    pub fn contains(&self, address: IpAddr) -> bool {
        let Self::Network { address: first, prefix } = self else { return false };
        match (first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let shift = 32u32.saturating_sub(u32::from(*prefix));
                (u32::from(*first) ^ u32::from(address)).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let shift = 128u32.saturating_sub(u32::from(*prefix));
                (u128::from(*first) ^ u128::from(address)).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Which ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// True if `port` is among them.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
}

/// A pattern that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no HOST:PORTS: {what}")]
pub struct BadPattern {
    /// As it stands, its beginning.
    pub pattern: String,
    /// What is wrong with it.
    pub what: String,
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        parse(text).map_err(|what| BadPattern { pattern: text.chars().take(300).collect(), what })
    }
}

fn parse(text: &str) -> Result<Pattern, String> {
    let (host, ports) = text.rsplit_once(':').ok_or("write the ports after a colon, as in printer:80,443")?;
    Ok(Pattern { host: host_of(host)?, ports: ports_of(ports)? })
}

fn host_of(text: &str) -> Result<Host, String> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = inner.unwrap_or(text);
    let (address, prefix) = match host.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (host, None),
    };
    match address.parse::<IpAddr>() {
        Ok(address) => {
            if address.is_ipv6() && prefix.is_none() && inner.is_none() {
                return Err("write an IPv6 address in brackets, as in [fd00::1]:80".into());
            }
            network(address, prefix)
        }
        Err(_) if prefix.is_some() => Err(format!("{address:?} is no address")),
        Err(_) if inner.is_some() => Err(format!("{host:?} is no IPv6 address")),
        Err(_) => name(host).map(Host::Name),
    }
}

fn network(address: IpAddr, prefix: Option<&str>) -> Result<Host, String> {
    if address.to_canonical() != address {
        return Err(format!("write {} instead of an IPv4 address inside IPv6", address.to_canonical()));
    }
    let longest: u8 = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => longest,
        Some(text) => text
            .parse()
            .ok()
            .filter(|prefix| *prefix <= longest && text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| format!("the length after / must be 0 to {longest}"))?,
    };
    let first = first_address(address, prefix);
    if first != address {
        return Err(format!("{address}/{prefix} has bits after its length; write {first}/{prefix}"));
    }
    Ok(Host::Network { address, prefix })
}

fn first_address(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// A host name as names are compared: lower case, no dot at the end.
///
/// # Errors
/// What keeps it from being one. What the system would read as a number (`10.1`, `0x7f000001`,
/// `010.0.0.1`) is none: an address must look like what it is.
pub fn name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err("the host is missing".into());
    }
    if name.contains('*') {
        return Err("names are taken literally; write each one, or a network as in 10.1.0.0/16".into());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > NAME_LIMIT || !name.split('.').all(is_label) {
        return Err(format!("{text:?} is no host name (å, ä and ö are written as xn--…)"));
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(last) || last.starts_with("0x") {
        return Err(format!("{text:?} is neither an address as in 10.1.2.3 nor a name"));
    }
    Ok(name)
}

fn ports_of(text: &str) -> Result<Ports, String> {
    if text == "*" {
        return Ok(Ports(vec![0..=u16::MAX]));
    }
    let port = |text: &str| {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let port = text.parse::<u16>().ok().filter(|port| *port > 0 && is_digits);
        port.ok_or_else(|| format!("{text:?} is no port; write 80, 80,443, 8000-8100 or *"))
    };
    let mut ranges = Vec::new();
    for piece in text.split(',') {
        let range = match piece.split_once('-') {
            Some((from, to)) => port(from)?..=port(to)?,
            None => port(piece)?..=port(piece)?,
        };
        if range.is_empty() {
            return Err(format!("{piece:?} begins above its end"));
        }
        ranges.push(range);
    }
    Ok(Ports(ranges))
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { address, prefix } => write!(out, "{address}/{prefix}"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_pattern_and_what_is_wrong_with_others() {
        for good in [
            "10.1.0.0/16:80,443,9100",
            "10.1.2.3:80",
            "0.0.0.0/0:*",
            "skrivare.mora.se:80",
            "Skrivare.Mora.se.:80",
            "localhost:3389",
            "fd00::/8:*",
            "[fd00::1]:8000-8100",
            "[fd00::/8]:1-65535",
            "_ipp.printer-1:631",
        ] {
            assert!(good.parse::<Pattern>().is_ok(), "{good} is refused: {:?}", good.parse::<Pattern>());
        }
        for (bad, what) in [
            ("", "after a colon"),
            ("printer", "after a colon"),
            ("printer:", "is no port"),
            (":80", "host is missing"),
            (".:80", "host is missing"),
            ("*:80", "literally"),
            ("*.mora.se:80", "literally"),
            ("printer:0", "is no port"),
            ("printer:65536", "is no port"),
            ("printer:80,", "is no port"),
            ("printer:+80", "is no port"),
            ("printer:90-80", "above its end"),
            ("printer: 80", "is no port"),
            ("10.1.2.3/16:80", "write 10.1.0.0/16"),
            ("10.1.0.0/33:80", "0 to 32"),
            ("10.1.0.0/+8:80", "0 to 32"),
            ("fd00::/129:80", "0 to 128"),
            ("fd00::1:80", "in brackets"),
            ("::1:80", "in brackets"),
            ("fd00:1:2:3:4:5:6:7:80", "in brackets"),
            ("::ffff:10.0.0.0/104:80", "instead of an IPv4 address"),
            ("[::ffff:10.0.0.1]:80", "instead of an IPv4 address"),
            ("printer/8:80", "no address"),
            ("[printer]:80", "no IPv6"),
            ("10.1:80", "neither"),
            ("010.0.0.1:80", "neither"),
            ("2130706433:80", "neither"),
            ("0x7f000001:80", "neither"),
            ("a.0x7f:80", "neither"),
            ("skåp.mora.se:80", "xn--"),
            ("a..b:80", "no host name"),
            ("fe80::1%eth0/64:80", "no address"),
        ] {
            let error = bad.parse::<Pattern>().expect_err(bad);
            assert!(error.what.contains(what), "{bad}: {error}");
        }
    }

    #[test]
    fn a_network_contains_its_addresses_in_every_notation() {
        let contains = |pattern: &str, address: &str| {
            let pattern: Pattern = pattern.parse().expect("a pattern");
            pattern.host.contains(address.parse().expect("an address"))
        };
        assert!(contains("10.1.0.0/16:80", "10.1.255.255") && contains("10.1.0.0/16:80", "::ffff:10.1.2.3"));
        assert!(!contains("10.1.0.0/16:80", "10.2.0.0") && !contains("10.1.0.0/16:80", "::10.1.2.3"));
        assert!(contains("0.0.0.0/0:80", "8.8.8.8") && !contains("0.0.0.0/0:80", "fd00::1"));
        assert!(contains("::/0:80", "fd00::1") && !contains("::/0:80", "::ffff:10.0.0.1"));
        assert!(contains("[fd00::1]:80", "fd00::1") && !contains("[fd00::1]:80", "fd00::2"));
        assert!(!contains("localhost:80", "127.0.0.1"));
    }
}
