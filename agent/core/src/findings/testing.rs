//! What the tables of cases share.

use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::Found;
use distans_proto::time::Timestamp;

use super::{Limits, of};

/// The time in all cases.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_780_000_000);

/// Name of the case, the facts, findings that must come (rule and severity), no others.
pub(super) type Case = (&'static str, fn() -> Found, &'static [(&'static str, Severity)]);

pub(super) fn check(cases: &[Case]) {
    for (name, facts, expected) in cases {
        let found = of(&facts(), NOW, &Limits::default());
        let got: Vec<(&str, Severity)> = found.iter().map(|f| (f.rule.raw(), f.severity)).collect();
        assert_eq!(got, *expected, "{name}");
        assert!(found.iter().all(|finding| !finding.evidence.is_empty()), "{name}");
    }
}
