//! Services of this machine: which there are, and starting and stopping them.
//!
//! Linux: systemd, through `systemctl`'s `KEY=value` output, which is its public interface.
//! Windows: the Service Control Manager. A Linux machine without systemd has no manager we know.

use std::io;
use std::time::Duration;

use crate::imp;

/// Most services listed.
pub const LIST_LIMIT: usize = 4096;

/// Longest name taken, in bytes.
pub const NAME_LIMIT: usize = 256;

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name it is started by; on Linux without `.service`.
    pub name: String,
    /// What it is, in its maker's words.
    pub description: String,
    /// How it is now.
    pub state: State,
    /// The manager's own word for it: `exited`, `auto-restart`, `exit code 5`.
    pub detail: String,
    /// Whether it starts by itself.
    pub start: StartMode,
    /// Its main process.
    pub pid: Option<u32>,
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It runs, or did what it was for and counts as up.
    Running,
    /// It does not run.
    Stopped,
    /// It should run, and ended badly.
    Failed,
    /// On its way up.
    Starting,
    /// On its way down.
    Stopping,
    /// Something else; see the detail.
    Other,
}

/// Whether a service starts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartMode {
    /// With the machine.
    Automatic,
    /// When something or somebody starts it.
    Manual,
    /// It must not be started.
    Disabled,
    /// The manager does not say.
    Unknown,
}

/// What to do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it if it runs, and start it.
    Restart,
}

/// Why services cannot be listed or changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No systemd and not Windows.
    #[error("this system has no service manager we know; only systemd and Windows services are known")]
    NoManager,
    /// The name cannot be a service's.
    #[error("{0:?} is no service's name")]
    BadName(String),
    /// No such service.
    #[error("no service {0:?} on this PC; the list of services tells the names")]
    NotFound(String),
    /// The manager said no.
    #[error("{name}: {reason}")]
    Refused {
        /// Which service.
        name: String,
        /// In the manager's words.
        reason: String,
    },
    /// The state that was asked for was not reached in time.
    #[error("{name} was not done after {} s; the service manager goes on with it", limit.as_secs())]
    TimedOut {
        /// Which service.
        name: String,
        /// The time limit.
        limit: Duration,
    },
    /// What the system said.
    #[error("the service manager does not answer: {0}")]
    System(#[from] io::Error),
}

/// All services by name, at most [`LIST_LIMIT`]. Answers or gives up within ten seconds.
///
/// # Errors
/// [`ServiceError`].
pub async fn list() -> Result<Vec<Service>, ServiceError> {
    let mut services = imp::services::list().await?;
    services.sort_by_cached_key(|service| service.name.to_lowercase());
    services.dedup_by(|a, b| a.name == b.name);
    services.truncate(LIST_LIMIT);
    Ok(services)
}

/// One service by the name people use, its real name found (aliases are followed).
///
/// # Errors
/// [`ServiceError`].
pub async fn find(name: &str) -> Result<Service, ServiceError> {
    imp::services::find(checked(name)?).await
}

/// Does `change` and waits until it is done, for at most `limit`; then tells how the service is.
/// Needs root or administrator rights. After the limit, and when this is dropped half-way, the
/// manager goes on with what it has begun.
///
/// # Errors
/// [`ServiceError`]; [`ServiceError::Refused`] also if it was started and failed at once.
pub async fn change(name: &str, change: Change, limit: Duration) -> Result<Service, ServiceError> {
    imp::services::change(checked(name)?, change, limit).await
}

/// A name that is nothing but a name: no option, no path, no pattern.
fn checked(name: &str) -> Result<&str, ServiceError> {
    let sane = |character: char| character.is_alphanumeric() || " :_.\\@-+()$&".contains(character);
    let fits = (1..=NAME_LIMIT).contains(&name.len()) && name.chars().all(sane);
    if fits && !name.starts_with(['-', '.', ' ']) {
        Ok(name)
    } else {
        Err(ServiceError::BadName(name.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_taken_as_names() {
        for name in ["cups", "getty@tty1", "dbus-org.bluez", "W32Time", "MSSQL$KONTOR", "Skrivare åäö"] {
            assert!(checked(name).is_ok(), "{name}");
        }
        let long = "x".repeat(NAME_LIMIT + 1);
        for name in ["", "-H evil", "--force", "*", "a?b", "a/b", "../x", "a\nb", "a;b", "a=b", "[a]", &long]
        {
            assert!(checked(name).is_err(), "{name:?}");
        }
    }
}
