//! The Service Control Manager.

use std::ptr;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE,
};
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, ControlService, ENUM_SERVICE_STATUS_PROCESSW, EnumServicesStatusExW, OpenSCManagerW,
    OpenServiceW, QUERY_SERVICE_CONFIGW, QueryServiceConfigW, QueryServiceStatusEx, SC_ENUM_PROCESS_INFO,
    SC_HANDLE, SC_MANAGER_CONNECT, SC_MANAGER_ENUMERATE_SERVICE, SC_STATUS_PROCESS_INFO, SERVICE_AUTO_START,
    SERVICE_CONTROL_STOP, SERVICE_DEMAND_START, SERVICE_DISABLED, SERVICE_QUERY_CONFIG, SERVICE_QUERY_STATUS,
    SERVICE_RUNNING, SERVICE_START, SERVICE_START_PENDING, SERVICE_STATE_ALL, SERVICE_STATUS,
    SERVICE_STATUS_PROCESS, SERVICE_STOP, SERVICE_STOP_PENDING, SERVICE_STOPPED, SERVICE_WIN32,
    StartServiceW,
};

use super::sys::{check, copy_text, size_of, wide};
use crate::services::{Change, LIST_LIMIT, Service, ServiceError, StartMode, State};
use crate::thread::Slots;

/// Longest wait for the manager's answers.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at a service that changes.
const PAUSE: Duration = Duration::from_millis(100);
/// Largest list, in bytes; the manager's own limit for one call is 256 KiB.
const LIST_BYTES: usize = 8 * 1024 * 1024;
/// Largest configuration of one service (the documentation's own limit).
const CONFIG_BYTES: usize = 8 * 1024;

static ASKING: Slots = Slots::new(4);

pub(crate) async fn list() -> Result<Vec<Service>, ServiceError> {
    in_time(LIMIT, "the list", enumerate).await
}

pub(crate) async fn find(name: &str) -> Result<Service, ServiceError> {
    let name = name.to_owned();
    in_time(LIMIT, &name.clone(), move || {
        let manager = Handle::manager()?;
        Handle::service(&manager, &name, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG)?.look(&name)
    })
    .await
}

pub(crate) async fn change(name: &str, change: Change, limit: Duration) -> Result<Service, ServiceError> {
    let name = name.to_owned();
    // A little longer than the work's own limit, which says more.
    in_time(limit + Duration::from_secs(2), &name.clone(), move || perform(&name, change, limit)).await
}

async fn in_time<T: Send + 'static>(
    limit: Duration,
    name: &str,
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    match tokio::time::timeout(limit, ASKING.run(work)).await {
        Ok(done) => done?,
        Err(_) => Err(ServiceError::TimedOut { name: name.to_owned(), limit }),
    }
}

fn perform(name: &str, change: Change, limit: Duration) -> Result<Service, ServiceError> {
    let until = Instant::now() + limit;
    let manager = Handle::manager()?;
    let access = SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG | SERVICE_START | SERVICE_STOP;
    let service = Handle::service(&manager, name, access)?;
    if change != Change::Start {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the handle is open; `status` is a live variable.
        let asked = check(unsafe { ControlService(service.0, SERVICE_CONTROL_STOP, &raw mut status) });
        accept(name, asked, ERROR_SERVICE_NOT_ACTIVE)?;
        service.wait_for(name, SERVICE_STOPPED, until, limit)?;
    }
    if change != Change::Stop {
        // SAFETY: the handle is open; no arguments are passed.
        let asked = check(unsafe { StartServiceW(service.0, 0, ptr::null()) });
        accept(name, asked, ERROR_SERVICE_ALREADY_RUNNING)?;
        service.wait_for(name, SERVICE_RUNNING, until, limit)?;
    }
    service.look(name)
}

