//! PCs: enrolment, facts, certificates, where they stand and when they were last here.
use distans_proto::facts::Facts;
use distans_proto::ids::{DeviceId, SiteId};
use distans_proto::time::Timestamp;

use crate::{DeviceDetails, DeviceQuery, DeviceRow, EnrolOutcome, NewCertificate, NewDevice, Seen, Store, StoreError, StoredCertificate};

impl Store {
    /// Takes a PC in: one use of its token, its record and its first certificate, all or none.
    /// `max_uses` comes from the verified token certificate.
    ///
    /// # Errors
    /// If the database cannot do it; refusals are [`EnrolOutcome`]s.
    pub async fn enrol(&self, device: NewDevice, max_uses: u32) -> Result<EnrolOutcome, StoreError> {
        todo!()
    }

    /// One PC without its large parts.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        todo!()
    }

    /// One PC with facts, key, endorsement and token certificate.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_details(&self, id: DeviceId) -> Result<Option<DeviceDetails>, StoreError> {
        todo!()
    }

    /// PCs that match, in the order of their ids, one page at a time.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn devices(&self, query: DeviceQuery) -> Result<Vec<DeviceRow>, StoreError> {
        todo!()
    }

    /// How many PCs are recorded.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn device_count(&self) -> Result<u64, StoreError> {
        todo!()
    }

    /// Notes when PCs were connected; unknown PCs are passed over. Made for thousands at once.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn see(&self, seen: Vec<Seen>) -> Result<(), StoreError> {
        todo!()
    }

    /// Keeps a PC's newest facts and its host name from them.
    ///
    /// # Errors
    /// If there is no such PC.
    pub async fn put_facts(&self, id: DeviceId, facts: Facts) -> Result<(), StoreError> {
        todo!()
    }

    /// Confirms a PC (never the other way) and places it at a site, as far as asked.
    ///
    /// # Errors
    /// If there is no such PC or no such site.
    pub async fn edit_device(&self, id: DeviceId, confirm: bool, site: Option<SiteId>) -> Result<DeviceRow, StoreError> {
        todo!()
    }

    /// Records a further certificate of a PC.
    ///
    /// # Errors
    /// If there is no such PC, or the serial number was used before.
    pub async fn put_certificate(&self, device: DeviceId, certificate: NewCertificate, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// All certificates issued to a PC, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn certificates(&self, device: DeviceId) -> Result<Vec<StoredCertificate>, StoreError> {
        todo!()
    }
}
