//! Print queues on Windows: the spooler's own calls.

use std::time::{SystemTime, UNIX_EPOCH};
use std::{io, mem, ptr};

use windows_sys::Win32::Foundation::{FILETIME, SYSTEMTIME};
use windows_sys::Win32::Graphics::Printing::{
    ClosePrinter, EnumJobsW, EnumPrintersW, JOB_INFO_1W, OpenPrinterW, PRINTER_ACCESS_ADMINISTER,
    PRINTER_ACCESS_USE, PRINTER_CONTROL_PURGE, PRINTER_DEFAULTSW, PRINTER_ENUM_LOCAL, PRINTER_HANDLE,
    PRINTER_INFO_2W, PRINTER_STATUS_ERROR, PRINTER_STATUS_OFFLINE, PRINTER_STATUS_PAPER_JAM,
    PRINTER_STATUS_PAUSED, SetPrinterW,
};
use windows_sys::Win32::System::Time::SystemTimeToFileTime;

use crate::imp::sys::{check, copy_text, wide};
use crate::probe::system::{Printer, Printing};

/// Bytes for a list of the spooler's; more than that is no list.
const ROOM: u32 = 4 << 20;
/// Jobs looked at.
const JOBS: u32 = 1000;
/// Seconds between 1601, where Windows begins to count, and 1970.
const EPOCH_S: u64 = 11_644_473_600;

/// What stops a queue, in words.
const STOPPED: [(u32, &str); 4] = [
    (PRINTER_STATUS_PAUSED, "paused"),
    (PRINTER_STATUS_ERROR, "error"),
    (PRINTER_STATUS_PAPER_JAM, "paper jam"),
    (PRINTER_STATUS_OFFLINE, "offline"),
];

/// All local queues.
pub(super) fn list() -> io::Result<Printing> {
    let found = listed(|room, size, needed, count| {
        // SAFETY: `room` is null or writable for `size` bytes; the results are live variables.
        unsafe { EnumPrintersW(PRINTER_ENUM_LOCAL, ptr::null(), 2, room, size, needed, count) }
    });
    let (room, count) = match found {
        Ok(found) => found,
        // The service does not run.
        Err(_) => return Ok(Printing::default()),
    };
    let entries = room.as_ptr().cast::<PRINTER_INFO_2W>();
    let printers = (0..count).map(|index| {
        // SAFETY: the call wrote so many entries, whose texts lie in `room` too.
        let entry = unsafe { entries.add(index).read_unaligned() };
        // SAFETY: as above.
        let name = unsafe { copy_text(entry.pPrinterName) }.to_string_lossy().into_owned();
        let words: Vec<&str> =
            STOPPED.iter().filter(|(bit, _)| entry.Status & bit != 0).map(|(_, word)| *word).collect();
        Printer {
            stopped: !words.is_empty(),
            jobs: entry.cJobs,
            oldest_s: (entry.cJobs > 0).then(|| oldest(&name)).flatten(),
            text: (!words.is_empty()).then(|| words.join(", ")),
            name,
        }
    });
    Ok(Printing { running: true, printers: printers.collect() })
}

/// Removes all jobs; how many there were.
pub(crate) fn purge(name: &str) -> io::Result<u32> {
    let printer = Opened::new(name, PRINTER_ACCESS_ADMINISTER)?;
    let jobs = printer.jobs()?.len();
    // SAFETY: the printer is open; level 0 takes no structure.
    check(unsafe { SetPrinterW(printer.0, 0, ptr::null(), PRINTER_CONTROL_PURGE) })?;
    Ok(u32::try_from(jobs).unwrap_or(u32::MAX))
}

fn oldest(name: &str) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let jobs = Opened::new(name, PRINTER_ACCESS_USE).ok()?.jobs().ok()?;
    jobs.into_iter().flatten().map(|made| now.saturating_sub(made)).max()
}

/// An open printer.
struct Opened(PRINTER_HANDLE);

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: the printer is open and closed once.
        unsafe { ClosePrinter(self.0) };
    }
}

impl Opened {
    fn new(name: &str, access: u32) -> io::Result<Self> {
        let name = wide(name);
        let wanted = PRINTER_DEFAULTSW {
            pDatatype: ptr::null_mut(),
            pDevMode: ptr::null_mut(),
            DesiredAccess: access,
        };
        let mut printer = PRINTER_HANDLE::default();
        // SAFETY: the name is zero-terminated, the others are live variables.
        check(unsafe { OpenPrinterW(name.as_ptr(), &raw mut printer, &raw const wanted) })?;
        Ok(Self(printer))
    }

    /// When each job was made, seconds since 1970.
    fn jobs(&self) -> io::Result<Vec<Option<u64>>> {
        let (room, count) = listed(|room, size, needed, count| {
            // SAFETY: the printer is open; `room` is null or writable for `size` bytes.
            unsafe { EnumJobsW(self.0, 0, JOBS, 1, room, size, needed, count) }
        })?;
        let entries = room.as_ptr().cast::<JOB_INFO_1W>();
        let made = (0..count).map(|index| {
            // SAFETY: the call wrote so many entries.
            seconds(&unsafe { entries.add(index).read_unaligned() }.Submitted)
        });
        Ok(made.collect())
    }
}

/// Calls twice: for the size, then for the list.
fn listed(call: impl Fn(*mut u8, u32, *mut u32, *mut u32) -> i32) -> io::Result<(Vec<u64>, usize)> {
    let (mut needed, mut count) = (0, 0);
    if call(ptr::null_mut(), 0, &raw mut needed, &raw mut count) != 0 {
        return Ok((Vec::new(), 0));
    }
    if needed == 0 {
        return Err(io::Error::last_os_error());
    }
    let size = needed.min(ROOM);
    let mut room = vec![0u64; usize::try_from(size).unwrap_or_default().div_ceil(mem::size_of::<u64>())];
    check(call(room.as_mut_ptr().cast(), size, &raw mut needed, &raw mut count))?;
    Ok((room, usize::try_from(count).unwrap_or_default()))
}

fn seconds(time: &SYSTEMTIME) -> Option<u64> {
    let mut ticks = FILETIME::default();
    // SAFETY: both are live variables.
    check(unsafe { SystemTimeToFileTime(time, &raw mut ticks) }).ok()?;
    let ticks = (u64::from(ticks.dwHighDateTime) << 32) | u64::from(ticks.dwLowDateTime);
    (ticks / 10_000_000).checked_sub(EPOCH_S)
}
