//! Signed documents: who may bring them, whom they reach, whom they end.

use distans_proto::desk::{DeskReply, DeskRequest};
use distans_proto::ending as code;
use distans_proto::enrol::RefusalCode;
use distans_proto::link::{DocumentVersions, ToAgent};
use distans_trust::bundle::Bundle;
use distans_trust::hash::Sha256;
use distans_trust::issue::to_pem;
use rustls::pki_types::CertificateDer;

use crate::peers::{Pc, Technician, dial, ending, refusal};
use crate::world::{World, tls_key, until};

#[tokio::test]
async fn a_published_policy_reaches_every_connected_pc_and_whoever_comes_later() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let policy = world.organisation.next_policy(|policy| policy.max_session_min = 60);
    let replies = world.publish("anna", &policy).await;
    assert!(matches!(replies[..], [DeskReply::Done(_)]), "{replies:?}");
    let ToAgent::Documents(documents) = agent.next().await else { panic!("no documents") };
    assert_eq!(documents.policy.as_deref().map(Vec::as_slice), Some(policy.to_json().as_slice()));
    let mut later = pc.hello(&world, DocumentVersions { root: 1, policy: 1 }).await;
    assert!(matches!(later.next().await, ToAgent::Welcome(_)));
    assert_eq!(later.next().await, ToAgent::Documents(documents.clone()));
    let held = DocumentVersions { root: 1, policy: 1 };
    let replies = Technician::connect(&world, "bo").await.ask(DeskRequest::Documents(held)).await;
    assert_eq!(replies, [DeskReply::Documents(documents)]);
}

#[tokio::test]
async fn without_the_scope_or_with_forged_signatures_nothing_is_published() {
    let world = World::new().await;
    let policy = world.organisation.next_policy(|_| {});
    assert_eq!(refusal(&world.publish("bo", &policy).await[0]), RefusalCode::NotAllowed);
    let forged = world.organisation.forged_policy();
    assert_eq!(refusal(&world.publish("anna", &forged).await[0]), RefusalCode::BadProof);
    assert!(matches!(world.publish("anna", &policy).await[..], [DeskReply::Done(_)]));
    let fork = world.organisation.next_policy(|policy| policy.max_session_min = 1);
    assert_eq!(refusal(&world.publish("anna", &fork).await[0]), RefusalCode::BadProof);
}

#[tokio::test]
async fn a_new_policy_ends_the_connections_of_those_it_revokes() {
    let mut world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let other = Pc::enrolled(&world, "PC-2").await;
    let (agent, staying) = (pc.connect(&world).await, other.connect(&world).await);
    let (bo, cia, anna) = (
        Technician::connect(&world, "bo").await,
        Technician::connect(&world, "cia").await,
        Technician::connect(&world, "anna").await,
    );
    let policy = world.organisation.next_policy(|policy| {
        policy.technicians.retain(|technician| technician.id.as_str() != "bo");
        policy.revoked.devices.push(pc.id);
        policy.revoked.certs.push(Sha256::of(&cia.certificate));
    });
    assert!(matches!(world.publish("anna", &policy).await[..], [DeskReply::Done(_)]));
    for connection in [&agent.connection, &bo.connection, &cia.connection] {
        assert_eq!(ending(connection).await, u64::from(code::REVOKED));
    }
    assert!(staying.connection.close_reason().is_none() && anna.connection.close_reason().is_none());
    world.organisation.take(&policy);
    // Its certificate is refused in the handshake, which the client sees a moment after its end.
    let refused = Technician::try_connect(&world, "bo").await;
    if let Ok(bo) = refused {
        bo.connection.closed().await;
    }
    Technician::connect(&world, "cia").await;
}

#[tokio::test]
async fn whoever_publishes_its_own_end_hears_that_it_is_done() {
    let world = World::new().await;
    let anna = Technician::connect(&world, "anna").await;
    let policy = world.organisation.next_policy(|policy| {
        policy.technicians.retain(|technician| technician.id.as_str() != "anna");
    });
    assert!(matches!(world.publish("anna", &policy).await[..], [DeskReply::Done(_)]));
    assert_eq!(ending(&anna.connection).await, u64::from(code::REVOKED));
}

#[tokio::test]
async fn an_import_beside_the_running_broker_puts_certificate_and_documents_in_force() {
    let mut world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let certificate = world.organisation.certify_broker(&tls_key(&world.directory));
    world.organisation.next_root();
    let bundle = Bundle {
        roots: world.organisation.roots.clone(),
        broker_certificate: Some(to_pem(&certificate)),
        ..Bundle::default()
    };
    world.import(&bundle).await;
    let ToAgent::Documents(documents) = agent.next().await else { panic!("no documents") };
    assert_eq!(documents.roots.len(), 1);
    until("the new certificate is shown", async || {
        let stranger = dial(&world, None).await.expect("connected");
        let chain = stranger.peer_identity().expect("a certificate");
        let chain = chain.downcast::<Vec<CertificateDer<'static>>>().expect("a chain");
        chain[0].as_ref() == certificate
    })
    .await;
}
