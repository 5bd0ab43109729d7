//! Sessions as the broker saw them, and the signed records of finished ones.
use distans_proto::ids::SessionId;

use crate::{NewRecord, NewSession, RecordOutcome, Relayed, SessionQuery, SessionRow, Store, StoreError, StoredRecord};

impl Store {
    /// Records a session at its first stream; a further stream of the same session changes
    /// nothing.
    ///
    /// # Errors
    /// If the id is recorded for another PC or technician, or there is no such PC.
    pub async fn open_session(&self, session: NewSession) -> Result<(), StoreError> {
        todo!()
    }

    /// Adds relayed bytes; unknown sessions are passed over. Made for many at once.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn count_relayed(&self, relayed: Vec<Relayed>) -> Result<(), StoreError> {
        todo!()
    }

    /// One session.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        todo!()
    }

    /// Sessions that match, newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sessions(&self, query: SessionQuery) -> Result<Vec<SessionRow>, StoreError> {
        todo!()
    }

    /// Keeps a session's signed record and ends the session. A session not seen before (a
    /// restored backup) is recorded with it. Safe to repeat.
    ///
    /// # Errors
    /// If the session is recorded for another PC or technician, or there is no such PC.
    pub async fn store_record(&self, record: NewRecord) -> Result<RecordOutcome, StoreError> {
        todo!()
    }

    /// The signed record of one session.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn record(&self, session: SessionId) -> Result<Option<StoredRecord>, StoreError> {
        todo!()
    }
}
