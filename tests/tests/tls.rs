//! Who may stand at either end of the inner handshake: certificates near the right one, old TLS
//! sessions, other keys. Everything goes through the real configurations and a real handshake.

use std::sync::Arc;
use std::time::Duration;

use distans_e2e::tls::{agent_config, technician_config};
use distans_e2e_io::{Control, ControlError, read_preface};
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::inner::{Hello, ToAgent, ToTechnician};
use distans_proto::link::DocumentVersions;
use distans_proto::version::VersionRange;
use distans_tests::org::{self, Org, kontor, now};
use distans_trust::device::{EndorseRequest, VerifiedDevice, endorse, verify_endorsement};
use distans_trust::issue::{Ca, CaRole, new_ca};
use distans_trust::keys::{P256Key, Signer};
use distans_trust::outer::Snapshot;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{DuplexStream, ReadHalf, WriteHalf, duplex, split};

const SESSION: SessionId = SessionId::from_bytes([0x51; 16]);
const DEVICE: DeviceId = DeviceId::from_bytes([0xDE; 16]);
const HOUR: Duration = Duration::from_secs(3600);

type Ours = Control<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

fn clock() -> Arc<dyn TimeProvider> {
    Arc::new(DefaultTimeProvider)
}

/// A PC of the organisation: its key, and what a technician knows of it.
fn pc(org: &Org) -> (P256Key, VerifiedDevice) {
    let (token, certificate) = org.token("localhost:4433", &kontor().expect("label"), 1).expect("token");
    let key = P256Key::generate().expect("key");
    let request = EndorseRequest {
        org: &org.id,
        device: DEVICE,
        key: key.public(),
        group: &kontor().expect("label"),
        hostname: "PC-ORSA-014",
        nonce: [3; 16],
    };
    let endorsement = endorse(&request, &token.key().expect("key"), now()).expect("endorsed");
    let device =
        verify_endorsement(&org.root, &org.policy, &certificate, &endorsement, now()).expect("a device");
    (key, device)
}

fn agent(org: &Org, key: &P256Key) -> Arc<ServerConfig> {
    let technicians = Arc::new(Snapshot::new(&org.trust().expect("documents")));
    Arc::new(agent_config(key, technicians, Duration::ZERO, clock()).expect("config"))
}

/// A technician's certificate as specified, with `edit` applied before `ca` signs it.
fn variant(org: &Org, edit: impl FnOnce(&mut CertificateParams)) -> Arc<CertifiedKey> {
    let key = P256Key::generate().expect("key");
    let seconds = |time: distans_proto::time::Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1)
            + Duration::from_secs(u64::try_from(time.as_secs()).expect("after 1970"))
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "anna");
    params.serial_number = Some(SerialNumber::from_slice(&[5; 16]));
    params.not_before = seconds(now().minus(Duration::from_secs(600)));
    params.not_after = seconds(now().plus(8 * HOUR));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![dns("anna.tech.mora.distans.internal"), uri("distans://mora/tech/anna")];
    edit(&mut params);
    let ca_key = KeyPair::try_from(org.technician_ca_key.to_pkcs8()).expect("the CA's key");
    let ca = CertificateDer::from(org.technician_ca.certificate().to_vec());
    let issuer = Issuer::from_ca_cert_der(&ca, ca_key).expect("an issuer");
    let subject = KeyPair::try_from(key.to_pkcs8()).expect("the same key");
    let leaf = params.signed_by(&subject, &issuer).expect("signed").der().clone();
    key.certified(leaf).expect("key and certificate")
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).expect("ASCII"))
}

fn uri(name: &str) -> SanType {
    SanType::URI(Ia5String::try_from(name).expect("ASCII"))
}

fn private_extension(critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![0x05, 0x00]);
    extension.set_criticality(critical);
    extension
}

fn hello() -> Hello {
    let documents = DocumentVersions { root: 1, policy: 1 };
    Hello { versions: VersionRange::OURS, documents, program: "test".into() }
}

/// Both ends' handshakes, and then the technician's first receive: what it would believe.
async fn meet(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> (Result<ToTechnician, ControlError>, Result<(), ControlError>) {
    let (technician, agent) = duplex(64 * 1024);
    let technician = async move {
        let (reader, writer) = split(technician);
        let mut control: Ours =
            Control::connect(reader, writer, client, SESSION, &[ToAgent::Hello(hello())]).await?;
        control.recv().await?.ok_or(ControlError::Cut)
    };
    let agent = async move {
        let (mut reader, writer) = split(agent);
        let preface = read_preface(&mut reader).await?;
        let mut control: Ours = Control::accept(reader, writer, server, preface.session).await?;
        assert_eq!(control.recv().await?, Some(ToAgent::Hello(hello())));
        control.send(&ToTechnician::Hello(hello())).await?;
        control.close().await
    };
    tokio::join!(technician, agent)
}

async fn is_taken(identity: Arc<CertifiedKey>, device: &VerifiedDevice, server: &Arc<ServerConfig>) -> bool {
    let client = technician_config(identity, device, clock()).expect("config");
    let (technician, agent) = meet(Arc::new(client), Arc::clone(server)).await;
    assert_eq!(technician.is_ok(), agent.is_ok(), "the two ends disagree: {technician:?}, {agent:?}");
    agent.is_ok()
}

type Edit = fn(&mut CertificateParams);

const ACCEPTED: [(&str, Edit); 3] = [
    ("as specified", |_| {}),
    ("an extra private usage", |params| {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 55555, 2]));
    }),
    ("a private extension that is not critical", |params| {
        params.custom_extensions.push(private_extension(false));
    }),
];

