//! Taking PCs in, and the certificates issued to them.

use distans_proto::ids::{DeviceId, TokenId};
use distans_proto::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::devices::find;
use crate::documents::find_token;
use crate::sql;
use crate::{EnrolOutcome, NewCertificate, NewDevice, Store, StoreError, StoredCertificate};

impl Store {
    /// Takes a PC in: one use of its token, its record and its first certificate, all or none.
    /// `max_uses` comes from the verified token certificate.
    ///
    /// # Errors
    /// If the database cannot do it or the certificate's serial number was used before; other
    /// refusals are [`EnrolOutcome`]s.
    pub async fn enrol(&self, device: NewDevice, max_uses: u32) -> Result<EnrolOutcome, StoreError> {
        self.write(move |transaction| Box::pin(enrol(transaction, device, max_uses))).await
    }

    /// Records a further certificate of a PC.
    ///
    /// # Errors
    /// If there is no such PC, or the serial number was used before.
    pub async fn put_certificate(
        &self,
        device: DeviceId,
        certificate: NewCertificate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            Box::pin(async move {
                find(transaction, device).await?.ok_or(StoreError::NoDevice(device))?;
                put_certificate(transaction, device, certificate, now).await
            })
        })
        .await
    }

    /// All certificates issued to a PC, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn certificates(&self, device: DeviceId) -> Result<Vec<StoredCertificate>, StoreError> {
        let select = "SELECT serial, not_after, issued_at FROM device_certificate WHERE device_id = $1 \
                      ORDER BY issued_at, serial";
        let rows = sql::all(self.readers(), select, [device.as_bytes().to_vec().into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(StoredCertificate {
                    serial: row.get("serial")?,
                    device,
                    not_after: row.time("not_after")?,
                    issued_at: row.time("issued_at")?,
                })
            })
            .collect()
    }
}

async fn enrol<C: ConnectionTrait>(
    database: &C,
    device: NewDevice,
    max_uses: u32,
) -> Result<EnrolOutcome, StoreError> {
    let Some(token) = find_token(database, device.token).await? else {
        return Ok(EnrolOutcome::TokenUnknown);
    };
    if token.frozen {
        return Ok(EnrolOutcome::TokenFrozen);
    }
    let id = device.id.as_bytes().to_vec();
    let taken = "SELECT id, spki, token_id FROM device WHERE id = $1 OR spki = $2";
    let rows = sql::all(database, taken, [id.clone().into(), device.spki.clone().into()]).await?;
    if let Some(row) = rows.first() {
        let same = row.id("id", DeviceId::from_bytes)? == device.id
            && row.get::<Vec<u8>>("spki")? == device.spki
            && row.id("token_id", TokenId::from_bytes)? == device.token;
        if !same || rows.len() > 1 {
            return Ok(EnrolOutcome::DeviceTaken);
        }
        let update = "UPDATE device SET endorsement = $2 WHERE id = $1";
        sql::run(database, update, [id.into(), device.endorsement.into()]).await?;
        put_certificate(database, device.id, device.certificate, device.at).await?;
        return Ok(EnrolOutcome::Again);
    }
    if token.uses >= max_uses {
        return Ok(EnrolOutcome::TokenUsedUp);
    }
    let take = "UPDATE token SET uses = uses + 1 WHERE token_id = $1";
    sql::run(database, take, [device.token.as_bytes().to_vec().into()]).await?;
    let insert = "INSERT INTO device \
                  (id, hostname, hostname_key, group_id, spki, endorsement, token_id, enrolled_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        id.into(),
        device.hostname.raw().into(),
        device.hostname.raw().to_lowercase().into(),
        device.group.as_str().into(),
        device.spki.into(),
        device.endorsement.into(),
        device.token.as_bytes().to_vec().into(),
        device.at.as_micros().into(),
    ];
    sql::run(database, insert, values).await?;
    put_certificate(database, device.id, device.certificate, device.at).await?;
    Ok(EnrolOutcome::New)
}

async fn put_certificate<C: ConnectionTrait>(
    database: &C,
    device: DeviceId,
    certificate: NewCertificate,
    now: Timestamp,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO device_certificate (serial, device_id, not_after, issued_at) \
                  VALUES ($1, $2, $3, $4) ON CONFLICT (serial) DO NOTHING";
    let values = [
        certificate.serial.into(),
        device.as_bytes().to_vec().into(),
        certificate.not_after.as_micros().into(),
        now.as_micros().into(),
    ];
    match sql::run(database, insert, values).await? {
        0 => Err(StoreError::SerialTaken),
        _ => Ok(()),
    }
}
