//! `distans session open PC`: asks for a session; the person at the PC may be asked.

use clap::Args;
use distans_e2e::grant::{ConsentHow, Grant};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;

use crate::ask;
use crate::client::NewSession;
use crate::format;
use crate::lang;
use crate::say;
use crate::screen::Tone;
use crate::verbs::App;
use crate::verbs::reach::{self, DEFAULT_MINUTES};

/// Arguments of `distans session open`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  distans session open PC-IDRE-003 --purpose \"printer queue stuck\" --scopes diagnose,command,files\n\nA verb that needs a session opens one by itself, for what it needs; open one here to ask the\nperson once for all that you are going to do."
)]
pub struct Open {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Why, in your own words; the person at the PC sees it
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,
    /// Ticket number
    #[arg(long)]
    pub ticket: Option<String>,
    /// What you want to do there: diagnose, command, command:system, shell, shell:system, files,
    /// forward, message, repair, power, wake, recordings
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',', default_value = "diagnose,command", value_parser = pc_scope)]
    pub scopes: Vec<Scope>,
    /// How long the session lasts at most
    #[arg(long, default_value_t = DEFAULT_MINUTES, value_parser = clap::value_parser!(u16).range(1..))]
    pub minutes: u16,
    /// Nobody shall be asked at the PC; works only where the policy has a rule for it
    #[arg(long)]
    pub unattended: bool,
}

/// Opens the session and shows what was granted.
///
/// # Errors
/// If the PC cannot be reached, or somebody or something said no.
pub(super) async fn perform(app: &App, open: Open) -> anyhow::Result<()> {
    let asked: ScopeSet = open.scopes.into_iter().collect();
    let wanted = NewSession {
        scopes: asked,
        purpose: ask::purpose(app.screen, open.purpose, asked).await?,
        ticket: ask::ticket(open.ticket)?,
        minutes: open.minutes,
        unattended: open.unattended,
    };
    let desk = reach::connect(app).await?;
    let target = reach::find(app, &desk, &open.pc).await?;
    let session = reach::open(&desk, &target, &wanted).await?;
    session.kept().await?;
    let grant = session.grant();
    if app.screen.json() {
        app.screen.object(&json!({
            "session": session.id(),
            "pc": target.id,
            "name": target.hostname,
            "scopes": grant.scopes,
            "not_granted": asked.minus(grant.scopes),
            "consent": grant.consent.how,
            "consent_by": grant.consent.who,
            "started": format::utc(grant.start),
            "ends": format::utc(grant.expires),
            "policy_version": grant.policy_version,
        }))?;
    } else {
        let less = asked.minus(grant.scopes);
        let less =
            if less.is_empty() { String::new() } else { app.screen.paint(Tone::Careful, &less.to_string()) };
        app.screen.line(app.screen.paint(
            Tone::Good,
            &say!(en: "session open with {}", sv: "session öppen med {}", target.hostname),
        ))?;
        let lang = lang::current();
        app.screen.pairs(&[
            ("session", session.id().to_string()),
            (lang.pick("allowed", "tillåtet"), grant.scopes.to_string()),
            (lang.pick("not allowed", "inte tillåtet"), less),
            (lang.pick("consent", "samtycke"), consent_words(grant)),
            (
                lang.pick("until", "till"),
                format!(
                    "{} ({})",
                    format::local(grant.expires),
                    format::span(grant.expires.since(format::now()))
                ),
            ),
        ])?;
        app.screen.hint(say!(
            en: "end it with: distans session end {}",
            sv: "avsluta den med: distans session end {}",
            target.hostname
        ));
    }
    Ok(())
}

/// How the scopes came to be granted, in words.
pub(super) fn consent_words(grant: &Grant) -> String {
    let announced = grant.consent.announced;
    match (grant.consent.how, &grant.consent.who) {
        (ConsentHow::Asked, who) => {
            let who = who.as_ref().map_or_else(
                || say!(en: "the person at the PC", sv: "personen vid datorn"),
                ToString::to_string,
            );
            let rest = if announced.is_empty() {
                String::new()
            } else {
                say!(en: "; announced without asking: {announced}", sv: "; meddelat utan att fråga: {announced}")
            };
            say!(en: "{who} said yes{rest}", sv: "{who} sade ja{rest}")
        }
        (ConsentHow::Announced, _) => say!(
            en: "announced at the PC; the policy asks nobody for this",
            sv: "meddelat vid datorn; policyn kräver inte att någon tillfrågas"
        ),
        (ConsentHow::Unattended, _) => {
            say!(en: "unattended, by a rule of the policy", sv: "obevakat, enligt en regel i policyn")
        }
    }
}

/// A scope that means something on a PC.
fn pc_scope(text: &str) -> Result<Scope, String> {
    match text.trim().parse::<Scope>() {
        Ok(Scope::Records) => Err(say!(
            en: "records is a right at the broker, not on a PC",
            sv: "records är en rätt hos förmedlaren, inte på en dator"
        )),
        Ok(scope) => Ok(scope),
        Err(error) => Err(error.to_string()),
    }
}
