//! Accounts that may log in here, and logins that last.

use std::io;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use crate::imp;
use crate::thread::Slots;

/// Most accounts and most logins listed.
pub const LIST_LIMIT: usize = 4096;

/// An account of this machine. Those of a directory service are told only while they are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// What it is called besides.
    pub full_name: Option<String>,
    /// uid or SID.
    pub id: String,
    /// It may do everything: root, or in a group that may become root or Administrator.
    pub admin: bool,
    /// It exists and cannot be used now.
    pub disabled: bool,
    /// Its home folder.
    pub home: Option<String>,
}

/// A login that lasts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// Login name.
    pub user: String,
    /// Where: `seat0 tty2`, `pts/0 from 10.0.0.9`, `console`.
    pub place: String,
    /// Since when.
    pub since: Option<SystemTime>,
    /// It is the one in use now.
    pub active: bool,
    /// It came over the network.
    pub remote: bool,
}

const LIMIT: Duration = Duration::from_secs(10);
static READING: Slots = Slots::new(2);

/// Accounts that may log in, by name.
///
/// # Errors
/// What the system said, or a time-out.
pub async fn accounts() -> io::Result<Vec<Account>> {
    let mut accounts = match timeout(LIMIT, READING.run(imp::users::accounts)).await {
        Ok(accounts) => accounts??,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    };
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    accounts.truncate(LIST_LIMIT);
    Ok(accounts)
}

/// Logins that last, the active ones first. Empty where nobody is signed in or nothing tells.
///
/// # Errors
/// What the system said, or a time-out.
pub async fn logins() -> io::Result<Vec<Login>> {
    let mut logins = match timeout(LIMIT, imp::users::logins()).await {
        Ok(logins) => logins?,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    };
    logins.sort_by(|a, b| b.active.cmp(&a.active).then(a.user.cmp(&b.user)));
    logins.truncate(LIST_LIMIT);
    Ok(logins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_has_an_administrator() {
        let accounts = accounts().await.expect("accounts");
        assert!(accounts.iter().any(|account| account.admin && !account.id.is_empty()), "{accounts:?}");
        logins().await.expect("logins, perhaps none");
    }
}
