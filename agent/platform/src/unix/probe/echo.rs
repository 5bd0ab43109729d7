//! ICMP echo on Linux: a datagram socket where `net.ipv4.ping_group_range` allows it, else raw.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of the ICMP header.
const HEADER: usize = 8;
/// Bytes of the ICMP and IPv4 headers together.
const HEADERS: u16 = 28;
/// What is sent besides the header if no size is wanted.
const PAYLOAD: usize = 24;

/// Asks once; with a size, the packet has so many bytes and must not be cut on the way.
pub(crate) fn once(to: IpAddr, size: Option<u16>, limit: Duration) -> io::Result<Duration> {
    let (domain, protocol, request, reply) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8u8, 0u8),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128, 129),
    };
    let (socket, raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, true),
    };
    if size.is_some() && to.is_ipv4() {
        forbid_cutting(&socket)?;
    }
    socket.connect(&SockAddr::from(SocketAddr::new(to, 0)))?;
    let payload = size.map_or(PAYLOAD, |size| usize::from(size.saturating_sub(HEADERS)));
    // Datagram sockets put their own number in place of this one.
    let id = u16::try_from(std::process::id() & 0xFFFF).unwrap_or_default() ^ size.unwrap_or(1);
    let packet = packet(request, id, payload);
    let begun = Instant::now();
    socket.send(&packet)?;
    let mut room = [MaybeUninit::<u8>::uninit(); 2048];
    loop {
        let left = limit.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
        let left = left.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "no answer"))?;
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut room) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
            }
            Err(error) => return Err(error),
        };
        // SAFETY: the call just made has filled the first `length` bytes.
        let got = unsafe { std::slice::from_raw_parts(room.as_ptr().cast::<u8>(), length) };
        if answers(got, raw && to.is_ipv4(), reply, raw.then_some(id)) {
            return Ok(begun.elapsed());
        }
    }
}

/// Packets that are too long are refused instead of cut, whatever was learnt about the path before.
fn forbid_cutting(socket: &Socket) -> io::Result<()> {
    let probe: libc::c_int = libc::IP_PMTUDISC_PROBE;
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the socket is open; the option's value is a live int of the length given.
    let code = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const probe).cast(),
            length,
        )
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The kernel works out the checksum of datagram sockets and of IPv6, and takes ours for raw IPv4.
fn packet(request: u8, id: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x44; HEADER + payload];
    packet[..HEADER].copy_from_slice(&[request, 0, 0, 0, 0, 0, 0, 1]);
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    let sum = packet
        .chunks(2)
        .fold(0u32, |sum, pair| sum + u32::from(pair[0]) * 256 + pair.get(1).copied().map_or(0, u32::from));
    let folded = (sum & 0xFFFF) + (sum >> 16);
    let folded = (folded & 0xFFFF) + (folded >> 16);
    let checksum = !u16::try_from(folded & 0xFFFF).unwrap_or_default();
    packet[2..4].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// True for an answer; raw sockets also see those to others, and the IPv4 header in front.
fn answers(got: &[u8], with_header: bool, reply: u8, id: Option<u16>) -> bool {
    let skip = if with_header { got.first().map_or(0, |first| usize::from(first & 0x0F) * 4) } else { 0 };
    let Some(icmp) = got.get(skip..).filter(|icmp| icmp.len() >= HEADER) else { return false };
    icmp[0] == reply && id.is_none_or(|id| icmp[4..6] == id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packets_sum_is_zero_and_answers_are_told_from_others() {
        let packet = packet(8, 0x1234, 3);
        let sum = packet.chunks(2).fold(0u32, |sum, pair| {
            sum + u32::from(pair[0]) * 256 + pair.get(1).copied().map_or(0, u32::from)
        });
        assert_eq!((sum & 0xFFFF) + (sum >> 16), 0xFFFF);
        let reply = [0, 0, 0, 0, 0x12, 0x34, 0, 1];
        assert!(answers(&reply, false, 0, Some(0x1234)) && answers(&reply, false, 0, None));
        assert!(!answers(&reply, false, 0, Some(0x1235)) && !answers(&reply, false, 129, None));
        assert!(!answers(&reply[..7], false, 0, None) && !answers(&[0x4F; 20], true, 0, None));
        assert!(!answers(&[], true, 0, None));
    }
}
