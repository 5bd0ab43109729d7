//! Sessions as the broker saw them, and the signed records of finished ones.

use distans_broker_core::receipts::same_content;
use distans_proto::ids::{DeviceId, SessionId, TechnicianId};
use distans_proto::link::SessionRecord;
use sea_orm::ConnectionTrait;

use crate::sql::{self, Row};
use crate::{
    NewRecord, NewSession, Reader, RecordOutcome, Relayed, SessionQuery, SessionRow, Store, StoreError,
    StoredRecord, devices,
};

/// Rows of an answer that names no limit.
const DEFAULT_LIMIT: u32 = 100;

/// Most rows of one answer.
const MOST: u32 = 1000;

const SELECT: &str = "SELECT s.id AS id, device_id, hostname, technician, opened, ended, bytes_to_agent, \
                      bytes_to_technician FROM session s JOIN device d ON d.id = s.device_id";

impl Store {
    /// Records a session at its first stream; a further stream of the same session changes
    /// nothing.
    ///
    /// # Errors
    /// If the id is recorded for another PC or technician, or there is no such PC.
    pub async fn open_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.write(move |transaction| Box::pin(async move { open(transaction, &session).await })).await
    }

    /// Adds relayed bytes; unknown sessions are passed over. Made for many at once.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn count_relayed(&self, relayed: Vec<Relayed>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            Box::pin(async move {
                let update = "UPDATE session SET bytes_to_agent = bytes_to_agent + $2, \
                              bytes_to_technician = bytes_to_technician + $3 WHERE id = $1";
                for count in relayed {
                    let values = [
                        count.session.as_bytes().to_vec().into(),
                        sql::integer(count.to_agent).into(),
                        sql::integer(count.to_technician).into(),
                    ];
                    sql::run(transaction, update, values).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// One session.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        find(self.readers(), id).await
    }

    /// Sessions that match, newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sessions(&self, query: SessionQuery) -> Result<Vec<SessionRow>, StoreError> {
        let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit.min(MOST) };
        let select = format!(
            "{SELECT} WHERE ($1 IS NULL OR device_id = $1) AND ($2 = 0 OR ended IS NULL) \
             AND ($4 IS NULL OR technician = $4 OR $5 LIKE '%,' || group_id || ',%') \
             ORDER BY opened DESC, s.id DESC LIMIT $3"
        );
        // Labels have neither commas nor LIKE's wildcards in them.
        let (reader, groups) = match query.reader {
            Some(Reader { technician, groups }) => {
                let groups: String = groups.iter().map(|group| format!(",{group},")).collect();
                (Some(technician.to_string()), groups)
            }
            None => (None, String::new()),
        };
        let values = [
            query.device.map(|id| id.as_bytes().to_vec()).into(),
            i64::from(query.open).into(),
            i64::from(limit).into(),
            reader.into(),
            groups.into(),
        ];
        sql::all(self.readers(), &select, values).await?.iter().map(session_row).collect()
    }

    /// Keeps a session's signed record and ends the session. A session not seen before (a
    /// restored backup) is recorded with it. Safe to repeat.
    ///
    /// # Errors
    /// If the session is recorded for another PC or technician or with another content, or there
    /// is no such PC.
    pub async fn store_record(&self, record: NewRecord) -> Result<RecordOutcome, StoreError> {
        self.write(move |transaction| Box::pin(store_record(transaction, record))).await
    }

    /// The signed record of one session.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn record(&self, session: SessionId) -> Result<Option<StoredRecord>, StoreError> {
        let select = "SELECT device_id, technician, grant_envelope, receipt_envelope, certificate, countersigned, stored_at \
                      FROM record r JOIN session s ON s.id = r.session_id WHERE session_id = $1";
        let row = sql::one(self.readers(), select, [session.as_bytes().to_vec().into()]).await?;
        row.map(|row| {
            Ok(StoredRecord {
                session,
                device: row.id("device_id", DeviceId::from_bytes)?,
                technician: row.parsed("technician")?,
                countersigned: row.flag("countersigned")?,
                record: SessionRecord {
                    grant: row.get("grant_envelope")?,
                    receipt: row.get("receipt_envelope")?,
                    certificate: row.get("certificate")?,
                },
                stored_at: row.time("stored_at")?,
            })
        })
        .transpose()
    }
}

