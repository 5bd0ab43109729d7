//! Access lists: written in SDDL when something is made, read back when it is used.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, GetSecurityInfo,
    SDDL_REVISION_1, SE_FILE_OBJECT, SE_KERNEL_OBJECT, SE_OBJECT_TYPE,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, ACL_SIZE_INFORMATION, AclSizeInformation, DACL_SECURITY_INFORMATION, GetAce,
    GetAclInformation, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
};

use super::sys::{self, LocalMemory, check, check_code, wide};
use super::user::{Raw, text_of_sid};

/// Kinds of entries in an access list (winnt.h).
const ALLOWED: u8 = 0;
const DENIED: u8 = 1;
/// Rights to change or replace a file, or a folder's files: write, append, delete a child,
/// delete, change the list or the owner, and the generic ones (winnt.h).
const WRITING: u32 = 0x2 | 0x4 | 0x40 | 0x1_0000 | 0x4_0000 | 0x8_0000 | 0x4000_0000 | 0x1000_0000;
/// Most entries of a list that are looked at; a longer one counts as exposed.
const ENTRIES_LIMIT: u32 = 256;

/// A security descriptor made from SDDL.
pub(crate) struct Descriptor(LocalMemory);

impl Descriptor {
    pub(crate) fn new(sddl: &str) -> io::Result<Self> {
        let text = wide(sddl);
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: `text` is zero-terminated; `descriptor` is a live variable; the size may be null.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(LocalMemory(descriptor)))
    }

    /// What calls that make something want. Valid for as long as the descriptor lives.
    pub(crate) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: sys::size_of::<SECURITY_ATTRIBUTES>(),
            lpSecurityDescriptor: self.0.0,
            bInheritHandle: 0,
        }
    }
}

/// Who owns a thing and who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) owner: Raw,
    /// SIDs with any right; `None` if everybody is let in, or the list is not understood.
    pub(crate) allowed: Option<Vec<Raw>>,
    /// The same for rights to change or replace it.
    pub(crate) writers: Option<Vec<Raw>>,
}

/// Of a file or folder.
pub(crate) fn of_path(path: &Path) -> io::Result<Access> {
    let name = wide(path);
    let (mut owner, mut list) = (ptr::null_mut(), ptr::null_mut());
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: `name` is zero-terminated; the others are live variables or may be null.
    check_code(unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            &raw mut list,
            ptr::null_mut(),
            &raw mut descriptor,
        )
    })?;
    let _memory = LocalMemory(descriptor);
    // SAFETY: the call succeeded; owner and list lie in the descriptor, which lives to the end.
    unsafe {
        Ok(Access {
            owner: text_of_sid(owner)?,
            allowed: allowed(list, u32::MAX)?,
            writers: allowed(list, WRITING)?,
        })
    }
}

/// Who owns a pipe: nobody can make one in another's name.
pub(crate) fn owner_of(handle: BorrowedHandle<'_>) -> io::Result<Raw> {
    owner(handle, SE_KERNEL_OBJECT)
}

/// Who owns an open file.
pub(crate) fn owner_of_file(handle: BorrowedHandle<'_>) -> io::Result<Raw> {
    owner(handle, SE_FILE_OBJECT)
}

fn owner(handle: BorrowedHandle<'_>, kind: SE_OBJECT_TYPE) -> io::Result<Raw> {
    let mut owner = ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle is open; the others are live variables or may be null.
    check_code(unsafe {
        GetSecurityInfo(
            handle.as_raw_handle(),
            kind,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut descriptor,
        )
    })?;
    let _memory = LocalMemory(descriptor);
    // SAFETY: the call succeeded; the owner lies in the descriptor, which lives to the end.
    unsafe { text_of_sid(owner) }
}

/// The SIDs that a list gives any of `rights`.
///
/// # Safety
/// `list` is null or a valid access list.
unsafe fn allowed(list: *const ACL, rights: u32) -> io::Result<Option<Vec<Raw>>> {
    if list.is_null() {
        return Ok(None);
    }
    let mut size = ACL_SIZE_INFORMATION { AceCount: 0, AclBytesInUse: 0, AclBytesFree: 0 };
    // SAFETY: the caller vouches for `list`; `size` is writable for its own size.
    check(unsafe {
        GetAclInformation(
            list,
            (&raw mut size).cast(),
            sys::size_of::<ACL_SIZE_INFORMATION>(),
            AclSizeInformation,
        )
    })?;
    if size.AceCount > ENTRIES_LIMIT {
        return Ok(None);
    }
    let mut sids = Vec::new();
    for index in 0..size.AceCount {
        let mut entry = ptr::null_mut();
        // SAFETY: `index` is below the list's count; `entry` is a live variable.
        check(unsafe { GetAce(list, index, &raw mut entry) })?;
        let entry: *const ACCESS_ALLOWED_ACE = entry.cast();
        // SAFETY: every entry starts with its header.
        match unsafe { (*entry).Header.AceType } {
            // SAFETY: an entry of this kind has a mask.
            ALLOWED if unsafe { (*entry).Mask } & rights == 0 => {}
            // SAFETY: an entry of this kind ends with its SID, which starts at SidStart.
            ALLOWED => sids.push(unsafe { text_of_sid((&raw const (*entry).SidStart).cast_mut().cast()) }?),
            DENIED => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(sids))
}
