//! `distans trips`: the ledger's entries and the round-trip kilometres they stand for.
//!
//! The sum counts a place once a day and is the *upper bound*: it knows nothing of shared trips.
//! The cautious figure comes from the settlement, never from here.

use clap::Args;
use distans_proto::text::Untrusted;
use distans_proto::trips::{EntryKind, EntryRecord, LedgerFilter, upper_bound_m};
use serde_json::{Value, json};

use super::App;
use super::visit::{SiteNames, site_names};
use crate::client::Desk;
use crate::client::ledger;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::lang::{self, Lang};
use crate::say;
use crate::screen::{Row, Tone};

/// Arguments of `distans trips`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans trips\n  distans trips --from 2026-01-01 --to 2026-06-30 --json"
)]
pub struct Trips {
    /// First day, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = super::visit::date)]
    pub from: Option<String>,
    /// Last day, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = super::visit::date)]
    pub to: Option<String>,
    /// Also show the entries that tell of new road distances and emission factors
    #[arg(long)]
    pub all: bool,
}

/// Lists the entries.
///
/// # Errors
/// What the broker answers, a broken hash chain, or if the screen cannot be written.
pub async fn perform(app: &App, trips: Trips) -> anyhow::Result<()> {
    let desk = Desk::connect(&app.home).await?;
    let is_part = trips.from.is_some() || trips.to.is_some();
    let filter = LedgerFilter { from: trips.from.map(Into::into), to: trips.to.map(Into::into) };
    let (entries, names) = tokio::try_join!(desk.ledger(filter), site_names(&desk))?;
    let broken = ledger::first_break(&entries);
    let upper = upper_bound_m(&entries);
    if app.screen.json() {
        for entry in &entries {
            app.screen.object(&as_json(entry))?;
        }
        app.screen.object(&json!({ "sum": { "upper_bound_m": upper, "chain_holds": broken.is_none() } }))?;
    } else if !entries.iter().any(|entry| trips.all || is_visit(entry)) {
        app.screen.hint(nothing(is_part));
    } else {
        let shown = entries.iter().filter(|entry| trips.all || is_visit(entry));
        let rows = shown.map(|entry| row(entry, &names));
        app.screen.table(&columns(), rows)?;
        let sum = app.screen.paint(Tone::Strong, &format::kilometres(upper));
        app.screen.line(say!(
            en: "\nAvoided, upper bound: {sum} (each place once a day there and back; shared trips not yet taken off)",
            sv: "\nUndvikna, övre gräns: {sum} (varje plats en gång om dagen fram och tillbaka; samåkta resor är inte avdragna än)"
        ))?;
    }
    match broken {
        None => Ok(()),
        Some(seq) => Err(Stop::new(
            Exit::Untrusted,
            say!(
                en: "entry {seq} does not continue the chain before it: the ledger was changed; tell your administrator",
                sv: "post {seq} fortsätter inte kedjan före den: liggaren har ändrats; säg till din administratör"
            ),
        )
        .into()),
    }
}

const fn is_visit(entry: &EntryRecord) -> bool {
    !matches!(entry.kind, EntryKind::FactorSet | EntryKind::SiteRevision)
}

fn columns() -> [&'static str; 8] {
    match lang::current() {
        Lang::English => ["DAY", "WHAT", "PLACE", ">ROUND TRIP", "CHANNEL", "URGENCY", "NOTE", "ENTRY"],
        Lang::Swedish => ["DAG", "VAD", "PLATS", ">TUR/RETUR", "KANAL", "BRÅDSKA", "ANMÄRKNING", "POST"],
    }
}

fn nothing(is_part: bool) -> String {
    if is_part {
        say!(
            en: "no visit is booked in this time; distans trips without --from and --to shows all",
            sv: "inget besök är bokat under den tiden; distans trips utan --from och --to visar alla"
        )
    } else {
        say!(
            en: "no visit is booked yet; when help from afar saves a drive, say so at distans session end, or book it with distans visit avoided",
            sv: "inget besök är bokat än; när hjälp på avstånd sparar en resa, säg det vid distans session end, eller boka den med distans visit avoided"
        )
    }
}

