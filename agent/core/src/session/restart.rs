//! What becomes of an earlier run's sessions when the agent starts.
//!
//! Three ways lead to a start. The agent was killed and the machine stayed up: to the technician
//! that is a lost line, and the session can be come back to for as long. The machine was
//! restarted by an operation of the session: then it goes on if the policy said so before *and*
//! says so still, which the journal tells by [`GoingDown::until`]. The machine started anew for
//! any other reason: the session is over, whoever sits there now allowed nothing.
//!
//! [`GoingDown::until`]: crate::journal::record::GoingDown::until

use std::time::Duration;

use distans_e2e::receipt::EndReason;
use distans_proto::time::Timestamp;

use super::RESUME_WINDOW;
use crate::journal::state::SessionEntry;

/// A start of the agent.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The run of the machine in which the agent last started, if the journal tells.
    pub boot_before: Option<&'a str>,
    /// This run, if the system tells.
    pub boot: Option<&'a str>,
    /// How long nothing had been written to the journal.
    pub untouched: Duration,
    /// Now.
    pub now: Timestamp,
}

/// What to do about a session that the journal says was granted and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterStart {
    /// It can be come back to.
    Back(Waiting),
    /// It is over.
    Over(EndReason),
}

/// How long a session without attachment waits for its technician.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// On a clock nobody can set.
    pub(super) span: Duration,
    /// After a restart also by the wall: then only until this time.
    pub(super) until: Option<Timestamp>,
}

impl Waiting {
    /// As after a lost line.
    pub(super) const AS_USUAL: Self = Self { span: RESUME_WINDOW, until: None };

    /// True if the wait, begun `waited` ago, is over.
    pub(super) fn is_over(&self, waited: Duration, now: Timestamp) -> bool {
        waited >= self.span || self.until.is_some_and(|until| now >= until)
    }
}

/// Decides. `may_resume` is what the policy in force says of restarts on this PC
/// (`Policy::may_resume_after_restart`).
pub fn after_start(entry: &SessionEntry, start: &Start<'_>, may_resume: Option<Duration>) -> AfterStart {
    if start.now >= entry.expires {
        return AfterStart::Over(EndReason::Expired);
    }
    let Some(going) = &entry.going_down else {
        // A journal that does not name the run of the machine was written before this rule.
        let is_same_run = start.boot_before.is_none_or(|before| start.boot.is_none_or(|now| now == before));
        return match (is_same_run, start.untouched >= RESUME_WINDOW) {
            (false, _) => AfterStart::Over(EndReason::AgentStopped),
            (true, true) => AfterStart::Over(EndReason::Abandoned),
            (true, false) => AfterStart::Back(Waiting::AS_USUAL),
        };
    };
    let (Some(until), Some(longest)) = (going.until, may_resume) else {
        return AfterStart::Over(EndReason::AgentStopped);
    };
    // Neither a clock that was set back nor a policy that has become narrower gives more time.
    let until = until.min(going.at.plus(longest)).min(entry.expires);
    let span = until.since(start.now.max(going.at));
    if span.is_zero() {
        return AfterStart::Over(EndReason::Abandoned);
    }
    AfterStart::Back(Waiting { span, until: Some(until) })
}

#[cfg(test)]
mod tests {
    use distans_proto::ids::{OpId, SessionId};
    use distans_proto::scope::ScopeSet;
    use proptest::prelude::*;

    use super::*;
    use crate::journal::record::GoingDown;

    const AT: Timestamp = Timestamp::from_secs(1_780_000_000);

    fn after(seconds: u64) -> Timestamp {
        AT.plus(Duration::from_secs(seconds))
    }

    /// A session of an hour; `until` = told to go down after 100 s, until then.
    fn entry(going_down: Option<Option<u64>>) -> SessionEntry {
        SessionEntry {
            at: AT,
            technician: "anna".parse().expect("a label"),
            scopes: ScopeSet::EMPTY,
            expires: after(3600),
            purpose: "printer".into(),
            asked: true,
            unattended: false,
            account: None,
            papers: None,
            ended: None,
            operations: Vec::new(),
            uploaded: false,
            going_down: going_down.map(|until| GoingDown {
                session: SessionId::from_bytes([1; 16]),
                op: OpId::from_bytes([2; 16]),
                at: after(100),
                until: until.map(after),
                boot: "run-1".to_owned(),
            }),
        }
    }

