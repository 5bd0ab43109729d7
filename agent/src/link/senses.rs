//! Notices what makes a standing connection worthless: the PC slept, or its way to the broker
//! changed (another network, a VPN). Looks a few times a minute; that costs microseconds.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

/// How often to look.
const LOOK: Duration = Duration::from_secs(10);

/// The wall clock may run ahead of the steady one by so much without meaning sleep: somebody
/// set the clock a little.
const SLEPT: Duration = Duration::from_secs(20);

/// An address that stands for "anywhere": nothing is sent to it, only the route is asked for.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 443);

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The PC slept.
    Slept,
    /// It has another address towards the broker now.
    Network,
}

/// What was seen last.
pub(super) struct Senses {
    remote: SocketAddr,
    address: Option<IpAddr>,
    steady: Instant,
    wall: SystemTime,
}

impl Senses {
    /// Watches the way to `remote`, or to anywhere.
    pub(super) fn new(remote: Option<SocketAddr>) -> Self {
        let remote = remote.unwrap_or(ANYWHERE);
        Self { remote, address: own_address(remote), steady: Instant::now(), wall: SystemTime::now() }
    }

    /// Waits for a change. May be dropped and called again.
    pub(super) async fn change(&mut self) -> Change {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(change) = self.look(own_address(self.remote), Instant::now(), SystemTime::now()) {
                return change;
            }
        }
    }

    fn look(&mut self, address: Option<IpAddr>, steady: Instant, wall: SystemTime) -> Option<Change> {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let by_steady = steady.saturating_duration_since(self.steady);
        (self.steady, self.wall) = (steady, wall);
        // Where the steady clock runs on in sleep, the look itself comes far too late.
        let slept = by_wall.saturating_sub(by_steady) > SLEPT || by_steady > LOOK + SLEPT;
        let moved = address.is_some() && address != self.address;
        if address.is_some() {
            self.address = address;
        }
        match (slept, moved) {
            (true, _) => Some(Change::Slept),
            (false, true) => Some(Change::Network),
            (false, false) => None,
        }
    }
}

/// The address the system would use towards `remote`; `None` without a route. Sends nothing.
fn own_address(remote: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(distans_link::endpoint::any_address_for(remote)).ok()?;
    socket.connect(remote).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)));
    const HOTEL: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2)));

    /// Steps of (address, steady seconds, wall seconds) and what is noticed.
    fn noticed(steps: &[(Option<IpAddr>, u64, i64)]) -> Vec<Option<Change>> {
        let (mut steady, mut wall) = (Instant::now(), SystemTime::now());
        let mut senses = Senses { remote: ANYWHERE, address: HOME, steady, wall };
        steps
            .iter()
            .map(|(address, by_steady, by_wall)| {
                steady += Duration::from_secs(*by_steady);
                let step = Duration::from_secs(by_wall.unsigned_abs());
                wall = if *by_wall < 0 { wall - step } else { wall + step };
                senses.look(*address, steady, wall)
            })
            .collect()
    }

    #[test]
    fn sleep_shows_in_the_clocks_and_a_move_in_the_address() {
        assert_eq!(noticed(&[(HOME, 10, 10), (HOME, 10, 11)]), [None, None]);
        assert_eq!(noticed(&[(HOME, 10, 3600), (HOME, 10, 10)]), [Some(Change::Slept), None]);
        assert_eq!(noticed(&[(HOME, 3600, 3600)]), [Some(Change::Slept)]);
        assert_eq!(noticed(&[(HOTEL, 10, 10), (HOTEL, 10, 10)]), [Some(Change::Network), None]);
    }

    #[test]
    fn a_lost_network_is_no_change_until_there_is_another() {
        assert_eq!(noticed(&[(None, 10, 10), (HOME, 10, 10)]), [None, None]);
        assert_eq!(noticed(&[(None, 10, 10), (HOTEL, 10, 10)]), [None, Some(Change::Network)]);
    }

    #[test]
    fn a_clock_set_back_is_no_sleep() {
        assert_eq!(noticed(&[(HOME, 10, -7200)]), [None]);
    }
}
