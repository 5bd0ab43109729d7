//! Accounts and their groups, from wherever this machine keeps them (files, LDAP, SSSD).

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::{mem, ptr};

/// What the system knows about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// All groups, the primary one too.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: PathBuf,
    pub(crate) shell: OsString,
}

/// Largest passwd entry we make room for, in bytes.
const ENTRY_LIMIT: usize = 1 << 20;
/// Most groups of one account (the kernel's own limit).
const GROUPS_LIMIT: usize = 65_536;

/// Looks the uid up; may block for as long as the directory service does.
pub(crate) fn by_uid(uid: u32) -> Option<Account> {
    let mut room = vec![0; 4096];
    loop {
        // SAFETY: passwd is plain data for which all zeroes is a valid value.
        let mut entry: libc::passwd = unsafe { mem::zeroed() };
        let mut found: *mut libc::passwd = ptr::null_mut();
        // SAFETY: all pointers are to live variables, and the length is that of `room`.
        let code =
            unsafe { libc::getpwuid_r(uid, &raw mut entry, room.as_mut_ptr(), room.len(), &raw mut found) };
        if code == libc::ERANGE && room.len() < ENTRY_LIMIT {
            room.resize(room.len() * 2, 0);
            continue;
        }
        if code != 0 || found.is_null() {
            return None;
        }
        let name = text(entry.pw_name)?;
        return Some(Account {
            groups: groups_of(&name, entry.pw_gid),
            name: name.to_string_lossy().into_owned(),
            uid: entry.pw_uid,
            gid: entry.pw_gid,
            home: PathBuf::from(OsStr::from_bytes(text(entry.pw_dir)?.as_bytes())),
            shell: OsStr::from_bytes(text(entry.pw_shell)?.as_bytes()).to_owned(),
        });
    }
}

/// A copy of one text of a passwd entry.
fn text(field: *const libc::c_char) -> Option<CString> {
    if field.is_null() {
        return None;
    }
    // SAFETY: getpwuid_r succeeded and gave a zero-terminated text inside the caller's `room`,
    // which lives until after this copy is made.
    Some(unsafe { CStr::from_ptr(field) }.to_owned())
}

fn groups_of(name: &CStr, primary: u32) -> Vec<u32> {
    let mut groups = vec![0; 64];
    loop {
        let Ok(mut count) = libc::c_int::try_from(groups.len()) else { return vec![primary] };
        // SAFETY: `name` is zero-terminated; `count` is the room in `groups`.
        let code = unsafe { libc::getgrouplist(name.as_ptr(), primary, groups.as_mut_ptr(), &raw mut count) };
        let count = usize::try_from(count).unwrap_or(0);
        if code >= 0 {
            groups.truncate(count);
            return groups;
        }
        if groups.len() >= GROUPS_LIMIT {
            return vec![primary];
        }
        groups.resize(count.max(groups.len() * 2).min(GROUPS_LIMIT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_with_its_home_and_groups() {
        let root = by_uid(0).expect("every Linux has root");
        assert_eq!((root.name.as_str(), root.gid), ("root", 0));
        assert!(root.home.is_absolute());
        assert!(root.groups.contains(&0));
    }

    #[test]
    fn an_unknown_uid_is_nobody() {
        assert_eq!(by_uid(3_999_999_999), None);
    }
}
