//! Power through systemd and its login service: the way that lets services and people's programs
//! end in order.

use std::io;
use std::time::Duration;

use super::session_user::active_login;
use super::tool;
use crate::power::somebody_else;
use crate::session_user::SignedIn;

/// How long a tool may take to hand an order over.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn restart() -> io::Result<()> {
    // Without a wall message: whoever is there has been told by the helper.
    order("systemctl", &["--no-wall", "--no-block", "reboot"]).await
}

pub(crate) async fn shut_down() -> io::Result<()> {
    order("systemctl", &["--no-wall", "--no-block", "poweroff"]).await
}

pub(crate) async fn sign_out(user: &SignedIn) -> io::Result<()> {
    order("loginctl", &["terminate-session", &session_of(user).await?]).await
}

pub(crate) async fn lock(user: &SignedIn) -> io::Result<()> {
    order("loginctl", &["lock-session", &session_of(user).await?]).await
}

pub(crate) fn run_id() -> io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

async fn session_of(user: &SignedIn) -> io::Result<String> {
    match active_login().await {
        Some((session, uid)) if uid == user.id.0 => Ok(session),
        _ => Err(somebody_else()),
    }
}

async fn order(name: &str, arguments: &[&str]) -> io::Result<()> {
    let program = tool::find(name).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("this system has no {name}; only systemd's way is known here"),
        )
    })?;
    let said = tool::run(&program, arguments, LIMIT, 4096).await?;
    match said.code {
        Some(0) => Ok(()),
        code => Err(io::Error::other(format!(
            "{name} {} failed ({}): {}",
            arguments.join(" "),
            code.map_or_else(|| "a signal".to_owned(), |code| format!("exit {code}")),
            said.errors
        ))),
    }
}