/// An entry's kind in words.
pub fn kind_words(kind: EntryKind) -> &'static str {
    let lang = lang::current();
    match kind {
        EntryKind::Avoided => lang.pick("avoided", "undviket"),
        EntryKind::Visit => lang.pick("visit made", "gjort besök"),
        EntryKind::Reversal => lang.pick("reversal", "återtagande"),
        EntryKind::FactorSet => lang.pick("new factor set", "nya faktorer"),
        EntryKind::SiteRevision => lang.pick("new site revision", "nya vägavstånd"),
    }
}

/// A serializable name (`can_wait`) in words (`can wait`), in the language of this program.
pub fn words(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => words_of(&name, lang::current()),
        _ => String::new(),
    }
}

fn words_of(name: &str, lang: Lang) -> String {
    let swedish = SWEDISH.iter().find(|(known, _)| *known == name && lang == Lang::Swedish);
    swedish.map_or_else(|| name.replace('_', " "), |(_, words)| (*words).to_owned())
}

/// Names of channels, urgencies, reasons and operations in Swedish.
const SWEDISH: [(&str, &str); 25] = [
    ("remote", "fjärr"),
    ("phone", "telefon"),
    ("same_day", "samma dag"),
    ("can_wait", "kan vänta"),
    ("booked_visit_cancelled", "bokat besök avbokat"),
    ("fault_used_to_need_hands", "krävde förr någon på plats"),
    ("user_could_not_follow_by_phone", "gick inte per telefon"),
    ("no_other_way_in", "ingen annan väg in"),
    ("diagnose", "diagnos"),
    ("look", "titt"),
    ("command", "kommando"),
    ("shell", "kommandofönster"),
    ("command_system", "kommando som system"),
    ("shell_system", "kommandofönster som system"),
    ("top", "belastning"),
    ("get", "hämtning"),
    ("put", "lämning"),
    ("forward", "förbindelse"),
    ("message", "meddelande"),
    ("chat", "chatt"),
    ("repair", "reparation"),
    ("power", "omstart eller liknande"),
    ("wake", "väckning"),
    ("logs", "logg"),
    ("recordings", "inspelningar"),
];

fn row(entry: &EntryRecord, names: &SiteNames) -> Row {
    let place = entry.site.as_ref().map(|site| names.get(site).cloned().unwrap_or_else(|| site.to_string()));
    let note = match (&entry.reversed_by, &entry.reverses) {
        (Some(_), _) => say!(en: "reversed", sv: "återtaget"),
        (None, Some(target)) => {
            let target: String = target.to_string().chars().take(8).collect();
            say!(en: "takes back {target}", sv: "tar tillbaka {target}")
        }
        _ => entry.reason.as_ref().map(words).unwrap_or_default(),
    };
    let sign = if entry.kind == EntryKind::Reversal { "-" } else { "" };
    let kilometres = |metres: u32| format!("{sign}{}", format::kilometres(2 * u64::from(metres)));
    let cells = vec![
        entry.service_date.to_string(),
        kind_words(entry.kind).into(),
        place.unwrap_or_default(),
        entry.road_m.map(kilometres).unwrap_or_default(),
        entry.channel.as_ref().map(words).unwrap_or_default(),
        entry.urgency.as_ref().map(words).unwrap_or_default(),
        note,
        entry.id.to_string(),
    ];
    if entry.reversed_by.is_some() || entry.kind == EntryKind::Reversal {
        Row::toned(Tone::Quiet, cells)
    } else {
        Row::from(cells)
    }
}

/// An entry in JSON: the record's own fields, the time as text, and the round trip.
pub fn as_json(entry: &EntryRecord) -> Value {
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    value["booked_at"] = format::utc(entry.booked_at).into();
    value["round_trip_m"] = entry.road_m.map(|metres| 2 * u64::from(metres)).into();
    value
}

/// A date for a booking, or `None` for today.
pub fn optional_date(date: Option<String>) -> Option<Untrusted> {
    date.map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words_and_a_newer_one_stays_readable() {
        for (name, english, swedish) in [
            ("same_day", "same day", "samma dag"),
            ("no_other_way_in", "no other way in", "ingen annan väg in"),
            ("of_2030", "of 2030", "of 2030"),
        ] {
            assert_eq!(words_of(name, Lang::English), english);
            assert_eq!(words_of(name, Lang::Swedish), swedish);
        }
    }
}