async fn find<C: ConnectionTrait>(database: &C, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
    let row =
        sql::one(database, &format!("{SELECT} WHERE s.id = $1"), [id.as_bytes().to_vec().into()]).await?;
    row.as_ref().map(session_row).transpose()
}

async fn open<C: ConnectionTrait>(database: &C, session: &NewSession) -> Result<(), StoreError> {
    if let Some(known) = find(database, session.id).await? {
        let same = known.device == session.device && known.technician == session.technician;
        return if same { Ok(()) } else { Err(StoreError::SessionTaken(session.id)) };
    }
    devices::find(database, session.device).await?.ok_or(StoreError::NoDevice(session.device))?;
    let insert = "INSERT INTO session (id, device_id, technician, opened) VALUES ($1, $2, $3, $4)";
    let values = [
        session.id.as_bytes().to_vec().into(),
        session.device.as_bytes().to_vec().into(),
        session.technician.as_str().into(),
        session.at.as_micros().into(),
    ];
    sql::run(database, insert, values).await?;
    Ok(())
}

async fn store_record<C: ConnectionTrait>(database: &C, new: NewRecord) -> Result<RecordOutcome, StoreError> {
    let session =
        NewSession { id: new.session, device: new.device, technician: new.technician.clone(), at: new.at };
    open(database, &session).await?;
    let id = new.session.as_bytes().to_vec();
    let end = "UPDATE session SET ended = COALESCE(ended, $2) WHERE id = $1";
    sql::run(database, end, [id.clone().into(), new.at.as_micros().into()]).await?;
    let known = "SELECT countersigned, grant_envelope, receipt_envelope FROM record WHERE session_id = $1";
    let known = match sql::one(database, known, [id.clone().into()]).await? {
        Some(row) => {
            // A session has one grant and one receipt. Only signatures may be added to them.
            let (grant, receipt): (Vec<u8>, Vec<u8>) =
                (row.get("grant_envelope")?, row.get("receipt_envelope")?);
            if !same_content(&grant, &new.record.grant) || !same_content(&receipt, &new.record.receipt) {
                return Err(StoreError::RecordFork(new.session));
            }
            Some(row.flag("countersigned")?)
        }
        None => None,
    };
    let outcome = match known {
        None => RecordOutcome::New,
        Some(false) if new.countersigned => RecordOutcome::Replaced,
        Some(_) => return Ok(RecordOutcome::Known),
    };
    let put = "INSERT INTO record \
               (session_id, grant_envelope, receipt_envelope, certificate, countersigned, stored_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (session_id) DO UPDATE SET \
               grant_envelope = excluded.grant_envelope, receipt_envelope = excluded.receipt_envelope, \
               certificate = excluded.certificate, countersigned = excluded.countersigned, \
               stored_at = excluded.stored_at";
    let values = [
        id.into(),
        new.record.grant.into(),
        new.record.receipt.into(),
        new.record.certificate.into(),
        i64::from(new.countersigned).into(),
        new.at.as_micros().into(),
    ];
    sql::run(database, put, values).await?;
    Ok(outcome)
}

fn session_row(row: &Row) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        id: row.id("id", SessionId::from_bytes)?,
        device: row.id("device_id", DeviceId::from_bytes)?,
        hostname: row.untrusted("hostname")?,
        technician: row.parsed::<TechnicianId>("technician")?,
        opened: row.time("opened")?,
        ended: row.maybe_time("ended")?,
        bytes_to_agent: row.number("bytes_to_agent")?,
        bytes_to_technician: row.number("bytes_to_technician")?,
    })
}
