//! How a diagnosis looks: probes as they end, with a line about those still under way, then the
//! findings; or one JSON object each.

use std::io::{self, Write};

use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::{Ending, Finding, Report};
use distans_proto::text::{Untrusted, clean_line};
use serde_json::{Value, json};

use super::layout::hanging;
use super::{evidence, facts, remedy, words};
use crate::client::diagnose::News;
use crate::say;
use crate::screen::{Screen, Tone};

/// Longest name of a probe shown, in characters.
const NAME_LIMIT: usize = 16;

/// Shows what comes, as it comes.
pub(super) struct Progress {
    screen: Screen,
    /// Names of the probes that have not ended.
    open: Vec<Untrusted>,
    done: usize,
    /// A line about those under way is on the screen.
    lively: bool,
    absent: Vec<String>,
    /// Why the screen cannot be written any more.
    pub(super) error: Option<io::Error>,
}

impl Progress {
    pub(super) const fn new(screen: Screen) -> Self {
        Self { screen, open: Vec::new(), done: 0, lively: false, absent: Vec::new(), error: None }
    }

    /// Takes news; errors are kept.
    pub(super) fn take(&mut self, news: &News<'_>) {
        let told = match news {
            News::Plan(plan) => self.plan(plan),
            News::Report(report) => self.report(report),
        };
        if let Err(error) = told {
            self.error.get_or_insert(error);
        }
    }

    fn plan(&mut self, plan: &[Untrusted]) -> io::Result<()> {
        self.open = plan.to_vec();
        if self.screen.json() {
            return self.screen.object(&json!({ "event": "plan", "probes": plan }));
        }
        self.wait()
    }

    fn report(&mut self, report: &Report) -> io::Result<()> {
        self.open.retain(|name| *name != report.probe);
        self.done += 1;
        if self.screen.json() {
            return self.screen.object(&report_json(report));
        }
        if report.ending == Ending::NotHere {
            self.absent.push(clean_line(report.probe.raw(), NAME_LIMIT));
            return self.wait();
        }
        self.clear()?;
        self.screen.line(self.line(report))?;
        self.wait()
    }

    fn line(&self, report: &Report) -> String {
        let worst = report.findings.iter().map(|finding| finding.severity).max();
        let (mark, tone) = match (report.ending, worst) {
            (Ending::Done, None | Some(Severity::Info)) => ("ok", Tone::Good),
            (Ending::Done, Some(Severity::Warning)) => ("!", Tone::Careful),
            (Ending::Done, Some(Severity::Critical)) => ("!!", Tone::Bad),
            _ => ("?", Tone::Careful),
        };
        let reason = report.text.as_ref().map(|text| clean_line(text.raw(), 200)).unwrap_or_default();
        let what = match report.ending {
            Ending::Done => report.found.as_ref().map(facts::line).unwrap_or_default(),
            Ending::TimedOut => say!(en: "no answer within its time", sv: "inget svar inom sin tid"),
            Ending::Failed | Ending::NotHere => {
                say!(en: "could not look: {reason}", sv: "kunde inte titta: {reason}")
            }
        };
        let name = clean_line(report.probe.raw(), NAME_LIMIT);
        // Mark, name and time before it, with the blanks between them.
        let indent = 3 + 2 + name.chars().count().max(12) + 1 + 9 + 2;
        let what = hanging(&what, indent, columns(self.screen));
        let mark = self.screen.paint(tone, &format!("{mark:>3}"));
        let took = self.screen.paint(Tone::Quiet, &format!("{:>6} ms", report.millis));
        format!("{mark}  {name:<12} {took}  {what}").trim_end().to_owned()
    }

