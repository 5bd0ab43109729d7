//! `distans session end`: both sides sign what was done; then, once, the question whether
//! somebody would have driven out. A pipe is never asked: there an option says it, or nothing is
//! booked.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use distans_proto::desk::Device;
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::SiteId;
use distans_proto::text::Untrusted;
use distans_proto::trips::{AvoidedVisit, Booking, Channel, EntryRecord, Urgency};
use serde_json::json;

use super::log;
use crate::ask;
use crate::client::record::Verified;
use crate::client::{Closing, Desk, Error, Session};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::home::sessions::OpenSession;
use crate::say;
use crate::verbs::visit::{ReasonName, SiteNames};
use crate::verbs::{App, reach, trips, visit};

/// Arguments of `distans session end`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans session end PC-IDRE-003\n  distans session end PC-IDRE-003 --avoided --reason no-other-way-in --same-day\n  distans session end PC-IDRE-003 --not-avoided"
)]
pub struct End {
    /// A session's id or its beginning, or the PC's name: then all of yours with it. May be left out
    /// if sessions with only one PC are open
    #[arg(value_name = "SESSION or PC")]
    pub which: Option<String>,
    /// Somebody would have driven out: book the avoided visit
    #[arg(long, requires = "reason", conflicts_with = "not_avoided")]
    pub avoided: bool,
    /// Nobody would have driven out: book nothing and do not ask
    #[arg(long)]
    pub not_avoided: bool,
    /// Why somebody would have driven
    #[arg(long, value_enum, requires = "avoided")]
    pub reason: Option<ReasonName>,
    /// It could not have waited for another trip
    #[arg(long, requires = "avoided")]
    pub same_day: bool,
    /// Where (id or name), if not where the PC stands
    #[arg(long, requires = "avoided")]
    pub site: Option<String>,
}

/// A visit to book once the session is over.
struct Avoided {
    site: Option<SiteId>,
    reason: ReasonName,
    urgency: Urgency,
}

/// What became of the booking.
enum Booked {
    /// There was none to make.
    Nothing,
    /// Done.
    Entries(Vec<EntryRecord>),
    /// The need was settled before, in the broker's words: perhaps by this very booking, whose
    /// answer was lost.
    Before(Untrusted),
}

/// Ends the session, shows the receipt and books.
///
/// # Errors
/// If no session fits, the PC or the broker cannot be reached, or something does not hold.
pub(super) async fn perform(app: &App, end: End) -> anyhow::Result<()> {
    let (kept, earlier) = choose(app, end.which.as_deref())?;
    let desk = reach::connect(app).await?;
    // What could be wrong about the booking comes out before the session is over.
    let avoided = match end.reason {
        Some(reason) if end.avoided => {
            Some(prepare(&desk, &kept, reason, end.same_day, end.site.as_deref()).await?)
        }
        _ => None,
    };
    let closing = close(app, &desk, &kept).await?;
    let avoided = match avoided {
        None if !end.not_avoided && app.screen.may_ask() => ask_once(app, &desk, &kept).await?,
        decided => decided,
    };
    let booked = match &avoided {
        Some(avoided) => book(&desk, &kept, avoided).await,
        None => Ok(Booked::Nothing),
    };
    let names = match &booked {
        Ok(Booked::Entries(_)) => visit::site_names(&desk).await?,
        _ => SiteNames::new(),
    };
    // What the session came to is shown whatever became of the booking.
    report(app, &kept, closing.as_deref(), booked.as_ref().unwrap_or(&Booked::Nothing), &names)?;
    let mut others = Ok(());
    for one in &earlier {
        others = others.and(end_one(app, &desk, one).await);
    }
    match (booked, avoided) {
        (Err(error), Some(avoided)) => Err(anyhow::Error::from(error).context(again(&kept, &avoided))),
        _ => others,
    }
}

/// Ends a session of the same piece of work; it was booked with the newest.
async fn end_one(app: &App, desk: &Desk, kept: &OpenSession) -> anyhow::Result<()> {
    let closing = close(app, desk, kept).await?;
    // The newest has told what was booked.
    let app = App { screen: app.screen.without_hints(), home: app.home.clone() };
    report(&app, kept, closing.as_deref(), &Booked::Nothing, &SiteNames::new())
}

