//! `distans doctor PC`: what is wrong with a PC, what it means and what to do.

use clap::Args;
use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::Finding;
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;

use super::App;
use super::reach::{self, SessionOptions};
use crate::screen::Tone;

/// Arguments of `distans doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans doctor PC-IDRE-003 --purpose \"slow since Monday\" --ticket IT-4711\n  distans doctor PC-IDRE-003 --json | jq .findings"
)]
pub struct Doctor {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Examines the PC and shows findings, worst first, then the facts.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, doctor: Doctor) -> anyhow::Result<()> {
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Diagnose);
    let session = reach::session(app, &desk, &doctor.pc, scopes, doctor.session).await?;
    let diagnosis = tokio::select! {
        diagnosis = session.diagnose() => diagnosis?,
        _ = tokio::signal::ctrl_c() => return Err(crate::client::Error::Cancelled.into()),
    };
    if app.screen.json() {
        app.screen.object(&json!({
            "pc": session.target().id,
            "name": session.target().hostname,
            "session": session.id(),
            "findings": diagnosis.findings().len(),
        }))?;
    } else {
        let name = &session.target().hostname;
        if diagnosis.findings().is_empty() {
            app.screen.line(app.screen.paint(Tone::Good, &format!("{name}: nothing found")))?;
        } else {
            let count = diagnosis.findings().len();
            let noun = if count == 1 { "finding" } else { "findings" };
            app.screen.line(app.screen.paint(Tone::Strong, &format!("{name}: {count} {noun}")))?;
        }
        for finding in diagnosis.findings() {
            show(app, finding)?;
        }
    }
    Ok(())
}

fn show(app: &App, finding: &Finding) -> anyhow::Result<()> {
    let label = match finding.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let label = app.screen.paint(finding.severity.into(), &format!("{label:>8}"));
    app.screen.line(format!("\n{label}  {} ({})", finding.evidence, finding.rule))?;
    app.screen.line(format!("          means: {}", finding.meaning))?;
    app.screen.line(format!("          do:    {}", finding.advice))?;
    Ok(())
}
