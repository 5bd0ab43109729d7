//! What probes find, one struct a probe. All text comes from the PC and is untrusted; every list
//! has at most [`super::LIST_LIMIT`] entries.

mod hardware;
mod network;
mod software;

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::facts::Facts;
pub use hardware::*;
pub use network::*;
pub use software::*;

/// What one probe found, or several together: each has a field of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Found {
    /// Name, system, model, addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(0)]
    pub system: Option<Box<Facts>>,
    /// Disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(1)]
    pub disks: Option<Disks>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(2)]
    pub memory: Option<Memory>,
    /// Processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(3)]
    pub load: Option<Load>,
    /// Temperatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(4)]
    pub temperature: Option<Temperature>,
    /// Clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(5)]
    pub clock: Option<Clock>,
    /// Uptime.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(6)]
    pub uptime: Option<Uptime>,
    /// Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(7)]
    pub services: Option<Services>,
    /// Log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(8)]
    pub log: Option<Log>,
    /// Names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(9)]
    pub names: Option<Names>,
    /// Gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(10)]
    pub gateway: Option<Gateways>,
    /// Targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(11)]
    pub targets: Option<Targets>,
    /// Packet sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(12)]
    pub mtu: Option<Mtu>,
    /// Proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(13)]
    pub proxy: Option<Proxy>,
    /// Wireless.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(14)]
    pub wifi: Option<Wifi>,
    /// Printers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(15)]
    pub printers: Option<Printers>,
    /// Certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(16)]
    pub certificates: Option<Certificates>,
    /// Updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(17)]
    pub updates: Option<Updates>,
    /// Batteries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(18)]
    pub battery: Option<Battery>,
    /// Directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(19)]
    pub domain: Option<Domain>,
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(20)]
    pub user: Option<User>,
    /// Profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(21)]
    pub profile: Option<Profile>,
    /// Caches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[n(22)]
    pub caches: Option<Caches>,
}