/// Success, or the one error that means that nothing was left to do.
fn accept(name: &str, asked: std::io::Result<()>, harmless: u32) -> Result<(), ServiceError> {
    match asked {
        Err(error) if error.raw_os_error() != Some(harmless.cast_signed()) => {
            Err(ServiceError::Refused { name: name.to_owned(), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}

/// An open handle of the manager's.
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, ours, and closed once.
        unsafe { CloseServiceHandle(self.0) };
    }
}

impl Handle {
    fn manager() -> Result<Self, ServiceError> {
        // SAFETY: null names mean this machine and its active database.
        let handle = unsafe {
            OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE)
        };
        if handle.is_null() { Err(std::io::Error::last_os_error().into()) } else { Ok(Self(handle)) }
    }

    fn service(manager: &Self, name: &str, access: u32) -> Result<Self, ServiceError> {
        let wide = wide(name);
        // SAFETY: the manager is open; the name is zero-terminated.
        let handle = unsafe { OpenServiceW(manager.0, wide.as_ptr(), access) };
        if !handle.is_null() {
            return Ok(Self(handle));
        }
        let error = std::io::Error::last_os_error();
        if error.raw_os_error() == Some(ERROR_SERVICE_DOES_NOT_EXIST.cast_signed()) {
            return Err(ServiceError::NotFound(name.to_owned()));
        }
        Err(ServiceError::Refused { name: name.to_owned(), reason: error.to_string() })
    }

    fn status(&self) -> std::io::Result<SERVICE_STATUS_PROCESS> {
        let mut status = SERVICE_STATUS_PROCESS::default();
        let mut needed = 0;
        // SAFETY: the handle is open; `status` is a live variable of the size given.
        check(unsafe {
            QueryServiceStatusEx(
                self.0,
                SC_STATUS_PROCESS_INFO,
                (&raw mut status).cast(),
                size_of::<SERVICE_STATUS_PROCESS>(),
                &raw mut needed,
            )
        })?;
        Ok(status)
    }

    fn wait_for(&self, name: &str, state: u32, until: Instant, limit: Duration) -> Result<(), ServiceError> {
        loop {
            let status = self.status()?;
            if status.dwCurrentState == state {
                return Ok(());
            }
            if state == SERVICE_RUNNING && status.dwCurrentState == SERVICE_STOPPED {
                let reason = format!("it was started and stopped at once ({})", ended(&status));
                return Err(ServiceError::Refused { name: name.to_owned(), reason });
            }
            if Instant::now() >= until {
                return Err(ServiceError::TimedOut { name: name.to_owned(), limit });
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn look(&self, name: &str) -> Result<Service, ServiceError> {
        let (start, description) = self.configuration().unwrap_or((StartMode::Unknown, String::new()));
        Ok(told(name.to_owned(), description, &self.status()?, start))
    }

    fn configuration(&self) -> Option<(StartMode, String)> {
        // Of u64, so that the structure at its start lies as it must.
        let mut room = [0u64; CONFIG_BYTES / 8];
        let mut needed = 0;
        let length = u32::try_from(CONFIG_BYTES).ok()?;
        // SAFETY: the handle is open; `room` is writable for the length given.
        check(unsafe { QueryServiceConfigW(self.0, room.as_mut_ptr().cast(), length, &raw mut needed) })
            .ok()?;
        // SAFETY: the call has written the structure at the start of `room`, which is aligned.
        let found = unsafe { &*room.as_ptr().cast::<QUERY_SERVICE_CONFIGW>() };
        let start = match found.dwStartType {
            SERVICE_DEMAND_START => StartMode::Manual,
            SERVICE_DISABLED => StartMode::Disabled,
            kind if kind <= SERVICE_AUTO_START => StartMode::Automatic,
            _ => StartMode::Unknown,
        };
        // SAFETY: the text is zero-terminated and lies in `room`.
        let name = unsafe { copy_text(found.lpDisplayName) };
        Some((start, name.to_string_lossy().into_owned()))
    }
}

fn enumerate() -> Result<Vec<Service>, ServiceError> {
    let manager = Handle::manager()?;
    let mut services = Vec::new();
    let mut room: Vec<u64> = vec![0; 64 * 1024 / 8];
    let mut resume = 0;
    loop {
        let (mut needed, mut count) = (0, 0);
        let length = u32::try_from(room.len() * 8).unwrap_or(u32::MAX);
        // SAFETY: the manager is open; `room` is writable for the length given; the others are
        // live variables; no group is named.
        let done = check(unsafe {
            EnumServicesStatusExW(
                manager.0,
                SC_ENUM_PROCESS_INFO,
                SERVICE_WIN32,
                SERVICE_STATE_ALL,
                room.as_mut_ptr().cast(),
                length,
                &raw mut needed,
                &raw mut count,
                &raw mut resume,
                ptr::null(),
            )
        });
        let count = usize::try_from(count).unwrap_or(0).min(LIST_LIMIT - services.len());
        // SAFETY: the call has written at least `count` entries at the start of `room`.
        let found = unsafe {
            std::slice::from_raw_parts(room.as_ptr().cast::<ENUM_SERVICE_STATUS_PROCESSW>(), count)
        };
        for entry in found {
            // SAFETY: both texts are zero-terminated and lie in `room`.
            let (name, shown) = unsafe { (copy_text(entry.lpServiceName), copy_text(entry.lpDisplayName)) };
            let name = name.to_string_lossy().into_owned();
            let start = Handle::service(&manager, &name, SERVICE_QUERY_CONFIG)
                .ok()
                .and_then(|service| service.configuration())
                .map_or(StartMode::Unknown, |(start, _)| start);
            let shown = shown.to_string_lossy().into_owned();
            services.push(told(name, shown, &entry.ServiceStatusProcess, start));
        }
        if done.is_ok() || services.len() >= LIST_LIMIT {
            return Ok(services);
        }
        if count == 0 {
            // Not one entry fits: more room, if that is what is missing.
            let wanted = usize::try_from(needed).unwrap_or(0).div_ceil(8).max(room.len() * 2);
            if wanted * 8 > LIST_BYTES {
                done?;
            }
            room.resize(wanted, 0);
        }
    }
}

fn told(name: String, description: String, status: &SERVICE_STATUS_PROCESS, start: StartMode) -> Service {
    let state = match status.dwCurrentState {
        SERVICE_RUNNING => State::Running,
        SERVICE_STOPPED
            if status.dwWin32ExitCode != 0 && start == StartMode::Automatic && !unstarted(status) =>
        {
            State::Failed
        }
        SERVICE_STOPPED => State::Stopped,
        SERVICE_START_PENDING => State::Starting,
        SERVICE_STOP_PENDING => State::Stopping,
        _ => State::Other,
    };
    let detail = match state {
        State::Failed => ended(status),
        State::Running => "running".to_owned(),
        State::Stopped => "stopped".to_owned(),
        State::Starting => "start pending".to_owned(),
        State::Stopping => "stop pending".to_owned(),
        State::Other => "paused".to_owned(),
    };
    let pid = Some(status.dwProcessId).filter(|pid| *pid != 0);
    Service { name, description, state, detail, start, pid }
}

/// Never started since the machine did.
fn unstarted(status: &SERVICE_STATUS_PROCESS) -> bool {
    const ERROR_SERVICE_NEVER_STARTED: u32 = 1077;
    status.dwWin32ExitCode == ERROR_SERVICE_NEVER_STARTED
}

fn ended(status: &SERVICE_STATUS_PROCESS) -> String {
    /// The service's own code is in the other field.
    const ERROR_SERVICE_SPECIFIC_ERROR: u32 = 1066;
    match status.dwWin32ExitCode {
        ERROR_SERVICE_SPECIFIC_ERROR => format!("its own code {}", status.dwServiceSpecificExitCode),
        code => format!("code {code}"),
    }
}