const REFUSED: [(&str, Edit); 12] = [
    ("serverAuth only", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
    ("expired", |params| params.not_after = params.not_before + Duration::from_secs(60)),
    ("not yet valid", |params| params.not_before += Duration::from_secs(1200)),
    ("outside the name constraint", |params| {
        params.subject_alt_names =
            vec![dns("anna.tech.orsa.distans.internal"), uri("distans://orsa/tech/anna")];
    }),
    ("a leaf that is a CA", |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0))),
    ("a critical extension nobody knows", |params| params.custom_extensions.push(private_extension(true))),
    ("two URIs", |params| params.subject_alt_names.push(uri("distans://mora/tech/bo"))),
    ("URI of another organisation", |params| params.subject_alt_names[1] = uri("distans://orsa/tech/anna")),
    ("URI of another role", |params| params.subject_alt_names[1] = uri("distans://mora/device/anna")),
    ("URI without matching DNS", |params| params.subject_alt_names[0] = dns("bo.tech.mora.distans.internal")),
    ("longer than policy allows", |params| params.not_after += 5 * HOUR),
    ("right certificate, not in the roster", |params| {
        params.subject_alt_names = vec![dns("bo.tech.mora.distans.internal"), uri("distans://mora/tech/bo")];
    }),
];

#[tokio::test]
async fn confusion_matrix() {
    let org = Org::found("mora").expect("organisation");
    let (key, device) = pc(&org);
    let server = agent(&org, &key);
    for (what, edit) in ACCEPTED {
        assert!(is_taken(variant(&org, edit), &device, &server).await, "{what} was refused");
    }
    for (what, edit) in REFUSED {
        assert!(!is_taken(variant(&org, edit), &device, &server).await, "{what} was taken");
    }

    // A device's certificate where a technician's should be, from a CA of the organisation.
    let ca_key = P256Key::generate().expect("key");
    let ca_leaf = new_ca(CaRole::Device, &org.id, &ca_key, now(), [1; 16]).expect("CA");
    let device_ca = Ca::new(ca_key, &ca_leaf).expect("CA");
    let leaf = device_ca.issue_device(&org.id, DEVICE, key.public(), now(), [2; 16]).expect("issued");
    let as_device = key.certified(CertificateDer::from(leaf)).expect("usable");
    assert!(!is_taken(as_device, &device, &server).await, "a device was taken for a technician");

    // No certificate at all.
    let login = variant(&org, |_| {});
    let mut nobody = technician_config(login.clone(), &device, clock()).expect("config");
    nobody.client_auth_cert_resolver = Arc::new(Nobody);
    let (technician, agent_side) = meet(Arc::new(nobody), Arc::clone(&server)).await;
    assert!(technician.is_err() && agent_side.is_err(), "nobody was taken for a technician");

    // The right technician, another PC's key: as a raw key, and dressed up as a certificate.
    let other = P256Key::generate().expect("key");
    assert!(!is_taken(login.clone(), &device, &agent(&org, &other)).await, "another raw key was taken");
    let mut dressed = ServerConfig::clone(&agent(&org, &key));
    let certificate =
        org.service_ca.issue_broker("localhost", other.public(), now(), [3; 16]).expect("issued");
    let certified = other.certified(CertificateDer::from(certificate)).expect("usable");
    dressed.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    assert!(
        !is_taken(login, &device, &Arc::new(dressed)).await,
        "an X.509 certificate was taken for the raw key"
    );
}

/// Shows no certificate although it is asked for one.
#[derive(Debug)]
struct Nobody;

impl rustls::client::ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn no_resumption() {
    let mut org = Org::found("mora").expect("organisation");
    let (key, device) = pc(&org);
    // A technician's program that keeps whatever the PC might give it to come back with.
    let mut eager = technician_config(variant(&org, |_| {}), &device, clock()).expect("config");
    eager.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(32)));
    eager.enable_early_data = true;
    let eager = Arc::new(eager);
    let (technician, _) = meet(Arc::clone(&eager), agent(&org, &key)).await;
    technician.expect("still in the roster");

    org.change_policy(|policy| policy.technicians = vec![org::technician("bo", "Bo").expect("label")])
        .expect("a policy without anna");
    let (technician, agent_side) = meet(eager, agent(&org, &key)).await;
    assert!(technician.is_err(), "a technician who left came back on an old TLS session");
    assert!(
        matches!(agent_side, Err(ControlError::Tls(rustls::Error::InvalidCertificate(_)))),
        "{agent_side:?}"
    );
}
