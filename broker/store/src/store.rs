//! Opening and closing the database.
use std::path::Path;

use distans_broker_core::pseudonym::Pseudonyms;

use crate::StoreError;

/// The broker's records. Cheap to clone; all clones are one database.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Opens the database at `path`, makes it if it is not there, and brings its tables up to
    /// this program's version. `pseudonyms` carries the broker's ledger key, which is never
    /// written into the database.
    ///
    /// # Errors
    /// If a newer program wrote it, the ledger key is another one, or it cannot be opened.
    pub async fn open(path: &Path, pseudonyms: Pseudonyms) -> Result<Self, StoreError> {
        todo!()
    }

    /// Waits until every write handed in is on disk, then closes. Later calls get
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        todo!()
    }
}
