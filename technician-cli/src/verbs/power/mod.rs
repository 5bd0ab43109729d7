//! `distans reboot`, `shutdown`, `logoff`, `lock`: with a warning at the PC that the person there
//! can cancel; `distans wake`.
//!
//! | module | what |
//! |---|---|
//! | this | arguments, and from the order to its result |
//! | [`down`] | a PC that went down: waiting for it, meeting it again |
//! | [`show`] | what the technician sees of it, as sentences or JSON |
//! | [`wake`] | waking a PC through a neighbour |

mod down;
mod show;
pub mod wake;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::power::{DELAY_LIMIT, Power, PowerAction, TEXT_LIMIT};
use distans_proto::scope::{Scope, ScopeSet};
use tokio_util::sync::CancellationToken;

use super::reach::{self, SessionOptions};
use super::{App, notices};
use crate::client::power::Ordered;
use crate::client::{Listener, Notice};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::verbs::interrupt;
use show::Show;

/// Seconds of warning when nothing else is said.
const DELAY: u16 = 60;

/// The warning.
#[derive(Debug, Args)]
pub struct Warning {
    /// Seconds of warning; the person at the PC sees them run and can cancel
    #[arg(long, value_name = "SECONDS", default_value_t = DELAY, value_parser = clap::value_parser!(u16).range(..=i64::from(DELAY_LIMIT)))]
    pub delay: u16,
    /// Without warning: only if nobody is signed in, or the person has agreed to the session
    #[arg(long, conflicts_with = "delay")]
    pub now: bool,
    /// What the person at the PC is told besides
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
}

