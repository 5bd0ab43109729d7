//! Who gets through the end-to-end handshake, and who does not.

use std::sync::Arc;

use distans_e2e::preface::{Kind, Preface};
use distans_e2e_io::{Control, ControlError, read_preface};
use distans_proto::ids::SessionId;
use distans_proto::inner::{Closed, End as EndMessage, Hello, ToAgent, ToTechnician};
use distans_proto::link::DocumentVersions;
use distans_proto::version::VersionRange;
use distans_trust::hash::Sha256;
use distans_trust::keys::P256Key;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::{ClientConfig, ServerConfig};

use crate::org::{Clock, Org, SESSION};
use crate::relay::{End, honest};

pub(crate) type OurControl =
    Control<tokio::io::ReadHalf<tokio::io::DuplexStream>, tokio::io::WriteHalf<tokio::io::DuplexStream>>;

pub(crate) fn hello() -> Hello {
    Hello {
        versions: VersionRange::OURS,
        documents: DocumentVersions { root: 1, policy: 1 },
        program: "test".into(),
    }
}

/// Both handshakes at once, as they would be on two machines.
pub(crate) async fn meet(
    (technician, agent): (End, End),
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> (Result<OurControl, ControlError>, Result<OurControl, ControlError>) {
    let first = [ToAgent::Hello(hello())];
    let technician = Control::connect(technician.0, technician.1, client, SESSION, &first);
    let agent = async {
        let (mut reader, writer) = agent;
        let preface = read_preface(&mut reader).await?;
        Control::accept(reader, writer, server, preface.session).await
    };
    tokio::join!(technician, agent)
}

#[tokio::test]
async fn the_two_meet_and_hold_the_same_keys() {
    let org = Org::new();
    let (technician, agent) = meet(honest(), org.technician(), org.agent()).await;
    let (mut technician, mut agent) = (technician.expect("technician"), agent.expect("agent"));
    assert_eq!(technician.keys().binding(), agent.keys().binding());
    assert_eq!(technician.keys().session(), SESSION);
    assert_eq!(Sha256::of(technician.peer_certificate().expect("shown")), org.device.spki_sha256());
    let leaf = agent.peer_certificate().expect("shown").to_vec();
    assert_eq!(org.certificate_is_known(&leaf), Sha256::of(&leaf));

    assert_eq!(agent.recv().await.expect("message"), Some(ToAgent::Hello(hello())));
    agent.send(&ToTechnician::Hello(hello())).await.expect("sent");
    assert_eq!(technician.recv().await.expect("message"), Some(ToTechnician::Hello(hello())));
    technician.send(&ToAgent::End(EndMessage {})).await.expect("sent");
    technician.close().await.expect("closed");
    assert_eq!(agent.recv().await.expect("message"), Some(ToAgent::End(EndMessage {})));
    assert_eq!(agent.recv::<ToAgent>().await.expect("farewell"), None);
}

#[tokio::test]
async fn a_dropped_receive_loses_nothing() {
    let org = Org::new();
    let small_steps = crate::relay::between(7, crate::relay::Deed::Honest, crate::relay::Deed::Honest);
    let (technician, agent) = meet(small_steps, org.technician(), org.agent()).await;
    let (mut technician, mut agent) = (technician.expect("technician"), agent.expect("agent"));
    agent.send(&ToTechnician::Hello(hello())).await.expect("sent");
    agent.send(&ToTechnician::Closed(Closed {})).await.expect("sent");
    let mut got = Vec::new();
    while got.len() < 2 {
        // The other branch is always ready, so the receive is dropped at its first wait.
        tokio::select! {
            biased;
            message = technician.recv::<ToTechnician>() => got.push(message.expect("message").expect("open")),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(got, [ToTechnician::Hello(hello()), ToTechnician::Closed(Closed {})]);
}

#[tokio::test]
async fn another_pcs_key_is_refused() {
    let org = Org::new();
    let other = P256Key::generate().expect("key");
    let (technician, agent) = meet(honest(), org.technician(), org.agent_with(&other, 0)).await;
    assert!(matches!(technician, Err(ControlError::Tls(rustls::Error::InvalidCertificate(_)))));
    assert!(agent.expect_err("refused").refusal().is_some());
}

#[tokio::test]
async fn an_expired_technician_is_refused() {
    let org = Org::new();
    let (technician, agent) =
        meet(honest(), org.technician(), org.agent_with(&org.device_key, 13 * 3600)).await;
    assert!(matches!(agent, Err(ControlError::Tls(rustls::Error::InvalidCertificate(_)))));
    // TLS 1.3 tells the client only after its own handshake is done.
    let told = technician.expect("own half done").recv::<ToTechnician>().await.expect_err("refused");
    assert!(told.refusal().is_some(), "{told:?}");
}

#[tokio::test]
async fn a_technician_of_another_organisation_is_refused() {
    let (org, other) = (Org::new(), Org::new());
    let own = other.login();
    let client = distans_e2e::tls::technician_config(own, &org.device, Arc::new(Clock(0))).expect("config");
    let (_, agent) = meet(honest(), Arc::new(client), org.agent()).await;
    assert!(matches!(agent, Err(ControlError::Tls(rustls::Error::InvalidCertificate(_)))));
}

/// A technician's configuration with one rule broken.
fn bent(org: &Org, bend: impl FnOnce(&mut ClientConfig)) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(&org.technician());
    bend(&mut config);
    Arc::new(config)
}

/// A technician's configuration with other key exchanges.
fn with_groups(org: &Org, groups: Vec<&'static dyn rustls::crypto::SupportedKxGroup>) -> Arc<ClientConfig> {
    let provider =
        rustls::crypto::CryptoProvider { kx_groups: groups, ..rustls::crypto::aws_lc_rs::default_provider() };
    let ours = org.technician();
    let mut config = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(Clock(0)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_cert_resolver(ours.client_auth_cert_resolver.clone());
    config.alpn_protocols = ours.alpn_protocols.clone();
    Arc::new(config)
}

#[tokio::test]
async fn no_key_exchange_but_the_hybrid_one() {
    use rustls::crypto::aws_lc_rs::kx_group::{MLKEM768, SECP256R1, X25519};
    let org = Org::new();
    for group in [X25519, SECP256R1, MLKEM768] {
        let (_, agent) = meet(honest(), with_groups(&org, vec![group]), org.agent()).await;
        let error = agent.expect_err("no group in common");
        assert!(matches!(error, ControlError::Tls(rustls::Error::PeerIncompatible(_))), "{error:?}");
    }
}

#[tokio::test]
async fn the_protocol_must_be_agreed_on() {
    let org = Org::new();
    let none = bent(&org, |config| config.alpn_protocols.clear());
    let (technician, agent) = meet(honest(), none, org.agent()).await;
    assert!(matches!(agent, Err(ControlError::Export(_))));
    assert!(matches!(technician, Err(ControlError::Export(_))));
    let other = bent(&org, |config| config.alpn_protocols = vec![b"distans/1".to_vec()]);
    let (_, agent) = meet(honest(), other, org.agent()).await;
    assert!(matches!(agent, Err(ControlError::Tls(rustls::Error::NoApplicationProtocol))));
}

#[tokio::test]
async fn nothing_can_be_resumed() {
    let org = Org::new();
    let store = Arc::new(ClientSessionMemoryCache::new(32));
    let eager = bent(&org, |config| {
        config.resumption = Resumption::store(store);
        config.enable_early_data = true;
    });
    let server = org.agent();
    for _ in 0..3 {
        let mut client = rustls::ClientConnection::new(
            Arc::clone(&eager),
            rustls::pki_types::ServerName::try_from("pc.distans.internal").expect("name"),
        )
        .expect("client");
        assert!(client.early_data().is_none());
        let mut agent = rustls::ServerConnection::new(Arc::clone(&server)).expect("server");
        while client.is_handshaking() || agent.is_handshaking() || agent.wants_write() {
            let mut flight = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut flight).expect("into memory");
            }
            let mut rest = flight.as_slice();
            while !rest.is_empty() {
                agent.read_tls(&mut rest).expect("from memory");
                agent.process_new_packets().expect("valid");
            }
            let mut flight = Vec::new();
            while agent.wants_write() {
                agent.write_tls(&mut flight).expect("into memory");
            }
            let mut rest = flight.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).expect("from memory");
                client.process_new_packets().expect("valid");
            }
        }
        assert_eq!(client.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(agent.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(client.tls13_tickets_received(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_says_nothing_is_given_up_after_ten_seconds() {
    let org = Org::new();
    let (technician, (mut agent_reader, agent_writer)) = honest();
    let first = [ToAgent::Hello(hello())];
    let waiting = Control::connect(technician.0, technician.1, org.technician(), SESSION, &first).await;
    assert!(matches!(waiting, Err(ControlError::TimedOut)));
    let preface = read_preface(&mut agent_reader).await.expect("came at once");
    assert_eq!(preface, Preface { kind: Kind::Control, epoch: 0, session: SESSION, stream: 0 });
    drop(agent_writer);

    let (technician, (reader, writer)) = honest();
    let waiting = Control::accept(reader, writer, org.agent(), SessionId::from_bytes([0; 16])).await;
    assert!(matches!(waiting, Err(ControlError::TimedOut)));
    drop(technician);
}
