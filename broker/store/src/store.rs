//! Opening and closing the database.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use distans_broker_core::pseudonym::Pseudonyms;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};

use crate::StoreError;
use crate::migrations;
use crate::sql;
use crate::writer::{Writer, Writing};

/// Connections that read side by side.
const READERS: u32 = 4;

/// How long a statement waits for another program (a backup tool, `sqlite3`) to let go.
const BUSY: Duration = Duration::from_secs(10);

/// The broker's records. Cheap to clone; all clones are one database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: DatabaseConnection,
    writer: Writer,
    pseudonyms: Pseudonyms,
}

impl Store {
    /// Opens the database at `path`, makes it (for its owner alone) if it is not there, and
    /// brings its tables up to this program's version. `pseudonyms` carries the broker's ledger
    /// key, which is never written into the database.
    ///
    /// # Errors
    /// If a newer program wrote it, the ledger key is another one, or it cannot be opened.
    pub async fn open(path: &Path, pseudonyms: Pseudonyms) -> Result<Self, StoreError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        let writing = connect(path, 1, false).await?;
        let prepared = async {
            migrations::migrate(&writing, path).await?;
            check_ledger_key(&writing, &pseudonyms).await
        };
        if let Err(error) = prepared.await {
            // Closed here, so that the file is free again when the caller learns of the error.
            writing.close().await?;
            return Err(error);
        }
        let readers = connect(path, READERS, true).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                readers,
                writer: Writer::start(writing),
                pseudonyms,
            }),
        })
    }

    /// Waits until every write handed in is on disk, then closes. Later writes get
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        self.inner.writer.stop().await;
        if let Err(error) = self.inner.readers.close_by_ref().await {
            tracing::warn!(%error, "the database did not close cleanly; it recovers by itself at the next start");
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.inner.path
    }

    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.inner.readers
    }

    pub(crate) fn pseudonyms(&self) -> &Pseudonyms {
        &self.inner.pseudonyms
    }

    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t sea_orm::DatabaseTransaction) -> Writing<'t, T> + Send + 'static,
    {
        self.inner.writer.write(write).await
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Store")
    }
}

/// Opens connections. Every commit is an fsync (`synchronous=FULL`), readers do not wait for the
/// writer (WAL), and a reader cannot write.
pub(crate) async fn connect(
    path: &Path,
    connections: u32,
    read_only: bool,
) -> Result<DatabaseConnection, StoreError> {
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:");
    options.sqlx_logging(false).min_connections(1).max_connections(connections).map_sqlx_sqlite_opts(
        move |sqlite| {
            let sqlite = sqlite
                .filename(&file)
                .create_if_missing(false)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY)
                .foreign_keys(true);
            if read_only { sqlite.pragma("query_only", "ON") } else { sqlite }
        },
    );
    Ok(Database::connect(options).await?)
}

/// Remembers which ledger key the pseudonyms are made with. With another key every PC and
/// technician would silently become somebody new.
async fn check_ledger_key(database: &DatabaseConnection, pseudonyms: &Pseudonyms) -> Result<(), StoreError> {
    let fingerprint = pseudonyms.fingerprint();
    let insert = "INSERT INTO meta (name, value) VALUES ('ledger_key', $1) ON CONFLICT (name) DO NOTHING";
    sql::run(database, insert, [fingerprint.to_vec().into()]).await?;
    let row = sql::one(database, "SELECT value FROM meta WHERE name = 'ledger_key'", []).await?;
    let recorded: [u8; 32] = row.ok_or(StoreError::Corrupt { what: "ledger_key" })?.fixed("value")?;
    if recorded == fingerprint { Ok(()) } else { Err(StoreError::WrongLedgerKey) }
}
