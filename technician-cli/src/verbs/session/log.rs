//! `distans session log ID`: what was granted and done, signed by both sides.

use clap::Args;
use distans_e2e::receipt::EndReason;
use distans_proto::desk::{SessionFilter, SessionSummary};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::SessionId;
use distans_proto::inner::Outcome;
use serde_json::json;

use super::open::consent_words;
use crate::client::record::Verified;
use crate::client::{Desk, Error};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::lang::{self, Lang};
use crate::say;
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
            say!(
                en: "session {id} is still open; its record is made at its end: distans session end {id}",
                sv: "sessionen {id} är öppen än; journalen blir till när den avslutas: distans session end {id}"
            )
        }
        (false, true) => say!(
            en: "no record of session {id} has arrived yet: it is still open, or its PC hands the record in when it is online again",
            sv: "ingen journal för sessionen {id} har kommit in än: den är öppen, eller så lämnar datorn in journalen när den är uppkopplad igen"
        ),
        (false, false) => {
            say!(
                en: "no session of your groups has the id {id}; distans session list --limit 1000 shows them",
                sv: "ingen session i dina grupper har id {id}; distans session list --limit 1000 visar dem"
            )
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
            say!(
                en: "no session begins with {wanted}; distans session list shows them",
                sv: "ingen session börjar med {wanted}; distans session list visar dem"
            ),
        )
        .into()),
        (Some(_), Some(_)) => Err(Stop::new(
            Exit::NotFound,
            say!(
                en: "several sessions begin with {wanted}; say more of the id",
                sv: "flera sessioner börjar med {wanted}; ange mer av id:t"
            ),
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
    let lang = lang::current();
    let policy = say!(
        en: "version {} at the start, {} at the end",
        sv: "version {} i början, {} i slutet",
        grant.policy_version,
        receipt.policy_version
    );
    let lasted = format::span(receipt.end.since(receipt.start));
    screen.pairs(&[
        ("session", grant.session.to_string()),
        (lang.pick("PC", "dator"), grant.device.to_string()),
        (lang.pick("technician", "tekniker"), grant.technician.to_string()),
        (lang.pick("allowed", "tillåtet"), grant.scopes.to_string()),
        (lang.pick("consent", "samtycke"), consent_words(grant)),
        (lang.pick("from", "från"), format::local(receipt.start)),
        (lang.pick("to", "till"), format!("{} ({lasted})", format::local(receipt.end))),
        (lang.pick("end", "slut"), end_words(receipt.reason).into()),
        ("policy", policy),
        (lang.pick("signed", "signerad"), signed(screen, record)),
        (lang.pick("receipt", "kvitto"), record.receipt.sha256().to_string()),
    ])?;
    screen.line("")?;
    if receipt.operations.is_empty() {
        screen.line(lang.pick("nothing was done", "inget gjordes"))?;
        return Ok(());
    }
    let rows = receipt.operations.iter().enumerate().map(|(index, line)| {
        Row::from(vec![
            (index + 1).to_string(),
            words(&line.kind),
            outcome_words(line.outcome).into(),
            line.exit.map(|code| code.to_string()).unwrap_or_default(),
            format::bytes(line.bytes),
            line.summary.to_string().chars().take(16).collect(),
        ])
    });
    let head = match lang {
        Lang::English => [">#", "OPERATION", "OUTCOME", ">EXIT", ">OUTPUT", "COMMITMENT"],
        Lang::Swedish => [">#", "ÅTGÄRD", "RESULTAT", ">SLUTKOD", ">UTDATA", "KONTROLLSUMMA"],
    };
    screen.table(&head, rows)?;
    Ok(())
}

/// Who signed, in words.
fn signed(screen: Screen, record: &Verified) -> String {
    let good = |english, swedish| screen.paint(Tone::Good, lang::current().pick(english, swedish));
    let by_pc = || good("by the PC; its signatures hold", "av datorn; dess signaturer håller");
    let (missing, tone) = match (record.grant_countersigned, record.receipt_countersigned) {
        (true, true) => {
            return good(
                "by the PC and by the technician; all signatures hold",
                "av datorn och av teknikern; alla signaturer håller",
            );
        }
        (_, false) => (
            say!(
                en: "the technician was gone at the end and did not sign the receipt",
                sv: "teknikern var borta vid slutet och signerade inte kvittot"
            ),
            Tone::Careful,
        ),
        (false, true) => (
            say!(en: "the technician did not sign the grant", sv: "teknikern signerade inte medgivandet"),
            Tone::Bad,
        ),
    };
    format!("{}; {}", by_pc(), screen.paint(tone, &missing))
}

/// Why a session ended, in words.
fn end_words(reason: EndReason) -> &'static str {
    let swedish = match reason {
        EndReason::Technician => "teknikern avslutade den",
        EndReason::Person => "personen vid datorn stoppade den",
        EndReason::Expired => "tiden var slut",
        EndReason::Abandoned => "teknikern kom inte tillbaka",
        EndReason::Revoked => "teknikerns rättigheter togs bort",
        EndReason::Violation => "protokollet bröts",
        EndReason::AgentStopped => "agenten stoppades",
    };
    lang::current().pick(reason.words(), swedish)
}

/// How an operation ended, in words.
fn outcome_words(outcome: Outcome) -> &'static str {
    let lang = lang::current();
    match outcome {
        Outcome::Completed => lang.pick("completed", "klart"),
        Outcome::NotStarted => lang.pick("not started", "startade inte"),
        Outcome::Cancelled => lang.pick("cancelled", "avbrutet"),
        Outcome::TimedOut => lang.pick("timed out", "tiden gick ut"),
        Outcome::SessionEnded => lang.pick("session ended", "sessionen tog slut"),
        Outcome::Unknown => lang.pick("unknown", "okänt"),
    }
}
