//! The kilometre ledger on disk: booking, listing, and adding at the end of the chain.
//!
//! What a booking needs is looked up and what it makes is added inside one write of the one
//! writer, so that nothing changes in between.

use distans_broker_core::dates::ServiceDate;
use distans_broker_core::ledger::{self, Body, Head, Ids, Link};
use distans_proto::ids::{EntryId, NeedId, TechnicianId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_proto::trips::{Booking, EntryKind, EntryRecord, LedgerFilter};
use sea_orm::ConnectionTrait;

use crate::booking::plan;
use crate::sql::{self, Row};
use crate::{Store, StoreError};

/// Most entries of one page.
const PAGE: u32 = 1000;

impl Store {
    /// Books. Gives the entry asked for first, then the reversal it caused, if any.
    ///
    /// # Errors
    /// [`StoreError::Booking`] if a rule of the ledger forbids it, `NoDevice` or `NoSite` if it
    /// names what is not recorded.
    pub async fn book(
        &self,
        booking: Booking,
        by: &TechnicianId,
        now: Timestamp,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        let pseudonyms = self.pseudonyms().clone();
        let booker = ledger::Booking { by: pseudonyms.technician(by), now, ids: fresh_ids()? };
        let new_need = NeedId::from_bytes(random()?);
        self.write(move |transaction| {
            Box::pin(async move {
                let plan = plan(transaction, &pseudonyms, booking, &booker, new_need).await?;
                let mut records = Vec::with_capacity(plan.len());
                for body in plan {
                    records.push(append(transaction, body).await?);
                }
                Ok(records)
            })
        })
        .await
    }

    /// Entries that match, oldest first, one page at a time: those above position `after`, at
    /// most `limit` (0 and more than 1,000 mean 1,000).
    ///
    /// # Errors
    /// If a date of the filter cannot be read.
    pub async fn entries(
        &self,
        filter: &LedgerFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        let date = |text: &Option<Untrusted>| {
            text.as_ref().map(|text| text.raw().parse::<ServiceDate>()).transpose()
        };
        let (from, to) = (date(&filter.from)?, date(&filter.to)?);
        let select = "SELECT e.seq AS seq, body_hash, prev_hash, hash, body, reversed_by \
                      FROM entry e JOIN entry_body b ON b.seq = e.seq LEFT JOIN avoidance a ON a.entry_id = e.id \
                      WHERE e.seq > $1 AND ($2 IS NULL OR service_date >= $2) \
                      AND ($3 IS NULL OR service_date <= $3) ORDER BY e.seq LIMIT $4";
        let limit = if limit == 0 { PAGE } else { limit.min(PAGE) };
        let values = [
            sql::integer(after).into(),
            from.map(|day| day.to_string()).into(),
            to.map(|day| day.to_string()).into(),
            i64::from(limit).into(),
        ];
        let rows = sql::all(self.readers(), select, values).await?;
        rows.iter()
            .map(|row| Ok(body(row)?.record(&link(row)?, row.maybe_id("reversed_by", EntryId::from_bytes)?)))
            .collect()
    }
}

/// Fresh ids for one booking.
pub(crate) fn fresh_ids() -> Result<Ids, StoreError> {
    Ok(Ids { first: EntryId::from_bytes(random()?), second: EntryId::from_bytes(random()?) })
}

/// Adds one entry at the end of the chain.
pub(crate) async fn append<C: ConnectionTrait>(database: &C, body: Body) -> Result<EntryRecord, StoreError> {
    let head = match sql::one(database, "SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1", []).await? {
        Some(row) => Head { seq: row.number("seq")?, hash: row.fixed("hash")? },
        None => Head::default(),
    };
    let text = body.canonical().map_err(|_| StoreError::Corrupt { what: "entry body" })?;
    let salt: [u8; 32] = random()?;
    let link = Link::after(&head, &salt, &text);
    let seq = sql::integer(link.seq);
    let id = body.id.as_bytes().to_vec();
    let insert = "INSERT INTO entry (seq, id, body_hash, prev_hash, hash) VALUES ($1, $2, $3, $4, $5)";
    let values = [
        seq.into(),
        id.clone().into(),
        link.body_hash.to_vec().into(),
        link.prev_hash.to_vec().into(),
        link.hash.to_vec().into(),
    ];
    sql::run(database, insert, values).await?;
    let insert = "INSERT INTO entry_body (seq, salt, body, kind, service_date, need_id, site_id, reverses) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let need = body.need.map(|need| need.as_bytes().to_vec());
    let values = [
        seq.into(),
        salt.to_vec().into(),
        text.into(),
        kind_number(body.kind).into(),
        body.service_date.to_string().into(),
        need.clone().into(),
        body.site.as_ref().map(|site| site.to_string()).into(),
        body.reverses.map(|target| target.as_bytes().to_vec()).into(),
    ];
    sql::run(database, insert, values).await?;
    if body.kind == EntryKind::Avoided {
        let insert = "INSERT INTO avoidance (entry_id, need_id) VALUES ($1, $2)";
        sql::run(database, insert, [id.clone().into(), need.into()]).await?;
    }
    if let Some(target) = body.reverses {
        let update = "UPDATE avoidance SET reversed_by = $2 WHERE entry_id = $1 AND reversed_by IS NULL";
        if sql::run(database, update, [target.as_bytes().to_vec().into(), id.into()]).await? != 1 {
            return Err(StoreError::Corrupt { what: "avoided visit to reverse" });
        }
    }
    Ok(body.record(&link, None))
}

/// The number of a kind in the database. Never reused.
pub(crate) const fn kind_number(kind: EntryKind) -> i64 {
    match kind {
        EntryKind::Avoided => 0,
        EntryKind::Visit => 1,
        EntryKind::Reversal => 2,
        EntryKind::FactorSet => 3,
        EntryKind::SiteRevision => 4,
    }
}

/// What the row's body says.
pub(crate) fn body(row: &Row) -> Result<Body, StoreError> {
    Body::parse(&row.get::<Vec<u8>>("body")?).map_err(|_| StoreError::Corrupt { what: "entry body" })
}

/// The row's place in the chain.
pub(crate) fn link(row: &Row) -> Result<Link, StoreError> {
    Ok(Link {
        seq: row.number("seq")?,
        body_hash: row.fixed("body_hash")?,
        prev_hash: row.fixed("prev_hash")?,
        hash: row.fixed("hash")?,
    })
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
    Ok(bytes)
}
