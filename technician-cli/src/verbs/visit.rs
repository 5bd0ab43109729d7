//! `distans visit`: books visits that were not driven, that were, or that were booked wrongly.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use distans_proto::ids::{EntryId, NeedId, SiteId};
use distans_proto::trips::{
    AvoidedVisit, Booking, Channel, EntryKind, EntryRecord, MadeVisit, Reason, Reverse, Urgency,
};

use super::App;
use super::trips::{as_json, kind_words, optional_date};
use crate::client::{Desk, Error};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::lang::{self, Lang};
use crate::say;

/// The verbs under `distans visit`.
#[derive(Debug, Subcommand)]
pub enum Visit {
    /// Somebody would have driven out, and now nobody has to
    #[command(
        after_help = "Example:\n  distans visit avoided --site Grövelsjön --reason no-other-way-in --ticket IT-4711"
    )]
    Avoided(Avoided),
    /// Somebody was there after all; takes an avoided visit for the same need back
    #[command(
        after_help = "Examples:\n  distans visit made --pc PC-IDRE-003 --ticket IT-4711\n  distans visit made --site Grövelsjön --date 2026-03-31"
    )]
    Made(Made),
    /// An avoided visit was booked by mistake
    #[command(after_help = "Example:\n  distans visit reverse 0198c2d4-7a10-7c3e-9f51-2b6a4c8d0e1f")]
    Reverse(ReverseEntry),
}

/// Sites by id, as people say them.
pub type SiteNames = BTreeMap<SiteId, String>;

/// What a visit is about.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Where {
    /// The PC; its site counts unless --site says another
    #[arg(long, value_name = "PC")]
    pub pc: Option<String>,
    /// The site (id or name)
    #[arg(long)]
    pub site: Option<String>,
}

/// Which need a visit belongs to, and when.
#[derive(Debug, Args)]
pub struct Which {
    /// The need, as an earlier booking named it; else found by ticket and PC, or new
    #[arg(long, value_name = "ID")]
    pub need: Option<NeedId>,
    /// Ticket; kept outside the ledger
    #[arg(long)]
    pub ticket: Option<String>,
    /// The day, YYYY-MM-DD; else today
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Option<String>,
}

/// Arguments of `distans visit avoided`.
#[derive(Debug, Args)]
pub struct Avoided {
    /// Where.
    #[command(flatten)]
    pub place: Where,
    /// Which need and day.
    #[command(flatten)]
    pub which: Which,
    /// Why somebody would have driven
    #[arg(long, value_enum)]
    pub reason: ReasonName,
    /// It could not have waited for another trip
    #[arg(long)]
    pub same_day: bool,
    /// How the help was given
    #[arg(long, value_enum, default_value = "phone")]
    pub channel: ChannelName,
}

/// Arguments of `distans visit made`.
#[derive(Debug, Args)]
pub struct Made {
    /// Where.
    #[command(flatten)]
    pub place: Where,
    /// Which need and day.
    #[command(flatten)]
    pub which: Which,
}

/// Arguments of `distans visit reverse`.
#[derive(Debug, Args)]
pub struct ReverseEntry {
    /// The entry's id, from distans trips
    #[arg(value_name = "ENTRY")]
    pub entry: EntryId,
}

/// Reasons as typed on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReasonName {
    /// A visit was booked and has been cancelled
    BookedVisitCancelled,
    /// This fault used to need hands on the PC
    FaultUsedToNeedHands,
    /// The person could not follow instructions by telephone
    UserCouldNotFollowByPhone,
    /// There is no other way in
    NoOtherWayIn,
}

impl ReasonName {
    /// Every reason with its words, for a question.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::BookedVisitCancelled, "a visit was booked and has been cancelled"),
        (Self::FaultUsedToNeedHands, "this fault used to need hands on the PC"),
        (Self::UserCouldNotFollowByPhone, "the person could not follow instructions by telephone"),
        (Self::NoOtherWayIn, "there is no other way in"),
    ];
}

impl ReasonName {
    /// Its words, in the language of this program.
    pub fn words(self) -> String {
        match (lang::current(), self) {
            (Lang::English, _) => {
                let words = Self::ALL.into_iter().find(|(reason, _)| *reason == self);
                words.map(|(_, words)| words).unwrap_or_default().to_owned()
            }
            (_, Self::BookedVisitCancelled) => "ett besök var bokat och har avbokats".to_owned(),
            (_, Self::FaultUsedToNeedHands) => "felet har tidigare krävt någon på plats".to_owned(),
            (_, Self::UserCouldNotFollowByPhone) => {
                "personen kunde inte följa anvisningar per telefon".to_owned()
            }
            (_, Self::NoOtherWayIn) => "det finns ingen annan väg in".to_owned(),
        }
    }
}

impl From<ReasonName> for Reason {
    fn from(name: ReasonName) -> Self {
        match name {
            ReasonName::BookedVisitCancelled => Self::BookedVisitCancelled,
            ReasonName::FaultUsedToNeedHands => Self::FaultUsedToNeedHands,
            ReasonName::UserCouldNotFollowByPhone => Self::UserCouldNotFollowByPhone,
            ReasonName::NoOtherWayIn => Self::NoOtherWayIn,
        }
    }
}

