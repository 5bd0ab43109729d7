//! Signed documents and token certificates.
use distans_proto::ids::TokenId;
use distans_proto::time::Timestamp;

use crate::{DocumentKind, NewDocument, NewToken, Published, Store, StoreError, StoredDocument, StoredToken};

impl Store {
    /// Keeps verified documents and token certificates, all or none. What is there already with
    /// the same bytes is passed over.
    ///
    /// # Errors
    /// If a version or token id is there with other bytes.
    pub async fn publish(&self, documents: Vec<NewDocument>, tokens: Vec<NewToken>, now: Timestamp) -> Result<Published, StoreError> {
        todo!()
    }

    /// Every kept version of a document, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn documents(&self, kind: DocumentKind) -> Result<Vec<StoredDocument>, StoreError> {
        todo!()
    }

    /// The newest version of a document.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn newest_document(&self, kind: DocumentKind) -> Result<Option<StoredDocument>, StoreError> {
        todo!()
    }

    /// One token.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn token(&self, token: TokenId) -> Result<Option<StoredToken>, StoreError> {
        todo!()
    }

    /// Counts a proof that did not hold, and freezes the token for good once there are `limit`.
    ///
    /// # Errors
    /// If there is no such token.
    pub async fn count_bad_proof(&self, token: TokenId, limit: u32) -> Result<StoredToken, StoreError> {
        todo!()
    }
}
