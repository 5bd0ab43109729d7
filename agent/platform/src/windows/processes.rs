//! Processes from a snapshot of the system's, each opened for what the snapshot does not tell.
//! sysinfo's own list is not used: its processor load ends the program under Wine.

use std::collections::HashMap;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::time::{Duration, SystemTime};

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER, FILETIME, WAIT_TIMEOUT};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, IsProcessCritical, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, QueryFullProcessImageNameW, TerminateProcess, WaitForSingleObject,
};

use super::sys::{self, check, narrow, own, size_of};
use super::user;
use crate::UserId;
use crate::processes::{EndError, Found, LIST_LIMIT, State};

/// What is known of processes seen before; it does not change.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<(u32, u64), Known>);

#[derive(Debug, Clone)]
struct Known {
    program: Option<String>,
    owner: Option<UserId>,
}

/// Between 1601, where Windows counts from, and 1970.
const EPOCH: Duration = Duration::from_secs(11_644_473_600);
/// The idle process and the kernel.
const KERNEL: [u32; 2] = [0, 4];

/// All processes now.
pub(crate) fn all(seen: &mut Seen) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut still = HashMap::new();
    for entry in snapshot()? {
        let pid = entry.th32ProcessID;
        if pid == 0 {
            continue; // what is left of the processors, no process
        }
        let opened = open(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok();
        let (started, cpu_time) = opened.as_ref().and_then(|process| times(process).ok()).unwrap_or_default();
        let key = (pid, started);
        let known = seen.0.remove(&key).unwrap_or_else(|| Known {
            program: opened.as_ref().and_then(program),
            owner: user::of_process(pid).ok().map(UserId),
        });
        found.push(Found {
            pid,
            parent: entry.th32ParentProcessID,
            started,
            since: moment(started),
            name: narrow(&entry.szExeFile).to_string_lossy().into_owned(),
            program: known.program.clone(),
            owner: known.owner.clone(),
            state: State::Unknown,
            cpu_time,
            memory: opened.as_ref().and_then(memory).unwrap_or_default(),
            threads: entry.cntThreads,
        });
        still.insert(key, known);
    }
    seen.0 = still;
    Ok(found)
}

/// The name of one process's program.
pub(crate) fn name_of(pid: u32) -> Option<String> {
    let path = program(&open(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()?)?;
    path.rsplit('\\').next().map(ToOwned::to_owned)
}

fn snapshot() -> io::Result<Vec<PROCESSENTRY32W>> {
    // SAFETY: plain values; the handle that comes back is ours.
    let snapshot = unsafe { own(CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0)) }?;
    let mut entry = PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>(), ..Default::default() };
    let mut entries = Vec::new();
    // SAFETY: the snapshot is open; `entry` is a live variable that tells its size.
    let mut more = unsafe { Process32FirstW(snapshot.as_raw_handle(), &raw mut entry) };
    while more != 0 && entries.len() < LIST_LIMIT {
        entries.push(entry);
        // SAFETY: as above.
        more = unsafe { Process32NextW(snapshot.as_raw_handle(), &raw mut entry) };
    }
    Ok(entries)
}

fn open(pid: u32, access: u32) -> io::Result<OwnedHandle> {
    // SAFETY: plain values; the handle that comes back is ours.
    unsafe { own(OpenProcess(access, 0, pid)) }
}

/// When it began, in units of 100 ns since 1601, and the processor time it has used.
fn times(process: &OwnedHandle) -> io::Result<(u64, Duration)> {
    let [mut began, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is open; the times are live variables.
    check(unsafe {
        GetProcessTimes(
            process.as_raw_handle(),
            &raw mut began,
            &raw mut ended,
            &raw mut kernel,
            &raw mut user,
        )
    })?;
    Ok((units(began), span(units(kernel).saturating_add(units(user)))))
}

fn units(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

fn span(units: u64) -> Duration {
    Duration::from_nanos(units.saturating_mul(100))
}

/// The moment so many units after 1601.
fn moment(units: u64) -> SystemTime {
    let since_1601 = Duration::from_micros(units / 10);
    SystemTime::UNIX_EPOCH + since_1601.saturating_sub(EPOCH)
}

fn program(process: &OwnedHandle) -> Option<String> {
    let mut room = [0u16; 1024];
    let mut length = sys::length(&room).ok()?;
    // SAFETY: the handle is open; `room` is writable for `length` units.
    check(unsafe {
        QueryFullProcessImageNameW(process.as_raw_handle(), 0, room.as_mut_ptr(), &raw mut length)
    })
    .ok()?;
    Some(narrow(&room).to_string_lossy().into_owned())
}

fn memory(process: &OwnedHandle) -> Option<u64> {
    let size = size_of::<PROCESS_MEMORY_COUNTERS>();
    let mut counters = PROCESS_MEMORY_COUNTERS { cb: size, ..Default::default() };
    // SAFETY: the handle is open; `counters` is a live variable of the size given.
    check(unsafe { K32GetProcessMemoryInfo(process.as_raw_handle(), &raw mut counters, size) }).ok()?;
    u64::try_from(counters.WorkingSetSize).ok()
}

/// The one process that is to end; the open handle keeps its number from being given again.
pub(crate) struct Target {
    pid: u32,
    handle: OwnedHandle,
}

impl Target {
    pub(crate) fn open(pid: u32, started: u64) -> Result<Self, EndError> {
        if KERNEL.contains(&pid) {
            return Err(EndError::Critical(pid));
        }
        let access = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE | PROCESS_SYNCHRONIZE;
        let handle = open(pid, access).map_err(|error| failed(pid, error))?;
        let (now, _) = times(&handle).map_err(|error| failed(pid, error))?;
        if now != started {
            return Err(EndError::Another(pid));
        }
        let mut critical = 0;
        // SAFETY: the handle is open; `critical` is a live variable.
        check(unsafe { IsProcessCritical(handle.as_raw_handle(), &raw mut critical) })
            .map_err(|error| failed(pid, error))?;
        if critical != 0 {
            return Err(EndError::Critical(pid));
        }
        Ok(Self { pid, handle })
    }

    pub(crate) fn signal(&self, force: bool) -> Result<(), EndError> {
        if !force {
            // A service cannot send a window of another session the message that closes it.
            return Err(EndError::OnlyByForce(self.pid));
        }
        // SAFETY: the handle is open and may terminate.
        check(unsafe { TerminateProcess(self.handle.as_raw_handle(), 1) })
            .map_err(|error| failed(self.pid, error))
    }

    pub(crate) fn lives(&self) -> bool {
        // SAFETY: the handle is open and may be waited for.
        unsafe { WaitForSingleObject(self.handle.as_raw_handle(), 0) == WAIT_TIMEOUT }
    }
}

fn failed(pid: u32, error: io::Error) -> EndError {
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_INVALID_PARAMETER) => EndError::NotFound(pid),
        Some(ERROR_ACCESS_DENIED) => EndError::NotPermitted(pid),
        _ => EndError::System { pid, source: error },
    }
}
