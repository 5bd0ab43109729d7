//! The kernel's tables under `/proc/net`, and `resolv.conf`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::{fs, io};

use crate::net::{Gateway, Protocol, SOCKETS_LIMIT, Socket};

/// Largest table read, in bytes.
const TABLE_LIMIT: u64 = 16 * 1024 * 1024;
/// Most open files looked at to find whose a socket is.
const FILES_LIMIT: usize = 200_000;
/// As RTF_GATEWAY and RTF_UP in the kernel's route.h.
const GATEWAY: u32 = 2;
const UP: u32 = 1;

pub(crate) fn gateways() -> Vec<Gateway> {
    let mut gateways = parse_routes(&table("route"));
    gateways.extend(parse_routes6(&table("ipv6_route")));
    gateways
}

pub(crate) fn name_servers() -> Vec<IpAddr> {
    let read = |path: &str| fs::read_to_string(path).map(|text| parse_resolv(&text)).unwrap_or_default();
    let servers = read("/etc/resolv.conf");
    // systemd's local answerer says nothing; behind it are the real ones.
    let behind = if servers.iter().all(IpAddr::is_loopback) {
        read("/run/systemd/resolve/resolv.conf")
    } else {
        Vec::new()
    };
    if behind.is_empty() { servers } else { behind }
}

pub(crate) fn sockets() -> io::Result<Vec<Socket>> {
    let mut found = Vec::new();
    for (name, protocol) in
        [("tcp", Protocol::Tcp), ("tcp6", Protocol::Tcp), ("udp", Protocol::Udp), ("udp6", Protocol::Udp)]
    {
        found.extend(parse_sockets(&table(name), protocol));
        found.truncate(SOCKETS_LIMIT);
    }
    let owners = owners();
    let told = found.into_iter().map(|(inode, socket)| {
        let pid = owners.get(&inode).copied();
        Socket { pid, ..socket }
    });
    Ok(told.collect())
}

/// A table of the kernel's; empty where it has none (no IPv6).
fn table(name: &str) -> String {
    use std::io::Read;
    let mut text = Vec::new();
    // What cannot be read is a table without rows.
    if let Ok(file) = fs::File::open(Path::new("/proc/net").join(name)) {
        let _ = file.take(TABLE_LIMIT).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Which process holds which socket, as far as we may look.
fn owners() -> HashMap<u64, u32> {
    let mut owners = HashMap::new();
    let mut looked = 0;
    let Ok(listing) = fs::read_dir("/proc") else { return owners };
    for entry in listing.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(entry.path().join("fd")) else { continue };
        for file in files.flatten() {
            looked += 1;
            if looked > FILES_LIMIT {
                return owners;
            }
            let Ok(target) = fs::read_link(file.path()) else { continue };
            let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
            if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                owners.entry(inode).or_insert(pid);
            }
        }
    }
    owners
}

/// Rows of `/proc/net/{tcp,udp}[6]` with their inodes; what is no row is left out.
fn parse_sockets(table: &str, protocol: Protocol) -> Vec<(u64, Socket)> {
    table.lines().skip(1).filter_map(|line| parse_socket(line, protocol)).take(SOCKETS_LIMIT).collect()
}

/// `sl local remote state tx:rx tr:when retrnsmt uid timeout inode …`
fn parse_socket(line: &str, protocol: Protocol) -> Option<(u64, Socket)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = parse_end(words.next()?)?;
    let remote = parse_end(words.next()?)?;
    let state = words.next()?;
    let inode = words.nth(5)?.parse().ok()?;
    let state = match (protocol, u8::from_str_radix(state, 16).ok()?) {
        (Protocol::Udp, _) => "open",
        (Protocol::Tcp, 1) => "established",
        (Protocol::Tcp, 2) => "syn-sent",
        (Protocol::Tcp, 3) => "syn-received",
        (Protocol::Tcp, 4) => "fin-wait-1",
        (Protocol::Tcp, 5) => "fin-wait-2",
        (Protocol::Tcp, 6) => "time-wait",
        (Protocol::Tcp, 7) => "closed",
        (Protocol::Tcp, 8) => "close-wait",
        (Protocol::Tcp, 9) => "last-ack",
        (Protocol::Tcp, 10) => "listen",
        (Protocol::Tcp, 11) => "closing",
        (Protocol::Tcp, _) => "other",
    };
    let remote = Some(remote).filter(|remote| !(remote.ip().is_unspecified() && remote.port() == 0));
    Some((inode, Socket { protocol, local, remote, state, pid: None }))
}

