//! Facts of the network around the PC.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::facts::Lookup;
use crate::text::Untrusted;

/// Looking names up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Names {
    /// As programs do it.
    #[n(0)]
    pub lookups: Vec<Lookup>,
    /// Each name server asked by itself.
    #[n(1)]
    pub servers: Vec<NameServer>,
}

/// One name server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct NameServer {
    /// Its address.
    #[n(0)]
    pub address: Untrusted,
    /// How long its answer took; `None` = no answer.
    #[n(1)]
    pub millis: Option<u32>,
    /// What went wrong.
    #[n(2)]
    pub error: Option<Untrusted>,
}

/// The ways out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Gateways {
    /// Each default route's gateway.
    #[n(0)]
    pub gateways: Vec<Reached>,
}

/// Places that must be reachable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Targets {
    /// Each of them.
    #[n(0)]
    pub targets: Vec<Reached>,
}

/// One place and whether it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Reached {
    /// As policy names it: `intranet.mora.se:443`, `ping:10.1.0.1`.
    #[n(0)]
    pub name: Untrusted,
    /// Time until it answered, best of the tries; `None` = it did not.
    #[n(1)]
    pub millis: Option<u32>,
    /// Tries without an answer.
    #[n(2)]
    pub lost: Option<u8>,
    /// What went wrong.
    #[n(3)]
    pub error: Option<Untrusted>,
    /// It cannot be asked itself; it counts as there because the network knows it.
    #[n(4)]
    pub indirect: bool,
}

/// How large packets may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Mtu {
    /// Largest packet of the network card on the way, bytes.
    #[n(0)]
    pub interface: Option<u32>,
    /// Largest that got through, bytes.
    #[n(1)]
    pub path: Option<u32>,
    /// To whom.
    #[n(2)]
    pub to: Untrusted,
}

/// Proxy settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Proxy {
    /// Each of them.
    #[n(0)]
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Setting {
    /// Where it stands.
    #[n(0)]
    pub place: Untrusted,
    /// What it says, without passwords.
    #[n(1)]
    pub value: Untrusted,
}

/// Wireless networks the PC is on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Wifi {
    /// Each card.
    #[n(0)]
    pub links: Vec<Radio>,
}

/// One wireless card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Radio {
    /// Its name.
    #[n(0)]
    pub interface: Untrusted,
    /// The network's name.
    #[n(1)]
    pub network: Option<Untrusted>,
    /// Strength, dBm.
    #[n(2)]
    pub dbm: Option<i32>,
    /// Strength as the system rates it.
    #[n(3)]
    pub percent: Option<u8>,
}
