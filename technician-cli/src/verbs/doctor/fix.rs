//! `--fix`: offers the safe repairs one by one, does what is agreed to, and looks again whether it
//! helped.

use std::fmt;

use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::diagnose::Finding;
use distans_proto::ops::repair::Repair;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{evidence, remedy};
use crate::ask;
use crate::client::{Diagnosis, Discard, Error, Io, Session};
use crate::say;
use crate::screen::Tone;
use crate::verbs::App;

/// Most repairs that are offered; a PC with more has other worries.
const OFFERS: usize = 32;

/// A repair and what made it look useful.
struct Offer {
    repair: Repair,
    rule: String,
    evidence: String,
    /// Probes that have to run again to see whether it helped; none = the finding is nobody's.
    probes: Vec<String>,
}

/// What the technician answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    All,
    Stop,
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&match self {
            Self::Yes => say!(en: "yes", sv: "ja"),
            Self::No => say!(en: "no", sv: "nej"),
            Self::All => say!(en: "all that follow", sv: "alla som följer"),
            Self::Stop => say!(en: "stop here", sv: "sluta här"),
        })
    }
}

/// Offers what may help. True if all that was done went well.
pub(super) async fn perform(
    app: &App,
    session: &Session,
    diagnosis: &Diagnosis,
    cancel: &CancellationToken,
    mut all: bool,
) -> anyhow::Result<bool> {
    let offers = offers(diagnosis);
    let screen = app.screen;
    if offers.is_empty() {
        screen.hint(say!(en: "\nnothing here can be fixed from afar by itself", sv: "\ninget här kan åtgärdas av sig självt på distans"));
        return Ok(true);
    }
    let mut well = true;
    for offer in offers {
        let Some(words) = remedy::words(&offer.repair) else { continue };
        if !all {
            let name = distans_proto::text::clean_line(session.target().hostname.raw(), 64);
            screen.hint(format!("\n{}", offer.evidence));
            let question = say!(en: "fix {name} {words}?", sv: "åtgärda {name} {words}?");
            let choices = vec![Answer::No, Answer::Yes, Answer::All, Answer::Stop];
            match ask::choose(question, choices).await? {
                Answer::Yes => {}
                Answer::All => all = true,
                Answer::No => continue,
                Answer::Stop => break,
            }
        }
        let done =
            session.perform(Op::Repair(offer.repair.clone()), Io::output(Discard, cancel.clone())).await;
        let went_well = told(app, &words, &done)?;
        well &= went_well;
        if matches!(done, Err(ref error) if !matches!(error, Error::Denied(_))) {
            return Err(done.err().map_or_else(|| anyhow::anyhow!("the repair failed"), Into::into));
        }
        if went_well {
            well &= helped(app, session, &offer, cancel).await?;
        }
        if cancel.is_cancelled() {
            return Err(Error::Cancelled.into());
        }
    }
    Ok(well)
}

/// Each repair once, in the order of the findings.
fn offers(diagnosis: &Diagnosis) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for finding in diagnosis.findings() {
        let Some(repair) = remedy::safe(finding) else { continue };
        if offers.len() < OFFERS && offers.iter().all(|offer| offer.repair != *repair) {
            offers.push(Offer {
                repair: repair.clone(),
                rule: finding.rule.raw().to_owned(),
                evidence: evidence::of(finding),
                probes: probes(diagnosis, finding),
            });
        }
    }
    offers
}

/// The probe that made a finding; for those of the conclusion, the ones they rest on.
fn probes(diagnosis: &Diagnosis, finding: &Finding) -> Vec<String> {
    let of_one = diagnosis.reports.iter().find(|report| report.findings.contains(finding));
    match of_one {
        Some(report) => vec![report.probe.raw().to_owned()],
        None => ["disks", "caches", "names", "gateway"].map(str::to_owned).to_vec(),
    }
}

/// Tells how a repair went; true if well.
fn told(app: &App, words: &str, done: &Result<OpResult, Error>) -> anyhow::Result<bool> {
    let (well, text) = match done {
        Ok(result) => {
            let well = result.outcome == Outcome::Completed && result.exit.unwrap_or(0) == 0;
            (well, result.text.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        Err(error) => (false, error.to_string()),
    };
    if app.screen.json() {
        app.screen.object(&json!({ "event": "fix", "fix": words, "done": well, "text": text }))?;
    } else {
        let tone = if well { Tone::Good } else { Tone::Bad };
        let state = if well { say!(en: "done", sv: "klart") } else { say!(en: "failed", sv: "misslyckades") };
        app.screen.line(format!("{}  {words}: {text}", app.screen.paint(tone, &state)))?;
    }
    Ok(well)
}

/// Looks again and says whether the finding is gone.
async fn helped(
    app: &App,
    session: &Session,
    offer: &Offer,
    cancel: &CancellationToken,
) -> Result<bool, anyhow::Error> {
    let again = session.diagnose_with(&offer.probes, cancel.clone(), |_| {}).await?;
    let still = again
        .findings()
        .into_iter()
        .any(|finding| finding.rule.raw() == offer.rule && remedy::safe(finding) == Some(&offer.repair));
    if app.screen.json() {
        app.screen.object(&json!({ "event": "checked", "rule": offer.rule, "gone": !still }))?;
    } else if still {
        let text = say!(en: "looked again: it is still there", sv: "tittade igen: det är kvar");
        app.screen.line(app.screen.paint(Tone::Careful, &text))?;
    } else {
        let text = say!(en: "looked again: it is gone", sv: "tittade igen: det är borta");
        app.screen.line(app.screen.paint(Tone::Good, &text))?;
    }
    Ok(!still)
}
