//! Session records and kilometres: what is taken, what is refused, what is there afterwards.

use distans_proto::desk::{DeskReply, DeskRequest, EditDevice, SessionFilter, SiteImport, SitesQuery};
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::link::{SessionRecord, ToAgent, ToBroker};
use distans_proto::trips::{AvoidedVisit, Booking, Channel, LedgerFilter, Leg, Reason, Site, Urgency};
use distans_trust::envelope::Envelope;
use distans_trust::hash::Sha256;
use serde_json::json;

use crate::peers::{Pc, Technician, refusal, session};
use crate::world::{World, until};

/// A record as agent and technician make it, as far as the broker looks at it.
fn record(
    pc: &Pc,
    device: DeviceId,
    technician: &Technician,
    name: &str,
    session: SessionId,
) -> SessionRecord {
    let sign = |doc_type: &str, payload: serde_json::Value| {
        let mut envelope = Envelope::new(doc_type, payload.to_string().into_bytes());
        envelope.sign(&pc.key).expect("signed");
        envelope.sign(&technician.key).expect("signed");
        envelope
    };
    let grant = sign(
        "grant",
        json!({
            "org": "mora", "session": session, "technician": name, "device": device,
            "certificate_sha256": Sha256::of(&technician.certificate),
            "start": distans_trust::rfc3339::format(crate::organisation::now()),
        }),
    );
    let receipt = sign(
        "receipt",
        json!({
            "org": "mora", "session": session, "technician": name, "device": device,
            "grant_sha256": grant.sha256(),
        }),
    );
    SessionRecord {
        grant: grant.to_json(),
        receipt: receipt.to_json(),
        certificate: technician.certificate.clone(),
    }
}

#[tokio::test]
async fn a_record_is_on_disk_when_it_is_acknowledged() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let anna = Technician::connect(&world, "anna").await;
    let session = session();
    let record = record(&pc, pc.id, &anna, "anna", session);
    agent.tell(&ToBroker::Receipt(record.clone())).await;
    match agent.next().await {
        ToAgent::ReceiptStored(stored) => assert_eq!(stored.session, session),
        message => panic!("not stored: {message:?}"),
    }
    let replies = anna.ask(DeskRequest::Record(record.clone())).await;
    assert!(matches!(replies[..], [DeskReply::Done(_)]), "the technician's copy is the same: {replies:?}");
    let world = world.restart().await;
    let anna = Technician::connect(&world, "anna").await;
    assert_eq!(anna.ask(DeskRequest::SessionRecord(session)).await, [DeskReply::Record(record)]);
    let unknown = DeskRequest::SessionRecord(SessionId::from_bytes([0; 16]));
    assert_eq!(refusal(&anna.ask(unknown).await[0]), RefusalCode::NotFound);
}

#[tokio::test]
async fn records_of_others_and_forged_ones_are_refused() {
    let world = World::new().await;
    let (pc, other) = (Pc::enrolled(&world, "PC-1").await, Pc::enrolled(&world, "PC-2").await);
    let mut agent = pc.connect(&world).await;
    let (anna, bo) = (Technician::connect(&world, "anna").await, Technician::connect(&world, "bo").await);
    let elsewhere = record(&other, other.id, &anna, "anna", session());
    let forged = record(&other, pc.id, &anna, "anna", session());
    for wrong in [elsewhere, forged.clone()] {
        agent.tell(&ToBroker::Receipt(wrong)).await;
        match agent.next().await {
            ToAgent::Refused(refused) => assert_eq!(refused.code, RefusalCode::BadProof),
            message => panic!("not refused: {message:?}"),
        }
    }
    assert_eq!(refusal(&anna.ask(DeskRequest::Record(forged)).await[0]), RefusalCode::BadProof);
    let annas = record(&pc, pc.id, &anna, "anna", session());
    assert_eq!(refusal(&bo.ask(DeskRequest::Record(annas)).await[0]), RefusalCode::NotAllowed);
}

#[tokio::test]
async fn a_pc_alone_cannot_fill_the_disk_with_sessions_that_never_were() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let anna = Technician::connect(&world, "anna").await;
    let unsigned = |session| {
        let mut record = record(&pc, pc.id, &anna, "anna", session);
        let mut receipt = Envelope::parse(&record.receipt).expect("an envelope");
        receipt.sigs.truncate(1);
        record.receipt = receipt.to_json();
        record
    };
    agent.tell(&ToBroker::Receipt(unsigned(session()))).await;
    match agent.next().await {
        ToAgent::Refused(refused) => assert_eq!(refused.code, RefusalCode::NotFound),
        message => panic!("not refused: {message:?}"),
    }
    // One that went through the broker is taken without the technician, who may have gone.
    let relayed = session();
    let opened = anna.open(pc.id, relayed).await;
    let sessions = || DeskRequest::Sessions(SessionFilter::default());
    let is_noted = async || matches!(anna.ask(sessions()).await[..], [DeskReply::Session(_), ..]);
    until("the session is noted", is_noted).await;
    agent.tell(&ToBroker::Receipt(unsigned(relayed))).await;
    match agent.next().await {
        ToAgent::ReceiptStored(stored) => assert_eq!(stored.session, relayed),
        message => panic!("not stored: {message:?}"),
    }
    drop(opened);
}

