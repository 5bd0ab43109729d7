//! DPAPI: the system seals with a key of the machine or of the user.

use std::io;
use std::ptr;

use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_LOCAL_MACHINE, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData,
    CryptUnprotectData,
};

use super::sys::{self, LocalMemory, check};
use crate::secret::Bound;

pub(crate) fn protect(secret: &[u8], bound: Bound) -> io::Result<Vec<u8>> {
    let (input, mut output) = (blob(secret)?, empty());
    // SAFETY: `input` describes `secret`, which lives; `output` is a live variable; the other
    // pointers may be null.
    check(unsafe {
        CryptProtectData(
            &raw const input,
            ptr::null(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            flags(bound),
            &raw mut output,
        )
    })?;
    // SAFETY: the call succeeded and has filled `output`.
    Ok(unsafe { take(output) })
}

pub(crate) fn unprotect(kept: &[u8], bound: Bound) -> io::Result<Vec<u8>> {
    let (input, mut output) = (blob(kept)?, empty());
    // SAFETY: as in `protect`.
    check(unsafe {
        CryptUnprotectData(
            &raw const input,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            flags(bound),
            &raw mut output,
        )
    })?;
    // SAFETY: the call succeeded and has filled `output`.
    Ok(unsafe { take(output) })
}

/// A service has no window to ask in.
const fn flags(bound: Bound) -> u32 {
    match bound {
        Bound::Machine => CRYPTPROTECT_UI_FORBIDDEN | CRYPTPROTECT_LOCAL_MACHINE,
        Bound::User => CRYPTPROTECT_UI_FORBIDDEN,
    }
}

/// A description of `bytes`; the calls only read them.
fn blob(bytes: &[u8]) -> io::Result<CRYPT_INTEGER_BLOB> {
    Ok(CRYPT_INTEGER_BLOB { cbData: sys::length(bytes)?, pbData: bytes.as_ptr().cast_mut() })
}

const fn empty() -> CRYPT_INTEGER_BLOB {
    CRYPT_INTEGER_BLOB { cbData: 0, pbData: ptr::null_mut() }
}

/// Copies what a call gave, wipes it and gives it back to the system.
///
/// # Safety
/// `blob` was filled by a successful call and belongs to us.
unsafe fn take(blob: CRYPT_INTEGER_BLOB) -> Vec<u8> {
    let _memory = LocalMemory(blob.pbData.cast());
    let length = usize::try_from(blob.cbData).unwrap_or(0);
    if blob.pbData.is_null() || length == 0 {
        return Vec::new();
    }
    // SAFETY: the system gave `length` bytes there, and nobody else holds them.
    let bytes = unsafe { std::slice::from_raw_parts_mut(blob.pbData, length) };
    let copy = bytes.to_vec();
    for byte in bytes {
        // SAFETY: a valid byte of ours; volatile, so that the wiping is not optimised away.
        unsafe { ptr::write_volatile(byte, 0) };
    }
    copy
}
