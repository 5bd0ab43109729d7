//! The outer TLS with real handshakes in memory: who gets in, and what a change of policy does.

use std::sync::Arc;

use distans_proto::ids::OrgId;
use distans_trust::certs::CheckTime;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::outer::{
    Peer, ServiceVerifier, SharedSnapshot, Snapshot, UnverifiedServerForPublicRootsOnly, broker_config,
    client_config,
};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConnection, ServerConnection};

use crate::sample::{HOUR, Mora, NOW, device, label};

#[derive(Debug)]
struct AtNow;

impl TimeProvider for AtNow {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(NOW.as_secs()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)))
    }
}

struct World {
    mora: Mora,
    shared: SharedSnapshot,
    broker: Arc<CertifiedKey>,
}

impl World {
    fn new(broker_name: &str) -> Self {
        let mora = Mora::found();
        let shared = SharedSnapshot::new(Snapshot::new(&mora.trust()));
        let key = P256Key::generate().expect("a key");
        let leaf = mora.service_ca().issue_broker(broker_name, key.public(), NOW, [1; 16]).expect("issued");
        let broker = key.certified(CertificateDer::from(leaf)).expect("a pair");
        Self { mora, shared, broker }
    }

    fn technician(&self, id: &str) -> Arc<CertifiedKey> {
        let key = P256Key::generate().expect("a key");
        let ca = self.mora.technician_ca();
        let leaf = ca.issue_technician(&label("mora"), &label(id), key.public(), HOUR, NOW, [2; 16]);
        key.certified(CertificateDer::from(leaf.expect("issued"))).expect("a pair")
    }

    fn device(&self) -> Arc<CertifiedKey> {
        let key = P256Key::generate().expect("a key");
        let org: OrgId = label("mora");
        let leaf = self.mora.device_ca().issue_device(&org, device(), key.public(), NOW, [3; 16]);
        key.certified(CertificateDer::from(leaf.expect("issued"))).expect("a pair")
    }

    /// A handshake; the client's certificate as the broker saw it.
    fn connect(
        &self,
        own: Option<Arc<CertifiedKey>>,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Result<Option<CertificateDer<'static>>, rustls::Error> {
        let mut server = broker_config(Arc::clone(&self.broker), self.shared.clone())?;
        let mut client = client_config(own, verifier)?;
        server.time_provider = Arc::new(AtNow);
        client.time_provider = Arc::new(AtNow);
        let mut server = ServerConnection::new(Arc::new(server))?;
        let name = ServerName::try_from("broker.mora.test").expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        while client.is_handshaking() || server.is_handshaking() {
            client.write_tls(&mut to_server).expect("memory");
            let taken = server.read_tls(&mut to_server.as_slice()).expect("memory");
            to_server.drain(..taken);
            server.process_new_packets()?;
            server.write_tls(&mut to_client).expect("memory");
            let taken = client.read_tls(&mut to_client.as_slice()).expect("memory");
            to_client.drain(..taken);
            client.process_new_packets()?;
        }
        Ok(server
            .peer_certificates()
            .and_then(|chain| chain.first().cloned())
            .map(CertificateDer::into_owned))
    }

    fn verified(
        &self,
        own: Option<Arc<CertifiedKey>>,
    ) -> Result<Option<CertificateDer<'static>>, rustls::Error> {
        self.connect(own, Arc::new(ServiceVerifier::new(self.shared.clone())))
    }

    fn peer(&self, leaf: &CertificateDer<'_>) -> Peer {
        self.shared.current().peer(leaf, CheckTime::exact(NOW)).expect("known")
    }
}

#[test]
fn nobody_a_technician_and_a_device_get_in() {
    let world = World::new("broker.mora.test");
    assert_eq!(world.verified(None).expect("may enrol"), None);
    let person = world.verified(Some(world.technician("anna"))).expect("gets in").expect("a certificate");
    assert!(matches!(world.peer(&person), Peer::Technician(found) if found.id.as_str() == "anna"));
    let pc = world.verified(Some(world.device())).expect("gets in").expect("a certificate");
    assert!(matches!(world.peer(&pc), Peer::Device(found) if found.id == device()));
    assert!(world.verified(Some(world.technician("mallory"))).is_err(), "not in the roster");
    assert!(world.verified(Some(Arc::clone(&world.broker))).is_err(), "a broker is no client");
}

#[test]
fn a_change_of_policy_counts_from_the_next_handshake() {
    let mut world = World::new("broker.mora.test");
    let anna = world.technician("anna");
    assert!(world.verified(Some(Arc::clone(&anna))).is_ok());
    world.mora.policy.technicians.clear();
    world.shared.replace(Snapshot::new(&world.mora.trust()));
    assert!(world.verified(Some(anna)).is_err());
}

#[test]
fn a_false_broker_is_refused_except_for_the_public_roots() {
    let (world, other) = (World::new("broker.mora.test"), World::new("broker.mora.test"));
    let verifier = Arc::new(ServiceVerifier::new(world.shared));
    assert!(other.connect(None, verifier).is_err(), "another organisation's service CA");
    assert!(other.connect(None, Arc::new(UnverifiedServerForPublicRootsOnly)).is_ok());
}

#[test]
fn a_device_ca_that_the_root_does_not_list_yet_can_be_added() {
    let mut world = World::new("broker.mora.test");
    let pc = world.device();
    let ca = std::mem::take(&mut world.mora.root.device_ca);
    world.shared.replace(Snapshot::new(&world.mora.trust()));
    assert!(world.verified(Some(Arc::clone(&pc))).is_err());
    let snapshot = Snapshot::new(&world.mora.trust()).with_device_ca(&ca[0].0).expect("a CA");
    world.shared.replace(snapshot);
    assert!(world.verified(Some(pc)).is_ok());
}
