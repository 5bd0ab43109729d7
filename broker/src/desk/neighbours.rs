//! `Neighbours`: who could wake a PC. Picks awake PCs behind the same outside address in
//! memory, reads their inventories, and lets the core decide.

use std::net::IpAddr;

use distans_broker_core::admission::sight;
use distans_broker_core::neighbours::{CANDIDATES_LIMIT, Place, neighbours};
use distans_proto::desk::DeskReply;
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{DeviceId, GroupId, TechnicianId};

use super::{Answer, DeskError};
use crate::shared::Shared;

/// Answers, as far as the technician may read about the PCs.
pub(super) async fn find(
    shared: &Shared,
    technician: &TechnicianId,
    device: DeviceId,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let sight = sight(&shared.documents.current().trust, technician);
    let unknown = || DeskError::refuse(RefusalCode::NotFound, &"no pc with this id is enrolled");
    let group = shared.fleet().get(device).map(|member| member.known.group.clone());
    let group = group.filter(|group| sight.covers(group)).ok_or_else(unknown)?;
    let origin = shared.store.origin(device).await?;
    let asleep = place(shared, device, group, origin).await?;
    let awake: Vec<(DeviceId, GroupId)> = {
        let fleet = shared.fleet();
        let near = fleet.connections().filter(|(_, connection)| {
            origin.is_some() && origin == Some(connection.remote_address().ip().to_canonical())
        });
        near.filter_map(|(id, _)| Some((id, fleet.get(id)?.known.group.clone())))
            .filter(|(_, group)| sight.covers(group))
            .take(CANDIDATES_LIMIT)
            .collect()
    };
    let mut places = Vec::with_capacity(awake.len());
    for (id, group) in awake {
        places.push(place(shared, id, group, origin).await?);
    }
    answer.send(&DeskReply::Neighbours(neighbours(&asleep, places))).await
}

async fn place(
    shared: &Shared,
    device: DeviceId,
    group: GroupId,
    origin: Option<IpAddr>,
) -> Result<Place, DeskError> {
    let details = shared.store.device_details(device).await?;
    let cards = details.and_then(|details| details.facts).map(|facts| facts.interfaces).unwrap_or_default();
    Ok(Place { device, group, origin, cards })
}
