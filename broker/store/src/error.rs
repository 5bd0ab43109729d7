//! Why the store did not do what it was asked.

use std::path::PathBuf;

use distans_broker_core::dates::DateError;
use distans_broker_core::factors::FactorSetError;
use distans_broker_core::ledger::BookError;
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{DeviceId, SessionId, SiteId, TokenId};

/// Why the store did not do what it was asked. Nothing of the request is kept then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database was written by a newer program.
    #[error(
        "{} was written by a newer version of distans-broker (it has migration {migration}, this program ends at {newest}); run that version or restore a backup made before the upgrade",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The first migration this program does not know.
        migration: String,
        /// The last migration this program knows.
        newest: String,
    },
    /// The pseudonyms in the database were made with another ledger key.
    #[error(
        "the ledger key does not belong to this database: its pseudonyms were made with another key; put the key file of the same backup back"
    )]
    WrongLedgerKey,
    /// The same version of a document is there with other bytes.
    #[error(
        "{kind} version {version} is already recorded with other content; publish the next version instead"
    )]
    DocumentFork {
        /// Which document.
        kind: &'static str,
        /// Its version.
        version: u64,
    },
    /// The same token id is there with another certificate.
    #[error("token {0} is already recorded with another certificate; create a new token instead")]
    TokenFork(TokenId),
    /// No such token.
    #[error("no token {0} is recorded; publish its certificate first")]
    NoToken(TokenId),
    /// No such PC.
    #[error("no PC {0} is recorded")]
    NoDevice(DeviceId),
    /// No such place.
    #[error("no site {0} is recorded; see `distans admin site import`")]
    NoSite(SiteId),
    /// A PC stands at a site that the new table lacks.
    #[error("a PC stands at site {0}, which the new table lacks; keep the site, or move its PCs first")]
    SiteInUse(SiteId),
    /// The session belongs to another PC or technician.
    #[error("session {0} is recorded for another PC or technician; open a session with a new id")]
    SessionTaken(SessionId),
    /// The PC signed two different records of one session.
    #[error(
        "session {0} has a record that says something else; the PC signed two: tell your administrator, it may be tampered with"
    )]
    RecordFork(SessionId),
    /// The certificate's serial number was issued before.
    #[error("a certificate with this serial number is already recorded; issue one with a new number")]
    SerialTaken,
    /// The booking breaks a rule of the ledger.
    #[error(transparent)]
    Booking(#[from] BookError),
    /// A date cannot be read.
    #[error(transparent)]
    Date(#[from] DateError),
    /// The factor set cannot be taken.
    #[error(transparent)]
    FactorSet(#[from] FactorSetError),
    /// What the database holds is not what this program wrote.
    #[error(
        "the database holds a {what} that cannot be read; check it with an integrity check and restore a backup"
    )]
    Corrupt {
        /// Which kind of value.
        what: &'static str,
    },
    /// A backup's target is there already.
    #[error("{} exists already; choose a new file for the backup", .0.display())]
    BackupExists(PathBuf),
    /// A file could not be written or made safe.
    #[error("{} cannot be written: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The database refused.
    #[error("the database could not do it (disk full or damaged?): {0}")]
    Database(#[from] sea_orm::DbErr),
    /// The shared transaction failed at its end; nothing of it is kept.
    #[error("the database could not write to disk (full or damaged?): {0}")]
    Commit(String),
    /// The store is closed.
    #[error("the database is closed because the broker is stopping")]
    Closed,
}

impl StoreError {
    /// The reason to tell over the wire.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::DocumentFork { .. }
            | Self::TokenFork(_)
            | Self::SiteInUse(_)
            | Self::SessionTaken(_)
            | Self::RecordFork(_)
            | Self::SerialTaken
            | Self::FactorSet(FactorSetError::Changed(_)) => RefusalCode::Conflict,
            Self::Booking(error) => error.code(),
            Self::Date(_) | Self::FactorSet(_) => RefusalCode::BadRequest,
            Self::NoToken(_) => RefusalCode::Token,
            Self::NoDevice(_) | Self::NoSite(_) => RefusalCode::NotFound,
            Self::Newer { .. }
            | Self::WrongLedgerKey
            | Self::Corrupt { .. }
            | Self::BackupExists(_)
            | Self::File { .. }
            | Self::Random(_)
            | Self::Database(_)
            | Self::Commit(_)
            | Self::Closed => RefusalCode::Storage,
        }
    }
}
