//! What of its findings a PC tells the broker: names and severities, a bounded number of them,
//! and when it is news.

use std::time::Duration;

use distans_proto::link::{NOTED_LIMIT, Noted, RULE_LIMIT, Standing};
use distans_proto::text::Untrusted;

/// Between two looks at the PC, at least. Rare, so that an idle agent stays idle.
const LOOK: Duration = Duration::from_secs(15 * 60);

/// How much longer it may be, so that PCs which were switched on together do not tell together.
const SPREAD_S: u64 = 3 * 60;

/// How long to wait until the next look; `random` decides how far it is put off.
pub fn next_look(random: u32) -> Duration {
    LOOK + Duration::from_millis(u64::from(random) * SPREAD_S * 1000 / u64::from(u32::MAX))
}

/// Findings as they are told: each rule once, at its worst, the worst first.
pub fn standing(found: impl IntoIterator<Item = Noted>) -> Standing {
    let mut found: Vec<Noted> = found.into_iter().collect();
    found.sort_by_key(|noted| std::cmp::Reverse(noted.severity));
    let mut told: Vec<Noted> = Vec::new();
    for Noted { severity, rule } in found {
        let rule = Untrusted::new(rule.raw().chars().take(RULE_LIMIT).collect::<String>());
        if told.len() < NOTED_LIMIT && told.iter().all(|have| have.rule != rule) {
            told.push(Noted { severity, rule });
        }
    }
    Standing { findings: told }
}

#[cfg(test)]
mod tests {
    use distans_proto::facts::Severity;

    use super::*;

    fn noted(severity: Severity, rule: &str) -> Noted {
        Noted { severity, rule: rule.into() }
    }

    #[test]
    fn each_rule_is_told_once_at_its_worst() {
        let (full, restart) = ("disk-nearly-full", "restart-pending");
        let found =
            [noted(Severity::Warning, full), noted(Severity::Info, restart), noted(Severity::Critical, full)];
        assert_eq!(
            standing(found).findings,
            [noted(Severity::Critical, full), noted(Severity::Info, restart)]
        );
    }

    #[test]
    fn at_most_so_many_are_told() {
        let found = (0..100).map(|number| noted(Severity::Info, &format!("{number}{}", "x".repeat(200))));
        let told = standing(found).findings;
        assert_eq!(told.len(), NOTED_LIMIT);
        assert!(told.iter().all(|noted| noted.rule.raw().chars().count() <= RULE_LIMIT));
    }

    #[test]
    fn looks_are_rare_and_spread() {
        assert_eq!(next_look(0).as_secs(), 15 * 60);
        assert_eq!(next_look(u32::MAX).as_secs(), 18 * 60);
    }
}
