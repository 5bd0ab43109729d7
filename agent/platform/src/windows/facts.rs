//! Facts of a Windows machine: sysinfo where it is sound, the system itself for disks, model and
//! pending restarts.

use std::ptr;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use windows_sys::Win32::Storage::FileSystem::{
    GetDiskFreeSpaceExW, GetDriveTypeW, GetLogicalDrives, GetVolumeInformationW,
};

use super::registry;
use super::sys::{self, check, narrow, wide};
use crate::facts::{Disk, Facts, addresses, useful};

/// A disk of the machine itself; network drives and empty card readers may hang (winbase.h).
const DRIVE_FIXED: u32 = 3;
/// Set for a volume that cannot be written (winnt.h).
const FILE_READ_ONLY_VOLUME: u32 = 0x0008_0000;
/// Keys that the system makes when a restart is due.
const RESTART_KEYS: [&str; 2] = [
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
];
/// Where the firmware's own words are kept.
const FIRMWARE: &str = r"HARDWARE\DESCRIPTION\System\BIOS";

pub(crate) fn gather() -> Facts {
    let mut facts = Facts {
        hostname: System::host_name().unwrap_or_default(),
        os: System::long_os_version().unwrap_or_default(),
        kernel: System::kernel_version().ok(),
        model: model(),
        addresses: addresses(),
        uptime_s: System::uptime().unwrap_or_default(),
        restart_pending: waits_for_restart(),
        ..Facts::default()
    };
    let kinds = RefreshKind::nothing()
        .with_memory(MemoryRefreshKind::everything())
        .with_cpu(CpuRefreshKind::nothing());
    if let Ok(system) = System::new_with_specifics(kinds) {
        facts.cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
        facts.cpu_count = u32::try_from(system.cpus().len()).unwrap_or(u32::MAX);
        facts.memory_total = system.total_memory();
        facts.memory_available = system.available_memory();
        facts.swap_total = system.total_swap();
        facts.swap_used = system.used_swap();
    }
    facts
}

/// True if the system waits for a restart.
pub(crate) fn waits_for_restart() -> Option<bool> {
    Some(RESTART_KEYS.into_iter().any(registry::exists))
}

fn model() -> Option<String> {
    let product = useful(registry::text(FIRMWARE, "SystemProductName")?)?;
    let maker = registry::text(FIRMWARE, "SystemManufacturer").and_then(useful);
    Some(maker.map_or_else(|| product.clone(), |maker| format!("{maker} {product}")))
}

pub(crate) fn disks() -> Vec<Disk> {
    // SAFETY: takes no arguments.
    let letters = unsafe { GetLogicalDrives() };
    (b'A'..=b'Z')
        .enumerate()
        .filter(|(bit, _)| letters & (1 << bit) != 0)
        .filter_map(|(_, letter)| disk(char::from(letter)))
        .collect()
}

fn disk(letter: char) -> Option<Disk> {
    let mount = format!("{letter}:\\");
    let name = wide(&mount);
    // SAFETY: the name is zero-terminated.
    if unsafe { GetDriveTypeW(name.as_ptr()) } != DRIVE_FIXED {
        return None;
    }
    let (mut available, mut total) = (0, 0);
    // SAFETY: the name is zero-terminated; the figures are live variables, the third may be null.
    check(unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &raw mut available, &raw mut total, ptr::null_mut()) })
        .ok()?;
    let mut file_system = [0u16; 64];
    let mut flags = 0;
    // SAFETY: the name is zero-terminated; `file_system` is writable for its length, `flags` is
    // a live variable, and the others may be null.
    let told = check(unsafe {
        GetVolumeInformationW(
            name.as_ptr(),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut flags,
            file_system.as_mut_ptr(),
            sys::length(&file_system).ok()?,
        )
    });
    Some(Disk {
        mount,
        file_system: narrow(&file_system).to_string_lossy().into_owned(),
        total,
        available,
        read_only: told.is_ok() && flags & FILE_READ_ONLY_VOLUME != 0,
    })
}
