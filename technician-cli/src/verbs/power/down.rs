//! A PC that went down: told and left alone, or waited for and met again.

use std::time::Duration;

use distans_proto::ids::SessionId;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::power::PowerAction;
use distans_proto::time::Timestamp;
use tokio::time::{Instant, sleep};

use super::conclude;
use super::show::Show;
use crate::client::power::{Down, Sighting};
use crate::client::{Desk, Error, Target};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::say;

/// How often a PC that has just come is asked for the session again, and how often at most.
const AGAIN: (Duration, u32) = (Duration::from_secs(1), 10);

/// The PC before it went down.
pub(super) struct Was {
    pub(super) target: Target,
    pub(super) session: SessionId,
    /// Connected since.
    pub(super) before: Option<Timestamp>,
}

/// Goes on after the order; the exit code to end with.
pub(super) async fn follow(
    desk: &Desk,
    show: &Show<'_>,
    was: &Was,
    order: &Down,
    wait: Option<Duration>,
) -> anyhow::Result<i32> {
    let is_restart = order.power.action == PowerAction::Restart;
    if !is_restart || order.news.until.is_none() {
        // It ends there; its receipt comes with the next start.
        desk.home().forget_session(was.session)?;
    }
    let Some(wait) = wait else {
        show.left(order)?;
        return Ok(0);
    };
    let began = Instant::now();
    let deadline = began + wait;
    show.wait(is_restart, wait);
    let mut gone = None;
    let seen = desk.await_pc(was.target.id, was.before, deadline, |sighting| {
        match sighting {
            Sighting::Away => {
                gone = Some(Instant::now());
                show.away(began.elapsed());
                !is_restart
            }
            // A PC that was too quick to be seen gone is back all the same.
            Sighting::Back => is_restart,
        }
    });
    let seen = tokio::select! {
        seen = seen => seen?,
        _ = tokio::signal::ctrl_c() => return Err(Error::Cancelled.into()),
    };
    show.still();
    if !seen {
        return Err(Stop::new(Exit::Offline, late(&was.target, is_restart, wait)).into());
    }
    if !is_restart {
        show.gone(began.elapsed())?;
        return Ok(0);
    }
    show.back(began.elapsed(), gone.map(|gone| gone.elapsed()));
    match order.news.until {
        Some(_) => resumed(desk, show, was, order).await,
        None => ended(desk, show, was, order).await,
    }
}

/// The session goes on.
async fn resumed(desk: &Desk, show: &Show<'_>, was: &Was, order: &Down) -> anyhow::Result<i32> {
    let mut tries = 0;
    let session = loop {
        match Box::pin(desk.session_after_restart(was.session)).await {
            Ok(session) => break session,
            Err(Error::SessionOver { .. }) => return ended(desk, show, was, order).await,
            Err(error) if error.is_transient() && tries < AGAIN.1 => {
                tries += 1;
                sleep(AGAIN.0).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let result = session.outcome_of(order).await?;
    conclude(show, &result, true)
}

/// It ended with the restart: the receipt, signed by the PC, tells what came of it.
async fn ended(desk: &Desk, show: &Show<'_>, was: &Was, order: &Down) -> anyhow::Result<i32> {
    let outcome = desk.receipt_of(was.session, order.op).await?;
    let text = match outcome {
        Some(Outcome::Completed) => None,
        Some(_) => Some(say!(
            en: "the PC's receipt does not say that it restarted",
            sv: "datorns kvitto säger inte att den startade om"
        )),
        None => Some(say!(
            en: "the PC is back, and has not handed in the receipt that tells whether it restarted",
            sv: "datorn är tillbaka men har inte lämnat kvittot som säger om den startade om"
        )),
    };
    let outcome = outcome.unwrap_or(Outcome::Unknown);
    let result = OpResult { outcome, exit: None, bytes: 0, text: text.map(Into::into) };
    conclude(show, &result, false)
}

fn late(target: &Target, is_restart: bool, wait: Duration) -> String {
    let (name, wait) = (&target.hostname, format::span(wait));
    if is_restart {
        say!(
            en: "{name} has not come back within {wait}; distans pc {name} shows when it is",
            sv: "{name} har inte kommit tillbaka inom {wait}; distans pc {name} visar när den gör det"
        )
    } else {
        say!(
            en: "{name} is still connected after {wait}",
            sv: "{name} är fortfarande ansluten efter {wait}"
        )
    }
}
