//! A broker in the hands of an attacker, between the real technician's program and the real agent.

use std::sync::Arc;
use std::time::Duration;

use distans_cli::client::{Error, NewSession, Session};
use distans_e2e_io::{Control, OpReader, OpWriter};
use distans_proto::desk::{DeskReply, DeskRequest, Device, DeviceFilter};
use distans_proto::ids::{DeviceId, OpId, SessionId};
use distans_proto::inner::{Op, OpOutput, OpRequest, Request, Run, ToAgent, ToTechnician};
use distans_proto::scope::Scope;
use distans_tests::evil_broker::{EvilBroker, Mischief, OnlyListens};
use distans_tests::org::{Org, kontor, now};
use distans_tests::pc::{Pc, Person, Says};
use distans_tests::peer::{PaperPc, hello};
use distans_tests::world::all_bytes_under;
use distans_trust::issue::Ca;
use distans_trust::key_file;
use distans_trust::keys::{P256Key, Signer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::time_provider::DefaultTimeProvider;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, marking, marks, scopes, wanted};

mod downgrade;
mod replay;
mod tamper;

/// An office whose broker has fallen.
pub(crate) struct Fallen {
    pub(crate) office: Office,
    pub(crate) evil: EvilBroker,
    pub(crate) person: Person,
    pub(crate) device: Device,
}

impl Fallen {
    pub(crate) async fn office() -> Self {
        Self::take(Office::open().await).await
    }

    pub(crate) async fn take(mut office: Office) -> Self {
        let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
        let filter = DeviceFilter { details: true, ..DeviceFilter::default() };
        let devices = office.desk.devices(filter).await.expect("the fleet");
        let device = devices.iter().find(|device| device.id == office.pc.id).cloned().expect("the PC");
        let evil = EvilBroker::take_over(&mut office.world, devices).await.expect("taken over");
        evil.wait_for(office.pc.id).await.expect("the PC comes");
        Self { office, evil, person, device }
    }

    async fn session(&self) -> Result<Session, Error> {
        self.office.session(&wanted(&[Scope::Command, Scope::Diagnose])).await
    }
}

/// What only the two ends may know: purpose, ticket, command, output, input, errors.
const SECRETS: [&str; 6] = [
    "hemlig-purpose-1",
    "hemlig-ticket-2",
    "hemlig-command-3",
    "hemlig-output-4",
    "hemlig-input-5",
    "hemlig-errors-6",
];

/// A whole session in which every secret goes over the line.
async fn secret_session(office: &Office) {
    let wanted = NewSession {
        purpose: SECRETS[0].into(),
        ticket: Some(SECRETS[1].into()),
        ..wanted(&[Scope::Command])
    };
    let session = office.session(&wanted).await.expect("allowed");
    // The output is spelled so that it does not stand in the command.
    let script = "echo hemlig-out''put-4; echo hemlig-err''ors-6 >&2; cat";
    let argv = ["sh", "-c", script, SECRETS[2]].map(ToOwned::to_owned).to_vec();
    let command = Run { argv, system: false, stdin: true, timeout_s: 0 };
    let mut output = Vec::new();
    let input = SECRETS[4].as_bytes();
    let ran = session.run(command, Some(input), &mut output, CancellationToken::new()).await;
    assert_eq!(ran.expect("ran").exit, Some(0));
    let output = String::from_utf8(output).expect("text");
    assert!(SECRETS[3..].iter().all(|secret| output.contains(secret)), "{output:?}");
    let closing = session.end().await.expect("ended");
    assert!(closing.kept_at_pc && closing.stored.is_ok());
}