/// The session that is meant. Several with one PC are one piece of work: the newest, and those
/// that go before it.
fn choose(app: &App, which: Option<&str>) -> anyhow::Result<(OpenSession, Vec<OpenSession>)> {
    let kept = app.home.open_sessions(format::now())?;
    let stop = |exit, text: String| Err(Stop::new(exit, text).into());
    let Some(which) = which else {
        return match kept.as_slice() {
            [newest, earlier @ ..] if earlier.iter().all(|one| one.device == newest.device) => {
                Ok((newest.clone(), earlier.to_vec()))
            }
            [] => stop(
                Exit::NotFound,
                say!(en: "no session of yours is open here", sv: "ingen session av dina är öppen här"),
            ),
            several => {
                let names: Vec<String> =
                    several.iter().map(|one| format!("{} ({})", one.hostname, one.id)).collect();
                stop(
                    Exit::NotFound,
                    say!(en: "several sessions are open; say which: {}", sv: "flera sessioner är öppna; säg vilken: {}", names.join(", ")),
                )
            }
        };
    };
    let on_pc: Vec<&OpenSession> = kept.iter().filter(|session| reach::is_called(session, which)).collect();
    match on_pc.as_slice() {
        [newest, earlier @ ..] if earlier.iter().all(|one| one.device == newest.device) => {
            Ok(((*newest).clone(), earlier.iter().map(|one| (*one).clone()).collect()))
        }
        [] => Ok((reach::by_id(&kept, which)?.clone(), Vec::new())),
        several => {
            let ids: Vec<String> = several.iter().map(|one| one.id.to_string()).collect();
            stop(
                Exit::NotFound,
                say!(en: "several PCs are called {which}; say which session: {}", sv: "flera datorer heter {which}; säg vilken session: {}", ids.join(", ")),
            )
        }
    }
}

