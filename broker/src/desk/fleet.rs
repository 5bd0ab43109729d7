//! The PCs: listing them, and what a technician may change about one.

use distans_broker_core::admission::{may_record, sight};
use distans_broker_core::presence::{Fleet, Known, Member};
use distans_broker_store::DeviceDetails;
use distans_proto::desk::{DeskReply, Device, DeviceFilter, EditDevice};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{DeviceId, TechnicianId};

use super::{Answer, DeskError};
use crate::clock;
use crate::shared::Shared;
use crate::strangers::known;

/// PCs that match, by name, as far as the technician may read about them.
pub(super) async fn list(
    shared: &Shared,
    technician: &TechnicianId,
    filter: &DeviceFilter,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let sight = sight(&shared.documents.current().trust, technician);
    let found: Vec<Device> = {
        let fleet = shared.fleet();
        let seen = fleet.find(filter).into_iter().filter(|(_, member)| sight.covers(&member.known.group));
        seen.map(|(id, member)| summary(&fleet, id, member)).collect()
    };
    for device in found {
        let device = if filter.details { detailed(shared, device).await? } else { device };
        answer.send(&DeskReply::Device(Box::new(device))).await?;
    }
    answer.done().await
}

/// Confirms a PC or places it.
pub(super) async fn edit(
    shared: &Shared,
    technician: &TechnicianId,
    edit: EditDevice,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    may_record(&shared.documents.current().trust, technician, clock::now())?;
    let id = edit.device;
    let row = shared.timed(shared.store.edit_device(id, edit.confirm, edit.site)).await?;
    let device = {
        let mut fleet = shared.fleet();
        // When it was last seen is newer here than on disk; so is what it tells.
        let newer = fleet.get(id).map(|member| member.known.clone());
        let recorded = known(row);
        let Known { last_seen, hostname, told, .. } = newer.unwrap_or_else(|| recorded.clone());
        fleet.learn(id, Known { last_seen, hostname, told, ..recorded });
        shared.news(&fleet);
        fleet.get(id).map(|member| summary(&fleet, id, member))
    };
    let device =
        device.ok_or_else(|| DeskError::refuse(RefusalCode::NotFound, &"no pc with this id is enrolled"))?;
    answer.send(&DeskReply::Device(Box::new(device))).await
}

/// A PC as lists show it.
pub(super) fn summary<H>(fleet: &Fleet<H>, id: DeviceId, member: &Member<H>) -> Device {
    let known = &member.known;
    Device {
        id,
        hostname: known.hostname.clone(),
        group: known.group.clone(),
        site: known.site.clone(),
        confirmed: known.confirmed,
        online: member.online.is_some(),
        since: member.online.as_ref().map_or(known.last_seen, |online| Some(online.since)),
        enrolled: known.enrolled,
        facts: None,
        endorsement: None,
        token_cert: None,
        spki: None,
        municipality: fleet.municipality(known).cloned(),
        told: known.told.clone(),
    }
}

async fn detailed(shared: &Shared, device: Device) -> Result<Device, DeskError> {
    let Some(details) = shared.store.device_details(device.id).await? else { return Ok(device) };
    let DeviceDetails { facts, spki, endorsement, token_cert, .. } = details;
    Ok(Device {
        facts,
        endorsement: Some(endorsement.into()),
        token_cert: Some(token_cert.into()),
        spki: Some(spki.into()),
        ..device
    })
}
