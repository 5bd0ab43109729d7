//! Files on Linux.

use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use cap_std::fs::{DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};

use crate::files::Names;

pub(crate) const NAMES: Names = Names::Unix;

#[expect(clippy::unnecessary_wraps, reason = "another system cannot have every name")]
pub(crate) fn name_from_bytes(bytes: &[u8]) -> Option<OsString> {
    Some(OsString::from_vec(bytes.to_vec()))
}

#[expect(clippy::unnecessary_wraps, reason = "another system has no such bits")]
pub(crate) fn mode(metadata: &Metadata) -> Option<u32> {
    Some(metadata.mode() & 0o777)
}

pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode & 0o777))
}

pub(crate) fn make_file_with(options: &mut OpenOptions, mode: u32) {
    options.mode(mode & 0o777);
}

pub(crate) fn make_folder_with(builder: &mut DirBuilder, mode: u32) {
    builder.mode(mode & 0o777);
}

pub(crate) fn is_own(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.uid() == rustix::process::geteuid().as_raw())
}

pub(crate) fn sync_file_system(file: &File) -> io::Result<bool> {
    rustix::fs::syncfs(file)?;
    Ok(true)
}
