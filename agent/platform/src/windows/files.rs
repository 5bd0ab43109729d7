//! Files on Windows.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;

use crate::files::Names;

pub(crate) const NAMES: Names = Names::Windows;

pub(crate) fn name_from_bytes(bytes: &[u8]) -> Option<OsString> {
    std::str::from_utf8(bytes).ok().map(OsString::from)
}

pub(crate) fn mode(_: &Metadata) -> Option<u32> {
    None
}

pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(mode & 0o222 == 0);
    file.set_permissions(permissions)
}

/// Flushing a volume needs an administrator's handle to it.
#[expect(clippy::unnecessary_wraps, reason = "another system can fail at it")]
pub(crate) fn sync_file_system(_: &File) -> io::Result<bool> {
    Ok(false)
}
