//! `distans whoami`: who I am here, until when, and what the broker makes of it.

use distans_proto::time::Timestamp;
use serde_json::json;

use super::App;
use crate::client::Desk;
use crate::format;
use crate::home::login::Account;
use crate::lang;
use crate::say;
use crate::screen::Tone;

/// Shows the login and asks the broker; works without the broker, too.
///
/// # Errors
/// If nobody is logged in here, or the screen cannot be written.
pub async fn perform(app: &App) -> anyhow::Result<()> {
    let account = app.home.account()?;
    let now = format::now();
    let broker = seen_by_broker(app).await;
    if app.screen.json() {
        let (seen, error) = match &broker {
            Ok(identity) => (Some(identity), None),
            Err(error) => (None, Some(error.to_string())),
        };
        app.screen.object(&json!({
            "technician": account.technician,
            "organisation": account.org,
            "name": name_in_policy(app, &account),
            "broker": account.broker,
            "certificate_ends": format::utc(account.certificate_ends),
            "certificate_valid": account.certificate_ends > now,
            "root_sha256": app.home.root_fingerprint()?,
            "broker_sees": seen.map(|identity| &identity.technician),
            "broker_clock": seen.and_then(|identity| format::utc(identity.now)),
            "broker_error": error,
        }))?;
    } else {
        let sees = match &broker {
            Ok(identity) => {
                let drift =
                    if identity.now > now { identity.now.since(now) } else { now.since(identity.now) };
                let clock = if drift.as_secs() > 120 {
                    app.screen.paint(
                        Tone::Careful,
                        &say!(
                            en: "; its clock and yours differ by {}",
                            sv: "; dess klocka och din skiljer {}",
                            format::span(drift)
                        ),
                    )
                } else {
                    String::new()
                };
                say!(
                    en: "{} answers and knows you as {}{clock}",
                    sv: "{} svarar och känner dig som {}{clock}",
                    account.broker, identity.technician
                )
            }
            Err(error) => app.screen.paint(Tone::Bad, &error.say()),
        };
        let lang = lang::current();
        app.screen.pairs(&[
            (lang.pick("technician", "tekniker"), account.technician.to_string()),
            (lang.pick("name", "namn"), name_in_policy(app, &account).unwrap_or_default()),
            ("organisation", account.org.to_string()),
            (lang.pick("certificate", "certifikat"), certificate(app, account.certificate_ends, now)),
            (lang.pick("root", "rot"), app.home.root_fingerprint()?),
            (lang.pick("broker", "förmedlare"), sees),
        ])?;
    }
    Ok(())
}

async fn seen_by_broker(app: &App) -> Result<distans_proto::desk::Identity, crate::client::Error> {
    Desk::connect(&app.home).await?.who_am_i().await
}

fn certificate(app: &App, ends: Timestamp, now: Timestamp) -> String {
    if ends > now {
        say!(
            en: "valid until {} ({} left)",
            sv: "giltigt till {} ({} kvar)",
            format::local(ends), format::span(ends.since(now))
        )
    } else {
        let text = say!(
            en: "ended {} ({}); get a new one with distans login",
            sv: "gick ut {} ({}); skaffa ett nytt med distans login",
            format::local(ends),
            format::ago(ends, now)
        );
        app.screen.paint(Tone::Bad, &text)
    }
}

fn name_in_policy(app: &App, account: &Account) -> Option<String> {
    let trust = app.home.trust().ok()?;
    let technician = trust.policy()?.technician(&account.technician)?;
    Some(technician.name.to_string())
}