/// Channels as typed on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChannelName {
    /// By telephone alone
    Phone,
    /// Through Distans
    Remote,
}

impl From<ChannelName> for Channel {
    fn from(name: ChannelName) -> Self {
        match name {
            ChannelName::Phone => Self::Phone,
            ChannelName::Remote => Self::Remote,
        }
    }
}

/// Checks a date as typed.
///
/// # Errors
/// What a date looks like.
pub fn date(text: &str) -> Result<String, String> {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if date.to_string() == text => Ok(text.to_owned()),
        _ => Err(say!(en: "a date looks like 2026-03-31", sv: "ett datum ser ut som 2026-03-31")),
    }
}

/// Books it and shows the entry.
///
/// # Errors
/// What the broker answers, or if the screen cannot be written.
pub async fn perform(app: &App, visit: Visit) -> anyhow::Result<()> {
    let desk = Desk::connect(&app.home).await?;
    let booking = match visit {
        Visit::Avoided(avoided) => {
            let (device, site) = place(&desk, &avoided.place).await?;
            Booking::Avoided(AvoidedVisit {
                device,
                site,
                need: avoided.which.need,
                ticket: crate::ask::ticket(avoided.which.ticket)?.map(Into::into),
                channel: avoided.channel.into(),
                reason: avoided.reason.into(),
                urgency: if avoided.same_day { Urgency::SameDay } else { Urgency::CanWait },
                service_date: optional_date(avoided.which.date),
            })
        }
        Visit::Made(made) => {
            let (device, site) = place(&desk, &made.place).await?;
            Booking::Made(MadeVisit {
                device,
                site,
                need: made.which.need,
                ticket: crate::ask::ticket(made.which.ticket)?.map(Into::into),
                service_date: optional_date(made.which.date),
            })
        }
        Visit::Reverse(reverse) => Booking::Reverse(Reverse { entry: reverse.entry }),
    };
    let entries = desk.book(booking).await?;
    let names = site_names(&desk).await?;
    entries.iter().try_for_each(|entry| show(app, entry, &names))
}

async fn place(
    desk: &Desk,
    place: &Where,
) -> anyhow::Result<(Option<distans_proto::ids::DeviceId>, Option<SiteId>)> {
    let device = match &place.pc {
        Some(name) => Some(desk.look_up(name).await?.0),
        None => None,
    };
    let site = match &place.site {
        Some(name) => Some(desk.site(name).await?.id),
        None => None,
    };
    if let (Some(device), None) = (&device, &site)
        && device.site.is_none()
    {
        let text = say!(
            en: "{} is not placed at a site yet; say where with --site",
            sv: "{} är inte placerad på någon plats än; säg var med --site",
            device.hostname
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    Ok((device.map(|device| device.id), site))
}

/// Names of all sites.
///
/// # Errors
/// What the broker answers.
pub async fn site_names(desk: &Desk) -> Result<SiteNames, Error> {
    Ok(desk.sites().await?.into_iter().map(|site| (site.id, site.name.to_string())).collect())
}

/// Shows a booked entry.
///
/// # Errors
/// If the screen cannot be written.
pub fn show(app: &App, entry: &EntryRecord, names: &SiteNames) -> anyhow::Result<()> {
    if app.screen.json() {
        app.screen.object(&as_json(entry))?;
        return Ok(());
    }
    let site = entry.site.as_ref().map(|site| names.get(site).cloned().unwrap_or_else(|| site.to_string()));
    let site = site.unwrap_or_default();
    let kilometres = entry.road_m.map(|metres| format::kilometres(2 * u64::from(metres))).unwrap_or_default();
    let what = match entry.kind {
        EntryKind::Avoided => say!(
            en: "avoided visit to {site} on {}: {kilometres} there and back (upper bound)",
            sv: "undviket besök i {site} {}: {kilometres} fram och tillbaka (övre gräns)",
            entry.service_date
        ),
        EntryKind::Visit => {
            say!(
                en: "visit made to {site} on {}: {kilometres} there and back",
                sv: "gjort besök i {site} {}: {kilometres} fram och tillbaka",
                entry.service_date
            )
        }
        kind => kind_words(kind).to_owned(),
    };
    app.screen.line(say!(en: "booked {what}", sv: "bokat: {what}"))?;
    app.screen.pairs(&[
        (lang::current().pick("entry", "post"), entry.id.to_string()),
        (lang::current().pick("need", "behov"), entry.need.map(|need| need.to_string()).unwrap_or_default()),
        (
            lang::current().pick("reverses", "återtar"),
            entry.reverses.map(|target| target.to_string()).unwrap_or_default(),
        ),
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_whole_and_real() {
        assert!(date("2026-02-28").is_ok());
        for wrong in ["2026-02-30", "2026-2-3", "today", "20260228", "2026-02-28T00:00", ""] {
            assert!(date(wrong).is_err(), "{wrong:?} was taken as a date");
        }
    }
}
