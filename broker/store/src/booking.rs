//! What a booking is about, looked up: the PC, the place, the need, and what the ledger holds
//! about it already. Then the rules of `distans_broker_core::ledger` decide.

use distans_broker_core::dates::ServiceDate;
use distans_broker_core::factors;
use distans_broker_core::ledger::{self, BookError, Frozen, History, Target, rules};
use distans_broker_core::needs::{self, Need};
use distans_broker_core::pseudonym::{Pseudonym, Pseudonyms};
use distans_proto::ids::{DeviceId, EntryId, NeedId, SiteId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_proto::trips::{Booking, EntryKind};
use sea_orm::ConnectionTrait;

use crate::ledger::{body, kind_number};
use crate::sql::{self, Row};
use crate::{StoreError, devices, sites};

/// The entries a booking makes, and its need, recorded if it is new. To be called inside the
/// write that adds the entries.
pub(crate) async fn plan<C: ConnectionTrait>(
    database: &C,
    pseudonyms: &Pseudonyms,
    booking: Booking,
    booker: &ledger::Booking,
    new_need: NeedId,
) -> Result<ledger::Plan, StoreError> {
    let day = |named: &Option<Untrusted>| {
        ServiceDate::booked(named.as_ref().map(Untrusted::raw), booker.now).map_err(BookError::from)
    };
    match booking {
        Booking::Avoided(visit) => {
            let day = day(&visit.service_date)?;
            let named = Named {
                device: visit.device,
                site: visit.site.as_ref(),
                need: visit.need,
                ticket: visit.ticket.as_ref(),
            };
            let subject = find_subject(database, pseudonyms, &named).await?;
            let frozen = freeze(database, &subject.site, day).await?;
            let need = keep_need(database, &subject, new_need, booker.now).await?;
            let history = history(database, need).await?;
            Ok(rules::avoided(booker, &visit, day, need, frozen, &history)?)
        }
        Booking::Made(visit) => {
            let day = day(&visit.service_date)?;
            let named = Named {
                device: visit.device,
                site: visit.site.as_ref(),
                need: visit.need,
                ticket: visit.ticket.as_ref(),
            };
            let subject = find_subject(database, pseudonyms, &named).await?;
            let frozen = freeze(database, &subject.site, day).await?;
            // A visit for a place alone is about no need; one for a PC or a ticket is.
            if subject.need.is_none() && subject.device.is_none() && subject.ticket.is_none() {
                return Ok(rules::made(booker, day, None, frozen, &History::default()));
            }
            let need = keep_need(database, &subject, new_need, booker.now).await?;
            let history = history(database, need).await?;
            Ok(rules::made(booker, day, Some(need), frozen, &history))
        }
        Booking::Reverse(reverse) => {
            let target = find_target(database, reverse.entry).await?;
            Ok(rules::reverse(booker, reverse.entry, target.as_ref())?)
        }
    }
}

/// What a booking is about, after everything it names is found.
struct Subject {
    device: Option<Pseudonym>,
    site: SiteId,
    need: Option<NeedId>,
    ticket: Option<(String, Untrusted)>,
}

/// What a booking names.
struct Named<'a> {
    device: Option<DeviceId>,
    site: Option<&'a SiteId>,
    need: Option<NeedId>,
    ticket: Option<&'a Untrusted>,
}

async fn find_subject<C: ConnectionTrait>(
    database: &C,
    pseudonyms: &Pseudonyms,
    named: &Named<'_>,
) -> Result<Subject, StoreError> {
    let device = match named.device {
        Some(id) => Some(devices::find(database, id).await?.ok_or(StoreError::NoDevice(id))?),
        None => None,
    };
    let pseudonym = device.as_ref().map(|device| pseudonyms.device(&device.id));
    let named_need = match named.need {
        Some(id) => Some((id, find_need(database, id).await?)),
        None => None,
    };
    let need_site = named_need.as_ref().and_then(|(_, need)| need.as_ref()).map(|need| &need.site);
    let device_site = device.as_ref().and_then(|device| device.site.as_ref());
    let site = rules::place(named.site, device_site, need_site)?;
    let key = named.ticket.map(needs::ticket_key).transpose().map_err(BookError::from)?.flatten();
    let by_ticket = match &key {
        Some(key) => find_by_ticket(database, &needs::subject(pseudonym.as_ref(), &site), key).await?,
        None => None,
    };
    let need = needs::choose(
        named_need.as_ref().map(|(id, need)| (*id, need.as_ref())),
        by_ticket.as_ref(),
        pseudonym.as_ref(),
    )
    .map_err(BookError::from)?
    .map(|need| need.id);
    let ticket = key.zip(named.ticket.cloned());
    Ok(Subject { device: pseudonym, site, need, ticket })
}

