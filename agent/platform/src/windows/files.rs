//! Files on Windows.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::windows::io::AsHandle;

use cap_std::fs::{DirBuilder, OpenOptions};

use super::security::owner_of_file;
use super::user::{self, SYSTEM};
use crate::files::Names;

pub(crate) const NAMES: Names = Names::Windows;

/// The group of all administrators.
const ADMINISTRATORS: &str = "S-1-5-32-544";

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

/// A folder's list of who may what goes on to what is made in it.
pub(crate) const fn make_file_with(_: &mut OpenOptions, _: u32) {}

pub(crate) const fn make_folder_with(_: &mut DirBuilder, _: u32) {}

/// What an administrator makes may belong to all of them.
pub(crate) fn is_own(file: &File) -> io::Result<bool> {
    let owner = owner_of_file(file.as_handle())?;
    Ok(owner == user::current()? || owner == SYSTEM || owner == ADMINISTRATORS)
}

/// Flushing a volume needs an administrator's handle to it.
#[expect(clippy::unnecessary_wraps, reason = "another system can fail at it")]
pub(crate) fn sync_file_system(_: &File) -> io::Result<bool> {
    Ok(false)
}
