//! Power through the system's own calls. The privilege to shut down is the service's by
//! right, and switched on only here.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_NOT_ALL_ASSIGNED, GetLastError, LUID};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED,
    TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES, TOKEN_QUERY,
};
use windows_sys::Win32::System::RemoteDesktop::{WTSDisconnectSession, WTSLogoffSession};
use windows_sys::Win32::System::Shutdown::{
    InitiateSystemShutdownExW, SHTDN_REASON_FLAG_PLANNED, SHTDN_REASON_MAJOR_OTHER,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::sys::{check, own, wide};
use super::{registry, session_user};
use crate::power::somebody_else;
use crate::session_user::SignedIn;
use crate::thread;

/// Counts the starts of the machine.
const STARTS: (&str, &str) =
    (r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters", "BootId");

pub(crate) async fn restart() -> io::Result<()> {
    thread::run(|| go_down(true)).await?
}

pub(crate) async fn shut_down() -> io::Result<()> {
    thread::run(|| go_down(false)).await?
}

pub(crate) async fn sign_out(user: &SignedIn) -> io::Result<()> {
    let session = session_of(user).await?;
    // SAFETY: a null server is this machine; nothing is waited for.
    thread::run(move || check(unsafe { WTSLogoffSession(ptr::null_mut(), session, 0) })).await?
}

pub(crate) async fn lock(user: &SignedIn) -> io::Result<()> {
    let session = session_of(user).await?;
    // SAFETY: a null server is this machine; nothing is waited for.
    thread::run(move || check(unsafe { WTSDisconnectSession(ptr::null_mut(), session, 0) })).await?
}

pub(crate) fn run_id() -> io::Result<String> {
    registry::number(STARTS.0, STARTS.1)
        .map(|starts| format!("start-{starts}"))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the registry does not count the starts"))
}

async fn session_of(user: &SignedIn) -> io::Result<u32> {
    match session_user::active().await {
        Some(active) if active.id == user.id => Ok(active.login.session),
        _ => Err(somebody_else()),
    }
}

fn go_down(restart: bool) -> io::Result<()> {
    may_shut_down()?;
    let mut message = wide("Distans");
    // SAFETY: a null machine name is this machine; the message is zero-terminated and writable.
    check(unsafe {
        InitiateSystemShutdownExW(
            ptr::null_mut(),
            message.as_mut_ptr(),
            0,
            1, // programs that do not end by themselves are ended: the warning has been given
            i32::from(restart),
            SHTDN_REASON_MAJOR_OTHER | SHTDN_REASON_FLAG_PLANNED,
        )
    })
}

fn may_shut_down() -> io::Result<()> {
    let mut token = ptr::null_mut();
    // SAFETY: the pseudo handle needs no closing; `token` is a live variable.
    check(unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &raw mut token)
    })?;
    // SAFETY: the call gave the handle to us alone.
    let token: OwnedHandle = unsafe { own(token) }?;
    let (name, mut id) = (wide("SeShutdownPrivilege"), LUID { LowPart: 0, HighPart: 0 });
    // SAFETY: a null system is this machine; the name is zero-terminated; `id` is live.
    check(unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut id) })?;
    let wanted = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES { Luid: id, Attributes: SE_PRIVILEGE_ENABLED }],
    };
    // SAFETY: the token is open; `wanted` holds the one entry it counts; nothing is given back.
    check(unsafe {
        AdjustTokenPrivileges(
            token.as_raw_handle(),
            0,
            &raw const wanted,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    })?;
    // The call succeeds also when it switched nothing on.
    // SAFETY: takes no arguments.
    if unsafe { GetLastError() } == ERROR_NOT_ALL_ASSIGNED {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "this account may not shut the machine down; run the agent as a service",
        ));
    }
    Ok(())
}
