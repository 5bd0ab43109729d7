//! Sites and road legs by revision, and factor sets.

use std::collections::BTreeMap;

use distans_broker_core::dates::ServiceDate;
use distans_broker_core::factors::{FactorSet, FactorSetError};
use distans_broker_core::ledger::{Booking, rules};
use distans_broker_core::roads::Roads;
use distans_proto::ids::{SiteId, TechnicianId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_proto::trips::{Leg, Site};
use sea_orm::ConnectionTrait;

use crate::ledger::{append, fresh_ids};
use crate::sql::{self, Row};
use crate::{SiteImported, Store, StoreError};

const SITE: &str =
    "SELECT revision, id, name, municipality, lat_e6, lon_e6, road_m, drive_s, source FROM site";

impl Store {
    /// Takes checked sites and legs as the next revision, and a factor set if one is given, and
    /// books both in the ledger; all or none. The same content again makes no new revision.
    ///
    /// # Errors
    /// If the factor set's id is there with other content, or a PC stands at a site that the new
    /// table lacks.
    pub async fn import_sites(
        &self,
        roads: Roads,
        factors: Option<FactorSet>,
        by: &TechnicianId,
        now: Timestamp,
    ) -> Result<SiteImported, StoreError> {
        let booking = Booking { by: self.pseudonyms().technician(by), now, ids: fresh_ids()? };
        self.write(move |transaction| {
            Box::pin(async move {
                let (revision, new_revision) = put_roads(transaction, &roads, &booking).await?;
                let new_factor_set = match factors {
                    Some(set) => put_factor_set(transaction, set, &booking).await?,
                    None => false,
                };
                Ok(SiteImported { revision, new_revision, new_factor_set })
            })
        })
        .await
    }

    /// All sites of the newest revision, in the order of their ids; none before the first import.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sites(&self) -> Result<Vec<Site>, StoreError> {
        let select = format!("{SITE} WHERE revision = (SELECT MAX(revision) FROM site_revision) ORDER BY id");
        sql::all(self.readers(), &select, []).await?.iter().map(site).collect()
    }

    /// The municipality of every site of the newest revision.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn municipalities(&self) -> Result<BTreeMap<SiteId, Untrusted>, StoreError> {
        Ok(self.sites().await?.into_iter().map(|site| (site.id, site.municipality)).collect())
    }
}

/// One site of the newest revision.
pub(crate) async fn find_site<C: ConnectionTrait>(
    database: &C,
    id: &SiteId,
) -> Result<Option<Site>, StoreError> {
    let select = format!("{SITE} WHERE revision = (SELECT MAX(revision) FROM site_revision) AND id = $1");
    sql::one(database, &select, [id.as_str().into()]).await?.as_ref().map(site).transpose()
}

/// True if the newest revision has the site.
pub(crate) async fn has_site<C: ConnectionTrait>(database: &C, id: &SiteId) -> Result<bool, StoreError> {
    Ok(find_site(database, id).await?.is_some())
}

/// The number and content hash of the newest revision.
pub(crate) async fn newest_revision<C: ConnectionTrait>(
    database: &C,
) -> Result<Option<(u32, [u8; 32])>, StoreError> {
    let select = "SELECT revision, sha256 FROM site_revision ORDER BY revision DESC LIMIT 1";
    let row = sql::one(database, select, []).await?;
    row.map(|row| Ok((row.number("revision")?, row.fixed("sha256")?))).transpose()
}

/// All factor sets as id and first day.
pub(crate) async fn factor_sets<C: ConnectionTrait>(
    database: &C,
) -> Result<Vec<(String, ServiceDate)>, StoreError> {
    let rows = sql::all(database, "SELECT id, valid_from FROM factor_set ORDER BY id", []).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.parsed("valid_from")?))).collect()
}

/// Sites and legs of one revision as they were imported.
pub(crate) async fn table_of<C: ConnectionTrait>(
    database: &C,
    revision: u32,
) -> Result<(Vec<Site>, Vec<Leg>), StoreError> {
    let revision = i64::from(revision);
    let sites =
        sql::all(database, &format!("{SITE} WHERE revision = $1 ORDER BY id"), [revision.into()]).await?;
    let legs = "SELECT from_id, to_id, m, s, source FROM leg WHERE revision = $1 ORDER BY from_id, to_id";
    let legs = sql::all(database, legs, [revision.into()]).await?;
    Ok((sites.iter().map(site).collect::<Result<_, _>>()?, legs.iter().map(leg).collect::<Result<_, _>>()?))
}