/// What an entry about `site` on `day` freezes.
async fn freeze<C: ConnectionTrait>(
    database: &C,
    site: &SiteId,
    day: ServiceDate,
) -> Result<Frozen, StoreError> {
    if sites::newest_revision(database).await?.is_none() {
        return Err(BookError::NoSites.into());
    }
    let site = sites::find_site(database, site).await?.ok_or_else(|| StoreError::NoSite(site.clone()))?;
    let sets = sites::factor_sets(database).await?;
    let factor_set = factors::in_force(&sets, day).ok_or(BookError::NoFactorSet)?.to_owned();
    Ok(Frozen { site: site.id, road_m: site.road_m, site_revision: site.revision, factor_set })
}

/// The need of a booking: the one found, else a new one. Remembers the ticket either way.
async fn keep_need<C: ConnectionTrait>(
    database: &C,
    subject: &Subject,
    new: NeedId,
    now: Timestamp,
) -> Result<NeedId, StoreError> {
    let need = match subject.need {
        Some(known) => known,
        None => {
            let insert =
                "INSERT INTO need (id, device_pseudonym, site_id, opened_at) VALUES ($1, $2, $3, $4)";
            let values = [
                new.as_bytes().to_vec().into(),
                subject.device.as_ref().map(|device| device.to_string()).into(),
                subject.site.as_str().into(),
                now.as_micros().into(),
            ];
            sql::run(database, insert, values).await?;
            new
        }
    };
    if let Some((key, ticket)) = &subject.ticket {
        let insert = "INSERT INTO ticket_ref (subject, ticket_key, ticket, need_id) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT (subject, ticket_key) DO NOTHING";
        let values = [
            needs::subject(subject.device.as_ref(), &subject.site).into(),
            key.as_str().into(),
            ticket.raw().into(),
            need.as_bytes().to_vec().into(),
        ];
        sql::run(database, insert, values).await?;
    }
    Ok(need)
}

async fn find_need<C: ConnectionTrait>(database: &C, id: NeedId) -> Result<Option<Need>, StoreError> {
    let select = "SELECT id, device_pseudonym, site_id, opened_at FROM need WHERE id = $1";
    sql::one(database, select, [id.as_bytes().to_vec().into()]).await?.as_ref().map(need).transpose()
}

async fn find_by_ticket<C: ConnectionTrait>(
    database: &C,
    subject: &str,
    key: &str,
) -> Result<Option<Need>, StoreError> {
    let select = "SELECT id, device_pseudonym, site_id, opened_at FROM need n \
                  JOIN ticket_ref t ON t.need_id = n.id WHERE subject = $1 AND ticket_key = $2";
    sql::one(database, select, [subject.into(), key.into()]).await?.as_ref().map(need).transpose()
}

fn need(row: &Row) -> Result<Need, StoreError> {
    Ok(Need {
        id: row.id("id", NeedId::from_bytes)?,
        device: row.get::<Option<String>>("device_pseudonym")?.map(Pseudonym::from_stored),
        site: row.parsed("site_id")?,
        opened_at: row.time("opened_at")?,
    })
}

/// What stands in the ledger about a need.
async fn history<C: ConnectionTrait>(database: &C, need: NeedId) -> Result<History, StoreError> {
    let need = need.as_bytes().to_vec();
    let active = "SELECT body FROM entry_body b JOIN entry e ON e.seq = b.seq \
                  JOIN avoidance a ON a.entry_id = e.id WHERE a.need_id = $1 AND reversed_by IS NULL";
    let active = sql::one(database, active, [need.clone().into()]).await?;
    let visits = "SELECT service_date FROM entry_body WHERE need_id = $1 AND kind = $2 ORDER BY service_date";
    let visits = sql::all(database, visits, [need.into(), kind_number(EntryKind::Visit).into()]).await?;
    Ok(History {
        active: active.as_ref().map(body).transpose()?,
        visits: visits.iter().map(|row| row.parsed("service_date")).collect::<Result<_, _>>()?,
    })
}

async fn find_target<C: ConnectionTrait>(database: &C, entry: EntryId) -> Result<Option<Target>, StoreError> {
    let select = "SELECT body, reversed_by FROM entry e JOIN entry_body b ON b.seq = e.seq \
                  LEFT JOIN avoidance a ON a.entry_id = e.id WHERE e.id = $1";
    let row = sql::one(database, select, [entry.as_bytes().to_vec().into()]).await?;
    row.map(|row| {
        Ok(Target { body: body(&row)?, reversed_by: row.maybe_id("reversed_by", EntryId::from_bytes)? })
    })
    .transpose()
}
