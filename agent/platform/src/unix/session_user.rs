//! The active login, as `loginctl` tells it: its output in `KEY=value` form is a public
//! interface of systemd, its bus is a large dependency.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::account::{self, Account};
use crate::UserId;
use crate::local::Peer;
use crate::session_user::SignedIn;
use crate::thread::Slots;

/// How a login is found again: by the account behind it.
pub(crate) type Login = Account;

/// Longest wait for the login service and the directory service together.
const LIMIT: Duration = Duration::from_secs(2);
/// Sessions looked at when no seat has an active one.
const SESSIONS_LIMIT: usize = 64;

static DIRECTORY: Slots = Slots::new(4);

pub(crate) async fn active() -> Option<SignedIn> {
    timeout(LIMIT, async { signed_in(active_uid().await?).await }).await.ok()?
}

pub(crate) async fn of_peer(peer: &Peer) -> Option<SignedIn> {
    timeout(LIMIT, signed_in(peer.user.0)).await.ok()?
}

async fn signed_in(uid: u32) -> Option<SignedIn> {
    let login = DIRECTORY.run(move || account::by_uid(uid)).await.ok()??;
    Some(SignedIn { name: login.name.clone(), id: UserId(login.uid), login })
}

async fn active_uid() -> Option<u32> {
    Some(active_login().await?.1)
}

/// The active login: its id at the login service, and whose it is.
pub(crate) async fn active_login() -> Option<(String, u32)> {
    let seat = loginctl(&["show-seat", "seat0", "--property=ActiveSession"]).await?;
    if let Some(session) = properties(&seat).get("ActiveSession").filter(|session| is_id(session))
        && let Some(uid) = uid_of(session).await
    {
        return Some(((*session).to_owned(), uid));
    }
    let sessions = loginctl(&["list-sessions", "--no-legend"]).await?;
    for session in sessions.lines().filter_map(|line| line.split_whitespace().next()).take(SESSIONS_LIMIT) {
        if is_id(session)
            && let Some(uid) = uid_of(session).await
        {
            return Some((session.to_owned(), uid));
        }
    }
    None
}

async fn uid_of(session: &str) -> Option<u32> {
    let arguments = [
        "show-session",
        session,
        "--property=User",
        "--property=Active",
        "--property=Class",
        "--property=Remote",
    ];
    active_local_user(&loginctl(&arguments).await?)
}

/// The uid if the properties are those of an active login of a person at the machine itself.
fn active_local_user(shown: &str) -> Option<u32> {
    let shown = properties(shown);
    let is = |key, value| shown.get(key) == Some(&value);
    if is("Active", "yes") && is("Class", "user") && is("Remote", "no") {
        shown.get("User")?.parse().ok()
    } else {
        None
    }
}

fn properties(shown: &str) -> HashMap<&str, &str> {
    shown.lines().filter_map(|line| line.split_once('=')).collect()
}

/// Session ids are short words; anything else must not become an argument.
fn is_id(session: &str) -> bool {
    (1..=64).contains(&session.len()) && session.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Output of `loginctl`, or `None` where there is none or it fails.
async fn loginctl(arguments: &[&str]) -> Option<String> {
    let program = ["/usr/bin/loginctl", "/bin/loginctl"].into_iter().find(|path| Path::new(path).exists())?;
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_person_at_the_machine_counts() {
        let shown =
            |active, class, remote| format!("User=1000\nActive={active}\nClass={class}\nRemote={remote}\n");
        assert_eq!(active_local_user(&shown("yes", "user", "no")), Some(1000));
        for other in [shown("no", "user", "no"), shown("yes", "greeter", "no"), shown("yes", "user", "yes")] {
            assert_eq!(active_local_user(&other), None, "{other}");
        }
        assert_eq!(active_local_user("User=x\nActive=yes\nClass=user\nRemote=no\n"), None);
        assert_eq!(active_local_user(""), None);
    }

    #[test]
    fn a_hostile_session_name_is_no_argument() {
        assert!(is_id("c2") && is_id("31"));
        for name in ["", "--help", "a b", "../x"] {
            assert!(!is_id(name), "{name:?} was taken as a session");
        }
    }
}