/// Arguments of `distans reboot`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans reboot PC-IDRE-003 --wait --message \"Uppdateringen är klar\"\n  distans reboot PC-IDRE-003 --delay 300\n\nCtrl-C calls it off as long as the warning runs. Where the policy allows it the session goes\non after the restart, within its time; the next verb just works."
)]
pub struct Reboot {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Wait until the PC has restarted and is back
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for it, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900, requires = "wait")]
    pub timeout: u64,
    /// Warning.
    #[command(flatten)]
    pub warning: Warning,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Arguments of `distans shutdown`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans shutdown PC-IDRE-003\n  distans shutdown PC-IDRE-003 --now --wait\n\nCtrl-C calls it off as long as the warning runs. distans wake may start it again."
)]
pub struct ShutDown {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Wait until the PC is gone
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for it, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "wait")]
    pub timeout: u64,
    /// Warning.
    #[command(flatten)]
    pub warning: Warning,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Arguments of `distans logoff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans logoff PC-IDRE-003 --message \"Du får en ny profil\"\n\nCtrl-C calls it off as long as the warning runs."
)]
pub struct LogOff {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Warning.
    #[command(flatten)]
    pub warning: Warning,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Arguments of `distans lock`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans lock PC-IDRE-003\n\nNothing is closed; whoever is signed in unlocks it."
)]
pub struct Lock {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Restarts the PC.
///
/// # Errors
/// If it could not be ordered, or the PC did not come back in time.
pub async fn reboot(app: &App, reboot: Reboot) -> anyhow::Result<i32> {
    let wait = reboot.wait.then(|| Duration::from_secs(reboot.timeout));
    let power = power(PowerAction::Restart, reboot.warning)?;
    perform(app, &reboot.pc, power, reboot.session, wait).await
}

/// Shuts the PC down.
///
/// # Errors
/// If it could not be ordered, or the PC was not gone in time.
pub async fn shut_down(app: &App, shut_down: ShutDown) -> anyhow::Result<i32> {
    let wait = shut_down.wait.then(|| Duration::from_secs(shut_down.timeout));
    let power = power(PowerAction::ShutDown, shut_down.warning)?;
    perform(app, &shut_down.pc, power, shut_down.session, wait).await
}

/// Signs the user of the PC out.
///
/// # Errors
/// If it could not be ordered.
pub async fn log_off(app: &App, log_off: LogOff) -> anyhow::Result<i32> {
    let power = power(PowerAction::SignOut, log_off.warning)?;
    perform(app, &log_off.pc, power, log_off.session, None).await
}

/// Locks the PC's screen.
///
/// # Errors
/// If it could not be ordered.
pub async fn lock(app: &App, lock: Lock) -> anyhow::Result<i32> {
    let power = Power { action: PowerAction::Lock, delay_s: 0, text: None };
    perform(app, &lock.pc, power, lock.session, None).await
}

fn power(action: PowerAction, warning: Warning) -> Result<Power, Stop> {
    if warning.message.as_ref().is_some_and(|text| text.chars().count() > TEXT_LIMIT) {
        let text = say!(
            en: "--message is longer than {TEXT_LIMIT} characters",
            sv: "--message är längre än {TEXT_LIMIT} tecken"
        );
        return Err(Stop::new(Exit::Usage, text));
    }
    let delay_s = if warning.now { 0 } else { warning.delay };
    Ok(Power { action, delay_s, text: warning.message.map(Into::into) })
}

async fn perform(
    app: &App,
    pc: &str,
    power: Power,
    options: SessionOptions,
    wait: Option<Duration>,
) -> anyhow::Result<i32> {
    // A line that breaks because the PC goes down is no news.
    let goes_down = Arc::new(AtomicBool::new(false));
    let desk = reach::connect_with(app, listener(app, &goes_down)).await?;
    let session = reach::session(app, &desk, pc, ScopeSet::EMPTY.with(Scope::Power), options).await?;
    // A later program, or this one after the restart, finds it there.
    session.kept().await?;
    let before = match power.action.takes_the_pc_down() {
        true => desk.sight(session.target().id).await?.and_then(|found| found.since),
        false => None,
    };
    let (action, cancel) = (power.action, CancellationToken::new());
    let mut show = Show::new(app, &session, action);
    let watcher = tokio::spawn(interrupt::cancels(cancel.clone()));
    let ordering = session.order(power, cancel, |news| {
        goes_down.store(true, Ordering::Relaxed);
        show.news(news);
    });
    let ordered = ordering.await;
    watcher.abort();
    show.still();
    match ordered? {
        // A PC that restarts in a moment is met again before it was missed: in this session.
        Ordered::Over(result) => {
            let resumed = action == PowerAction::Restart && result.outcome == Outcome::Completed;
            conclude(&show, &result, resumed)
        }
        Ordered::Down(order) => {
            let was = down::Was { target: session.target().clone(), session: session.id(), before };
            drop(session);
            down::follow(&desk, &show, &was, &order, wait).await
        }
    }
}

/// Notices as always, but for the line of a PC that goes down.
fn listener(app: &App, goes_down: &Arc<AtomicBool>) -> Option<Listener> {
    let (shown, goes_down) = (notices::listener(app.screen)?, Arc::clone(goes_down));
    Some(Arc::new(move |notice| {
        if matches!(notice, Notice::LineLost(_) | Notice::LineBack) && goes_down.load(Ordering::Relaxed) {
            return;
        }
        shown(notice);
    }))
}

/// Shows a result; the exit code to end with.
fn conclude(show: &Show<'_>, result: &OpResult, resumed: bool) -> anyhow::Result<i32> {
    let exit = match result.outcome {
        Outcome::Completed => Exit::Ok,
        Outcome::NotStarted if show.was_cancelled_at_the_pc() => Exit::Denied,
        Outcome::NotStarted | Outcome::TimedOut => Exit::NotStarted,
        Outcome::Cancelled => Exit::Cancelled,
        Outcome::SessionEnded => Exit::SessionOver,
        Outcome::Unknown => Exit::Unknown,
    };
    show.result(result, exit, resumed)?;
    Ok(exit.code().into())
}