/// Ends it; `None` if it had ended by itself.
async fn close(app: &App, desk: &Desk, kept: &OpenSession) -> anyhow::Result<Option<Arc<Closing>>> {
    let ended = async { Session::resume(desk, kept).await?.end().await };
    match ended.await {
        Ok(closing) => {
            if let Err(cause) = &closing.stored {
                app.screen.warn(say!(
                    en: "the broker has not taken the record yet ({cause}); the PC hands it in itself",
                    sv: "förmedlaren har inte tagit emot journalen än ({cause}); datorn lämnar in den själv"
                ));
            }
            if !closing.kept_at_pc {
                app.screen.warn(say!(
                    en: "the PC did not confirm that it keeps your signature; its own record stands without it",
                    sv: "datorn bekräftade inte att den har din signatur; dess egen journal står sig utan den"
                ));
            }
            Ok(Some(closing))
        }
        Err(Error::SessionOver { cause, .. }) => {
            desk.home().forget_session(kept.id)?;
            app.screen.hint(say!(
                en: "the session had ended already: {cause}; the PC hands in the record itself",
                sv: "sessionen var redan slut: {cause}; datorn lämnar själv in journalen"
            ));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn prepare(
    desk: &Desk,
    kept: &OpenSession,
    reason: ReasonName,
    same_day: bool,
    site: Option<&str>,
) -> anyhow::Result<Avoided> {
    let site = match site {
        Some(name) => Some(desk.site(name).await?.id),
        None if placed(desk, kept).await?.site.is_some() => None,
        None => {
            let text = say!(
                en: "{} is not placed at a site yet; say where with --site, the session is still open",
                sv: "{} är inte placerad på någon plats än; säg var med --site, sessionen är fortfarande öppen",
                kept.hostname
            );
            return Err(Stop::new(Exit::Usage, text).into());
        }
    };
    Ok(Avoided { site, reason, urgency: urgency(same_day) })
}

async fn ask_once(app: &App, desk: &Desk, kept: &OpenSession) -> anyhow::Result<Option<Avoided>> {
    let help = say!(
        en: "if somebody would have gone there by car without this session, the drive is booked as avoided",
        sv: "skulle någon ha åkt dit med bil utan den här sessionen bokas resan som undviken"
    );
    if !ask::yes(say!(en: "Would somebody have driven out?", sv: "Skulle någon ha kört ut?"), help).await? {
        return Ok(None);
    }
    let site = match placed(desk, kept).await?.site {
        Some(_) => None,
        None => {
            app.screen.hint(say!(
                en: "{} is not placed at a site yet", sv: "{} är inte placerad på någon plats än", kept.hostname
            ));
            let sites = desk.sites().await?;
            let names = sites.into_iter().map(|site| Choice(format!("{} ({})", site.name, site.id), site.id));
            Some(ask::choose(say!(en: "Where to?", sv: "Vart?"), names.collect()).await?.1)
        }
    };
    let reasons = ReasonName::ALL.map(|(reason, _)| Choice(reason.words(), reason));
    let reason = ask::choose(say!(en: "Why?", sv: "Varför?"), reasons.into()).await?.1;
    let same_day = ask::yes(
        say!(en: "On the same day?", sv: "Samma dag?"),
        say!(
            en: "no: it could have waited and ridden along with another trip",
            sv: "nej: det kunde ha väntat och följt med en annan resa"
        ),
    )
    .await?;
    Ok(Some(Avoided { site, reason, urgency: urgency(same_day) }))
}

struct Choice<T>(String, T);

impl<T> std::fmt::Display for Choice<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

const fn urgency(same_day: bool) -> Urgency {
    if same_day { Urgency::SameDay } else { Urgency::CanWait }
}

async fn placed(desk: &Desk, kept: &OpenSession) -> Result<Device, Error> {
    Ok(desk.look_up(&kept.device.to_string()).await?.0)
}

/// Books; may be repeated after a lost answer, since one need has one entry.
async fn book(desk: &Desk, kept: &OpenSession, avoided: &Avoided) -> Result<Booked, Error> {
    let booking = || {
        Booking::Avoided(AvoidedVisit {
            device: Some(kept.device),
            site: avoided.site.clone(),
            need: None,
            ticket: Some(reference(kept).into()),
            channel: Channel::Remote,
            reason: avoided.reason.into(),
            urgency: avoided.urgency,
            service_date: None,
        })
    };
    let mut booked = desk.book(booking()).await;
    if booked.as_ref().is_err_and(Error::is_transient) {
        booked = desk.book(booking()).await;
    }
    match booked {
        Ok(entries) => Ok(Booked::Entries(entries)),
        Err(Error::Refused(refused)) if refused.code == RefusalCode::Conflict => {
            Ok(Booked::Before(refused.text))
        }
        Err(error) => Err(error),
    }
}

/// By which the broker knows the need again: the ticket; without one, the session itself.
fn reference(kept: &OpenSession) -> String {
    let ticket = kept.ticket.as_ref().filter(|ticket| !ticket.trim().is_empty());
    ticket.cloned().unwrap_or_else(|| format!("session {}", kept.id))
}

/// How to book what may not have been booked: the session is over and cannot be ended again.
fn again(kept: &OpenSession, avoided: &Avoided) -> String {
    let site = avoided.site.as_ref().map(|site| format!(" --site {site}")).unwrap_or_default();
    let same_day = if avoided.urgency == Urgency::SameDay { " --same-day" } else { "" };
    say!(
        en: "the session is over, but the avoided visit may not be booked; this books it, and never twice: \
         distans visit avoided --pc {}{site} --ticket \"{}\" --channel remote --reason {}{same_day}",
        sv: "sessionen är slut, men det undvikna besöket är kanske inte bokat; det här bokar det, och aldrig två gånger: \
         distans visit avoided --pc {}{site} --ticket \"{}\" --channel remote --reason {}{same_day}",
        kept.device,
        reference(kept),
        avoided.reason.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default(),
    )
}

fn report(
    app: &App,
    kept: &OpenSession,
    closing: Option<&Closing>,
    booked: &Booked,
    names: &SiteNames,
) -> anyhow::Result<()> {
    let (entries, before) = match booked {
        Booked::Nothing => ([].as_slice(), None),
        Booked::Entries(entries) => (entries.as_slice(), None),
        Booked::Before(text) => ([].as_slice(), Some(text)),
    };
    if app.screen.json() {
        let receipt = closing.map(|closing| closing.receipt.payload());
        app.screen.object(&json!({
            "session": kept.id,
            "pc": kept.device,
            "receipt": receipt,
            "receipt_sha256": closing.map(|closing| closing.receipt.sha256()),
            "record_at_broker": closing.is_some_and(|closing| closing.stored.is_ok()),
            "record_at_pc": closing.is_some_and(|closing| closing.kept_at_pc),
            "booked": entries.iter().map(trips::as_json).collect::<Vec<_>>(),
            "not_booked_again": before,
        }))?;
        return Ok(());
    }
    app.screen.line(say!(en: "session with {} is over", sv: "sessionen med {} är slut", kept.hostname))?;
    if let Some(closing) = closing {
        log::show(app.screen, &Verified::just_ended(closing))?;
    }
    for entry in entries {
        app.screen.line("")?;
        visit::show(app, entry, names)?;
    }
    match before {
        Some(text) => app.screen.hint(say!(
            en: "nothing was added to the ledger: {text}", sv: "inget lades till i liggaren: {text}"
        )),
        None if entries.is_empty() => app.screen.hint(say!(
            en: "no avoided visit was booked", sv: "inget undviket besök bokades"
        )),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use distans_proto::ids::{DeviceId, SessionId};
    use distans_proto::scope::ScopeSet;
    use distans_proto::time::Timestamp;

    use super::*;

    fn kept(ticket: Option<&str>) -> OpenSession {
        OpenSession {
            id: SessionId::from_bytes([7; 16]),
            device: DeviceId::from_bytes([9; 16]),
            hostname: "PC-IDRE-003".into(),
            group: "kontor".parse().expect("a label"),
            scopes: ScopeSet::EMPTY,
            purpose: "slow".into(),
            ticket: ticket.map(Into::into),
            started: Timestamp::from_secs(0),
            ends: Timestamp::from_secs(60),
            certificate: String::new(),
            endorsement: String::new(),
            token_cert: String::new(),
            grant: String::new(),
        }
    }

    #[test]
    fn a_session_without_a_ticket_is_known_again_by_its_id() {
        assert_eq!(reference(&kept(Some("IT-4711"))), "IT-4711");
        let own = format!("session {}", SessionId::from_bytes([7; 16]));
        assert_eq!(reference(&kept(None)), own);
        assert_eq!(reference(&kept(Some(" "))), own, "the broker would take it for no ticket");
        let avoided = Avoided { site: None, reason: ReasonName::NoOtherWayIn, urgency: Urgency::SameDay };
        let text = again(&kept(None), &avoided);
        assert!(
            text.ends_with(&format!(
                "--ticket \"{own}\" --channel remote --reason no-other-way-in --same-day"
            )),
            "{text}"
        );
    }
}
