//! The PCs: listing them, and what a technician may change about one.

use distans_broker_core::admission::{may_record, sight};
use distans_broker_core::presence::{Known, Member};
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
        seen.map(|(id, member)| summary(id, member)).collect()
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
        // When it was last seen is newer here than on disk; so is its name.
        let newer = fleet.get(id).map(|member| (member.known.last_seen, member.known.hostname.clone()));
        let (last_seen, hostname) = newer.unwrap_or((row.last_seen, row.hostname.clone()));
        fleet.learn(id, Known { last_seen, hostname, ..known(row) });
        fleet.get(id).map(|member| summary(id, member))
    };
    let device =
        device.ok_or_else(|| DeskError::refuse(RefusalCode::NotFound, &"no pc with this id is enrolled"))?;
    answer.send(&DeskReply::Device(Box::new(device))).await
}

fn summary<H>(id: DeviceId, member: &Member<H>) -> Device {
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
