//! Local accounts from the account database, and logins as the terminal services know them.

use std::time::{Duration, SystemTime};
use std::{io, mem, ptr};

use windows_sys::Win32::NetworkManagement::NetManagement::{
    FILTER_NORMAL_ACCOUNT, NetApiBufferFree, NetUserEnum, UF_ACCOUNTDISABLE, USER_INFO_2, USER_PRIV_ADMIN,
};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_SESSION_INFOW, WTSActive, WTSDisconnected, WTSEnumerateSessionsW, WTSFreeMemory, WTSINFOW,
    WTSQuerySessionInformationW, WTSSessionInfo,
};

use super::sys::{check, check_code, copy_text, narrow};
use super::user;
use crate::thread::Slots;
use crate::users::{Account, LIST_LIMIT, Login};

/// Most bytes of accounts asked for at once.
const PIECE: u32 = 1024 * 1024;
/// The call has more to tell (lmerr.h, winerror.h).
const ERROR_MORE_DATA: u32 = 234;
/// Between 1601, where Windows counts from, and 1970.
const EPOCH: Duration = Duration::from_secs(11_644_473_600);

static ASKING: Slots = Slots::new(2);

pub(crate) fn accounts() -> io::Result<Vec<Account>> {
    let mut accounts = Vec::new();
    let mut resume = 0;
    loop {
        let mut list: *mut u8 = ptr::null_mut();
        let (mut count, mut total) = (0, 0);
        // SAFETY: no server means this machine; the others are live variables.
        let code = unsafe {
            NetUserEnum(
                ptr::null(),
                2,
                FILTER_NORMAL_ACCOUNT,
                &raw mut list,
                PIECE,
                &raw mut count,
                &raw mut total,
                &raw mut resume,
            )
        };
        if code != 0 && code != ERROR_MORE_DATA {
            check_code(code)?;
        }
        if list.is_null() {
            return Ok(accounts);
        }
        let room = LIST_LIMIT - accounts.len();
        let entries = usize::try_from(count).unwrap_or(0).min(room);
        // SAFETY: the call gave `count` entries of level 2 at `list`, which is aligned for them.
        let found = unsafe { std::slice::from_raw_parts(list.cast::<USER_INFO_2>(), entries) };
        // SAFETY: all texts of the entries live as long as the list.
        accounts.extend(found.iter().map(|entry| unsafe { account(entry) }));
        // SAFETY: the list came from the call above and is used no more.
        unsafe { NetApiBufferFree(list.cast()) };
        if code != ERROR_MORE_DATA || accounts.len() >= LIST_LIMIT {
            return Ok(accounts);
        }
    }
}

/// # Safety
/// All texts of the entry are null or zero-terminated and live during the call.
unsafe fn account(entry: &USER_INFO_2) -> Account {
    // SAFETY: the caller vouches for the texts.
    let (name, full, home) = unsafe {
        (copy_text(entry.usri2_name), copy_text(entry.usri2_full_name), copy_text(entry.usri2_home_dir))
    };
    let name = name.to_string_lossy().into_owned();
    let filled = |text: std::ffi::OsString| {
        let text = text.to_string_lossy().into_owned();
        (!text.is_empty()).then_some(text)
    };
    Account {
        id: user::of_name(&name).unwrap_or_default(),
        name,
        full_name: filled(full),
        admin: entry.usri2_priv == USER_PRIV_ADMIN,
        disabled: entry.usri2_flags & UF_ACCOUNTDISABLE != 0,
        home: filled(home),
    }
}

pub(crate) async fn logins() -> io::Result<Vec<Login>> {
    ASKING.run(find_logins).await?
}

fn find_logins() -> io::Result<Vec<Login>> {
    let mut list: *mut WTS_SESSION_INFOW = ptr::null_mut();
    let mut count = 0;
    // SAFETY: a null server is this machine; the others are live variables.
    check(unsafe { WTSEnumerateSessionsW(ptr::null_mut(), 0, 1, &raw mut list, &raw mut count) })?;
    if list.is_null() {
        return Ok(Vec::new());
    }
    let count = usize::try_from(count).unwrap_or(0).min(LIST_LIMIT);
    // SAFETY: the call gave `count` entries or more at `list`.
    let entries = unsafe { std::slice::from_raw_parts(list, count) };
    let people = entries.iter().filter(|entry| entry.State == WTSActive || entry.State == WTSDisconnected);
    let logins = people
        .filter_map(|entry| {
            // SAFETY: the text is zero-terminated and lives as long as the list.
            let place = unsafe { copy_text(entry.pWinStationName) }.to_string_lossy().into_owned();
            login(entry.SessionId, place, entry.State == WTSActive)
        })
        .collect();
    // SAFETY: the list came from the call above and is used no more.
    unsafe { WTSFreeMemory(list.cast()) };
    Ok(logins)
}

fn login(session: u32, place: String, active: bool) -> Option<Login> {
    let (mut answer, mut length) = (ptr::null_mut(), 0);
    // SAFETY: a null server is this machine; the others are live variables.
    check(unsafe {
        WTSQuerySessionInformationW(
            ptr::null_mut(),
            session,
            WTSSessionInfo,
            &raw mut answer,
            &raw mut length,
        )
    })
    .ok()?;
    let whole = usize::try_from(length).is_ok_and(|length| length >= mem::size_of::<WTSINFOW>());
    // SAFETY: the answer is as long as such a structure; it is read without regard to alignment.
    let info = (whole && !answer.is_null()).then(|| unsafe { answer.cast::<WTSINFOW>().read_unaligned() });
    // SAFETY: the answer came from the call above and is used no more.
    unsafe { WTSFreeMemory(answer.cast()) };
    let info = info?;
    let user = narrow(&info.UserName).to_string_lossy().into_owned();
    let since = u64::try_from(info.LogonTime).ok().filter(|units| *units != 0);
    let remote = place.to_ascii_lowercase().starts_with("rdp");
    (!user.is_empty()).then_some(Login {
        user,
        place: if active { place } else { format!("{place} (disconnected)").trim().to_owned() },
        since: since
            .map(|units| SystemTime::UNIX_EPOCH + Duration::from_micros(units / 10).saturating_sub(EPOCH)),
        active,
        remote,
    })
}
