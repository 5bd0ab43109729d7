//! `distans login`: asks for a certificate for the day, and installs it.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use distans_proto::ids::TechnicianId;
use distans_trust::bundle::{BUNDLE_LIMIT, Bundle};
use distans_trust::expiry::Stage;
use serde_json::json;

use super::App;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::home::documents::{Taken, expiry_warnings};
use crate::input;
use crate::say;

const EXAMPLES: &str = "\
Two steps, with the administrator between them:
  distans login --id anna --broker distans.example.se:4433 --request-out request.json
      (the administrator: distans admin technician certify request.json --out anna.json)
  distans login --bundle anna.json

The next day `distans login --request-out request.json` is enough.";

/// Arguments of `distans login`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Login {
    /// Your id in the policy; needed the first time
    #[arg(long, value_name = "ID", conflicts_with = "bundle")]
    pub id: Option<TechnicianId>,
    /// The broker's address, HOST:PORT
    #[arg(long, value_name = "HOST:PORT", value_parser = broker_address)]
    pub broker: Option<String>,
    /// Write the request to this file instead of printing it
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub request_out: Option<PathBuf>,
    /// Install what the administrator handed over
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
}

/// Makes a request, or installs a bundle.
///
/// # Errors
/// What does not hold in the bundle, or a file that cannot be read or written.
pub fn perform(app: &App, login: Login) -> anyhow::Result<()> {
    match login.bundle {
        Some(path) => install(app, &path, login.broker),
        None => request(app, login),
    }
}

fn request(app: &App, login: Login) -> anyhow::Result<()> {
    let request = app.home.begin_login(login.id, login.broker)?;
    let text = serde_json::to_string(&request)?;
    match &login.request_out {
        Some(path) => {
            std::fs::write(path, format!("{text}\n"))
                .with_context(|| say!(en: "cannot write {}", sv: "kan inte skriva {}", path.display()))?;
            if app.screen.json() {
                app.screen.object(&json!({ "technician": request.technician, "request": path }))?;
            } else {
                app.screen.line(say!(
                    en: "wrote {}: send it to your administrator",
                    sv: "skrev {}: skicka den till din administratör",
                    path.display()
                ))?;
            }
        }
        None => app.screen.line(text)?,
    }
    app.screen.hint(say!(
        en: "next: your administrator runs  distans admin technician certify FILE --out BUNDLE\n      and you run               distans login --bundle BUNDLE",
        sv: "sedan: din administratör kör  distans admin technician certify FIL --out BUNT\n       och du kör              distans login --bundle BUNT"
    ));
    Ok(())
}

fn install(app: &App, path: &std::path::Path, broker: Option<String>) -> anyhow::Result<()> {
    let bytes = input::read_file(path, BUNDLE_LIMIT)?;
    let bundle = Bundle::parse(&bytes).map_err(|error| {
        Stop::new(
            Exit::Usage,
            say!(
                en: "{} is no bundle: {error}; it is what distans admin technician certify wrote",
                sv: "{} är ingen bunt: {error}; den skrivs av distans admin technician certify",
                path.display()
            ),
        )
    })?;
    let now = format::now();
    let installed = app.home.install(&bundle, broker, now)?;
    let (trust, fingerprint) = (app.home.trust()?, app.home.root_fingerprint()?);
    if app.screen.json() {
        app.screen.object(&json!({
            "technician": installed.identity.as_ref().map(|identity| &identity.id),
            "organisation": trust.org(),
            "certificate_ends": installed.identity.as_ref().and_then(|identity| format::utc(identity.not_after)),
            "root_sha256": fingerprint,
            "root_version": trust.versions().root,
            "policy_version": trust.versions().policy,
            "root_pinned_now": installed.documents == Taken::Pinned,
        }))?;
    } else {
        if installed.documents == Taken::Pinned {
            app.screen.line(say!(
                en: "first contact with the organisation {}; its root key list has the fingerprint",
                sv: "första kontakten med organisationen {}; dess lista över rotnycklar har fingeravtrycket",
                trust.org()
            ))?;
            app.screen.line(format!("  {fingerprint}"))?;
            app.screen.line(say!(
                en: "compare it once with your administrator's, by telephone or on paper",
                sv: "jämför det en gång med administratörens, per telefon eller på papper"
            ))?;
        }
        match &installed.identity {
            Some(identity) => app.screen.line(say!(
                en: "logged in as {} until {} ({})",
                sv: "inloggad som {} till {} ({})",
                identity.id,
                format::local(identity.not_after),
                format::span(identity.not_after.since(now))
            ))?,
            None => app.screen.line(say!(
                en: "took the documents; the bundle holds no certificate",
                sv: "tog emot dokumenten; det finns inget certifikat i bunten"
            ))?,
        }
    }
    for warning in expiry_warnings(&trust, Stage::Half, now) {
        app.screen.warn(warning);
    }
    Ok(())
}

/// Checks a broker's address as typed.
///
/// # Errors
/// What it should look like.
pub fn broker_address(text: &str) -> Result<String, String> {
    let parts = text
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    match parts {
        Some(_) => Ok(text.to_owned()),
        None => Err(say!(
            en: "an address looks like distans.example.se:4433",
            sv: "en adress ser ut som distans.example.se:4433"
        )),
    }
}
