//! Disks and drives, memory, processor, battery on Windows. Temperatures are told to drivers only.

use std::{mem, ptr};

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
};
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{IOCTL_STORAGE_PREDICT_FAILURE, STORAGE_PREDICT_FAILURE};
use windows_sys::Win32::System::Power::{GetSystemPowerStatus, SYSTEM_POWER_STATUS};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};
use windows_sys::Win32::System::Threading::GetSystemTimes;

use crate::imp::sys::{check, own, size_of, wide};
use crate::probe::machine::{Cell, Drive, Memory, Power, Sensor, Ticks};
use crate::probe::{Answer, NoAnswer};
use crate::thread::Slots;

/// Drives that are asked.
const DRIVES: u32 = 8;
/// `BatteryFlag`: charging, no battery, unknown (winbase.h).
const CHARGING: u8 = 8;
const NO_BATTERY: u8 = 128;
const UNKNOWN: u8 = 255;

/// File systems of Windows have no such limit.
pub(crate) fn inodes(_mount: &str) -> Option<(u64, u64)> {
    None
}

pub(crate) async fn drives() -> Answer<Vec<Drive>> {
    static SLOTS: Slots = Slots::new(2);
    let read = || (0..DRIVES).filter_map(drive).collect();
    Ok(SLOTS.run(read).await?)
}

/// What the drive's own forecast (SMART) says; drives that make none are left out.
fn drive(number: u32) -> Option<Drive> {
    let name = format!("PhysicalDrive{number}");
    let path = wide(format!(r"\\.\{name}"));
    // SAFETY: the path is zero-terminated; no security attributes and no template are given.
    let handle = unsafe {
        CreateFileW(
            path.as_ptr(),
            0,
            FILE_SHARE_READ | FILE_SHARE_WRITE,
            ptr::null(),
            OPEN_EXISTING,
            0,
            ptr::null_mut(),
        )
    };
    // SAFETY: the handle was made just now.
    let handle = unsafe { own(handle) }.ok()?;
    let (mut told, mut length) = (STORAGE_PREDICT_FAILURE::default(), 0);
    // SAFETY: the handle is open; the answer is a live structure of the size given.
    let answered = check(unsafe {
        DeviceIoControl(
            std::os::windows::io::AsRawHandle::as_raw_handle(&handle),
            IOCTL_STORAGE_PREDICT_FAILURE,
            ptr::null(),
            0,
            (&raw mut told).cast(),
            size_of::<STORAGE_PREDICT_FAILURE>(),
            &raw mut length,
            ptr::null_mut(),
        )
    });
    answered.ok()?;
    Some(Drive { name, failing: Some(told.PredictFailure != 0), ..Drive::default() })
}

pub(crate) fn memory() -> Answer<Memory> {
    let mut told = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>(), ..Default::default() };
    // SAFETY: the structure is live and says its size.
    check(unsafe { GlobalMemoryStatusEx(&raw mut told) })?;
    // The page file counts memory in; what is beyond it is swap.
    let swap_total = told.ullTotalPageFile.saturating_sub(told.ullTotalPhys);
    let swap_free = told.ullAvailPageFile.saturating_sub(told.ullAvailPhys);
    Ok(Memory {
        total: told.ullTotalPhys,
        available: told.ullAvailPhys,
        swap_total,
        swap_used: swap_total.saturating_sub(swap_free),
        stalled: None,
    })
}

pub(crate) fn ticks() -> Answer<Ticks> {
    let (mut idle, mut kernel, mut user) = (FILETIME::default(), FILETIME::default(), FILETIME::default());
    // SAFETY: all three are live variables.
    check(unsafe { GetSystemTimes(&raw mut idle, &raw mut kernel, &raw mut user) })?;
    let ticks = |time: FILETIME| (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);
    // Time in the kernel counts idle time in.
    Ok(Ticks { all: ticks(kernel).saturating_add(ticks(user)), idle: ticks(idle), waiting: None })
}

/// Windows keeps no such average.
pub(crate) fn queue() -> Option<u32> {
    None
}

pub(crate) fn temperature() -> Answer<Vec<Sensor>> {
    Err(NoAnswer::NotHere)
}

pub(crate) fn battery() -> Answer<Power> {
    // SAFETY: plain data, for which all zeroes is a valid value.
    let mut told: SYSTEM_POWER_STATUS = unsafe { mem::zeroed() };
    // SAFETY: the structure is a live variable.
    check(unsafe { GetSystemPowerStatus(&raw mut told) })?;
    if told.BatteryFlag == UNKNOWN || told.BatteryFlag & NO_BATTERY != 0 {
        return Err(NoAnswer::NotHere);
    }
    let cell = Cell {
        name: "battery".to_owned(),
        percent: (told.BatteryLifePercent <= 100).then_some(told.BatteryLifePercent),
        health: None,
        charging: Some(told.BatteryFlag & CHARGING != 0),
    };
    let mains = (told.ACLineStatus <= 1).then_some(told.ACLineStatus == 1);
    Ok((vec![cell], mains))
}
