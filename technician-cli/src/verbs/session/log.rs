//! `distans session log ID`: what was granted and done, signed by both sides.

use clap::Args;
use distans_proto::desk::{SessionFilter, SessionSummary};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::SessionId;
use serde_json::json;

use super::open::consent_words;
use crate::client::record::Verified;
use crate::client::{Desk, Error};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::screen::{Row, Screen, Tone};
use crate::verbs::trips::words;
use crate::verbs::{App, reach};

/// Arguments of `distans session log`.
#[derive(Debug, Args)]
pub struct Log {
    /// The session's id, or its beginning
    #[arg(value_name = "SESSION")]
    pub session: String,
}

/// Fetches, checks and shows the record.
///
/// # Errors
/// If there is none, a signature does not hold, or the screen cannot be written.
pub(super) async fn perform(app: &App, log: Log) -> anyhow::Result<()> {
    let desk = reach::connect(app).await?;
    let id = full_id(&desk, &log.session).await?;
    let record = match desk.verified_record(id).await {
        Err(Error::Refused(refused)) if refused.code == RefusalCode::NotFound => {
            return Err(no_record(app, &desk, id).await?.into());
        }
        record => record?,
    };
    show(app.screen, &record)?;
    Ok(())
}

/// Why there is no record, and what to do about it.
async fn no_record(app: &App, desk: &Desk, id: SessionId) -> anyhow::Result<Stop> {
    let is_open_here = app.home.open_sessions(format::now())?.iter().any(|session| session.id == id);
    let is_known = is_open_here || sessions(desk).await?.iter().any(|session| session.id == id);
    let text = match (is_open_here, is_known) {
        (true, _) => {
            format!("session {id} is still open; its record is made at its end: distans session end {id}")
        }
        (false, true) => format!(
            "no record of session {id} has arrived yet: it is still open, or its PC hands the record in when it is online again"
        ),
        (false, false) => {
            format!("no session of your groups has the id {id}; distans session list --limit 1000 shows them")
        }
    };
    Ok(Stop::new(Exit::NotFound, text))
}

async fn sessions(desk: &Desk) -> Result<Vec<SessionSummary>, Error> {
    desk.sessions(SessionFilter { limit: 1000, ..SessionFilter::default() }).await
}

async fn full_id(desk: &Desk, text: &str) -> anyhow::Result<SessionId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let wanted = text.to_lowercase();
    let mut fitting =
        sessions(desk).await?.into_iter().filter(|session| session.id.to_string().starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some(session), None) => Ok(session.id),
        (None, _) => Err(Stop::new(
            Exit::NotFound,
            format!("no session begins with {wanted}; distans session list shows them"),
        )
        .into()),
        (Some(_), Some(_)) => Err(Stop::new(
            Exit::NotFound,
            format!("several sessions begin with {wanted}; say more of the id"),
        )
        .into()),
    }
}

/// Shows a record whose signatures hold.
///
/// # Errors
/// If the screen cannot be written.
pub(super) fn show(screen: Screen, record: &Verified) -> anyhow::Result<()> {
    let (grant, receipt) = (record.grant.payload(), record.receipt.payload());
    if screen.json() {
        screen.object(&json!({
            "session": grant.session,
            "pc": grant.device,
            "technician": grant.technician,
            "grant": grant,
            "receipt": receipt,
            "grant_sha256": record.grant.sha256(),
            "receipt_sha256": record.receipt.sha256(),
            "signed_by_pc": true,
            "grant_countersigned": record.grant_countersigned,
            "receipt_countersigned": record.receipt_countersigned,
        }))?;
        return Ok(());
    }
    let good = |text: &str| screen.paint(Tone::Good, text);
    let signed = match (record.grant_countersigned, record.receipt_countersigned) {
        (true, true) => good("by the PC and by the technician; all signatures hold"),
        (_, false) => format!(
            "{}; {}",
            good("by the PC; its signatures hold"),
            screen.paint(Tone::Careful, "the technician was gone at the end and did not sign the receipt")
        ),
        (false, true) => format!(
            "{}; {}",
            good("by the PC; its signatures hold"),
            screen.paint(Tone::Bad, "the technician did not sign the grant")
        ),
    };
    screen.pairs(&[
        ("session", grant.session.to_string()),
        ("PC", grant.device.to_string()),
        ("technician", grant.technician.to_string()),
        ("allowed", grant.scopes.to_string()),
        ("consent", consent_words(grant)),
        ("from", format::local(receipt.start)),
        (
            "to",
            format!("{} ({})", format::local(receipt.end), format::span(receipt.end.since(receipt.start))),
        ),
        ("end", receipt.reason.words().into()),
        (
            "policy",
            format!("version {} at the start, {} at the end", grant.policy_version, receipt.policy_version),
        ),
        ("signed", signed),
        ("receipt", record.receipt.sha256().to_string()),
    ])?;
    screen.line("")?;
    if receipt.operations.is_empty() {
        screen.line("nothing was done")?;
        return Ok(());
    }
    let rows = receipt.operations.iter().enumerate().map(|(index, line)| {
        Row::from(vec![
            (index + 1).to_string(),
            words(&line.kind),
            words(&line.outcome),
            line.exit.map(|code| code.to_string()).unwrap_or_default(),
            format::bytes(line.bytes),
            line.summary.to_string().chars().take(16).collect(),
        ])
    });
    screen.table(&[">#", "OPERATION", "OUTCOME", ">EXIT", ">OUTPUT", "COMMITMENT"], rows)?;
    Ok(())
}