    /// A line about those under way, to be overwritten; only where a person looks.
    fn wait(&mut self) -> io::Result<()> {
        /// So many names fit beside the counter on a line of 80.
        const NAMED: usize = 4;
        if !self.screen.is_terminal() || self.screen.json() {
            return Ok(());
        }
        self.clear()?;
        if self.open.is_empty() {
            return Ok(());
        }
        let names: Vec<String> =
            self.open.iter().take(NAMED).map(|name| clean_line(name.raw(), NAME_LIMIT)).collect();
        let more = if self.open.len() > NAMED { ", …" } else { "" };
        let (done, all, names) = (self.done, self.done + self.open.len(), names.join(", "));
        let text = say!(en: "{done} of {all}; looking at {names}{more}", sv: "{done} av {all}; tittar på {names}{more}");
        // One letter too many would start a line that is not cleared again.
        let most = columns(self.screen).map_or(78, |columns| columns.saturating_sub(1)).min(78);
        let mut out = io::stdout().lock();
        write!(out, "{}", self.screen.paint(Tone::Quiet, &clean_line(&text, most)))?;
        out.flush()?;
        self.lively = true;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.lively) {
            write!(io::stdout().lock(), "\r\u{1b}[2K")?;
        }
        Ok(())
    }

    /// The end of the list: what this PC does not have.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.clear()?;
        if !self.absent.is_empty() && !self.screen.json() {
            let names = self.absent.join(", ");
            let text = say!(en: "not on this PC: {names}", sv: "finns inte på datorn: {names}");
            let text = format!("  –  {}", hanging(&text, 5, columns(self.screen)));
            self.screen.line(self.screen.paint(Tone::Quiet, &text))?;
        }
        Ok(())
    }
}

/// Columns of the terminal, where results go to one.
fn columns(screen: Screen) -> Option<usize> {
    let size = screen.is_terminal().then(distans_platform::console::size)??;
    Some(usize::from(size.columns))
}

/// A probe's report as JSON.
fn report_json(report: &Report) -> Value {
    json!({
        "event": "probe",
        "probe": report.probe,
        "millis": report.millis,
        "ending": report.ending,
        "text": report.text,
        "facts": report.found,
        "findings": report.findings.iter().map(|finding| finding.rule.clone()).collect::<Vec<_>>(),
    })
}

/// A finding as JSON; `fix` is the command that helps, `null` if there is none.
pub(super) fn finding_json(finding: &Finding, pc: &str) -> Value {
    // JSON is always English: the words of a known rule, else the PC's own.
    json!({
        "severity": finding.severity,
        "rule": finding.rule,
        "evidence": finding.evidence,
        "meaning": finding.meaning,
        "advice": finding.advice,
        "fix": remedy::command(finding, pc),
    })
}

/// How a severity reads, eight letters at most.
fn label(severity: Severity) -> String {
    match severity {
        Severity::Info => say!(en: "note", sv: "notera"),
        Severity::Warning => say!(en: "warning", sv: "varning"),
        Severity::Critical => say!(en: "critical", sv: "allvarlig"),
    }
}

/// All findings, worst first.
pub(super) fn findings(screen: Screen, pc: &str, found: &[&Finding]) -> io::Result<()> {
    let shown = clean_line(pc, 64);
    if found.is_empty() {
        let text = say!(en: "{shown}: nothing found", sv: "{shown}: inget att anmärka på");
        return screen.line(format!("\n{}", screen.paint(Tone::Good, &text)));
    }
    let count = found.len();
    let text = match count {
        1 => say!(en: "{shown}: 1 finding", sv: "{shown}: 1 fynd"),
        _ => say!(en: "{shown}: {count} findings, worst first", sv: "{shown}: {count} fynd, de värsta först"),
    };
    screen.line(format!("\n{}", screen.paint(Tone::Strong, &text)))?;
    let (means, advice, fix) =
        (say!(en: "means:", sv: "betyder:"), say!(en: "do:", sv: "gör:"), say!(en: "fix:", sv: "åtgärd:"));
    let columns = columns(screen);
    for group in groups(found) {
        screen.line("")?;
        for finding in &group {
            let label = screen.paint(finding.severity.into(), &format!("{:>9}", label(finding.severity)));
            let seen = format!("{} ({})", evidence::of(finding), finding.rule);
            screen.line(format!("{label}  {}", hanging(&seen, 11, columns)))?;
        }
        let Some(first) = group.first() else { continue };
        let (meaning, what) = words::of(first);
        for (name, text) in [(&means, meaning), (&advice, what)] {
            screen.line(format!("           {name:<8} {}", hanging(&text, 20, columns)))?;
        }
        // Not cut: it is there to be copied.
        for command in group.iter().filter_map(|finding| remedy::command(finding, pc)) {
            screen.line(format!("           {fix:<8} {}", screen.paint(Tone::Strong, &command)))?;
        }
    }
    Ok(())
}

/// Findings of one rule and severity stand together: what they mean is said once.
fn groups<'a>(found: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in found {
        let same = |group: &&mut Vec<&Finding>| {
            group.first().is_some_and(|first| {
                (&first.rule, first.severity) == (&finding.rule, finding.severity)
                    && words::of(first) == words::of(finding)
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}
