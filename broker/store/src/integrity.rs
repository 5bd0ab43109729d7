//! Checking the whole database: its structure, the ledger's chain, and that what is kept beside
//! the hashed texts still says the same as they do.

use aws_lc_rs::digest;
use distans_broker_core::ledger::{Body, Verifier};
use distans_broker_core::roads::Roads;
use distans_proto::ids::{EntryId, NeedId, SiteId};
use distans_proto::text::clean_line;
use distans_proto::trips::EntryKind;
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::ledger::{body, kind_number, link};
use crate::sql::{self, Row};
use crate::{Integrity, Store, StoreError, sites};

/// Rows read at a time.
const PAGE: i64 = 500;

impl Store {
    /// Checks the database's structure and the whole ledger chain, on one snapshot while the
    /// broker goes on. Reads everything.
    ///
    /// # Errors
    /// If the database cannot be read at all; what is wrong in it stands in the result.
    pub async fn integrity(&self) -> Result<Integrity, StoreError> {
        let snapshot = self.readers().begin().await?;
        let mut integrity = Integrity::default();
        check_structure(&snapshot, &mut integrity).await?;
        check_chain(&snapshot, &mut integrity).await?;
        check_avoidances(&snapshot, &mut integrity).await?;
        check_tables(&snapshot, &mut integrity).await?;
        snapshot.rollback().await?;
        Ok(integrity)
    }
}

async fn check_structure<C: ConnectionTrait>(
    database: &C,
    integrity: &mut Integrity,
) -> Result<(), StoreError> {
    for row in sql::all(database, "PRAGMA integrity_check(20)", []).await? {
        let line: String = row.get("integrity_check")?;
        if line != "ok" {
            integrity.problems.push(format!("the database file is damaged: {}", clean_line(&line, 200)));
        }
    }
    for row in sql::all(database, "PRAGMA foreign_key_check", []).await?.iter().take(20) {
        let (table, parent): (String, String) = (row.get("table")?, row.get("parent")?);
        integrity.problems.push(format!("a row of {table} points at a row of {parent} that is not there"));
    }
    Ok(())
}

async fn check_chain<C: ConnectionTrait>(database: &C, integrity: &mut Integrity) -> Result<(), StoreError> {
    let select = "SELECT e.seq AS seq, id, body_hash, prev_hash, hash, salt, body, kind, service_date, need_id, \
                  site_id, reverses FROM entry e LEFT JOIN entry_body b ON b.seq = e.seq \
                  WHERE e.seq > $1 ORDER BY e.seq LIMIT $2";
    let mut verifier = Verifier::default();
    loop {
        let last = sql::integer(verifier.head().seq);
        let rows = sql::all(database, select, [last.into(), PAGE.into()]).await?;
        if rows.is_empty() {
            integrity.entries = verifier.head().seq;
            return Ok(());
        }
        for row in &rows {
            let link = link(row)?;
            let salt: Option<Vec<u8>> = row.get("salt")?;
            let text: Option<Vec<u8>> = row.get("body")?;
            let (salt, text) = (salt.unwrap_or_default(), text.unwrap_or_default());
            if let Err(error) = verifier.next(&link, &salt, &text) {
                integrity.entries = verifier.head().seq;
                integrity.problems.push(error.to_string());
                // What follows a break cannot be judged.
                return Ok(());
            }
            if !repeats(row, &body(row)?)? {
                integrity
                    .problems
                    .push(format!("ledger entry {}: its columns do not repeat its body", link.seq));
            }
        }
    }
}

/// True if the columns beside a body say the same as the body.
fn repeats(row: &Row, body: &Body) -> Result<bool, StoreError> {
    Ok(row.id("id", EntryId::from_bytes)? == body.id
        && row.get::<i64>("kind")? == kind_number(body.kind)
        && row.get::<String>("service_date")? == body.service_date.to_string()
        && row.maybe_id("need_id", NeedId::from_bytes)? == body.need
        && row.maybe_parsed::<SiteId>("site_id")? == body.site
        && row.maybe_id("reverses", EntryId::from_bytes)? == body.reverses)
}

/// Every avoided visit has its row, and it is reversed by exactly the entry that says so.
async fn check_avoidances<C: ConnectionTrait>(
    database: &C,
    integrity: &mut Integrity,
) -> Result<(), StoreError> {
    let select = "SELECT e.seq AS seq FROM entry e JOIN entry_body b ON b.seq = e.seq \
                  LEFT JOIN avoidance a ON a.entry_id = e.id LEFT JOIN entry_body rb ON rb.reverses = e.id \
                  LEFT JOIN entry r ON r.seq = rb.seq \
                  WHERE (b.kind = $1) <> (a.entry_id IS NOT NULL) \
                  OR (b.kind = $1 AND a.need_id <> b.need_id) \
                  OR a.reversed_by IS DISTINCT FROM r.id ORDER BY e.seq LIMIT 20";
    for row in sql::all(database, select, [kind_number(EntryKind::Avoided).into()]).await? {
        let seq: i64 = row.get("seq")?;
        integrity.problems.push(format!("ledger entry {seq}: whether it was reversed is recorded wrongly"));
    }
    Ok(())
}

/// Documents, factor sets and site revisions have the content their hashes say.
async fn check_tables<C: ConnectionTrait>(database: &C, integrity: &mut Integrity) -> Result<(), StoreError> {
    for row in sql::all(database, "SELECT kind, version, sha256, bytes FROM document", []).await? {
        if row.fixed::<32>("sha256")? != sha256(&row.get::<Vec<u8>>("bytes")?) {
            let (kind, version): (i64, i64) = (row.get("kind")?, row.get("version")?);
            integrity.problems.push(format!("document kind {kind} version {version} does not have its hash"));
        }
    }
    for row in sql::all(database, "SELECT id, sha256, body FROM factor_set", []).await? {
        if row.fixed::<32>("sha256")? != sha256(row.get::<String>("body")?.as_bytes()) {
            let id: String = row.get("id")?;
            integrity.problems.push(format!("factor set {} does not have its hash", clean_line(&id, 32)));
        }
    }
    for row in sql::all(database, "SELECT revision, sha256 FROM site_revision ORDER BY revision", []).await? {
        let (revision, recorded) = (row.number::<u32>("revision")?, row.fixed::<32>("sha256")?);
        let (sites, legs) = sites::table_of(database, revision).await?;
        let sound = Roads::check(sites, legs).is_ok_and(|roads| roads.sha256() == recorded);
        if !sound {
            integrity
                .problems
                .push(format!("the sites and legs of revision {revision} do not have their hash"));
        }
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
