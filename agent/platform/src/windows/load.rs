//! Counters of Windows. What its disks have moved is left out: that is told by a driver of
//! performance counters alone.

use std::io;
use std::time::{Duration, Instant};

use sysinfo::Networks;
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::ProcessStatus::{K32GetPerformanceInfo, PERFORMANCE_INFORMATION};
use windows_sys::Win32::System::SystemInformation::{GetTickCount64, GlobalMemoryStatusEx, MEMORYSTATUSEX};
use windows_sys::Win32::System::Threading::{ALL_PROCESSOR_GROUPS, GetActiveProcessorCount, GetSystemTimes};

use super::sys::{check, size_of};
use crate::load::{Counters, Ticks};

pub(crate) fn counters() -> io::Result<Counters> {
    let at = Instant::now();
    let [mut idle, mut kernel, mut user] = [FILETIME::default(); 3];
    // SAFETY: the times are live variables.
    check(unsafe { GetSystemTimes(&raw mut idle, &raw mut kernel, &raw mut user) })?;
    // The kernel's time holds the idle time.
    let total = units(kernel).saturating_add(units(user));
    let all = Ticks { busy: total.saturating_sub(units(idle)), total };
    let mut memory = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>(), ..Default::default() };
    // SAFETY: `memory` is a live variable that tells its size.
    check(unsafe { GlobalMemoryStatusEx(&raw mut memory) })?;
    let (swap_total, swap_used) = page_file().unwrap_or_default();
    let network = Networks::new_with_refreshed_list().ok().map(|networks| {
        let counted = networks.values().filter(|data| !data.mac_address().is_unspecified());
        counted.fold((0u64, 0u64), |(received, sent), data| {
            (received.saturating_add(data.total_received()), sent.saturating_add(data.total_transmitted()))
        })
    });
    Ok(Counters {
        at,
        all,
        processors: Vec::new(),
        // SAFETY: takes a plain number.
        processor_count: unsafe { GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) },
        average: None,
        memory_total: memory.ullTotalPhys,
        memory_available: memory.ullAvailPhys,
        swap_total,
        swap_used,
        received: network.map(|(received, _)| received),
        sent: network.map(|(_, sent)| sent),
        read: None,
        written: None,
        // SAFETY: takes no arguments.
        uptime: Duration::from_millis(unsafe { GetTickCount64() }),
    })
}

fn units(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

/// Size and use of the page files: what was promised beyond the memory there is.
fn page_file() -> Option<(u64, u64)> {
    let size = size_of::<PERFORMANCE_INFORMATION>();
    let mut info = PERFORMANCE_INFORMATION { cb: size, ..Default::default() };
    // SAFETY: `info` is a live variable of the size given.
    check(unsafe { K32GetPerformanceInfo(&raw mut info, size) }).ok()?;
    let bytes = |pages: usize| {
        u64::try_from(pages).unwrap_or(0).saturating_mul(u64::try_from(info.PageSize).unwrap_or(0))
    };
    let total = bytes(info.CommitLimit.saturating_sub(info.PhysicalTotal));
    Some((total, bytes(info.CommitTotal.saturating_sub(info.PhysicalTotal)).min(total)))
}