    const MINUTES_15: Option<Duration> = Some(Duration::from_secs(900));

    fn decide(
        entry: &SessionEntry,
        boot_before: Option<&str>,
        now: u64,
        policy: Option<Duration>,
    ) -> AfterStart {
        let start =
            Start { boot_before, boot: Some("run-2"), untouched: Duration::from_secs(60), now: after(now) };
        after_start(entry, &start, policy)
    }

    #[test]
    fn a_session_goes_on_after_a_restart_only_if_journal_and_policy_say_so() {
        let back = |span: u64, until: u64| {
            AfterStart::Back(Waiting { span: Duration::from_secs(span), until: Some(after(until)) })
        };
        let over = AfterStart::Over;
        let narrower = Some(Duration::from_secs(60));
        for (name, going, before, now, policy, expected) in [
            ("restarted", Some(Some(1000)), Some("run-1"), 160, MINUTES_15, back(840, 1000)),
            ("the agent alone", Some(Some(1000)), Some("run-2"), 160, MINUTES_15, back(840, 1000)),
            ("ask again", Some(None), Some("run-1"), 160, MINUTES_15, over(EndReason::AgentStopped)),
            ("policy changed", Some(Some(1000)), Some("run-1"), 160, None, over(EndReason::AgentStopped)),
            ("narrower", Some(Some(1000)), Some("run-1"), 130, narrower, back(30, 160)),
            ("narrower, late", Some(Some(1000)), Some("run-1"), 160, narrower, over(EndReason::Abandoned)),
            ("too late", Some(Some(1000)), Some("run-1"), 1000, MINUTES_15, over(EndReason::Abandoned)),
            ("expired", Some(Some(1000)), Some("run-1"), 3600, MINUTES_15, over(EndReason::Expired)),
            ("clock set back", Some(Some(1000)), Some("run-1"), 0, MINUTES_15, back(900, 1000)),
            ("another restart", None, Some("run-1"), 160, MINUTES_15, over(EndReason::AgentStopped)),
            ("killed", None, Some("run-2"), 160, None, AfterStart::Back(Waiting::AS_USUAL)),
            ("an old journal", None, None, 160, None, AfterStart::Back(Waiting::AS_USUAL)),
        ] {
            assert_eq!(decide(&entry(going), before, now, policy), expected, "{name}");
        }
    }

    #[test]
    fn a_killed_agent_that_was_away_for_long_ends_its_sessions() {
        let start = Start { boot_before: Some("run"), boot: Some("run"), untouched: RESUME_WINDOW, now: AT };
        assert_eq!(after_start(&entry(None), &start, MINUTES_15), AfterStart::Over(EndReason::Abandoned));
    }

    proptest! {
        #[test]
        fn no_start_gives_time_that_was_not_granted(
            going in prop::option::of(prop::option::of(0u64..10_000)),
            same_run in any::<bool>(),
            known_run in any::<bool>(),
            now in 0u64..10_000,
            untouched in 0u64..1000,
            minutes in prop::option::of(1u64..61),
        ) {
            let entry = entry(going);
            let before = known_run.then_some(if same_run { "run-2" } else { "run-1" });
            let start = Start { boot_before: before, boot: Some("run-2"), untouched: Duration::from_secs(untouched), now: after(now) };
            let policy = minutes.map(|minutes| Duration::from_secs(minutes * 60));
            let AfterStart::Back(waiting) = after_start(&entry, &start, policy) else { return Ok(()) };
            prop_assert!(now < 3600, "an expired grant");
            match going {
                // Another run of the machine, and nothing in the journal.
                None => prop_assert!(same_run || !known_run),
                Some(until) => {
                    let until = until.expect("the journal gives a time");
                    let longest = policy.expect("the policy allows it");
                    prop_assert!(now < until && after(now) < after(100).plus(longest));
                    prop_assert!(waiting.until.is_some_and(|end| end <= after(until) && end <= after(3600)));
                    prop_assert!(after(now.max(100)).plus(waiting.span) <= after(3600));
                }
            }
        }
    }
}
