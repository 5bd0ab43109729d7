//! The IP helper's tables.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::{io, mem, ptr};

use windows_sys::Win32::Foundation::{ERROR_BUFFER_OVERFLOW, ERROR_INSUFFICIENT_BUFFER};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_INCLUDE_GATEWAYS, GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_MULTICAST, GAA_FLAG_SKIP_UNICAST,
    GetAdaptersAddresses, GetExtendedTcpTable, GetExtendedUdpTable, IP_ADAPTER_ADDRESSES_LH,
    MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID, MIB_UDP6ROW_OWNER_PID, MIB_UDPROW_OWNER_PID,
    TCP_TABLE_OWNER_PID_ALL, UDP_TABLE_OWNER_PID,
};
use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, AF_UNSPEC, SOCKADDR_IN, SOCKADDR_IN6, SOCKET_ADDRESS,
};

use super::sys::{check_code, copy_text};
use crate::net::{Gateway, Protocol, SOCKETS_LIMIT, Socket};

/// Largest table taken, in bytes.
const TABLE_LIMIT: usize = 16 * 1024 * 1024;
/// Most adapters, and most entries of one, that are followed.
const CHAIN_LIMIT: usize = 512;
/// The adapter carries traffic (ifdef.h).
const UP: i32 = 1;

pub(crate) fn gateways() -> Vec<Gateway> {
    let mut gateways = Vec::new();
    each_adapter(|adapter| {
        if adapter.OperStatus != UP {
            return;
        }
        // SAFETY: the text is zero-terminated and lives as long as the adapter.
        let name = unsafe { copy_text(adapter.FriendlyName) }.to_string_lossy().into_owned();
        let mut next = adapter.FirstGatewayAddress;
        for _ in 0..CHAIN_LIMIT {
            // SAFETY: null, or an entry of the list the system wrote.
            let Some(entry) = (unsafe { next.as_ref() }) else { break };
            // SAFETY: the address belongs to the entry.
            let address = unsafe { address(&entry.Address) };
            let metric =
                if matches!(address, Some(IpAddr::V6(_))) { adapter.Ipv6Metric } else { adapter.Ipv4Metric };
            gateways.push(Gateway { address, interface: name.clone(), metric });
            next = entry.Next;
        }
    });
    gateways
}

pub(crate) fn name_servers() -> Vec<IpAddr> {
    let mut servers = Vec::new();
    each_adapter(|adapter| {
        if adapter.OperStatus != UP {
            return;
        }
        let mut next = adapter.FirstDnsServerAddress;
        for _ in 0..CHAIN_LIMIT {
            // SAFETY: null, or an entry of the list the system wrote.
            let Some(entry) = (unsafe { next.as_ref() }) else { break };
            // SAFETY: the address belongs to the entry.
            if let Some(server) = unsafe { address(&entry.Address) }
                && !servers.contains(&server)
            {
                servers.push(server);
            }
            next = entry.Next;
        }
    });
    servers
}

