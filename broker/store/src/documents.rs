//! Signed documents and token certificates.

use aws_lc_rs::digest;
use distans_proto::ids::TokenId;
use distans_proto::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::sql::{self, Row};
use crate::{DocumentKind, NewDocument, NewToken, Published, Store, StoreError, StoredDocument, StoredToken};

impl Store {
    /// Keeps verified documents and token certificates, all or none. What is there already with
    /// the same bytes is passed over.
    ///
    /// # Errors
    /// If a version or token id is there with other bytes.
    pub async fn publish(
        &self,
        documents: Vec<NewDocument>,
        tokens: Vec<NewToken>,
        now: Timestamp,
    ) -> Result<Published, StoreError> {
        self.write(move |transaction| {
            Box::pin(async move {
                let mut published = Published::default();
                for document in documents {
                    published.documents += usize::from(put_document(transaction, document, now).await?);
                }
                for token in tokens {
                    published.tokens += usize::from(put_token(transaction, token, now).await?);
                }
                Ok(published)
            })
        })
        .await
    }

    /// Every kept version of a document, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn documents(&self, kind: DocumentKind) -> Result<Vec<StoredDocument>, StoreError> {
        let select =
            "SELECT version, sha256, bytes, stored_at FROM document WHERE kind = $1 ORDER BY version";
        let rows = sql::all(self.readers(), select, [kind.number().into()]).await?;
        rows.iter().map(|row| document(kind, row)).collect()
    }

    /// The newest version of a document.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn newest_document(&self, kind: DocumentKind) -> Result<Option<StoredDocument>, StoreError> {
        let select = "SELECT version, sha256, bytes, stored_at FROM document WHERE kind = $1 \
                      ORDER BY version DESC LIMIT 1";
        let row = sql::one(self.readers(), select, [kind.number().into()]).await?;
        row.map(|row| document(kind, &row)).transpose()
    }

    /// One token.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn token(&self, token: TokenId) -> Result<Option<StoredToken>, StoreError> {
        find_token(self.readers(), token).await
    }

    /// Counts a proof that did not hold, and freezes the token for good once there are `limit`.
    ///
    /// # Errors
    /// If there is no such token.
    pub async fn count_bad_proof(&self, token: TokenId, limit: u32) -> Result<StoredToken, StoreError> {
        self.write(move |transaction| {
            Box::pin(async move {
                let count = "UPDATE token SET bad_proofs = bad_proofs + 1, \
                             frozen = CASE WHEN bad_proofs + 1 >= $2 THEN 1 ELSE frozen END WHERE token_id = $1";
                sql::run(transaction, count, [token.as_bytes().to_vec().into(), i64::from(limit).into()]).await?;
                find_token(transaction, token).await?.ok_or(StoreError::NoToken(token))
            })
        })
        .await
    }
}

/// One token, inside or outside a transaction.
pub(crate) async fn find_token<C: ConnectionTrait>(
    database: &C,
    token: TokenId,
) -> Result<Option<StoredToken>, StoreError> {
    let select = "SELECT cert, uses, bad_proofs, frozen FROM token WHERE token_id = $1";
    let row = sql::one(database, select, [token.as_bytes().to_vec().into()]).await?;
    row.map(|row| {
        Ok(StoredToken {
            token,
            cert: row.get("cert")?,
            uses: row.number("uses")?,
            bad_proofs: row.number("bad_proofs")?,
            frozen: row.flag("frozen")?,
        })
    })
    .transpose()
}

fn document(kind: DocumentKind, row: &Row) -> Result<StoredDocument, StoreError> {
    Ok(StoredDocument {
        kind,
        version: row.number("version")?,
        sha256: row.fixed("sha256")?,
        bytes: row.get("bytes")?,
        stored_at: row.time("stored_at")?,
    })
}

/// True if the document was not there.
async fn put_document<C: ConnectionTrait>(
    database: &C,
    document: NewDocument,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let fork = StoreError::DocumentFork { kind: document.kind.name(), version: document.version };
    // A version beyond the column cannot be any that is recorded.
    let Ok(version) = i64::try_from(document.version) else { return Err(fork) };
    let sha256 = digest::digest(&digest::SHA256, &document.bytes).as_ref().to_vec();
    let insert = "INSERT INTO document (kind, version, sha256, bytes, stored_at) VALUES ($1, $2, $3, $4, $5) \
                  ON CONFLICT (kind, version) DO NOTHING";
    let kind = document.kind.number();
    let values =
        [kind.into(), version.into(), sha256.clone().into(), document.bytes.into(), now.as_micros().into()];
    if sql::run(database, insert, values).await? == 1 {
        return Ok(true);
    }
    let same = "SELECT version FROM document WHERE kind = $1 AND version = $2 AND sha256 = $3";
    match sql::one(database, same, [kind.into(), version.into(), sha256.into()]).await? {
        Some(_) => Ok(false),
        None => Err(fork),
    }
}

/// True if the token was not there.
async fn put_token<C: ConnectionTrait>(
    database: &C,
    token: NewToken,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO token (token_id, cert, stored_at) VALUES ($1, $2, $3) \
                  ON CONFLICT (token_id) DO NOTHING";
    let values = [token.token.as_bytes().to_vec().into(), token.cert.clone().into(), now.as_micros().into()];
    if sql::run(database, insert, values).await? == 1 {
        return Ok(true);
    }
    match find_token(database, token.token).await? {
        Some(known) if known.cert == token.cert => Ok(false),
        _ => Err(StoreError::TokenFork(token.token)),
    }
}
