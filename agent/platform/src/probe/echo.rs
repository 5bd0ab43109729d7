//! ICMP echo (ping) without another program: on Linux through the kernel's datagram sockets for it
//! where they are allowed, else raw ones; on Windows through its own call.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::imp;
use crate::thread::Slots;

/// Longest packet tried, bytes, with all headers.
pub const PACKET_LIMIT: u16 = 1500;

/// Sizes of packets that are told apart: Ethernet, PPPoE, tunnels and VPNs, what IPv6 guarantees
/// and what IPv4 almost does.
const SIZES: [u16; 10] = [1500, 1492, 1480, 1460, 1440, 1420, 1400, 1350, 1280, 576];

/// Echoes that may wait at once.
static SLOTS: Slots = Slots::new(24);

/// Asks once and waits for the answer.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] without one, [`io::ErrorKind::PermissionDenied`] where this program
/// may not ask, or what the system said.
pub async fn once(to: IpAddr, limit: Duration) -> io::Result<Duration> {
    SLOTS.run(move || imp::probe::echo::once(to, None, limit)).await?
}

/// The largest packet, in bytes with all headers, that gets there and back in one piece; `None` if
/// the other side answers none. Takes up to twice `limit`.
///
/// # Errors
/// As [`once`].
pub async fn largest(to: IpAddr, limit: Duration) -> io::Result<Option<u16>> {
    if to.is_ipv6() {
        return Ok(None); // routers tell there by themselves
    }
    let mut tries = tokio::task::JoinSet::new();
    for size in SIZES {
        tries.spawn(async move {
            (size, SLOTS.run(move || imp::probe::echo::once(to, Some(size), limit)).await.flatten())
        });
    }
    let (mut best, mut failure) = (None, None);
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok((size, Ok(_))) => best = best.max(Some(size)),
            Ok((_, Err(error))) if error.kind() == io::ErrorKind::PermissionDenied => failure = Some(error),
            _ => {}
        }
        if best == Some(PACKET_LIMIT) {
            break;
        }
    }
    match (best, failure) {
        (None, Some(error)) => Err(error),
        (best, _) => Ok(best),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn this_machine_answers_itself_if_we_may_ask() {
        let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let limit = Duration::from_secs(20);
        match once(own, limit).await {
            Ok(took) => assert!(took < limit),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}"),
        }
        match largest(own, limit).await {
            Ok(size) => assert_eq!(size, Some(PACKET_LIMIT)),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}"),
        }
    }
}