/// Hands every adapter to `each`; none if the system does not tell.
pub(super) fn each_adapter(mut each: impl FnMut(&IP_ADAPTER_ADDRESSES_LH)) {
    const FLAGS: u32 =
        GAA_FLAG_INCLUDE_GATEWAYS | GAA_FLAG_SKIP_UNICAST | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST;
    let mut room = vec![0u64; 32 * 1024 / 8];
    loop {
        let mut length = u32::try_from(room.len() * 8).unwrap_or(u32::MAX);
        // SAFETY: `room` is writable for the length given and aligned for the entries.
        let code = unsafe {
            GetAdaptersAddresses(
                u32::from(AF_UNSPEC),
                FLAGS,
                ptr::null(),
                room.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        match code {
            0 => break,
            ERROR_BUFFER_OVERFLOW if room.len() * 8 < TABLE_LIMIT => room.resize(room.len() * 2, 0),
            _ => return,
        }
    }
    let mut next: *const IP_ADAPTER_ADDRESSES_LH = room.as_ptr().cast();
    for _ in 0..CHAIN_LIMIT {
        // SAFETY: null, or an entry of the list the system wrote into `room`.
        let Some(adapter) = (unsafe { next.as_ref() }) else { return };
        each(adapter);
        next = adapter.Next;
    }
}

/// The address in a socket address.
///
/// # Safety
/// The pointer in it is null or points to as many bytes as it says.
unsafe fn address(found: &SOCKET_ADDRESS) -> Option<IpAddr> {
    let length = usize::try_from(found.iSockaddrLength).ok()?;
    if found.lpSockaddr.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it; every socket address begins with its family.
    let family = unsafe { (*found.lpSockaddr).sa_family };
    match family {
        AF_INET if length >= mem::size_of::<SOCKADDR_IN>() => {
            // SAFETY: family and length say that it is one.
            let four = unsafe { found.lpSockaddr.cast::<SOCKADDR_IN>().read_unaligned() };
            // SAFETY: every pattern of bits is an address.
            Some(IpAddr::V4(Ipv4Addr::from(unsafe { four.sin_addr.S_un.S_addr }.to_ne_bytes())))
        }
        AF_INET6 if length >= mem::size_of::<SOCKADDR_IN6>() => {
            // SAFETY: family and length say that it is one.
            let six = unsafe { found.lpSockaddr.cast::<SOCKADDR_IN6>().read_unaligned() };
            // SAFETY: every pattern of bits is an address.
            Some(IpAddr::V6(Ipv6Addr::from(unsafe { six.sin6_addr.u.Byte })))
        }
        _ => None,
    }
}

pub(crate) fn sockets() -> io::Result<Vec<Socket>> {
    let mut found = Vec::new();
    for row in rows::<MIB_TCPROW_OWNER_PID>(tcp_table, AF_INET)? {
        found.push(tcp(
            end(four(row.dwLocalAddr), row.dwLocalPort),
            end(four(row.dwRemoteAddr), row.dwRemotePort),
            row.dwState,
            row.dwOwningPid,
        ));
    }
    for row in rows::<MIB_TCP6ROW_OWNER_PID>(tcp_table, AF_INET6)? {
        found.push(tcp(
            end(Ipv6Addr::from(row.ucLocalAddr).into(), row.dwLocalPort),
            end(Ipv6Addr::from(row.ucRemoteAddr).into(), row.dwRemotePort),
            row.dwState,
            row.dwOwningPid,
        ));
    }
    for row in rows::<MIB_UDPROW_OWNER_PID>(udp_table, AF_INET)? {
        found.push(udp(end(four(row.dwLocalAddr), row.dwLocalPort), row.dwOwningPid));
    }
    for row in rows::<MIB_UDP6ROW_OWNER_PID>(udp_table, AF_INET6)? {
        found.push(udp(end(Ipv6Addr::from(row.ucLocalAddr).into(), row.dwLocalPort), row.dwOwningPid));
    }
    Ok(found)
}

fn four(address: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(address.to_ne_bytes()))
}

/// Ports come in network order in the low half of a word.
fn end(ip: IpAddr, port: u32) -> SocketAddr {
    let [high, low, _, _] = port.to_ne_bytes();
    SocketAddr::new(ip, u16::from_be_bytes([high, low]))
}

fn tcp(local: SocketAddr, remote: SocketAddr, state: u32, pid: u32) -> Socket {
    let state = match state {
        1 => "closed",
        2 => "listen",
        3 => "syn-sent",
        4 => "syn-received",
        5 => "established",
        6 => "fin-wait-1",
        7 => "fin-wait-2",
        8 => "close-wait",
        9 => "closing",
        10 => "last-ack",
        11 => "time-wait",
        _ => "other",
    };
    Socket {
        protocol: Protocol::Tcp,
        local,
        remote: (state != "listen").then_some(remote),
        state,
        pid: Some(pid).filter(|pid| *pid != 0),
    }
}

fn udp(local: SocketAddr, pid: u32) -> Socket {
    Socket {
        protocol: Protocol::Udp,
        local,
        remote: None,
        state: "open",
        pid: Some(pid).filter(|pid| *pid != 0),
    }
}

/// Asks for a table of a family: into the room of so many bytes, or how many it wants.
type Ask = fn(*mut core::ffi::c_void, &mut u32, u16) -> u32;

fn tcp_table(room: *mut core::ffi::c_void, length: &mut u32, family: u16) -> u32 {
    // SAFETY: the caller's room is writable for `length` bytes.
    unsafe { GetExtendedTcpTable(room, length, 0, u32::from(family), TCP_TABLE_OWNER_PID_ALL, 0) }
}

fn udp_table(room: *mut core::ffi::c_void, length: &mut u32, family: u16) -> u32 {
    // SAFETY: the caller's room is writable for `length` bytes.
    unsafe { GetExtendedUdpTable(room, length, 0, u32::from(family), UDP_TABLE_OWNER_PID, 0) }
}

/// The rows of a table: a number, then so many rows. `Row` is a plain structure of numbers that
/// starts at the first multiple of four, as all of these do.
fn rows<Row: Copy>(ask: Ask, family: u16) -> io::Result<Vec<Row>> {
    let mut room = vec![0u64; 32 * 1024 / 8];
    loop {
        let mut length = u32::try_from(room.len() * 8).map_err(io::Error::other)?;
        match ask(room.as_mut_ptr().cast(), &mut length, family) {
            0 => break,
            ERROR_INSUFFICIENT_BUFFER if room.len() * 8 < TABLE_LIMIT => room.resize(room.len() * 2, 0),
            code => {
                check_code(code)?;
                break;
            }
        }
    }
    const HEAD: usize = 4;
    let most = (room.len() * 8 - HEAD) / mem::size_of::<Row>();
    // SAFETY: the room is larger than a number.
    let count = unsafe { room.as_ptr().cast::<u32>().read() };
    let count = usize::try_from(count).unwrap_or(0).min(most).min(SOCKETS_LIMIT);
    // SAFETY: `count` rows fit into the room after the number; they are numbers only and read
    // without regard to alignment.
    let row = |index: usize| unsafe {
        room.as_ptr().cast::<u8>().add(HEAD + index * mem::size_of::<Row>()).cast::<Row>().read_unaligned()
    };
    Ok((0..count).map(row).collect())
}
