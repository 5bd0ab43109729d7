//! Protected access lists with SYSTEM and the owner alone.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::Foundation::GENERIC_WRITE;
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_FLAG_OPEN_REPARSE_POINT,
    MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW,
};

use super::security::{self, Descriptor};
use super::sys::{self, own, wide};
use super::user::{self, SYSTEM};
use crate::private::PrivateError;

/// Those who may own or reach what is ours: administrators can take any file anyway, and the
/// two place-holders stand for the owner.
const ADMINISTRATORS: &str = "S-1-5-32-544";
const CREATOR_OWNER: &str = "S-1-3-0";
/// Windows' own installer.
const TRUSTED_INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";
const OWNER_RIGHTS: &str = "S-1-3-4";

/// Full access for SYSTEM and us, inherited below, nothing from above.
fn descriptor() -> io::Result<Descriptor> {
    let own = user::current()?;
    Descriptor::new(&format!("O:{own}D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;{own})"))
}

pub(crate) fn service_dir() -> PathBuf {
    let data = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
    PathBuf::from(data).join("Distans").join("agent")
}

pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    make_dir_with(path, &descriptor()?)
}

/// Makes one folder with an access list of its own.
pub(crate) fn make_dir_with(path: &Path, descriptor: &Descriptor) -> io::Result<()> {
    let (name, attributes) = (wide(path), descriptor.attributes());
    // SAFETY: `name` is zero-terminated; `attributes` points into `descriptor`, which lives.
    sys::check(unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) })
}

pub(crate) fn check_owner(path: &Path) -> io::Result<Result<security::Access, String>> {
    let access = security::of_path(path)?;
    let own = user::current()?;
    if [own.as_str(), SYSTEM, ADMINISTRATORS].contains(&access.owner.as_str()) {
        Ok(Ok(access))
    } else {
        Ok(Err(format!("it belongs to {}, this program runs as {own}", access.owner)))
    }
}

/// True if none but the system, administrators and we can change or replace what is there.
pub(crate) fn is_installed(path: &Path) -> io::Result<bool> {
    let access = security::of_path(path)?;
    let own = user::current()?;
    let trusted = [own.as_str(), SYSTEM, ADMINISTRATORS, TRUSTED_INSTALLER, CREATOR_OWNER, OWNER_RIGHTS];
    let is_trusted = |sid: &str| trusted.contains(&sid);
    let writers = access.writers.is_some_and(|writers| writers.iter().all(|sid| is_trusted(sid)));
    Ok(writers && is_trusted(&access.owner))
}

pub(crate) fn check(path: &Path, _: &Metadata) -> Result<(), PrivateError> {
    let io = |error| PrivateError::io(path, error);
    let exposed = |found| PrivateError::Exposed {
        path: path.to_owned(),
        found,
        advice: format!(
            "run: icacls \"{}\" /inheritance:r /grant:r *{SYSTEM}:(OI)(CI)F %USERNAME%:(OI)(CI)F",
            path.display()
        ),
    };
    let access = check_owner(path).map_err(io)?.map_err(exposed)?;
    let own = user::current().map_err(io)?;
    let known = [own.as_str(), SYSTEM, ADMINISTRATORS, CREATOR_OWNER, OWNER_RIGHTS];
    let Some(allowed) = access.allowed else {
        return Err(exposed("its access list lets everybody in, or is not a plain one".to_owned()));
    };
    match allowed.iter().find(|sid| !known.contains(&sid.as_str())) {
        Some(sid) => Err(exposed(format!("{sid} has access"))),
        None => Ok(()),
    }
}

pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let descriptor = descriptor()?;
    let (name, attributes) = (wide(path), descriptor.attributes());
    // SAFETY: `name` is zero-terminated; `attributes` points into `descriptor`, which lives; the
    // handle that comes back is ours alone.
    let handle = unsafe {
        own(CreateFileW(
            name.as_ptr(),
            GENERIC_WRITE,
            0,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        ))
    }?;
    Ok(File::from(handle))
}

pub(crate) fn replace(temporary: &Path, path: &Path) -> io::Result<()> {
    let (from, to) = (wide(temporary), wide(path));
    // SAFETY: both names are zero-terminated.
    sys::check(unsafe {
        MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
    })
}

/// NTFS journals its folders, and `replace` waits until the move is on disk: a folder cannot
/// be flushed by itself.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    std::fs::metadata(dir).map(drop)
}

pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}
