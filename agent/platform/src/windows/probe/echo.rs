//! ICMP echo on Windows: `IcmpSendEcho`, which needs no special rights. IPv4 only.

use std::net::IpAddr;
use std::time::{Duration, Instant};
use std::{io, ptr};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::NetworkManagement::IpHelper::{
    IP_OPTION_INFORMATION, IcmpCloseHandle, IcmpCreateFile, IcmpSendEcho,
};

/// Bytes of the ICMP and IPv4 headers together.
const HEADERS: u16 = 28;
/// What is sent besides the headers if no size is wanted.
const PAYLOAD: u16 = 24;
/// Room for one reply: its structure, the data, and an ICMP error.
const REPLY: usize = 2048;
/// Must not be cut on the way (ipexport.h).
const DONT_FRAGMENT: u8 = 2;
/// Status of a good reply, at this place in `ICMP_ECHO_REPLY`.
const STATUS: std::ops::Range<usize> = 4..8;

/// Asks once; with a size, the packet has so many bytes and must not be cut on the way.
pub(crate) fn once(to: IpAddr, size: Option<u16>, limit: Duration) -> io::Result<Duration> {
    let IpAddr::V4(to) = to else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "only IPv4 is asked on Windows"));
    };
    // SAFETY: takes no arguments.
    let handle = unsafe { IcmpCreateFile() };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    let length = size.map_or(PAYLOAD, |size| size.saturating_sub(HEADERS));
    let data = vec![0x44u8; usize::from(length)];
    let flags = if size.is_some() { DONT_FRAGMENT } else { 0 };
    let options = IP_OPTION_INFORMATION {
        Ttl: 128,
        Tos: 0,
        Flags: flags,
        OptionsSize: 0,
        OptionsData: ptr::null_mut(),
    };
    // Aligned as the reply's structure wants it.
    let mut reply = [0u64; REPLY / 8];
    let begun = Instant::now();
    // SAFETY: the handle is open; data and reply are readable and writable for the lengths given.
    let count = unsafe {
        IcmpSendEcho(
            handle,
            u32::from_ne_bytes(to.octets()),
            data.as_ptr().cast(),
            length,
            &raw const options,
            reply.as_mut_ptr().cast(),
            u32::try_from(REPLY).unwrap_or(0),
            u32::try_from(limit.as_millis()).unwrap_or(u32::MAX),
        )
    };
    let took = begun.elapsed();
    // SAFETY: the handle is open and used no more.
    unsafe { IcmpCloseHandle(handle) };
    let bytes: Vec<u8> = reply.iter().take(2).flat_map(|part| part.to_ne_bytes()).collect();
    if count > 0 && bytes[STATUS] == [0; 4] {
        return Ok(took);
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}