/// The secrets found in `bytes`, as they are or in base64 at any of its three shifts.
fn secrets_in(bytes: &[u8]) -> Vec<&'static str> {
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let in_base64 = |secret: &str| {
        (0..3).any(|shift| {
            let text = data_encoding::BASE64.encode(&[&vec![0; shift], secret.as_bytes()].concat());
            // The first and last letters depend on what stands around the secret.
            holds(&text.as_bytes()[4..text.len() - 4])
        })
    };
    SECRETS.into_iter().filter(|secret| holds(secret.as_bytes()) || in_base64(secret)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sees_only_ciphertext() {
    let office = Office::open().await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    secret_session(&office).await;
    drop(person);
    // What an honest broker keeps: the session's signed record is on its disk now.
    let kept = all_bytes_under(office.world.broker_folder().path()).expect("read");
    assert!(
        kept.iter().any(|(_, bytes)| bytes.windows(9).any(|window| window == b"\"receipt\"")),
        "no record"
    );
    for (path, bytes) in kept {
        assert_eq!(secrets_in(&bytes), [""; 0], "in {}", path.display());
    }

    // What a fallen broker sees: every byte of every stream, and every frame for itself.
    let fallen = Fallen::take(office).await;
    secret_session(&fallen.office).await;
    let seen = fallen.evil.all_seen();
    assert!(seen.len() > 4000, "it did see a session");
    assert_eq!(secrets_in(&seen), [""; 0]);
    assert_eq!(secrets_in(SECRETS[5].as_bytes()), [SECRETS[5]], "it would have been found");
}

/// What the attacker can make: certificates of every CA whose key lies on the broker's host, and
/// of CAs of its own.
fn forgeries(office: &Office) -> Vec<(&'static str, Arc<CertifiedKey>)> {
    let directory = office.world.broker_folder();
    let (org, anna) = (&office.world.org, "anna".parse().expect("label"));
    let hour = Duration::from_secs(3600);
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).expect("a file of the broker");
    let certified = |key: P256Key, leaf: Vec<u8>| key.certified(CertificateDer::from(leaf)).expect("usable");
    let new_key = || P256Key::generate().expect("key");

    let device_ca_key = key_file::read_p256(&read(directory.device_ca_key()), None).expect("a key");
    let device_ca_pem = read(directory.device_ca());
    let device_ca = CertificateDer::from_pem_slice(device_ca_pem.as_bytes()).expect("a certificate");
    let device_ca = Ca::new(device_ca_key, &device_ca).expect("they belong together");
    let key = new_key();
    let by_device_ca =
        device_ca.issue_technician(&org.id, &anna, key.public(), hour, now(), [1; 16]).expect("issued");
    let by_device_ca = certified(key, by_device_ca);
    let key = new_key();
    let as_device =
        device_ca.issue_device(&org.id, office.pc.id, key.public(), now(), [1; 16]).expect("issued");
    let as_device = certified(key, as_device);

    let lookalike = Org::found("mora").expect("an organisation of the same name");
    let key = new_key();
    let by_lookalike = lookalike.certify_technician_key(&anna, key.public(), hour).expect("issued");
    let by_lookalike = certified(key, by_lookalike);

    let tls_key = key_file::read_p256(&read(directory.tls_key()), None).expect("a key");
    let own =
        CertificateDer::from_pem_slice(read(directory.certificate()).as_bytes()).expect("a certificate");
    let own = tls_key.certified(own).expect("its own");

    // A technician's true certificate, seen in the outer handshake; the key stays with its owner.
    let account = office.desk.account();
    let stolen = new_key();
    let signing = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&stolen.to_rustls()).expect("usable");
    let stolen = Arc::new(CertifiedKey::new(vec![account.certificate.clone()], signing));
    vec![
        ("a certificate of the device CA", by_device_ca),
        ("a PC's certificate", as_device),
        ("a certificate of a CA that looks alike", by_lookalike),
        ("the broker's own certificate", own),
        ("a technician's certificate without its key", stolen),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn cannot_open_as_technician() {
    let fallen = Fallen::office().await;
    let office = &fallen.office;
    let target = office.pc.target(&office.desk).await.expect("found");
    let versions = office.world.org.trust().expect("documents").versions();
    for (what, identity) in forgeries(office) {
        let session = SessionId::from_bytes(*distans_trust::keys::random::<16>().expect("random"));
        let clock = Arc::new(DefaultTimeProvider);
        let tls = distans_e2e::tls::technician_config(identity, &target.verified, clock).expect("config");
        let (receive, send) = fallen.evil.reach(office.pc.id, session).await.expect("a stream");
        let request = Request {
            session,
            scopes: scopes(&[Scope::Command]),
            purpose: "mine now".into(),
            ticket: None,
            minutes: 5,
            unattended: false,
        };
        let first = [ToAgent::Hello(hello(versions)), ToAgent::Request(request)];
        let control = Control::connect(receive, send, Arc::new(tls), session, &first).await;
        let told = match control {
            Ok(mut control) => control.recv::<ToTechnician>().await,
            Err(error) => Err(error),
        };
        assert!(told.is_err(), "{what} got an answer: {told:?}");
    }
    // Without any handshake: sealed streams of sessions nobody opened.
    let session = SessionId::from_bytes([0xEE; 16]);
    let file = office.file("marks");
    let keys = distans_e2e::session::SessionKeys::from_master(session, [0; 32], [0; 32]);
    for epoch in [0, 1, 2] {
        let (receive, send) = fallen.evil.reach(office.pc.id, session).await.expect("a stream");
        let mut writer = OpWriter::technician(send, &keys, epoch, 2).expect("keys");
        let request = OpRequest { id: OpId::from_bytes([1; 16]), op: Op::Run(marking(&file)), received: 0 };
        writer.send(&request).await.expect("sent");
        let mut reader = OpReader::technician(receive, &keys, 2).expect("keys");
        let told = reader.next::<OpOutput>().await;
        assert!(
            told.is_err() || told.is_ok_and(|told| told.is_none()),
            "a stream of no session was answered"
        );
    }
    assert_eq!(marks(&file), 0);
    assert!(fallen.person.questions().is_empty(), "a person was bothered by somebody who proved nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn substituted_device_refused() {
    let office = Office::open().await;
    let other = Pc::online(&office.world, &office.desk, "other-pc").await.expect("another PC");
    // The attacker's own machine, enrolled as a PC of the organisation with a stolen token.
    let (token, certificate) =
        office.world.org.token(&office.world.address(), &kontor().expect("label"), 1).expect("token");
    office.world.publish(&office.desk, &[certificate]).await.expect("published");
    let own = PaperPc::new(&office.world.org, &kontor().expect("label"), "PC", &token.key().expect("key"))
        .expect("a PC");
    office.desk.refresh_documents().await.expect("documents");
    let fallen = Fallen::take(office).await;
    fallen.evil.wait_for(other.id).await.expect("the other PC comes");
    let truth = fallen.device.clone();
    let find = || fallen.office.desk.find(truth.hostname.raw());

    // Streams for one PC led to another, which is genuine too.
    struct Astray(DeviceId);
    impl Mischief for Astray {
        fn lead(&self, _: DeviceId) -> DeviceId {
            self.0
        }
    }
    fallen.evil.set_devices(vec![truth.clone()]);
    fallen.evil.set_mischief(Astray(other.id));
    let target = find().await.expect("its endorsement holds");
    let opened = Session::open(&fallen.office.desk, &target, &wanted(&[Scope::Command])).await;
    assert!(matches!(opened, Err(Error::DeviceUntrusted { .. })), "{opened:?}");
    fallen.evil.set_mischief(OnlyListens);

    // Another key under the true endorsement, the endorsement of another PC under this one's id,
    // an endorsement the attacker signed itself, none at all.
    type Lie = fn(&mut Device, &PaperPc);
    let lies: [(&str, Lie); 4] = [
        ("an endorsement for another id", |device, own| {
            device.endorsement = Some(own.endorsement.to_json().into());
        }),
        ("a token certificate of its own", |device, own| {
            device.endorsement = Some(own.endorsement.to_json().into());
            let lookalike = Org::found("mora").expect("an organisation");
            let (_, cert) = lookalike.token("localhost:1", &kontor().expect("label"), 9).expect("token");
            device.token_cert = Some(cert.to_json().into());
        }),
        ("no endorsement", |device, _| device.endorsement = None),
        ("rubbish", |device, _| device.endorsement = Some(b"{}".to_vec().into())),
    ];
    for (what, lie) in lies {
        let mut device = truth.clone();
        lie(&mut device, &own);
        fallen.evil.set_devices(vec![device]);
        let found = find().await;
        assert!(matches!(found, Err(Error::DeviceUntrusted { .. })), "{what}: {found:?}");
    }
    assert!(fallen.person.questions().is_empty());
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_documents_and_records_are_told_apart() {
    let fallen = Fallen::office().await;
    let session = fallen.session().await.expect("allowed");
    let closing = session.end().await.expect("ended");
    assert!(closing.kept_at_pc);
    // The record of another session, altered or not, in place of the one that was asked for.
    fallen.evil.set_liar(move |request| {
        let DeskRequest::SessionRecord(_) = request else { return None };
        let record = distans_proto::link::SessionRecord {
            grant: closing.grant.to_json(),
            receipt: closing.receipt.to_json(),
            certificate: Vec::new(),
        };
        Some(DeskReply::Record(record))
    });
    let asked = fallen.office.desk.verified_record(SessionId::from_bytes([1; 16])).await;
    assert!(asked.is_err(), "another session's record was taken: {asked:?}");
    // Documents of an organisation that looks alike.
    let lookalike = Org::found("mora").expect("an organisation");
    let roots: Vec<_> = lookalike.roots().iter().map(|root| root.to_json().into()).collect();
    let policy = Some(lookalike.policy_envelope().to_json().into());
    let before = fallen.office.desk.trust().versions();
    fallen.evil.set_liar(move |request| {
        let DeskRequest::Documents(_) = request else { return None };
        let documents = distans_proto::link::Documents { roots: roots.clone(), policy: policy.clone() };
        Some(DeskReply::Documents(documents))
    });
    let refreshed = fallen.office.desk.refresh_documents().await;
    assert!(refreshed.is_err(), "another organisation's documents were taken");
    assert_eq!(fallen.office.desk.trust().versions(), before);
}
