//! How figures read in evidence.

use std::time::Duration;

use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::facts::Consumer;
use distans_proto::ops::diagnose::rules::Rule;
use distans_proto::ops::diagnose::{Finding, Remedy};

pub(super) const GIB: u64 = 1 << 30;
pub(super) const DAY: u64 = 86_400;

/// A finding in the words of its rule.
pub(super) fn finding(severity: Severity, rule: &Rule, evidence: String) -> Finding {
    Finding {
        severity,
        rule: rule.name.into(),
        evidence: evidence.into(),
        meaning: rule.meaning.into(),
        advice: rule.advice.into(),
        remedy: None,
    }
}

/// A finding with something that can be done from afar.
pub(super) fn with_remedy(finding: Finding, remedy: Remedy) -> Finding {
    Finding { remedy: Some(remedy), ..finding }
}

/// Whole percent of `part` in `whole`; 100 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    u128::from(part)
        .saturating_mul(100)
        .checked_div(u128::from(whole))
        .map_or(100, |share| u64::try_from(share).unwrap_or(u64::MAX))
}

/// `12.3 GiB` or `345 MiB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes >= GIB {
        let tenths = u128::from(bytes) * 10 / u128::from(GIB);
        format!("{}.{} GiB", tenths / 10, tenths % 10)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

/// `3 d 4 h`, `2 h 5 min`, `40 s`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / 3600),
    }
}

/// `; most: firefox 2.1 GiB, mysqld 800 MiB`, or nothing.
pub(super) fn most(top: &[Consumer], amount: impl Fn(u64) -> String) -> String {
    let named: Vec<String> =
        top.iter().take(3).map(|one| format!("{} {}", one.name, amount(one.amount))).collect();
    if named.is_empty() { String::new() } else { format!("; most: {}", named.join(", ")) }
}
