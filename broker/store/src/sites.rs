//! Sites and road legs by revision, and factor sets.
use distans_broker_core::factors::FactorSet;
use distans_broker_core::roads::Roads;
use distans_proto::ids::TechnicianId;
use distans_proto::time::Timestamp;
use distans_proto::trips::Site;

use crate::{SiteImported, Store, StoreError};

impl Store {
    /// Takes checked sites and legs as the next revision, and a factor set if one is given, and
    /// books both in the ledger; all or none. The same content again makes no new revision.
    ///
    /// # Errors
    /// If the factor set's id is there with other content.
    pub async fn import_sites(&self, roads: Roads, factors: Option<FactorSet>, by: &TechnicianId, now: Timestamp) -> Result<SiteImported, StoreError> {
        todo!()
    }

    /// All sites of the newest revision, in the order of their ids.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sites(&self) -> Result<Vec<Site>, StoreError> {
        todo!()
    }
}
