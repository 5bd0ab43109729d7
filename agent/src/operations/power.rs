//! Restart, shutdown, sign-out, lock: first a warning that the person at the PC can cancel, then
//! the journal, then the order to the machine.
//!
//! An operation that takes the machine down gets its result from the agent's next run, which
//! alone can see that the machine has started anew (`distans_agent_core::journal::state`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::{GoingDown, GoingDownOver};
use distans_agent_core::permit::Permit;
use distans_platform::session_user::{self, SignedIn};
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::local::{Nonce, Warn};
use distans_proto::ops::power::{
    self, CalledOff, Countdown, DELAY_LIMIT, Power, PowerAction, PowerNews, TEXT_LIMIT,
};
use distans_trust::keys::random;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Operation, Work, denied};
use crate::clock;
use crate::desk::Warned;
use crate::machine;
use crate::session::Live;
use crate::shared::Shared;

/// Shortest warning to somebody who is signed in and has not been asked.
const LEAST_WARNING: u16 = 10;

/// How long the machine may take to go down after the order.
const GOING_DOWN_TIME: Duration = Duration::from_secs(600);

/// What is to be done, or why not. Nothing has been done yet.
pub(super) async fn prepare(
    permit: Permit,
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    power: &Power,
) -> Result<Work, Denied> {
    check_form(power)?;
    machine::can(&shared.config, power.action)?;
    if power.action.takes_the_pc_down() && shared.run_id.is_none() {
        let text = "this PC's system does not tell one start from the next, so that a restart could not be proved; \
                    use run with its own command instead";
        return Err(denied(DeniedBy::State, text));
    }
    let user = if shared.config.development { None } else { session_user::active().await };
    check_person(power, live.account.as_deref(), user.as_ref(), shared)?;
    let alone = Arc::clone(&shared.power).try_acquire_owned().map_err(|_| {
        denied(DeniedBy::Limit, "another restart or the like is under way on this PC; wait for its end")
    })?;
    let (shared, live, power) = (Arc::clone(shared), Arc::clone(live), power.clone());
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move {
            let doing = Doing { permit, shared, live, power, user, _alone: alone };
            doing.perform(&operation, &ended).await
        })
    }))
}

fn check_form(power: &Power) -> Result<(), Denied> {
    if power.delay_s > DELAY_LIMIT {
        return Err(denied(DeniedBy::Limit, format!("a warning may last {DELAY_LIMIT} seconds at most")));
    }
    if power.text.as_ref().is_some_and(|text| text.raw().chars().count() > TEXT_LIMIT) {
        return Err(denied(DeniedBy::Limit, format!("the message is longer than {TEXT_LIMIT} characters")));
    }
    Ok(())
}

/// What is owed to the person at the PC. `account` is the one that allowed the session.
fn check_person(
    power: &Power,
    account: Option<&str>,
    user: Option<&SignedIn>,
    shared: &Shared,
) -> Result<(), Denied> {
    let is_theirs = |user: &SignedIn| account == Some(user.id.to_string().as_str());
    match (power.action, user) {
        (PowerAction::SignOut | PowerAction::Lock, None) if !shared.config.development => {
            return Err(denied(DeniedBy::State, "nobody is signed in at the PC"));
        }
        (PowerAction::SignOut | PowerAction::Lock, Some(user)) if account.is_some() && !is_theirs(user) => {
            let text = "another user is at the PC now than the one who allowed this; open a new session";
            return Err(denied(DeniedBy::Session, text));
        }
        _ => {}
    }
    // A lock loses nothing.
    let has_agreed = user.map_or(account.is_some(), is_theirs);
    let somebody = user.is_some() || shared.desk.somebody();
    if power.action != PowerAction::Lock && power.delay_s < LEAST_WARNING && somebody && !has_agreed {
        let text = format!(
            "somebody is signed in at the PC and has not agreed; give a warning of at least {LEAST_WARNING} seconds"
        );
        return Err(denied(DeniedBy::Policy, text));
    }
    Ok(())
}

struct Doing {
    permit: Permit,
    shared: Arc<Shared>,
    live: Arc<Live>,
    power: Power,
    user: Option<SignedIn>,
    _alone: OwnedSemaphorePermit,
}

impl Doing {
    async fn perform(self, operation: &Operation, ended: &CancellationToken) -> OpResult {
        debug_assert_eq!(self.permit.op(), operation.id);
        if let Some(result) = self.warn(operation, ended).await {
            return result;
        }
        if self.power.action.takes_the_pc_down() {
            return self.go_down(operation, ended).await;
        }
        match machine::order(&self.shared.config, self.power.action, self.user.as_ref()).await {
            Ok(()) => over(operation, Outcome::Completed, None),
            Err(error) => over(operation, Outcome::NotStarted, Some(error.to_string())),
        }
    }