/// Gives the revision in force and whether it is new.
async fn put_roads<C: ConnectionTrait>(
    database: &C,
    roads: &Roads,
    booking: &Booking,
) -> Result<(u32, bool), StoreError> {
    let sha256 = roads.sha256();
    let newest = newest_revision(database).await?;
    if let Some((revision, known)) = newest
        && known == sha256
    {
        return Ok((revision, false));
    }
    let in_use = "SELECT DISTINCT site_id FROM device WHERE site_id IS NOT NULL ORDER BY site_id";
    for row in sql::all(database, in_use, []).await? {
        let site: SiteId = row.parsed("site_id")?;
        if roads.site(&site).is_none() {
            return Err(StoreError::SiteInUse(site));
        }
    }
    let revision = newest.map_or(0, |(revision, _)| revision).saturating_add(1);
    let number = i64::from(revision);
    let insert = "INSERT INTO site_revision (revision, sha256, imported_at) VALUES ($1, $2, $3)";
    let values = [number.into(), sha256.to_vec().into(), booking.now.as_micros().into()];
    sql::run(database, insert, values).await?;
    let insert = "INSERT INTO site (revision, id, name, municipality, lat_e6, lon_e6, road_m, drive_s, source) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    for site in roads.sites() {
        let values = [
            number.into(),
            site.id.as_str().into(),
            site.name.raw().into(),
            site.municipality.raw().into(),
            i64::from(site.lat_e6).into(),
            i64::from(site.lon_e6).into(),
            i64::from(site.road_m).into(),
            i64::from(site.drive_s).into(),
            site.source.raw().into(),
        ];
        sql::run(database, insert, values).await?;
    }
    let insert = "INSERT INTO leg (revision, from_id, to_id, m, s, source) VALUES ($1, $2, $3, $4, $5, $6)";
    for leg in roads.legs() {
        let values = [
            number.into(),
            leg.from.as_str().into(),
            leg.to.as_str().into(),
            i64::from(leg.m).into(),
            i64::from(leg.s).into(),
            leg.source.raw().into(),
        ];
        sql::run(database, insert, values).await?;
    }
    append(database, rules::site_revision(booking, revision, &sha256)?).await?;
    Ok((revision, true))
}

/// True if the set is new.
async fn put_factor_set<C: ConnectionTrait>(
    database: &C,
    set: FactorSet,
    booking: &Booking,
) -> Result<bool, StoreError> {
    let known =
        sql::one(database, "SELECT sha256 FROM factor_set WHERE id = $1", [set.id.as_str().into()]).await?;
    if let Some(row) = known {
        let same = row.fixed::<32>("sha256")? == set.sha256;
        return if same { Ok(false) } else { Err(FactorSetError::Changed(set.id).into()) };
    }
    let insert = "INSERT INTO factor_set (id, valid_from, sha256, body) VALUES ($1, $2, $3, $4)";
    let values = [
        set.id.as_str().into(),
        set.valid_from.to_string().into(),
        set.sha256.to_vec().into(),
        set.text.into(),
    ];
    sql::run(database, insert, values).await?;
    append(database, rules::factor_set(booking, &set.id, &set.sha256)?).await?;
    Ok(true)
}

fn site(row: &Row) -> Result<Site, StoreError> {
    Ok(Site {
        id: row.parsed("id")?,
        name: row.untrusted("name")?,
        municipality: row.untrusted("municipality")?,
        lat_e6: row.number("lat_e6")?,
        lon_e6: row.number("lon_e6")?,
        road_m: row.number("road_m")?,
        drive_s: row.number("drive_s")?,
        source: row.untrusted("source")?,
        revision: row.number("revision")?,
    })
}

fn leg(row: &Row) -> Result<Leg, StoreError> {
    Ok(Leg {
        from: row.parsed("from_id")?,
        to: row.parsed("to_id")?,
        m: row.number("m")?,
        s: row.number("s")?,
        source: row.untrusted("source")?,
    })
}
