//! Kilometres: booking visits, the ledger, sites and roads.

use distans_broker_core::admission::may_record;
use distans_broker_core::factors::FactorSet;
use distans_broker_core::roads::Roads;
use distans_proto::desk::{DeskReply, SiteImport};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::TechnicianId;
use distans_proto::trips::{Booking, LedgerFilter};

use super::{Answer, DeskError};
use crate::clock;
use crate::shared::Shared;

/// Ledger entries read from disk at once.
const PAGE: u32 = 500;

/// Books a visit avoided or made, or takes one back.
pub(super) async fn book(
    shared: &Shared,
    technician: &TechnicianId,
    booking: Booking,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let entries = shared.timed(shared.store.book(booking, technician, clock::now())).await?;
    for entry in entries {
        answer.send(&DeskReply::Entry(Box::new(entry))).await?;
    }
    answer.done().await
}

/// Entries that match, oldest first.
pub(super) async fn ledger(
    shared: &Shared,
    filter: &LedgerFilter,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let mut after = 0;
    loop {
        let page = shared.store.entries(filter, after, PAGE).await?;
        let Some(last) = page.last() else { return answer.done().await };
        after = last.seq;
        for entry in page {
            answer.send(&DeskReply::Entry(Box::new(entry))).await?;
        }
    }
}

/// Takes sites and legs as the next revision.
pub(super) async fn import(
    shared: &Shared,
    technician: &TechnicianId,
    import: SiteImport,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let now = clock::now();
    may_record(&shared.documents.current().trust, technician, now)?;
    let wrong = |error: &dyn std::fmt::Display| DeskError::refuse(RefusalCode::BadRequest, error);
    let roads = Roads::check(import.sites, import.legs).map_err(|error| wrong(&error))?;
    let factors = import.factor_set.map(FactorSet::parse).transpose().map_err(|error| wrong(&error))?;
    let imported = shared.timed(shared.store.import_sites(roads, factors, technician, now)).await?;
    shared.learn_sites().await?;
    tracing::info!(revision = imported.revision, new = imported.new_revision, "sites were imported");
    answer.done().await
}

/// All sites of the newest revision.
pub(super) async fn sites(shared: &Shared, answer: &mut Answer) -> Result<(), DeskError> {
    for site in shared.store.sites().await? {
        answer.send(&DeskReply::Site(site)).await?;
    }
    answer.done().await
}
