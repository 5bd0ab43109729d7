//! A diagnosis as it comes from the PC, item by item, and kept within bounds: what a hostile PC
//! sends too much of is passed over and counted.

use std::collections::HashSet;

use distans_proto::inner::{Op, Outcome};
use distans_proto::ops::diagnose::{Diagnose, FINDINGS_LIMIT, Finding, PROBES_LIMIT, Report, Told};
use distans_proto::text::Untrusted;
use tokio_util::sync::CancellationToken;

use super::{Error, Session};
use crate::format;

/// Most findings taken of one diagnosis.
const ALL_FINDINGS_LIMIT: usize = 512;

/// Most items taken; a PC that sends more is cut off.
const ITEMS_LIMIT: usize = PROBES_LIMIT * 4;

/// What came, in the order it came.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    /// Names of the probes that were announced.
    pub plan: Vec<Untrusted>,
    /// One report a probe.
    pub reports: Vec<Report>,
    /// What only several probes together can say.
    pub conclusion: Vec<Finding>,
    /// The PC said that this is all.
    pub complete: bool,
    /// Items that a well-behaved PC would not have sent.
    pub ignored: usize,
    items: usize,
    findings: usize,
}

/// What is new.
#[derive(Debug)]
pub enum News<'a> {
    /// The probes that will run.
    Plan(&'a [Untrusted]),
    /// One of them has ended.
    Report(&'a Report),
}

impl Diagnosis {
    /// All findings, worst first; those of one severity in the order they came.
    pub fn findings(&self) -> Vec<&Finding> {
        let reports = self.reports.iter().flat_map(|report| &report.findings);
        let mut all: Vec<&Finding> = reports.chain(&self.conclusion).collect();
        all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        all
    }

    /// Takes an item, if it is one that may come now.
    fn take(&mut self, told: Told) -> Option<News<'_>> {
        self.items += 1;
        match told {
            _ if self.complete => {}
            Told::Plan(mut plan) if self.plan.is_empty() && self.reports.is_empty() => {
                plan.probes.truncate(PROBES_LIMIT);
                let mut seen = HashSet::new();
                plan.probes.retain(|name| seen.insert(name.clone()));
                self.plan = plan.probes;
                return Some(News::Plan(&self.plan));
            }
            Told::Report(mut report) if self.is_due(&report) => {
                self.cut(&mut report.findings);
                self.reports.push(*report);
                return self.reports.last().map(News::Report);
            }
            Told::Conclusion(mut conclusion) => {
                self.cut(&mut conclusion.findings);
                self.conclusion = conclusion.findings;
                self.complete = true;
                return None;
            }
            Told::Plan(_) | Told::Report(_) => {}
        }
        self.ignored += 1;
        None
    }

    /// True for the first report of an announced probe.
    fn is_due(&self, report: &Report) -> bool {
        self.plan.contains(&report.probe) && self.reports.iter().all(|known| known.probe != report.probe)
    }

    fn cut(&mut self, findings: &mut Vec<Finding>) {
        findings.truncate(FINDINGS_LIMIT.min(ALL_FINDINGS_LIMIT.saturating_sub(self.findings)));
        self.findings += findings.len();
    }
}

impl Session {
    /// A whole diagnosis.
    ///
    /// # Errors
    /// As [`Self::diagnose_with`].
    pub async fn diagnose(&self) -> Result<Diagnosis, Error> {
        self.diagnose_with(&[], CancellationToken::new(), |_| {}).await
    }

    /// A diagnosis by these probes (none = all); `each` sees what comes as it comes.
    ///
    /// # Errors
    /// [`Error`], also when the PC stopped before it was through.
    pub async fn diagnose_with(
        &self,
        only: &[String],
        cancel: CancellationToken,
        mut each: impl FnMut(News<'_>),
    ) -> Result<Diagnosis, Error> {
        let only = (!only.is_empty()).then(|| only.iter().map(|name| name.as_str().into()).collect());
        let op = Op::Diagnose(Diagnose { now: format::now(), only });
        let mut diagnosis = Diagnosis::default();
        let enough = cancel.clone();
        let done = self.items(op, cancel, |told: Told| {
            if let Some(news) = diagnosis.take(told) {
                each(news);
            }
            if diagnosis.items > ITEMS_LIMIT {
                enough.cancel();
            }
        });
        let done = done.await;
        // Said also of a PC that, cut off, does not answer.
        if diagnosis.items > ITEMS_LIMIT {
            return Err(Error::pc(format!("more than {ITEMS_LIMIT} items of one diagnosis")));
        }
        let result = done?;
        match result.outcome {
            Outcome::Completed if diagnosis.complete => Ok(diagnosis),
            Outcome::Completed => Err(Error::pc("a diagnosis without an end")),
            Outcome::Cancelled => Err(Error::Cancelled),
            _ => Err(Error::unfinished(&self.target().hostname, result)),
        }
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::facts::Severity;
    use distans_proto::ops::diagnose::{Conclusion, Ending, Plan};

    use super::*;

    fn plan(names: &[&str]) -> Told {
        Told::Plan(Plan { probes: names.iter().map(|name| (*name).into()).collect() })
    }

    fn report(name: &str, findings: usize) -> Told {
        let finding = Finding {
            severity: Severity::Info,
            rule: "x".into(),
            evidence: "x".into(),
            meaning: "x".into(),
            advice: "x".into(),
            remedy: None,
        };
        Told::Report(Box::new(Report {
            probe: name.into(),
            millis: 1,
            ending: Ending::Done,
            text: None,
            found: None,
            findings: vec![finding; findings],
        }))
    }

    #[test]
    fn only_what_is_due_is_taken_and_no_more_of_it_than_is_allowed() {
        let mut diagnosis = Diagnosis::default();
        assert!(diagnosis.take(report("disks", 1)).is_none(), "before the plan");
        assert!(diagnosis.take(plan(&["disks", "disks", "names"])).is_some());
        assert_eq!(diagnosis.plan.len(), 2, "a name stands once");
        assert!(diagnosis.take(plan(&["other"])).is_none(), "a second plan");
        assert!(diagnosis.take(report("disks", 1_000_000)).is_some());
        assert_eq!(diagnosis.findings().len(), FINDINGS_LIMIT);
        assert!(diagnosis.take(report("disks", 1)).is_none(), "a probe twice");
        assert!(diagnosis.take(report("else", 1)).is_none(), "a probe nobody announced");
        diagnosis.take(Told::Conclusion(Conclusion { findings: Vec::new() }));
        assert!(diagnosis.complete);
        assert!(diagnosis.take(report("names", 1)).is_none(), "after the end");
        assert_eq!((diagnosis.reports.len(), diagnosis.ignored), (1, 5));
    }
}
