//! Restarting and shutting down the machine, signing its user out, locking the screen; and how to
//! tell one run of the machine from the next.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::imp;
use crate::session_user::SignedIn;

/// Orders a restart. Returns when the system has taken the order; what runs is ended by it.
///
/// # Errors
/// What the system said; nothing happens then.
pub async fn restart() -> io::Result<()> {
    imp::power::restart().await
}

/// Orders a shutdown, as [`restart`].
///
/// # Errors
/// What the system said; nothing happens then.
pub async fn shut_down() -> io::Result<()> {
    imp::power::shut_down().await
}

/// Ends the user's login with everything in it, if it is still the active one.
///
/// # Errors
/// What the system said, or [`io::ErrorKind::NotFound`] if somebody else is at the machine now.
pub async fn sign_out(user: &SignedIn) -> io::Result<()> {
    imp::power::sign_out(user).await
}

/// Locks the user's screen, if it is still the active one. On Windows the login is
/// disconnected, which shows the sign-in screen and leaves everything running.
///
/// # Errors
/// As [`sign_out`].
pub async fn lock(user: &SignedIn) -> io::Result<()> {
    imp::power::lock(user).await
}

/// In development: runs `program` with `action` as its last argument in `folder`, in place of all
/// of the above. It outlives this process, which it may end.
///
/// # Errors
/// If it cannot be started or does not end well.
pub async fn pretend(program: &[String], action: &str, folder: &Path) -> io::Result<()> {
    let (name, arguments) = program
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is named"))?;
    let mut command = Command::new(name);
    command.args(arguments).arg(action).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().await?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{name} {action}: {status}"))) }
}

/// Names this run of the machine: another text after every start of it.
///
/// # Errors
/// If the system does not tell.
pub fn run_id() -> io::Result<String> {
    imp::power::run_id()
}

/// Somebody else is at the machine now.
pub(crate) fn somebody_else() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "that user is not at the machine any more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_the_machine_has_one_name() {
        let id = run_id().expect("the system tells");
        assert!(!id.is_empty() && id.len() <= 64 && !id.contains(char::is_whitespace), "{id:?}");
        assert_eq!(run_id().expect("the system tells"), id);
    }
}
