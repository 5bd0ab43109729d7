//! PCs: finding them, their facts, where they stand and when they were last here.

use distans_proto::desk::Told;
use std::net::IpAddr;

use distans_proto::facts::Facts;
use distans_proto::ids::{DeviceId, SiteId, TokenId};
use distans_proto::link::Standing;
use distans_proto::text::Untrusted;
use sea_orm::ConnectionTrait;

use crate::sites::has_site;
use crate::sql::{self, Row};
use crate::{DeviceDetails, DeviceQuery, DeviceRow, Seen, Store, StoreError};

/// Most rows of one page.
const PAGE: u32 = 1000;

const ROW: &str = "id, hostname, group_id, site_id, confirmed, enrolled_at, last_seen, \
                   agent_version, signed_in, findings";

impl Store {
    /// One PC without its large parts.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        find(self.readers(), id).await
    }

    /// One PC with facts, key, endorsement and token certificate.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_details(&self, id: DeviceId) -> Result<Option<DeviceDetails>, StoreError> {
        let select = format!(
            "SELECT {ROW}, facts, spki, endorsement, d.token_id AS token_id, cert \
             FROM device d JOIN token t ON t.token_id = d.token_id WHERE id = $1"
        );
        let Some(row) = sql::one(self.readers(), &select, [id.as_bytes().to_vec().into()]).await? else {
            return Ok(None);
        };
        let facts: Option<Vec<u8>> = row.get("facts")?;
        Ok(Some(DeviceDetails {
            row: device_row(&row)?,
            // Facts of a newer agent that this version cannot read are no reason to hide the PC.
            facts: facts.and_then(|bytes| minicbor::decode(&bytes).ok()),
            spki: row.get("spki")?,
            endorsement: row.get("endorsement")?,
            token: row.id("token_id", TokenId::from_bytes)?,
            token_cert: row.get("cert")?,
        }))
    }

    /// PCs that match, in the order of their ids, one page at a time.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn devices(&self, query: DeviceQuery) -> Result<Vec<DeviceRow>, StoreError> {
        let name = query.name.map(|name| name.raw().trim().to_lowercase()).filter(|name| !name.is_empty());
        let (low, high) = name.as_deref().and_then(id_range).unzip();
        // Each condition is one parameter that may be NULL; an impossible id range is NULL too
        // and then only the host name can match.
        let select = format!(
            "SELECT {ROW} FROM device WHERE ($1 IS NULL OR hostname_key LIKE $1 ESCAPE '\\' OR id BETWEEN $2 AND $3) \
             AND ($4 IS NULL OR site_id = $4) AND ($5 IS NULL OR group_id = $5) AND ($6 IS NULL OR id > $6) \
             ORDER BY id LIMIT $7"
        );
        let limit = if query.limit == 0 { PAGE } else { query.limit.min(PAGE) };
        let values = [
            name.as_deref().map(starting_with).into(),
            low.into(),
            high.into(),
            query.site.map(|site| site.to_string()).into(),
            query.group.map(|group| group.to_string()).into(),
            query.after.map(|id| id.as_bytes().to_vec()).into(),
            i64::from(limit).into(),
        ];
        sql::all(self.readers(), &select, values).await?.iter().map(device_row).collect()
    }

    /// How many PCs are recorded.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_count(&self) -> Result<u64, StoreError> {
        let row = sql::one(self.readers(), "SELECT COUNT(*) AS count FROM device", []).await?;
        row.map_or(Ok(0), |row| row.number("count"))
    }

    /// Notes when PCs were connected; unknown PCs are passed over. Made for thousands at once.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn see(&self, seen: Vec<Seen>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            Box::pin(async move {
                let update = "UPDATE device SET last_seen = $2, hostname = COALESCE($3, hostname), \
                              hostname_key = COALESCE($4, hostname_key), origin = COALESCE($5, origin) \
                              WHERE id = $1 AND (last_seen IS NULL OR last_seen <= $2)";
                for seen in seen {
                    let values = [
                        seen.device.as_bytes().to_vec().into(),
                        seen.at.as_micros().into(),
                        seen.hostname.as_ref().map(|name| name.raw().to_owned()).into(),
                        seen.hostname.as_ref().map(|name| name.raw().to_lowercase()).into(),
                        seen.origin.map(|origin| origin.to_string()).into(),
                    ];
                    sql::run(transaction, update, values).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// From which address the broker last saw a PC, if it ever did.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn origin(&self, id: DeviceId) -> Result<Option<IpAddr>, StoreError> {
        let select = "SELECT origin FROM device WHERE id = $1";
        let row = sql::one(self.readers(), select, [id.as_bytes().to_vec().into()]).await?;
        Ok(row.map(|row| row.maybe_parsed("origin")).transpose()?.flatten())
    }

    /// Keeps a PC's newest facts, what lists show of them, and its host name if they name one.
    ///
    /// # Errors
    /// If there is no such PC.
    pub async fn put_facts(&self, id: DeviceId, facts: Facts) -> Result<(), StoreError> {
        let bytes = minicbor::to_vec(&facts).map_err(|_| StoreError::Corrupt { what: "facts" })?;
        let name = (!facts.hostname.is_empty()).then(|| facts.hostname.raw().to_owned());
        let agent_version = facts.agent_version.raw().to_owned();
        let user = facts.user.map(|user| user.raw().to_owned());
        self.write(move |transaction| {
            Box::pin(async move {
                let update = "UPDATE device SET facts = $2, hostname = COALESCE($3, hostname), \
                              hostname_key = COALESCE($4, hostname_key), agent_version = $5, \
                              signed_in = $6 WHERE id = $1";
                let key = name.as_deref().map(str::to_lowercase);
                let values = [
                    id.as_bytes().to_vec().into(),
                    bytes.into(),
                    name.into(),
                    key.into(),
                    agent_version.into(),
                    user.into(),
                ];
                match sql::run(transaction, update, values).await? {
                    0 => Err(StoreError::NoDevice(id)),
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// Keeps a PC's newest findings.
    ///
    /// # Errors
    /// If there is no such PC.
    pub async fn put_findings(&self, id: DeviceId, standing: Standing) -> Result<(), StoreError> {
        let bytes = minicbor::to_vec(&standing).map_err(|_| StoreError::Corrupt { what: "findings" })?;
        self.write(move |transaction| {
            Box::pin(async move {
                let update = "UPDATE device SET findings = $2 WHERE id = $1";
                match sql::run(transaction, update, [id.as_bytes().to_vec().into(), bytes.into()]).await? {
                    0 => Err(StoreError::NoDevice(id)),
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// Confirms a PC (never the other way) and places it at a site, as far as asked.
    ///
    /// # Errors
    /// If there is no such PC or no such site.
    pub async fn edit_device(
        &self,
        id: DeviceId,
        confirm: bool,
        site: Option<SiteId>,
    ) -> Result<DeviceRow, StoreError> {
        self.write(move |transaction| {
            Box::pin(async move {
                if let Some(site) = site.as_ref()
                    && !has_site(transaction, site).await?
                {
                    return Err(StoreError::NoSite(site.clone()));
                }
                let update = "UPDATE device SET confirmed = CASE WHEN $2 <> 0 THEN 1 ELSE confirmed END, \
                              site_id = COALESCE($3, site_id) WHERE id = $1";
                let values = [
                    id.as_bytes().to_vec().into(),
                    i64::from(confirm).into(),
                    site.map(|site| site.to_string()).into(),
                ];
                sql::run(transaction, update, values).await?;
                find(transaction, id).await?.ok_or(StoreError::NoDevice(id))
            })
        })
        .await
    }
}

/// One PC, inside or outside a transaction.
pub(crate) async fn find<C: ConnectionTrait>(
    database: &C,
    id: DeviceId,
) -> Result<Option<DeviceRow>, StoreError> {
    let select = format!("SELECT {ROW} FROM device WHERE id = $1");
    let row = sql::one(database, &select, [id.as_bytes().to_vec().into()]).await?;
    row.as_ref().map(device_row).transpose()
}

fn device_row(row: &Row) -> Result<DeviceRow, StoreError> {
    Ok(DeviceRow {
        id: row.id("id", DeviceId::from_bytes)?,
        hostname: row.untrusted("hostname")?,
        group: row.parsed("group_id")?,
        site: row.maybe_parsed("site_id")?,
        confirmed: row.flag("confirmed")?,
        enrolled_at: row.time("enrolled_at")?,
        last_seen: row.maybe_time("last_seen")?,
        told: told(row)?,
    })
}

/// What the PC last told; `None` if nothing of it is recorded.
fn told(row: &Row) -> Result<Option<Told>, StoreError> {
    let agent_version: Option<String> = row.get("agent_version")?;
    let user: Option<String> = row.get("signed_in")?;
    let findings: Option<Vec<u8>> = row.get("findings")?;
    if agent_version.is_none() && findings.is_none() {
        return Ok(None);
    }
    // What this version cannot read is no reason to hide the PC.
    let standing: Option<Standing> = findings.and_then(|bytes| minicbor::decode(&bytes).ok());
    Ok(Some(Told {
        agent_version: agent_version.map(Untrusted::new),
        user: user.map(Untrusted::new),
        findings: standing.unwrap_or_default().findings,
    }))
}

/// A LIKE pattern for texts that start with `prefix`, whatever signs it contains.
fn starting_with(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// The lowest and the highest id whose hexadecimal form starts with `prefix`; hyphens do not
/// count. `None` if no id does.
fn id_range(prefix: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let digits: String = prefix.chars().filter(|character| *character != '-').collect();
    if digits.is_empty() || digits.chars().count() > 32 {
        return None;
    }
    let end = |filler: char| {
        let text: String = digits.chars().chain(std::iter::repeat(filler)).take(32).collect();
        text.parse::<DeviceId>().ok().map(|id| id.as_bytes().to_vec())
    };
    Some((end('0')?, end('f')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_becomes_a_range_of_ids() {
        let (low, high) = id_range("30313").expect("hexadecimal");
        assert_eq!((low[..3].to_vec(), high[..3].to_vec()), (vec![0x30, 0x31, 0x30], vec![0x30, 0x31, 0x3f]));
        assert_eq!(id_range("3031-3"), id_range("30313"));
        for text in ["", "-", "pc", &"0".repeat(33)] {
            assert_eq!(id_range(text), None, "{text:?}");
        }
    }

    #[test]
    fn signs_with_a_meaning_in_patterns_are_plain_letters() {
        assert_eq!(starting_with("50%_a\\"), "50\\%\\_a\\\\%");
    }
}
