//! How the tables came to be: numbered steps, each run once, in order.
//!
//! A released step is history: its SQL file is never edited, the next change is the next step.
//! A database that has had a step this program does not know was written by a newer program and
//! is left alone.

use std::path::Path;

use sea_orm_migration::MigrationName;
use sea_orm_migration::prelude::{DbErr, MigrationTrait, MigratorTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::StoreError;
use crate::sql;

/// Every step, oldest first: its name, which is its number and subject, and its SQL.
const STEPS: [(&str, &str); 3] = [
    ("0001_spine", include_str!("migrations/0001_spine.sql")),
    ("0002_told", include_str!("migrations/0002_told.sql")),
    ("0003_origin", include_str!("migrations/0003_origin.sql")),
];

struct Step {
    name: &'static str,
    sql: &'static str,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
// The trait leaves the lifetime out, and async_trait wants the same words here.
#[allow(elided_lifetimes_in_paths)]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.sql).await.map(drop)
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

struct Steps;

#[async_trait::async_trait]
impl MigratorTrait for Steps {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        STEPS.into_iter().map(|(name, sql)| Box::new(Step { name, sql }) as Box<dyn MigrationTrait>).collect()
    }
}

/// Brings the database at `path` to this program's version, all steps or none.
///
/// # Errors
/// If a newer program wrote it; nothing is changed then.
pub(crate) async fn migrate(database: &DatabaseConnection, path: &Path) -> Result<(), StoreError> {
    // One transaction from the look to the last step: of two programs that open a new database
    // at once, the second waits and finds nothing left to do.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let transaction = database.begin_with_options(options).await?;
    for name in recorded(&transaction).await? {
        if !STEPS.iter().any(|(known, _)| *known == name) {
            return Err(StoreError::Newer {
                path: path.to_owned(),
                migration: distans_proto::text::clean_line(&name, 64),
                newest: STEPS.last().map_or_else(String::new, |(name, _)| (*name).to_owned()),
            });
        }
    }
    Steps::up(&transaction, None).await?;
    transaction.commit().await?;
    Ok(())
}

async fn recorded<C: ConnectionTrait>(database: &C) -> Result<Vec<String>, StoreError> {
    let table = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'";
    if sql::one(database, table, []).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = sql::all(database, "SELECT version FROM seaql_migrations ORDER BY version", []).await?;
    rows.iter().map(|row| row.get("version")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest;

    /// SHA-256 of each released step's SQL. A line here is never changed, only added.
    const RELEASED: [&str; 3] = [
        "44530745a5637e82a8555b14636b39d0c918c3193a8c58115ba816c7abf7b999",
        "514b3b1d9051b4a3a3f7487b8b71b32209b04841acd47015756237399c73abc6",
        "5a1cd5dd05b946788cae0f6a477b7a96761e4729dc699e5a08c4e050298e603a",
    ];

    #[test]
    fn released_steps_are_never_edited() {
        for ((name, sql), released) in STEPS.iter().zip(RELEASED) {
            let hash = digest::digest(&digest::SHA256, sql.as_bytes());
            let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, released, "{name} was edited; make the change as the next step");
        }
        assert!(STEPS.is_sorted(), "steps run in the order of their numbers");
        assert_eq!(STEPS.len(), RELEASED.len(), "write the new step's hash down");
    }
}
