//! Where connections through this PC may go: does the policy list it?
//!
//! A target is checked twice: as it was named, before any name is looked up (so that a PC is no
//! window on its network's names), and as the address that is then connected to (so that a name
//! leads only where the policy wants, whatever its server answers). A network in the policy never
//! matches by the text of a name, and a name in it matches only that name. A name in the policy
//! leads to no address of the PC itself or of its own link: those must be listed as what they
//! are, `localhost` alone excepted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use distans_proto::ids::GroupId;
use distans_proto::inner::{Denied, DeniedBy};
use distans_proto::ops::forward::Place;
use distans_trust::policy::forward::{ForwardRule, Host, Pattern, name};

use crate::rights::denied;

/// A target as somebody asked for it, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub host: Destination,
    /// Port, never 0.
    pub port: u16,
    /// Datagrams.
    pub udp: bool,
}

/// An address or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// An address; never IPv4 inside IPv6.
    Address(IpAddr),
    /// A name, in lower case and without a dot at its end.
    Name(String),
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Destination::Address(address) => write!(out, "{}", SocketAddr::new(*address, self.port))?,
            Destination::Name(name) => write!(out, "{name}:{}", self.port)?,
        }
        if self.udp { out.write_str(" (udp)") } else { Ok(()) }
    }
}

impl Target {
    /// Understands a target.
    ///
    /// # Errors
    /// [`DeniedBy::State`] with what is wrong with it.
    pub fn parse(place: &Place) -> Result<Self, Denied> {
        let raw = place.host.raw();
        let host = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(raw);
        let wrong = |what: &str| denied(DeniedBy::State, format!("{}: {what}", place.host));
        if place.port == 0 {
            return Err(wrong("port 0 is no target"));
        }
        if host.contains('%') {
            return Err(wrong(
                "addresses with a scope (%) cannot be reached; use another one of that machine",
            ));
        }
        let host = match host.parse::<IpAddr>() {
            Ok(address) => Destination::Address(address.to_canonical()),
            Err(_) => Destination::Name(name(host).map_err(|what| wrong(&what))?),
        };
        Ok(Self { host, port: place.port, udp: place.udp })
    }
}

/// What the policy lists for PCs of one group.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    rules: &'a [ForwardRule],
    group: &'a GroupId,
}

impl<'a> Listed<'a> {
    /// What a policy's `rules` list for PCs of `group`.
    pub const fn new(rules: &'a [ForwardRule], group: &'a GroupId) -> Self {
        Self { rules, group }
    }

    fn rules(&self, udp: bool) -> impl Iterator<Item = &'a ForwardRule> {
        let group = self.group;
        self.rules.iter().filter(move |rule| &rule.group == group && (!udp || rule.udp))
    }

    fn targets(&self, target: &Target) -> impl Iterator<Item = Host> {
        let port = target.port;
        let patterns = self.rules(target.udp).flat_map(|rule| &rule.targets);
        // The document was checked when it was signed: one that cannot be read lists nothing.
        let patterns = patterns.filter_map(|pattern| pattern.parse::<Pattern>().ok());
        patterns.filter(move |pattern| pattern.ports.contains(port)).map(|pattern| pattern.host)
    }

    /// That anything is listed at all.
    ///
    /// # Errors
    /// [`DeniedBy::Policy`].
    pub fn anything(&self) -> Result<(), Denied> {
        if self.rules(false).any(|rule| !rule.targets.is_empty()) {
            return Ok(());
        }
        let text = format!(
            "it lists no targets for group {}; an administrator adds them under \"forward\", as in {{\"group\": \"{0}\", \"targets\": [\"10.1.0.0/16:80,443\"]}}",
            self.group
        );
        Err(denied(DeniedBy::Policy, text))
    }

    /// Whether a target may be looked up and tried at all; [`Self::address`] decides in the end.
    ///
    /// # Errors
    /// [`DeniedBy::Policy`] naming what would have to be listed.
    pub fn target(&self, target: &Target) -> Result<(), Denied> {
        let may_be = match &target.host {
            Destination::Address(address) => self.address(target, *address),
            Destination::Name(wanted) => self.targets(target).any(|host| match host {
                Host::Name(name) => name == *wanted,
                Host::Network { .. } => true, // if it leads there
            }),
        };
        if may_be { Ok(()) } else { Err(self.unlisted(target)) }
    }

    /// Whether `target` may be reached at `address`: itself, or what its name led to.
    pub fn address(&self, target: &Target, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if is_nowhere(address) {
            return false;
        }
        self.targets(target).any(|host| match (&host, &target.host) {
            (Host::Network { .. }, _) => host.contains(address),
            (Host::Name(listed), Destination::Name(wanted)) if listed == wanted => {
                if wanted == "localhost" {
                    address.is_loopback()
                } else {
                    !is_own(address)
                }
            }
            (Host::Name(_), _) => false,
        })
    }

    /// The refusal of a target none of whose addresses is listed; `led_to` is what its name led to.
    pub fn refusal(&self, target: &Target, led_to: &[IpAddr]) -> Denied {
        match led_to.first() {
            Some(address) if matches!(target.host, Destination::Name(_)) => {
                let led = SocketAddr::new(address.to_canonical(), target.port);
                denied(
                    DeniedBy::Policy,
                    format!("{target} leads to {led}, which it does not list for group {}", self.group),
                )
            }
            _ => self.unlisted(target),
        }
    }

    fn unlisted(&self, target: &Target) -> Denied {
        let udp = if target.udp { ", in a rule with \"udp\": true" } else { "" };
        let pattern = match &target.host {
            Destination::Address(address) => SocketAddr::new(*address, target.port).to_string(),
            Destination::Name(name) => format!("{name}:{}", target.port),
        };
        denied(
            DeniedBy::Policy,
            format!(
                "{target} is not listed for group {}; an administrator adds \"{pattern}\" to its \"targets\" under \"forward\"{udp}",
                self.group
            ),
        )
    }

    /// Whether the PC may listen for connections at `address`.
    ///
    /// # Errors
    /// [`DeniedBy::Policy`] naming what would have to be listed.
    pub fn listen(&self, address: SocketAddr) -> Result<(), Denied> {
        let patterns = self.rules(false).flat_map(|rule| &rule.listen);
        let mut patterns = patterns.filter_map(|pattern| pattern.parse::<Pattern>().ok());
        if patterns
            .any(|pattern| pattern.host.contains(address.ip()) && pattern.ports.contains(address.port()))
        {
            return Ok(());
        }
        let text = format!(
            "the PC may not listen on {address}; an administrator adds \"{address}\" to the \"listen\" of group {} under \"forward\"",
            self.group
        );
        Err(denied(DeniedBy::Policy, text))
    }
}

/// Addresses that lead to no one machine. The unspecified one would lead to the PC itself.
fn is_nowhere(address: IpAddr) -> bool {
    address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

/// Addresses of the PC itself or of its own link, where names do not lead.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback()
        || match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

#[cfg(test)]
mod tests;
