//! Users are SIDs, kept in their written form.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::{mem, ptr};

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::Authorization::{ConvertSidToStringSidW, ConvertStringSidToSidW};
use windows_sys::Win32::Security::{
    GetTokenInformation, LookupAccountNameW, LookupAccountSidW, PSID, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION,
};

use super::sys::{self, LocalMemory, check, copy_text, narrow, own, wide};

/// The SID as text: `S-1-5-…`.
pub(crate) type Raw = String;

/// LocalSystem.
pub(crate) const SYSTEM: &str = "S-1-5-18";
/// Room for a SID, a name and a domain: more than the system's own limits.
const ROOM: usize = 512;

pub(crate) fn current() -> io::Result<Raw> {
    // SAFETY: takes no arguments; the pseudo handle needs no closing.
    user_of_token(&token_of(unsafe { GetCurrentProcess() })?)
}

pub(crate) fn is_system(user: &Raw) -> bool {
    user == SYSTEM
}

/// The user a process runs as.
pub(crate) fn of_process(pid: u32) -> io::Result<Raw> {
    // SAFETY: plain values; the handle that comes back is ours.
    let process = unsafe { own(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid)) }?;
    user_of_token(&token_of(process.as_raw_handle())?)
}

/// Our own token, for making an environment.
pub(crate) fn own_token() -> io::Result<OwnedHandle> {
    // SAFETY: takes no arguments; the pseudo handle needs no closing.
    token_of(unsafe { GetCurrentProcess() })
}

fn token_of(process: HANDLE) -> io::Result<OwnedHandle> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: `process` is open in the caller; `token` is a live variable.
    check(unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) })?;
    // SAFETY: the call succeeded, and the token is ours alone.
    unsafe { own(token) }
}

fn user_of_token(token: &OwnedHandle) -> io::Result<Raw> {
    // Of u64, so that the structure at its start lies as it must.
    let mut room = [0u64; ROOM / 8];
    let mut used = 0;
    // SAFETY: `room` is writable for the length given.
    check(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            room.as_mut_ptr().cast(),
            u32::try_from(mem::size_of_val(&room)).map_err(io::Error::other)?,
            &raw mut used,
        )
    })?;
    // SAFETY: for TokenUser the call has written a TOKEN_USER at the start of `room`, which is
    // large enough and aligned for it; its SID lies in `room` too.
    unsafe { text_of_sid((*room.as_ptr().cast::<TOKEN_USER>()).User.Sid) }
}

/// The written form of a SID.
///
/// # Safety
/// `sid` points to a valid SID.
pub(crate) unsafe fn text_of_sid(sid: PSID) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: the caller vouches for `sid`; `text` is a live variable.
    check(unsafe { ConvertSidToStringSidW(sid, &raw mut text) })?;
    let memory = LocalMemory(text.cast());
    // SAFETY: the call gave a zero-terminated text that lives until `memory` is dropped.
    let copy = unsafe { copy_text(text) };
    drop(memory);
    Ok(copy.to_string_lossy().into_owned())
}

/// The login name of a SID, without its domain. May ask a domain controller.
pub(crate) fn name_of(user: &Raw) -> Option<String> {
    let written = wide(user);
    let mut sid = ptr::null_mut();
    // SAFETY: `written` is zero-terminated; `sid` is a live variable.
    check(unsafe { ConvertStringSidToSidW(written.as_ptr(), &raw mut sid) }).ok()?;
    let memory = LocalMemory(sid);
    let (mut name, mut domain) = ([0u16; ROOM], [0u16; ROOM]);
    let (mut name_length, mut domain_length) = (sys::length(&name).ok()?, sys::length(&domain).ok()?);
    let mut kind = 0;
    // SAFETY: the SID is valid until `memory` is dropped; both texts are writable for their lengths.
    let found = check(unsafe {
        LookupAccountSidW(
            ptr::null(),
            sid,
            name.as_mut_ptr(),
            &raw mut name_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    });
    drop(memory);
    found.ok()?;
    Some(narrow(&name).to_string_lossy().into_owned())
}

/// The SID of `DOMAIN\name`. May ask a domain controller.
pub(crate) fn of_name(account: &str) -> Option<Raw> {
    let account = wide(account);
    let mut sid = [0u64; ROOM / 8];
    let mut sid_length = u32::try_from(mem::size_of_val(&sid)).ok()?;
    let mut domain = [0u16; ROOM];
    let mut domain_length = sys::length(&domain).ok()?;
    let mut kind = 0;
    // SAFETY: `account` is zero-terminated; the others are writable for their lengths.
    check(unsafe {
        LookupAccountNameW(
            ptr::null(),
            account.as_ptr(),
            sid.as_mut_ptr().cast(),
            &raw mut sid_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    })
    .ok()?;
    // SAFETY: the call has written a SID into `sid`.
    unsafe { text_of_sid(sid.as_mut_ptr().cast()) }.ok()
}
