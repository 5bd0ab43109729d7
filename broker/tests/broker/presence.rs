//! Who is connected, and by which name.

use distans_proto::desk::{DeskReply, DeskRequest, DeviceFilter, EditDevice, WhoAmI};
use distans_proto::ending as code;
use distans_proto::enrol::RefusalCode;
use distans_proto::facts::Facts;
use distans_proto::link::ToBroker;
use distans_trust::issue;
use distans_trust::key_file;
use distans_trust::keys::Signer;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::organisation::{now, org, random16};
use crate::peers::{Pc, Technician, ending, refusal};
use crate::world::{World, until};

#[tokio::test]
async fn a_pc_is_listed_offline_online_and_offline_again() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-ORSA-01").await;
    let anna = Technician::connect(&world, "anna").await;
    let offline = anna.pcs("pc-orsa").await;
    assert_eq!((offline[0].id, offline[0].online, offline[0].confirmed), (pc.id, false, false));
    let agent = pc.connect(&world).await;
    assert!(anna.pcs("pc-orsa").await[0].online);
    agent.connection.close(0u32.into(), b"");
    until("offline", async || !anna.pcs("pc-orsa").await[0].online).await;
    assert!(anna.pcs("pc-orsa").await[0].since.is_some_and(|seen| now().since(seen).as_secs() < 60));
}

#[tokio::test]
async fn a_newer_connection_takes_the_place_of_the_older() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let old = pc.connect(&world).await;
    let _new = pc.connect(&world).await;
    assert_eq!(ending(&old.connection).await, u64::from(code::SUPERSEDED));
    let anna = Technician::connect(&world, "anna").await;
    assert!(anna.pcs("pc-1").await[0].online, "the end of the old one does not take the pc down");
}

#[tokio::test]
async fn a_certificate_of_a_pc_that_is_not_enrolled_opens_nothing() {
    let world = World::new().await;
    let mut pc = Pc::new("PC-1");
    let key = std::fs::read_to_string(world.directory.device_ca_key()).expect("a key");
    let key = key_file::read_p256(&key, None).expect("a key");
    let certificate = CertificateDer::from_pem_file(world.directory.device_ca()).expect("a certificate");
    let ca = issue::Ca::new(key, &certificate).expect("a CA");
    pc.certificate = ca.issue_device(&org(), pc.id, pc.key.public(), now(), random16()).expect("issued");
    let agent = pc.hello(&world, world.organisation.trust.versions()).await;
    assert_eq!(ending(&agent.connection).await, u64::from(code::UNKNOWN));
}

#[tokio::test]
async fn an_ambiguous_name_lists_all_it_may_mean() {
    let world = World::new().await;
    for name in ["PC-ORSA-01", "PC-ORSA-014", "PC-ÄLVDALEN"] {
        Pc::enrolled(&world, name).await;
    }
    let anna = Technician::connect(&world, "anna").await;
    assert_eq!(anna.pcs("pc-orsa").await.len(), 2);
    assert_eq!(anna.pcs("pc-orsa-01").await.len(), 1);
    assert_eq!(anna.pcs("pc-älv").await.len(), 1);
    assert_eq!(anna.pcs("x").await.len(), 0);
}

#[tokio::test]
async fn details_carry_facts_and_everything_to_verify_the_pc_by() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let facts = Facts { hostname: "PC-1".into(), memory_total: 42, ..Facts::default() };
    agent.tell(&ToBroker::Inventory(Box::new(facts.clone()))).await;
    let anna = Technician::connect(&world, "anna").await;
    let details = async || {
        let filter = DeviceFilter { details: true, ..DeviceFilter::default() };
        match anna.ask(DeskRequest::Devices(filter)).await.swap_remove(0) {
            DeskReply::Device(device) => *device,
            reply => panic!("no device: {reply:?}"),
        }
    };
    until("facts are stored", async || details().await.facts.is_some()).await;
    let device = details().await;
    assert_eq!(device.facts, Some(facts));
    assert_eq!(device.spki.as_deref().map(Vec::as_slice), Some(pc.key.public().spki()));
    assert!(device.endorsement.is_some() && device.token_cert.is_some());
}

#[tokio::test]
async fn only_the_scope_records_confirms_a_pc() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let edit = || DeskRequest::EditDevice(EditDevice { device: pc.id, confirm: true, site: None });
    let replies = Technician::connect(&world, "bo").await.ask(edit()).await;
    assert_eq!(refusal(&replies[0]), RefusalCode::NotAllowed);
    let anna = Technician::connect(&world, "anna").await;
    match &anna.ask(edit()).await[0] {
        DeskReply::Device(device) => assert!(device.confirmed),
        reply => panic!("no device: {reply:?}"),
    }
    assert!(anna.pcs("pc-1").await[0].confirmed);
}

#[tokio::test]
async fn a_technician_is_told_who_it_is() {
    let world = World::new().await;
    match &Technician::connect(&world, "bo").await.ask(DeskRequest::WhoAmI(WhoAmI {})).await[0] {
        DeskReply::Identity(identity) => assert_eq!(identity.technician.as_str(), "bo"),
        reply => panic!("no identity: {reply:?}"),
    }
}
