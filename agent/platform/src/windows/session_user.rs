//! Logins as the terminal services know them: one at the console, others through RDP.

use std::ptr;
use std::time::Duration;

use tokio::time::timeout;
use windows_sys::Win32::System::RemoteDesktop::{
    ProcessIdToSessionId, WTS_INFO_CLASS, WTS_SESSION_INFOW, WTSActive, WTSDomainName, WTSEnumerateSessionsW,
    WTSFreeMemory, WTSGetActiveConsoleSessionId, WTSQuerySessionInformationW, WTSUserName,
};

use super::sys::{check, copy_text};
use super::user;
use crate::UserId;
use crate::local::Peer;
use crate::session_user::SignedIn;
use crate::thread::Slots;

/// How a login is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Login {
    /// Session number of the terminal services.
    pub(crate) session: u32,
}

/// Longest wait for the system and the domain together.
const LIMIT: Duration = Duration::from_secs(2);
/// What WTSGetActiveConsoleSessionId answers while no session is at the console.
const NO_SESSION: u32 = u32::MAX;
/// Sessions looked at.
const SESSIONS_LIMIT: usize = 256;

static DIRECTORY: Slots = Slots::new(4);

pub(crate) async fn active() -> Option<SignedIn> {
    timeout(LIMIT, DIRECTORY.run(find_active)).await.ok()?.ok()?
}

pub(crate) async fn of_peer(peer: &Peer) -> Option<SignedIn> {
    let peer = peer.clone();
    let find = move || {
        let mut session = 0;
        // SAFETY: `session` is a live variable.
        check(unsafe { ProcessIdToSessionId(peer.pid, &raw mut session) }).ok()?;
        let name = user::name_of(&peer.user.0)?;
        Some(SignedIn { name, id: peer.user, login: Login { session } })
    };
    timeout(LIMIT, DIRECTORY.run(find)).await.ok()?.ok()?
}

fn find_active() -> Option<SignedIn> {
    // SAFETY: takes no arguments.
    let console = unsafe { WTSGetActiveConsoleSessionId() };
    if console != NO_SESSION
        && let Some(user) = user_of(console)
    {
        return Some(user);
    }
    active_sessions().into_iter().find_map(user_of)
}

fn user_of(session: u32) -> Option<SignedIn> {
    let name = text(session, WTSUserName).filter(|name| !name.is_empty())?;
    let domain = text(session, WTSDomainName).unwrap_or_default();
    let id = UserId(user::of_name(&format!("{domain}\\{name}"))?);
    Some(SignedIn { name, id, login: Login { session } })
}

fn text(session: u32, what: WTS_INFO_CLASS) -> Option<String> {
    let (mut answer, mut length) = (ptr::null_mut(), 0);
    // SAFETY: a null server is this machine; the others are live variables.
    check(unsafe {
        WTSQuerySessionInformationW(ptr::null_mut(), session, what, &raw mut answer, &raw mut length)
    })
    .ok()?;
    // SAFETY: for these questions the answer is a zero-terminated text.
    let copy = unsafe { copy_text(answer) };
    // SAFETY: the answer came from the call above and is used no more.
    unsafe { WTSFreeMemory(answer.cast()) };
    Some(copy.to_string_lossy().into_owned())
}

fn active_sessions() -> Vec<u32> {
    let mut list: *mut WTS_SESSION_INFOW = ptr::null_mut();
    let mut count = 0;
    // SAFETY: a null server is this machine; the others are live variables.
    let asked = check(unsafe { WTSEnumerateSessionsW(ptr::null_mut(), 0, 1, &raw mut list, &raw mut count) });
    if asked.is_err() || list.is_null() {
        return Vec::new();
    }
    let count = usize::try_from(count).unwrap_or(0).min(SESSIONS_LIMIT);
    // SAFETY: the call gave `count` entries or more at `list`.
    let entries = unsafe { std::slice::from_raw_parts(list, count) };
    let active =
        entries.iter().filter(|entry| entry.State == WTSActive).map(|entry| entry.SessionId).collect();
    // SAFETY: the list came from the call above and is used no more.
    unsafe { WTSFreeMemory(list.cast()) };
    active
}