/// `0100007F:1F90`: words of the address in the machine's own byte order.
fn parse_end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |index: usize| u32::from_str_radix(address.get(index * 8..index * 8 + 8)?, 16).ok();
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?.to_ne_bytes());
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`
fn parse_routes(table: &str) -> Vec<Gateway> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, metric, mask, ..] = words.as_slice() else {
            return None;
        };
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let flags = hex(flags)?;
        if hex(destination)? != 0 || hex(mask)? != 0 || flags & UP == 0 {
            return None;
        }
        let address = Ipv4Addr::from(hex(gateway)?.to_ne_bytes());
        Some(Gateway {
            address: (flags & GATEWAY != 0).then_some(IpAddr::V4(address)),
            interface: (*interface).to_owned(),
            metric: metric.parse().ok()?,
        })
    };
    table.lines().skip(1).filter_map(parse).collect()
}

/// `destination length source length next-hop metric refcnt use flags interface`
fn parse_routes6(table: &str) -> Vec<Gateway> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, length, _, _, hop, metric, _, _, flags, interface] = words.as_slice() else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let hop = u128::from_str_radix(hop, 16).ok()?;
        if *length != "00"
            || u128::from_str_radix(destination, 16).ok()? != 0
            || flags & UP == 0
            || *interface == "lo"
        {
            return None;
        }
        Some(Gateway {
            address: (flags & GATEWAY != 0).then(|| IpAddr::V6(Ipv6Addr::from(hop))),
            interface: (*interface).to_owned(),
            metric: u32::from_str_radix(metric, 16).ok()?,
        })
    };
    table.lines().filter_map(parse).collect()
}

fn parse_resolv(text: &str) -> Vec<IpAddr> {
    /// The resolver itself asks three; more stand there by mistake.
    const SERVERS_LIMIT: usize = 16;
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == "nameserver").then_some(())?;
        let word = words.next()?;
        word.split('%').next()?.parse().ok()
    };
    text.lines().filter_map(parse).take(SERVERS_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    #[test]
    fn sockets_are_read_and_broken_rows_left_out() {
        let table = format!(
            "{HEAD}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n\
             \x20  1: 0F02000A:C001 01020304:01BB 01 00000000:00000000 02:000004D2 00000000     0        0 4712 2 0 20 4 30 10 -1\n\
             \n   2: short\n   3: ZZ00007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1\n   4: 0100007F:1F90 00000000:0000 XX 0:0 0:0 0 0 0 1\n\
             \x20  5: 0100007F 00000000 0A 0:0 0:0 0 0 0 1\n   6: åäö:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1\n"
        );
        let found = parse_sockets(&table, Protocol::Tcp);
        assert_eq!(found.len(), 2, "{found:?}");
        let (inode, listening) = &found[0];
        assert_eq!((*inode, listening.state, listening.remote), (4711, "listen", None));
        assert_eq!(listening.local.to_string(), "127.0.0.1:8080");
        let (_, connected) = &found[1];
        assert_eq!(connected.remote.map(|remote| remote.to_string()).as_deref(), Some("4.3.2.1:443"));
        assert_eq!((connected.state, connected.local.port()), ("established", 49153));
        let row = "0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 9";
        let (_, six) = parse_socket(row, Protocol::Tcp).expect("a row");
        assert_eq!(six.local.to_string(), "[::1]:80");
        assert_eq!(parse_sockets("", Protocol::Udp), []);
    }

    #[test]
    fn the_way_out_is_found() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
            wwan0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0\nbroken\n\n";
        let gateways = parse_routes(table);
        assert_eq!(gateways.len(), 2);
        assert_eq!(gateways[0].address.map(|address| address.to_string()).as_deref(), Some("10.0.2.1"));
        assert_eq!((gateways[1].address, gateways[1].interface.as_str()), (None, "wwan0"));
        let zeros = "0".repeat(32);
        let six = format!(
            "{zeros} 00 {zeros} 00 fe800000000000000000000000000001 00000400 1 0 00000003 eth0\n\
             {zeros} 00 {zeros} 00 {zeros} ffffffff 1 0 00200200 lo\nrubbish\n"
        );
        let gateways = parse_routes6(&six);
        assert_eq!(gateways.len(), 1, "{gateways:?}");
        assert_eq!(gateways[0].address.map(|address| address.to_string()).as_deref(), Some("fe80::1"));
    }

    #[test]
    fn name_servers_are_read_in_their_order() {
        let text = "# made by hand\nsearch mora.se\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver\n\
            nameserver not-one\noptions ndots:2\n";
        let servers: Vec<String> = parse_resolv(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1", "fe80::1"]);
    }
}