    /// The warning; a result if the matter ends with it.
    async fn warn(&self, operation: &Operation, ended: &CancellationToken) -> Option<OpResult> {
        let seconds = self.power.delay_s;
        if ended.is_cancelled() {
            return Some(over(operation, Outcome::SessionEnded, None));
        }
        let failed = |error: String| Some(over(operation, Outcome::NotStarted, Some(error)));
        let nonce = match random::<16>() {
            Ok(nonce) => Nonce { bytes: *nonce },
            Err(error) => return failed(error.to_string()),
        };
        let warn = Warn {
            nonce,
            session: self.live.id,
            technician_name: self.technician_name(),
            action: self.power.action,
            seconds,
            text: self.power.text.clone(),
        };
        if seconds > 0 {
            let seen = self.shared.desk.somebody();
            let user = self.user.as_ref().map(|user| user.name.as_str().into());
            self.tell(operation, PowerNews::Warning(Countdown { seconds, seen, user })).await;
        }
        let called_off = tokio::select! {
            biased;
            () = ended.cancelled() => return Some(over(operation, Outcome::SessionEnded, None)),
            () = operation.cancel.cancelled() => CalledOff::Technician,
            warned = self.warning(warn) => match warned {
                Warned::Passed => return None,
                Warned::Cancelled => CalledOff::Person,
            },
        };
        self.tell(operation, PowerNews::CalledOff(called_off)).await;
        Some(match called_off {
            CalledOff::Technician => over(operation, Outcome::Cancelled, None),
            CalledOff::Person => {
                over(operation, Outcome::NotStarted, Some("the person at the PC cancelled it".to_owned()))
            }
        })
    }

    async fn warning(&self, warn: Warn) -> Warned {
        match warn.seconds {
            0 => Warned::Passed,
            _ => self.shared.desk.warn(warn).await,
        }
    }

    /// From the signed policy.
    fn technician_name(&self) -> distans_proto::text::Untrusted {
        let decisions = self.shared.decisions();
        decisions
            .sessions
            .get(self.live.id)
            .map(|session| session.shown().technician_name)
            .unwrap_or_default()
    }

    /// Journals, orders, and waits for the end of this run.
    async fn go_down(&self, operation: &Operation, ended: &CancellationToken) -> OpResult {
        let (at, boot) = (clock::now(), self.shared.run_id.clone().unwrap_or_default());
        let until = self.may_come_back_until();
        let news = power::GoingDown { boot: boot.as_str().into(), until };
        let going = GoingDown { session: self.live.id, op: operation.id, at, until, boot };
        if let Err(error) = self.shared.journal.append(vec![Record::GoingDown(going)]).await {
            let text = format!("nothing is done without a journal: {error}");
            return over(operation, Outcome::NotStarted, Some(text));
        }
        self.tell(operation, PowerNews::GoingDown(news)).await;
        info!(session = %self.live.id, action = self.power.action.name(), "the machine is told to go down");
        let ordering = machine::order(&self.shared.config, self.power.action, None);
        // The order may end this program at once, or be the last thing it does.
        let ordered = tokio::select! {
            ordered = ordering => ordered,
            () = self.shared.stop.cancelled() => return leave_open(operation),
        };
        if let Err(error) = ordered {
            warn!(%error, "the machine did not take the order");
            let over_again = Record::GoingDownOver(GoingDownOver { session: self.live.id });
            if let Err(error) = self.shared.journal.append(vec![over_again]).await {
                warn!(%error, "that could not be journalled");
            }
            return over(operation, Outcome::NotStarted, Some(error.to_string()));
        }
        let text = tokio::select! {
            () = self.shared.stop.cancelled() => return leave_open(operation),
            () = ended.cancelled() => "the session ended before the PC had gone down".to_owned(),
            () = tokio::time::sleep(GOING_DOWN_TIME) => {
                format!("the PC took the order and is still up after {} minutes", GOING_DOWN_TIME.as_secs() / 60)
            }
        };
        over(operation, Outcome::Unknown, Some(text))
    }

    /// Until when the session may be come back to, as the policy in force says.
    fn may_come_back_until(&self) -> Option<distans_proto::time::Timestamp> {
        if self.power.action != PowerAction::Restart {
            return None;
        }
        let decisions = self.shared.decisions();
        let policy = decisions.trust.policy()?;
        let span = policy.may_resume_after_restart(&self.shared.identity.group)?;
        Some(clock::now().plus(span).min(self.permit.until()))
    }

    /// Items of this size always fit.
    async fn tell(&self, operation: &Operation, news: PowerNews) {
        if let Err(error) = operation.send_item(&news).await {
            warn!(%error, "the technician could not be told");
        }
    }
}

/// The next run tells.
fn leave_open(operation: &Operation) -> OpResult {
    operation.left_open.store(true, Ordering::Release);
    over(operation, Outcome::Unknown, None)
}

fn over(operation: &Operation, outcome: Outcome, text: Option<String>) -> OpResult {
    OpResult { outcome, exit: None, bytes: operation.output.total(), text: text.map(Into::into) }
}