#[tokio::test]
async fn who_works_in_another_group_reads_neither_its_pcs_nor_its_sessions() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let (anna, bo) = (Technician::connect(&world, "anna").await, Technician::connect(&world, "bo").await);
    let cia = Technician::connect(&world, "cia").await;
    let (annas, cias) = (session(), session());
    for (technician, name, session) in [(&anna, "anna", annas), (&cia, "cia", cias)] {
        agent.tell(&ToBroker::Receipt(record(&pc, pc.id, technician, name, session))).await;
        assert!(matches!(agent.next().await, ToAgent::ReceiptStored(_)));
    }
    assert_eq!(
        (anna.pcs("pc-1").await.len(), bo.pcs("pc-1").await.len(), cia.pcs("pc-1").await.len()),
        (1, 1, 0)
    );
    let sessions =
        async |who: &Technician| who.ask(DeskRequest::Sessions(SessionFilter::default())).await.len() - 1;
    assert_eq!((sessions(&anna).await, sessions(&bo).await, sessions(&cia).await), (2, 2, 1));
    let refused = cia.ask(DeskRequest::SessionRecord(annas)).await;
    assert_eq!(refusal(&refused[0]), RefusalCode::NotFound);
    for (who, session) in [(&cia, cias), (&bo, annas)] {
        assert!(matches!(who.ask(DeskRequest::SessionRecord(session)).await[..], [DeskReply::Record(_)]));
    }
}

fn site(id: &str, road_m: u32) -> Site {
    Site {
        id: id.parse().expect("a label"),
        name: id.into(),
        municipality: "Mora".into(),
        lat_e6: 61_000_000,
        lon_e6: 14_500_000,
        road_m,
        drive_s: road_m / 15,
        source: "test".into(),
        revision: 0,
    }
}

#[tokio::test]
async fn an_avoided_visit_is_booked_with_the_pcs_place_and_listed() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let anna = Technician::connect(&world, "anna").await;
    let (mora, idre) = (site("mora", 0), site("idre", 151_000));
    let leg = Leg {
        from: mora.id.clone(),
        to: idre.id.clone(),
        m: 151_000,
        s: idre.drive_s,
        source: "test".into(),
    };
    let factors = include_str!("../../../deploy/data/vehicles.toml").to_owned();
    let import = || SiteImport {
        sites: vec![mora.clone(), idre.clone()],
        legs: vec![leg.clone()],
        factor_set: Some(factors.clone()),
    };
    let bo = Technician::connect(&world, "bo").await;
    assert_eq!(refusal(&bo.ask(DeskRequest::ImportSites(import())).await[0]), RefusalCode::NotAllowed);
    let replies = anna.ask(DeskRequest::ImportSites(import())).await;
    assert!(matches!(replies[..], [DeskReply::Done(_)]), "{replies:?}");
    assert_eq!(anna.ask(DeskRequest::Sites(SitesQuery {})).await.len(), 3);
    let place = EditDevice { device: pc.id, confirm: true, site: Some(idre.id.clone()) };
    anna.ask(DeskRequest::EditDevice(place)).await;
    let booking = Booking::Avoided(AvoidedVisit {
        device: Some(pc.id),
        site: None,
        need: None,
        ticket: Some("T-1".into()),
        channel: Channel::Remote,
        reason: Reason::NoOtherWayIn,
        urgency: Urgency::CanWait,
        service_date: None,
    });
    let replies = bo.ask(DeskRequest::Book(booking.clone())).await;
    let DeskReply::Entry(entry) = &replies[0] else { panic!("not booked: {replies:?}") };
    assert_eq!((entry.site.as_ref(), entry.road_m), (Some(&idre.id), Some(151_000)));
    assert_eq!(
        refusal(&bo.ask(DeskRequest::Book(booking)).await[0]),
        RefusalCode::Conflict,
        "one need, one entry"
    );
    let listed = anna.ask(DeskRequest::Ledger(LedgerFilter::default())).await;
    assert!(listed.contains(&replies[0]) && matches!(listed.last(), Some(DeskReply::Done(_))));
}
