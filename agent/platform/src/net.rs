//! The machine's network as it is now: interfaces, the way out, name servers, sockets.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{fmt, io};

use sysinfo::{InterfaceOperationalState, Networks};
use tokio::time::timeout;

use crate::imp;
use crate::thread::Slots;

/// Most sockets listed.
pub const SOCKETS_LIMIT: usize = 8192;
/// Most interfaces listed; machines with containers have hundreds.
pub const INTERFACES_LIMIT: usize = 512;
/// Most addresses of one interface.
pub const ADDRESSES_LIMIT: usize = 64;

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name: `eth0`, `Ethernet 2`.
    pub name: String,
    /// Its hardware address; `None` where there is none (loopback, tunnels).
    pub mac: Option<Mac>,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<Network>,
    /// True if it can carry traffic now.
    pub up: bool,
    /// Largest packet, bytes.
    pub mtu: u64,
    /// Speed of the link in bits per second, where it is known.
    pub speed: Option<u64>,
    /// Bytes received since it came up.
    pub received: u64,
    /// Bytes sent since it came up.
    pub sent: u64,
}

impl Interface {
    /// True if it only reaches this machine.
    pub fn is_loopback(&self) -> bool {
        !self.addresses.is_empty() && self.addresses.iter().all(|network| network.address.is_loopback())
    }
}

/// A hardware address; `Display` writes `02:42:ac:11:00:02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// An address and how many leading bits of it name the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// Length of the network's prefix, bits.
    pub prefix: u8,
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

/// A default route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The router; `None` if the link itself leads out (mobile modems, tunnels).
    pub address: Option<IpAddr>,
    /// Through which interface.
    pub interface: String,
    /// The smallest is used.
    pub metric: u32,
}

/// What carries a socket's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// Our end.
    pub local: SocketAddr,
    /// The other end, if it is connected.
    pub remote: Option<SocketAddr>,
    /// `listen`, `established`, `close-wait` …; for UDP `open`.
    pub state: &'static str,
    /// Whose it is, where we may know.
    pub pid: Option<u32>,
}

/// All interfaces by name. Reads the system's own tables; takes about a millisecond.
pub fn interfaces() -> Vec<Interface> {
    let Ok(networks) = Networks::new_with_refreshed_list() else { return Vec::new() };
    let mut interfaces: Vec<Interface> = networks
        .iter()
        .map(|(name, data)| Interface {
            name: name.to_string_lossy().into_owned(),
            mac: Some(data.mac_address()).filter(|mac| !mac.is_unspecified()).map(|mac| Mac(mac.0)),
            addresses: {
                let mut addresses: Vec<Network> = data
                    .ip_networks()
                    .iter()
                    .take(ADDRESSES_LIMIT)
                    .map(|network| Network { address: network.addr, prefix: network.prefix })
                    .collect();
                addresses.sort_unstable_by_key(|network| network.address);
                addresses
            },
            // Some drivers never tell; an interface with addresses is not down.
            up: match data.operational_state() {
                InterfaceOperationalState::Up | InterfaceOperationalState::Dormant => true,
                InterfaceOperationalState::Unknown => !data.ip_networks().is_empty(),
                _ => false,
            },
            mtu: data.mtu(),
            // A link that is down tells nonsense.
            speed: data.transmit_link_speed().filter(|speed| (1..u64::from(u32::MAX) * 1000).contains(speed)),
            received: data.total_received(),
            sent: data.total_transmitted(),
        })
        .collect();
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    interfaces.truncate(INTERFACES_LIMIT);
    interfaces
}

/// The default routes, the one that is used first.
pub fn gateways() -> Vec<Gateway> {
    let mut gateways = imp::net::gateways();
    gateways.sort_by_key(|gateway| gateway.metric);
    gateways
}

/// The name servers the machine asks, in its order.
pub fn name_servers() -> Vec<IpAddr> {
    imp::net::name_servers()
}

/// Longest wait for the tables of sockets and for whose they are.
const LIMIT: Duration = Duration::from_secs(10);
static READING: Slots = Slots::new(2);

/// Listening and connected sockets, at most [`SOCKETS_LIMIT`], with the processes they belong to
/// where the system lets us know (root and LocalSystem: all of them).
///
/// # Errors
/// What the system said, or a time-out.
pub async fn sockets() -> io::Result<Vec<Socket>> {
    let mut sockets = match timeout(LIMIT, READING.run(imp::net::sockets)).await {
        Ok(sockets) => sockets??,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    };
    let rank = |socket: &Socket| (socket.remote.is_some(), socket.local.port(), socket.local.ip());
    sockets.sort_by_key(rank);
    sockets.truncate(SOCKETS_LIMIT);
    Ok(sockets)
}

/// Names of the programs behind some processes.
pub async fn programs(pids: Vec<u32>) -> HashMap<u32, String> {
    let naming = READING
        .run(move || pids.into_iter().filter_map(|pid| Some((pid, imp::processes::name_of(pid)?))).collect());
    timeout(LIMIT, naming).await.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_interfaces_and_their_addresses() {
        let interfaces = interfaces();
        assert!(interfaces.iter().all(|interface| !interface.name.is_empty()), "{interfaces:?}");
        let prefixes = interfaces.iter().flat_map(|interface| &interface.addresses);
        assert!(prefixes.clone().all(|network| network.prefix <= 128), "{interfaces:?}");
        assert_eq!(Mac([0, 1, 0xab, 255, 16, 2]).to_string(), "00:01:ab:ff:10:02");
    }

    #[tokio::test]
    async fn our_own_socket_is_listed_as_ours() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a socket");
        let local = listener.local_addr().expect("bound");
        let sockets = sockets().await.expect("tables");
        let own = sockets.iter().find(|socket| socket.local == local).expect("it is listed");
        assert_eq!((own.state, own.remote, own.pid), ("listen", None, Some(std::process::id())));
        assert!(programs(vec![std::process::id()]).await.contains_key(&std::process::id()));
    }
}
