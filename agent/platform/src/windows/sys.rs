//! Small tools for the Win32 interface: wide text, results, handles, memory to give back.

use std::ffi::{OsStr, OsString, c_void};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::io::{FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;
use windows_sys::core::{BOOL, PWSTR};

/// Longest text taken from the system, in UTF-16 units.
const TEXT_LIMIT: usize = 32_768;

/// UTF-16 with a zero at the end.
pub(crate) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// The text before the first zero.
pub(crate) fn narrow(text: &[u16]) -> OsString {
    let length = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    OsString::from_wide(&text[..length])
}

/// A copy of a zero-terminated text of the system's.
///
/// # Safety
/// `text` is null or points to a zero-terminated UTF-16 text that lives during the call.
pub(crate) unsafe fn copy_text(text: PWSTR) -> OsString {
    if text.is_null() {
        return OsString::new();
    }
    let mut units = Vec::new();
    for index in 0..TEXT_LIMIT {
        // SAFETY: no zero was met before `index`, so this unit still belongs to the text.
        match unsafe { text.add(index).read() } {
            0 => break,
            unit => units.push(unit),
        }
    }
    OsString::from_wide(&units)
}

/// The error of the call just made, if it returned zero.
pub(crate) fn check(result: BOOL) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The error that a call returned as its value.
pub(crate) fn check_code(code: u32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
}

/// Takes over a handle that a call just made, or its error.
///
/// # Safety
/// `handle` is null, invalid, or open and owned by nobody else.
pub(crate) unsafe fn own(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is open, and the caller vouches that it is ours alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Memory that the system handed out and wants back through `LocalFree`.
pub(crate) struct LocalMemory(pub(crate) *mut c_void);

impl Drop for LocalMemory {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a call that documents LocalFree, and is freed once.
        unsafe { LocalFree(self.0) };
    }
}

/// The size of `T` as calls want it.
pub(crate) fn size_of<T>() -> u32 {
    u32::try_from(std::mem::size_of::<T>()).unwrap_or(u32::MAX)
}

/// A length as calls want it.
pub(crate) fn length<T>(slice: &[T]) -> io::Result<u32> {
    u32::try_from(slice.len()).map_err(io::Error::other)
}

/// The folder of the system itself, `C:\Windows`, as the system tells and not the environment.
pub(crate) fn windows_folder() -> Option<std::path::PathBuf> {
    let mut room = [0u16; 512];
    // SAFETY: `room` is writable for its length.
    let length = unsafe { GetSystemWindowsDirectoryW(room.as_mut_ptr(), length(&room).ok()?) };
    (length > 0).then(|| std::path::PathBuf::from(narrow(&room)))
}
