//! What becomes of a session when the technician restarts the PC in it.
//!
//! Where no rule says otherwise the session ends with the restart and the technician asks again:
//! after it somebody else may sit there.

use std::time::Duration;

use distans_proto::ids::GroupId;
use serde::{Deserialize, Serialize};

/// Longest time a restart may take, in minutes, for a session to go on after it.
pub const RESTART_MINUTES_LIMIT: u16 = 60;

/// One rule; the first for a group counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartRule {
    /// On PCs of this group.
    pub group: GroupId,
    /// What then.
    pub resume: ResumeMode,
    /// How long after the order to restart the technician may come back; 1 to
    /// [`RESTART_MINUTES_LIMIT`].
    #[serde(default = "default_minutes")]
    pub minutes: u16,
}

const fn default_minutes() -> u16 {
    15
}

/// Whether a session goes on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResumeMode {
    /// The same session, within its grant.
    SameSession,
    /// It ends. Also for what only a newer version understands.
    #[serde(other)]
    AskAgain,
}

/// How long after the order a session on a PC of `group` can be come back to; `None` = not at all.
pub(super) fn may_resume(rules: &[RestartRule], group: &GroupId) -> Option<Duration> {
    let rule = rules.iter().find(|rule| &rule.group == group)?;
    (rule.resume == ResumeMode::SameSession).then(|| Duration::from_secs(u64::from(rule.minutes) * 60))
}

/// What is wrong with the rules.
pub(super) fn check(rules: &[RestartRule]) -> Result<(), String> {
    match rules.iter().find(|rule| rule.minutes == 0 || rule.minutes > RESTART_MINUTES_LIMIT) {
        Some(rule) => Err(format!(
            "restart.minutes for group {} is {}, must be 1 to {RESTART_MINUTES_LIMIT}",
            rule.group, rule.minutes
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<RestartRule> {
        serde_json::from_str(text).expect("rules")
    }

    #[test]
    fn only_a_rule_for_the_group_lets_a_session_go_on() {
        let same = r#"[{"group": "kontor", "resume": "same-session"}]"#;
        let first =
            r#"[{"group": "kontor", "resume": "ask-again"}, {"group": "kontor", "resume": "same-session"}]"#;
        let newer = r#"[{"group": "kontor", "resume": "same-session-if-the-moon-is-full"}]"#;
        let long = r#"[{"group": "kontor", "resume": "same-session", "minutes": 30}]"#;
        for (text, group, minutes) in [
            ("[]", "kontor", None),
            (same, "kontor", Some(15)),
            (same, "skola", None),
            (first, "kontor", None),
            (newer, "kontor", None),
            (long, "kontor", Some(30)),
        ] {
            let group = group.parse().expect("a label");
            let minutes = minutes.map(|minutes: u64| Duration::from_secs(minutes * 60));
            assert_eq!(may_resume(&rules(text), &group), minutes, "{text}");
        }
    }

    #[test]
    fn the_time_is_bounded() {
        for (minutes, fits) in [(0, false), (1, true), (60, true), (61, false)] {
            let text = format!(r#"[{{"group": "kontor", "resume": "same-session", "minutes": {minutes}}}]"#);
            assert_eq!(check(&rules(&text)).is_ok(), fits, "{minutes}");
        }
    }
}
