//! The sections of the configuration file, each read once into its own struct.

use std::net::SocketAddr;
use std::time::Duration;

use distans_proto::ids::OrgId;

use super::reader::Section;

/// `[broker]`: who it is and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// The organisation it serves.
    pub organisation: OrgId,
    /// Its public DNS name, as in its certificate and in every PC's configuration.
    pub name: String,
    /// UDP address and port.
    pub listen: SocketAddr,
}

impl Broker {
    pub(super) fn read(mut section: Section<'_, '_>) -> Option<Self> {
        let organisation = section.text("organisation", None, "mora", |text| {
            text.parse::<OrgId>().map_err(|error| format!("is no organisation: {error}"))
        });
        let name = section.text("name", None, "broker.example.se", dns_name);
        let listen = section.text("listen", None, "0.0.0.0:443", address);
        Some(Self { organisation: organisation?, name: name?, listen: listen? })
    }
}

/// `[http]`: health and metrics, on loopback only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// TCP address and port on loopback; port 0 takes any free one.
    pub listen: SocketAddr,
}

impl Http {
    /// Where it listens if the file does not say.
    pub const DEFAULT: &'static str = "127.0.0.1:9464";

    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let default = SocketAddr::from(([127, 0, 0, 1], 9464));
        let listen = section.text("listen", Some(default), Self::DEFAULT, |text| {
            let address = address(text)?;
            if address.ip().is_loopback() {
                Ok(address)
            } else {
                Err("is not a loopback address: these pages are not for the network".to_owned())
            }
        });
        Self { listen: listen.unwrap_or(default) }
    }
}

/// `[limits]`: what one peer, and all together, may take (security.md §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Handshakes under way at once, at most.
    pub incoming: u32,
    /// From so many handshakes under way on, a newcomer must first prove its address.
    pub retry_above: u32,
    /// A handshake may take so long.
    pub handshake: Duration,
    /// Connections at once, at most.
    pub connections: u32,
    /// Open sessions of one technician, at most.
    pub sessions_per_technician: u32,
    /// Relayed streams of one session at once, at most.
    pub streams_per_session: u32,
    /// Attempts to enrol with one token in a minute, at most.
    pub enrolments_per_minute: u32,
    /// New sessions are refused while less of the disk is free, percent.
    pub disk_free_percent: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            incoming: 2_000,
            retry_above: 200,
            handshake: Duration::from_secs(10),
            connections: 60_000,
            sessions_per_technician: 20,
            streams_per_session: 240,
            enrolments_per_minute: 10,
            disk_free_percent: 5,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let usual = Self::default();
        Self {
            incoming: section.number("incoming", usual.incoming, 1..=100_000),
            retry_above: section.number("retry_above", usual.retry_above, 0..=100_000),
            handshake: Duration::from_secs(u64::from(section.number("handshake_s", 10, 1..=60))),
            connections: section.number("connections", usual.connections, 1..=1_000_000),
            sessions_per_technician: section.number(
                "sessions_per_technician",
                usual.sessions_per_technician,
                1..=100_000,
            ),
            streams_per_session: section.number("streams_per_session", usual.streams_per_session, 1..=1_024),
            enrolments_per_minute: section.number(
                "enrolments_per_minute",
                usual.enrolments_per_minute,
                1..=10_000,
            ),
            disk_free_percent: section.number("disk_free_percent", usual.disk_free_percent, 0..=99),
        }
    }
}

/// `[stop]`: how it goes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Relayed streams may finish for so long.
    pub drain: Duration,
    /// PCs are told to come back spread over at most so long, so that they do not come all at
    /// once: 500 a second.
    pub back_within: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        Self { drain: Duration::from_secs(5), back_within: Duration::from_secs(30) }
    }
}

impl Stop {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        Self {
            drain: Duration::from_secs(u64::from(section.number("drain_s", 5, 0..=600))),
            back_within: Duration::from_secs(u64::from(section.number("back_within_s", 30, 0..=600))),
        }
    }
}

/// `[log]`: how it speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// From which level on.
    pub level: LogLevel,
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Least important level that is written. Names of PCs and people appear from `debug` on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs somebody.
    Error,
    /// And what may need somebody soon.
    Warn,
    /// And the course of events.
    #[default]
    Info,
    /// And names, for finding a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Each level with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// The name in the file.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, level)| *level == self).map_or("info", |(name, _)| name)
    }
}

impl Log {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let format = section.text("format", Some(LogFormat::Text), "text", |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("is neither text nor json".to_owned()),
        });
        let level = section.text("level", Some(LogLevel::Info), "info", |text| {
            let found = LogLevel::ALL.into_iter().find(|(name, _)| *name == text);
            found
                .map(|(_, level)| level)
                .ok_or_else(|| "is none of error, warn, info, debug, trace".to_owned())
        });
        Self { format: format.unwrap_or_default(), level: level.unwrap_or_default() }
    }
}

/// An address with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "is no IP address with a port".to_owned())
}

/// A DNS name as certificates carry it.
///
/// # Errors
/// What is wrong, to be read after the key's name.
pub(super) fn dns_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err("is no DNS name in small letters".to_owned())
    }
}
