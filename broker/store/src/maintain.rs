//! Backup and integrity check.
use std::path::Path;

use crate::{Integrity, Store, StoreError};

impl Store {
    /// Writes a consistent copy of the database to a new file while the broker goes on, and
    /// makes sure it is on disk.
    ///
    /// # Errors
    /// If the file exists already or cannot be written.
    pub async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        todo!()
    }

    /// Checks the database's structure and the whole ledger chain. Reads everything.
    ///
    /// # Errors
    /// If the database cannot be read at all; what is wrong in it stands in the result.
    pub async fn integrity(&self) -> Result<Integrity, StoreError> {
        todo!()
    }
}
