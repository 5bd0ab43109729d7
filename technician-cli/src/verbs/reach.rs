//! From a PC's name to an open session with it: one that is open already, or a new one.

use clap::Args;
use distans_proto::scope::ScopeSet;

use super::{App, notices};
use crate::ask;
use crate::client::{Desk, Error, Listener, NewSession, Session, Target};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::home::sessions::OpenSession;
use crate::say;
use crate::screen::Tone;

/// Length of a session when nothing else is said, minutes.
pub const DEFAULT_MINUTES: u16 = 60;

/// What a verb needs to know if it has to open a session first. Global: `fix PC names --purpose …`
/// means the same as `fix PC --purpose … names`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
pub struct SessionOptions {
    /// Use this open session (id or its beginning)
    #[arg(long, global = true, value_name = "ID", conflicts_with_all = ["purpose", "ticket", "minutes", "unattended"])]
    pub session: Option<String>,
    /// Why, in your own words; needed when no session is open. The person at the PC sees it
    #[arg(long, global = true, value_name = "TEXT")]
    pub purpose: Option<String>,
    /// Ticket number
    #[arg(long, global = true)]
    pub ticket: Option<String>,
    /// How long a new session lasts at most
    #[arg(long, global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub minutes: Option<u16>,
    /// Nobody shall be asked at the PC; works only where the policy has a rule for it
    #[arg(long, global = true)]
    pub unattended: bool,
}

/// Connects to the broker, with notices on the terminal.
///
/// # Errors
/// What keeps us from it.
pub async fn connect(app: &App) -> Result<Desk, Error> {
    connect_with(app, notices::listener(app.screen)).await
}

/// As [`connect`], with notices to a listener of the verb's own.
///
/// # Errors
/// What keeps us from it.
pub async fn connect_with(app: &App, listener: Option<Listener>) -> Result<Desk, Error> {
    let desk = Desk::connect_with(&app.home, listener).await?;
    warn_of_expiry(app, &desk);
    Ok(desk)
}

/// An open session with `pc` that allows `needed`.
///
/// # Errors
/// If the PC cannot be found or reached, or somebody or something said no.
pub async fn session(
    app: &App,
    desk: &Desk,
    pc: &str,
    needed: ScopeSet,
    options: SessionOptions,
) -> anyhow::Result<Session> {
    let kept = usable(app, desk, needed)?;
    if let Some(wanted) = &options.session {
        let session = by_id(&kept, wanted)?;
        if !is_called(session, pc) {
            let text = say!(
                en: "session {} is open on {}, not on {pc}",
                sv: "sessionen {} är öppen på {}, inte på {pc}",
                session.id, session.hostname
            );
            return Err(Stop::new(Exit::Usage, text).into());
        }
        return Ok(back(desk, session).await?);
    }
    // Why what is open there does not serve.
    let mut unfit: Vec<String> = Vec::new();
    if let Some(session) = kept.iter().find(|session| is_called(session, pc)) {
        match back(desk, session).await {
            Ok(session) => return Ok(session),
            Err(error @ Error::SessionOver { .. }) => unfit.push(error.say()),
            Err(error) => return Err(error.into()),
        }
    }
    let target = find(app, desk, pc).await?;
    // A beginning of a name, which only the broker knows to be unambiguous.
    if let Some(session) = kept.iter().find(|session| session.device == target.id && !is_called(session, pc))
    {
        match back(desk, session).await {
            Ok(session) => return Ok(session),
            Err(error @ Error::SessionOver { .. }) => unfit.push(error.say()),
            Err(error) => return Err(error.into()),
        }
    }
    let certificate = desk.account().certificate_sha256().to_string();
    let kept = app.home.open_sessions(format::now())?;
    let there = kept.iter().find(|open| open.device == target.id);
    unfit.extend(there.and_then(|open| why_unfit(open, &certificate, needed)));
    // Work that needs more than was asked for is the same work still: the person reads why again.
    let same = there.filter(|open| options.purpose.is_none() && open.certificate == certificate);
    if options.purpose.is_none() && same.is_none() && !app.screen.may_ask() {
        return Err(purpose_missing(&target, &unfit).into());
    }
    for why in &unfit {
        app.screen.hint(say!(en: "{why}; a new one is needed", sv: "{why}; en ny behövs"));
    }
    if let Some(open) = same {
        app.screen.hint(say!(
            en: "asked for with the same purpose: {} (--purpose says another)",
            sv: "begärs i samma syfte: {} (--purpose anger ett annat)",
            open.purpose
        ));
    }
    let wanted = NewSession {
        scopes: needed,
        purpose: match same {
            Some(open) => open.purpose.clone(),
            None => ask::purpose(app.screen, options.purpose, needed).await?,
        },
        ticket: ask::ticket(options.ticket)?.or_else(|| same.and_then(|open| open.ticket.clone())),
        minutes: options.minutes.unwrap_or(DEFAULT_MINUTES),
        unattended: options.unattended,
    };
    let session = open(desk, &target, &wanted).await?;
    app.screen.hint(say!(
        en: "session {} is open until {}; end it with: distans session end {}",
        sv: "sessionen {} är öppen till {}; avsluta den med: distans session end {}",
        session.id(),
        format::local(session.grant().expires),
        session.target().hostname
    ));
    Ok(session)
}

