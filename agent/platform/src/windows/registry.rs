//! Reading the machine's part of the registry.

use std::{mem, ptr};

use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, KEY_READ, RRF_RT_REG_DWORD, RRF_RT_REG_EXPAND_SZ, RRF_RT_REG_SZ, RegCloseKey,
    RegEnumKeyExW, RegGetValueW, RegOpenKeyExW,
};

use super::sys::{narrow, wide};

/// Longest text value read, in UTF-16 units.
const TEXT_LIMIT: usize = 512;

/// A text value below HKEY_LOCAL_MACHINE.
pub(crate) fn text(key: &str, value: &str) -> Option<String> {
    read_text(key, value, RRF_RT_REG_SZ)
}

/// The same, with names of variables in it put in by the system.
pub(crate) fn expanded(key: &str, value: &str) -> Option<String> {
    read_text(key, value, RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ)
}

fn read_text(key: &str, value: &str, kinds: u32) -> Option<String> {
    let (key, value) = (wide(key), wide(value));
    let mut room = [0u16; TEXT_LIMIT];
    let mut length = u32::try_from(mem::size_of_val(&room)).ok()?;
    // SAFETY: both names are zero-terminated; `room` is writable for `length` bytes; the kind
    // may be null.
    let code = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            kinds,
            ptr::null_mut(),
            room.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (code == 0).then(|| narrow(&room).to_string_lossy().trim().to_owned())
}

/// A number below HKEY_LOCAL_MACHINE.
pub(crate) fn number(key: &str, value: &str) -> Option<u32> {
    let (key, value) = (wide(key), wide(value));
    let mut number = 0u32;
    let mut length = u32::try_from(mem::size_of_val(&number)).ok()?;
    // SAFETY: both names are zero-terminated; `number` is writable for `length` bytes; the kind
    // may be null.
    let code = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_DWORD,
            ptr::null_mut(),
            (&raw mut number).cast(),
            &raw mut length,
        )
    };
    (code == 0).then_some(number)
}

/// True if the key exists below HKEY_LOCAL_MACHINE.
pub(crate) fn exists(key: &str) -> bool {
    let key = wide(key);
    let mut opened = ptr::null_mut();
    // SAFETY: the name is zero-terminated; `opened` is a live variable.
    if unsafe { RegOpenKeyExW(HKEY_LOCAL_MACHINE, key.as_ptr(), 0, KEY_READ, &raw mut opened) } != 0 {
        return false;
    }
    // SAFETY: the key was opened just now and is used no more.
    unsafe { RegCloseKey(opened) };
    true
}

/// Names of the keys in a key below HKEY_LOCAL_MACHINE, at most `most`.
pub(crate) fn children(key: &str, most: usize) -> Vec<String> {
    /// Longest name of a key, in UTF-16 units, and its zero.
    const NAME: usize = 256;
    let key = wide(key);
    let mut opened = ptr::null_mut();
    // SAFETY: the name is zero-terminated; `opened` is a live variable.
    if unsafe { RegOpenKeyExW(HKEY_LOCAL_MACHINE, key.as_ptr(), 0, KEY_READ, &raw mut opened) } != 0 {
        return Vec::new();
    }
    let mut names = Vec::new();
    for index in 0..u32::try_from(most).unwrap_or(u32::MAX) {
        let mut room = [0u16; NAME];
        let mut length = u32::try_from(NAME).unwrap_or(0);
        // SAFETY: the key is open; `room` is writable for `length` units; the others may be null.
        let code = unsafe {
            RegEnumKeyExW(
                opened,
                index,
                room.as_mut_ptr(),
                &raw mut length,
                ptr::null(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if code != 0 {
            break;
        }
        names.push(narrow(&room).to_string_lossy().into_owned());
    }
    // SAFETY: the key was opened above and is used no more.
    unsafe { RegCloseKey(opened) };
    names
}
