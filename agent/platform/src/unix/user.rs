//! Users are uids.

use std::io;

/// The uid.
pub(crate) type Raw = u32;

pub(crate) fn current() -> io::Result<Raw> {
    Ok(rustix::process::geteuid().as_raw())
}

pub(crate) fn is_system(user: &Raw) -> bool {
    *user == 0
}

/// The login name. May ask a directory service.
pub(crate) fn name_of(user: &Raw) -> Option<String> {
    super::account::by_uid(*user).map(|account| account.name)
}