/// Why a session that is kept here does not serve, if it does not.
fn why_unfit(open: &OpenSession, certificate: &str, needed: ScopeSet) -> Option<String> {
    let missing = needed.minus(open.scopes);
    if open.certificate != certificate {
        return Some(say!(
            en: "session {} with {} was opened before you logged in again, and only that login can go on with it",
            sv: "session {} med {} öppnades innan du loggade in igen, och bara den inloggningen kan fortsätta den",
            open.id, open.hostname
        ));
    }
    (!missing.is_empty()).then(|| {
        say!(
            en: "the open session with {} does not allow {missing} (it allows {})",
            sv: "den öppna sessionen med {} tillåter inte {missing} (den tillåter {})",
            open.hostname, open.scopes
        )
    })
}

/// What to say when a new session is needed and nobody can be asked what for.
fn purpose_missing(target: &Target, unfit: &[String]) -> Stop {
    let name = &target.hostname;
    let why = match unfit {
        [] => say!(en: "no session with {name} is open", sv: "ingen session med {name} är öppen"),
        unfit => unfit.join("; "),
    };
    let text = say!(
        en: "{why}; a new one needs a purpose: --purpose \"…\"",
        sv: "{why}; en ny behöver ett syfte: --purpose \"…\""
    );
    Stop::new(Exit::Usage, text)
}

/// The one PC that `pc` means, its identity verified; says what is worth knowing about it before
/// something is done there.
///
/// # Errors
/// As [`Desk::find`].
pub async fn find(app: &App, desk: &Desk, pc: &str) -> Result<Target, Error> {
    let (device, target) = desk.look_up(pc).await?;
    let target = target?;
    let (called, enrolled) = (device.hostname.raw().to_lowercase(), target.hostname.raw().to_lowercase());
    if called != enrolled {
        app.screen.warn(say!(
            en: "the broker calls this PC {}, but it was enrolled as {}",
            sv: "förmedlaren kallar datorn {}, men den anslöts som {}",
            device.hostname, target.hostname
        ));
    } else if enrolled != pc.to_lowercase() {
        app.screen.hint(say!(
            en: "{pc} is {} ({})", sv: "{pc} är {} ({})", target.hostname, target.id
        ));
    }
    if !device.confirmed {
        app.screen.warn(say!(
            en: "this PC is not confirmed yet: distans pc {pc} --confirm",
            sv: "datorn är inte bekräftad än: distans pc {pc} --confirm"
        ));
    }
    Ok(target)
}

/// Opens a session; Ctrl-C while somebody is being asked withdraws the question.
///
/// # Errors
/// As [`Session::open`], and [`Error::Cancelled`].
pub async fn open(desk: &Desk, target: &Target, wanted: &NewSession) -> Result<Session, Error> {
    tokio::select! {
        opened = Session::open(desk, target, wanted) => opened,
        _ = tokio::signal::ctrl_c() => Err(Error::Cancelled),
    }
}

