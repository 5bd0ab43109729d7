//! The kilometre ledger on disk.
use distans_proto::ids::TechnicianId;
use distans_proto::time::Timestamp;
use distans_proto::trips::{Booking, EntryRecord, LedgerFilter};

use crate::{Store, StoreError};

impl Store {
    /// Books. Gives the entry asked for first, then the reversal it caused, if any.
    ///
    /// # Errors
    /// [`StoreError::Booking`] if a rule of the ledger forbids it, `NoDevice` or `NoSite` if it
    /// names what is not recorded.
    pub async fn book(&self, booking: Booking, by: &TechnicianId, now: Timestamp) -> Result<Vec<EntryRecord>, StoreError> {
        todo!()
    }

    /// Entries that match, oldest first, one page at a time: those above position `after`, at
    /// most `limit` (0 and more than 1,000 mean 1,000).
    ///
    /// # Errors
    /// If a date of the filter cannot be read.
    pub async fn entries(&self, filter: &LedgerFilter, after: u64, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        todo!()
    }
}
