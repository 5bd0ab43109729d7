//! Waking other machines: the network cards a call can leave by, and the call itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::sleep;

use crate::{imp, net};

/// The port wake-up calls go to by custom.
pub const PORT: u16 = 9;

/// How often a call is sent: packets get lost, and switches wake up slowly.
pub const TIMES: u32 = 3;

/// Pause between them.
const PAUSE: Duration = Duration::from_millis(100);

/// What a network card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With a cable, or what looks like one to the system.
    Wired,
    /// Wi-Fi.
    Wireless,
    /// Tunnels, networks inside the machine.
    Other,
}

/// A network card with its IPv4 networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// What it is.
    pub kind: Kind,
    /// Addresses and the lengths of their networks' prefixes.
    pub networks: Vec<(Ipv4Addr, u8)>,
    /// Whether a call to it wakes this machine, where the system tells.
    pub wakes: Option<bool>,
}

/// The cards that are up and have a hardware address.
pub fn cards() -> Vec<Card> {
    let kinds = imp::wake::kinds();
    net::interfaces()
        .into_iter()
        .filter(|interface| interface.up)
        .filter_map(|interface| {
            let mac = interface.mac?.0;
            let (kind, wakes) = kinds.of(&interface.name, mac);
            let networks = interface.addresses.iter().filter_map(|network| match network.address {
                IpAddr::V4(address) => Some((address, network.prefix)),
                IpAddr::V6(_) => None,
            });
            Some(Card { name: interface.name.clone(), mac, kind, networks: networks.collect(), wakes })
        })
        .collect()
}

/// Sends a wake-up call for `mac` from one of this machine's addresses to a segment's broadcast
/// address: [`TIMES`] packets of 102 bytes, and nothing else.
///
/// # Errors
/// What the system said.
pub async fn call(mac: [u8; 6], from: Ipv4Addr, to: Ipv4Addr, port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.set_broadcast(true)?;
    let packet = packet(mac);
    for turn in 0..TIMES {
        if turn > 0 {
            sleep(PAUSE).await;
        }
        socket.send_to(&packet, (to, port)).await?;
    }
    Ok(())
}

/// Six bytes of ones, and the address sixteen times.
fn packet(mac: [u8; 6]) -> Vec<u8> {
    [0xff; 6].into_iter().chain(std::iter::repeat_n(mac, 16).flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_what_network_cards_wait_for() {
        let packet = packet([1, 2, 3, 4, 5, 6]);
        assert_eq!(packet.len(), 102);
        assert!(packet[..6].iter().all(|byte| *byte == 0xff));
        assert!(packet[6..].chunks(6).all(|part| part == [1, 2, 3, 4, 5, 6]));
    }

    #[tokio::test]
    async fn a_call_arrives_at_a_broadcast_address() {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a socket");
        let port = socket.local_addr().expect("bound").port();
        let to = Ipv4Addr::new(127, 255, 255, 255);
        call([1, 2, 3, 4, 5, 6], Ipv4Addr::LOCALHOST, to, port).await.expect("sent");
        for _ in 0..TIMES {
            let mut received = [0; 200];
            let (length, from) = socket.recv_from(&mut received).await.expect("arrives");
            assert_eq!((length, from.ip()), (102, IpAddr::V4(Ipv4Addr::LOCALHOST)));
            assert_eq!(received[..102], packet([1, 2, 3, 4, 5, 6]));
        }
    }
}