/// The kept session that `wanted` names: its id or an unambiguous beginning.
///
/// # Errors
/// If none or several fit.
pub fn by_id<'a>(kept: &'a [OpenSession], wanted: &str) -> anyhow::Result<&'a OpenSession> {
    let wanted = wanted.to_lowercase();
    let mut fitting = kept.iter().filter(|session| session.id.to_string().starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some(session), None) => Ok(session),
        (None, _) => Err(Stop::new(
            Exit::NotFound,
            say!(
                en: "no open session of yours is called {wanted}; distans session list shows them",
                sv: "ingen öppen session av dina heter {wanted}; distans session list visar dem"
            ),
        )
        .into()),
        (Some(_), Some(_)) => Err(Stop::new(
            Exit::NotFound,
            say!(
                en: "several of your sessions begin with {wanted}; say more of the id",
                sv: "flera av dina sessioner börjar med {wanted}; ange mer av id:t"
            ),
        )
        .into()),
    }
}

/// True if the session's PC has this name or id.
pub fn is_called(session: &OpenSession, pc: &str) -> bool {
    session.hostname.raw().eq_ignore_ascii_case(pc) || session.device.to_string() == pc.to_lowercase()
}

/// Resumes a kept session while newer documents are fetched.
///
/// # Errors
/// As [`Session::resume`].
pub async fn back(desk: &Desk, kept: &OpenSession) -> Result<Session, Error> {
    let (refreshed, session) = tokio::join!(desk.refresh_documents(), Session::resume(desk, kept));
    let session = session?;
    refreshed?;
    Ok(session)
}

/// Sessions kept here that this login can resume and that allow `needed`.
fn usable(app: &App, desk: &Desk, needed: ScopeSet) -> anyhow::Result<Vec<OpenSession>> {
    let certificate = desk.account().certificate_sha256().to_string();
    let mut kept = app.home.open_sessions(format::now())?;
    kept.retain(|session| session.certificate == certificate && needed.is_subset(session.scopes));
    Ok(kept)
}

fn warn_of_expiry(app: &App, desk: &Desk) {
    let now = format::now();
    for warning in
        crate::home::documents::expiry_warnings(&desk.trust(), distans_trust::expiry::Stage::Late, now)
    {
        app.screen.warn(warning);
    }
    let left = desk.account().certificate_ends.since(now);
    if left < std::time::Duration::from_secs(1800) {
        let text = say!(
            en: "your certificate ends in {}; distans login gets a new one",
            sv: "ditt certifikat går ut om {}; distans login skaffar ett nytt",
            format::span(left)
        );
        app.screen.toned_hint(Tone::Careful, &text);
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::ids::{DeviceId, SessionId};
    use distans_proto::scope::Scope;
    use distans_proto::time::Timestamp;

    use super::*;

    #[test]
    fn an_open_session_that_does_not_serve_says_why() {
        let (look, both) = (ScopeSet::EMPTY.with(Scope::Diagnose), [Scope::Diagnose, Scope::Command]);
        let both = both.into_iter().fold(ScopeSet::EMPTY, ScopeSet::with);
        let open = OpenSession {
            id: SessionId::from_bytes([7; 16]),
            device: DeviceId::from_bytes([9; 16]),
            hostname: "PC-IDRE-003".into(),
            group: "kontor".parse().expect("a label"),
            scopes: look,
            purpose: "slow".into(),
            ticket: None,
            started: Timestamp::from_secs(1),
            ends: Timestamp::from_secs(100),
            certificate: "now".into(),
            endorsement: "{}".into(),
            token_cert: "{}".into(),
            grant: "{}".into(),
        };
        for (certificate, needed, told) in [
            ("now", look, None),
            ("now", both, Some("does not allow command")),
            ("another", look, Some("before you logged in again")),
            ("another", both, Some("before you logged in again")),
        ] {
            let why = why_unfit(&open, certificate, needed);
            match told {
                None => assert_eq!(why, None),
                Some(told) => assert!(why.as_ref().is_some_and(|why| why.contains(told)), "{why:?}"),
            }
        }
    }
}
