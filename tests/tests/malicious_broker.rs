//! A broker in the hands of an attacker, between the real technician's program and the real agent.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use distans_cli::client::{Error, NewSession, Session};
use distans_e2e::preface::{self, Preface};
use distans_e2e::receipt::EndReason;
use distans_e2e::sealed::{Direction, HEADER, Opener, PAYLOAD_LIMIT, Record, Sealer, StreamKeys};
use distans_e2e_io::{Control, OpReader, OpWriter};
use distans_proto::desk::{DeskReply, DeskRequest, Device, DeviceFilter};
use distans_proto::ids::{DeviceId, OpId, SessionId};
use distans_proto::inner::{DeniedBy, Op, OpOutput, OpRequest, Request, Run, ToAgent, ToTechnician};
use distans_proto::scope::Scope;
use distans_proto::version::VersionRange;
use distans_tests::dice::Dice;
use distans_tests::evil_broker::{EvilBroker, Mischief, OnlyListens, Place, Way};
use distans_tests::org::{Org, kontor, now, rule};
use distans_tests::pc::{Pc, Person, Says, until};
use distans_tests::peer::{PaperPc, hello};
use distans_tests::world::all_bytes_under;
use distans_trust::issue::Ca;
use distans_trust::key_file;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::policy::ConsentMode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::time_provider::DefaultTimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, marking, marks, run, scopes, wanted};

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

#[tokio::test(flavor = "multi_thread")]
async fn sees_only_ciphertext() {
    let fallen = Fallen::office().await;
    let secrets = [
        "hemlig-purpose-1",
        "hemlig-ticket-2",
        "hemlig-command-3",
        "hemlig-output-4",
        "hemlig-input-5",
        "hemlig-errors-6",
    ];
    let wanted = NewSession {
        purpose: secrets[0].into(),
        ticket: Some(secrets[1].into()),
        ..wanted(&[Scope::Command])
    };
    let session = fallen.office.session(&wanted).await.expect("allowed");
    // The output is spelled so that it does not stand in the command.
    let script =
        "echo hemlig-comma''nd-3 >/dev/null; echo hemlig-out''put-4; echo hemlig-err''ors-6 >&2; cat";
    let argv = ["sh", "-c", script, secrets[2]].map(ToOwned::to_owned).to_vec();
    let command = Run { argv, system: false, stdin: true, timeout_s: 0 };
    let mut output = Vec::new();
    let input = secrets[4].as_bytes();
    let result = session.run(command, Some(input), &mut output, CancellationToken::new()).await.expect("ran");
    assert_eq!(result.exit, Some(0));
    let output = String::from_utf8(output).expect("text");
    assert!(output.contains(secrets[3]) && output.contains(secrets[4]) && output.contains(secrets[5]));
    session.end().await.expect("ended");

    let seen = fallen.evil.all_seen();
    assert!(seen.len() > 4000, "it did see a session");
    for secret in secrets {
        let found = seen.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the broker read {secret}");
        let base64 = data_encoding::BASE64.encode(secret.as_bytes());
        let core = &base64[..base64.len() - 4];
        assert!(
            !seen.windows(core.len()).any(|window| window == core.as_bytes()),
            "the broker read {secret} in base64"
        );
    }
    // Nor does it lie on the honest broker's disk.
    for (path, bytes) in all_bytes_under(fallen.office.world.broker_folder().path()).expect("read") {
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
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
    let lies: [(&str, fn(&mut Device, &PaperPc)); 4] = [
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

/// Changes, cuts or repeats one place of one relayed stream of each session it is set on.
#[derive(Default, Clone)]
struct Tamper(Arc<Mutex<HashMap<SessionId, Blow>>>);

/// What is done to a session's first operation.
#[derive(Debug, Clone, Copy)]
struct Blow {
    way: Way,
    at: usize,
    deed: Deed,
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Flip(u8),
    Cut,
    Repeat,
    Drop,
}

impl Mischief for Tamper {
    fn pass(&self, place: Place, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let blow = self.0.lock().expect("no panic inside").get(&place.session).copied();
        let blow = blow.filter(|blow| place.nth == 1 && blow.way == place.way);
        let at = blow.and_then(|blow| blow.at.checked_sub(place.offset)).filter(|at| *at < bytes.len());
        let (Some(blow), Some(at)) = (blow, at) else { return Some(bytes) };
        match blow.deed {
            Deed::Flip(mask) => bytes[at] ^= mask,
            Deed::Cut => return None,
            Deed::Repeat => bytes.insert(at, bytes[at]),
            Deed::Drop => drop(bytes.remove(at)),
        }
        Some(bytes)
    }
}

fn blow(dice: &mut Dice) -> Blow {
    let way = if dice.throw(2) == 0 { Way::ToPc } else { Way::ToTechnician };
    let deed = match dice.throw(4) {
        0 => Deed::Cut,
        1 => Deed::Repeat,
        2 => Deed::Drop,
        _ => Deed::Flip(dice.mask()),
    };
    Blow { way, deed, at: dice.throw(if way == Way::ToPc { 220 } else { 120 }) }
}

/// How many mutations: a short run by default, `DISTANS_TAMPER=1000000` for the long one.
fn mutations(usual: usize) -> usize {
    std::env::var("DISTANS_TAMPER").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Sessions under attack at once: the PC has room for 16.
const ATTACKS: usize = 12;

/// An operation that takes longer waits for bytes that never come.
const STALLED: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn tamper_matrix() {
    let office = Office::with_policy(|policy| {
        policy.consent.rules.push(rule(Scope::Command, ConsentMode::Announce).expect("label"));
    })
    .await;
    let fallen = Arc::new(Fallen::take(office).await);
    let tamper = Tamper::default();
    fallen.evil.set_mischief(tamper.clone());
    let mut dice = Dice::new();
    let rounds = mutations(240).min(5000) / ATTACKS;
    let attacks: Vec<_> = (0..ATTACKS)
        .map(|attack| {
            let (fallen, tamper, mut dice) = (Arc::clone(&fallen), tamper.clone(), dice.split());
            async move {
                let file = fallen.office.file(&format!("marks-{attack}"));
                let mut healed = 0;
                for _ in 0..rounds {
                    healed += usize::from(attacked(&fallen, &tamper, &file, blow(&mut dice)).await);
                }
                healed
            }
        })
        .collect();
    // Sessions of the library belong to one thread.
    let local = tokio::task::LocalSet::new();
    let attacks: Vec<_> = attacks.into_iter().map(|attack| local.spawn_local(attack)).collect();
    let healed = local.run_until(async {
        let mut healed = 0;
        for attack in attacks {
            healed += attack.await.expect("no surprise");
        }
        healed
    });
    let healed = healed.await;
    println!("{healed} of {} attacked sessions came to their end all the same", rounds * ATTACKS);
}

/// One operation in a session under attack: done as asked and told truly, or an error. True if it
/// was done and told.
async fn attacked(fallen: &Fallen, tamper: &Tamper, file: &Path, blow: Blow) -> bool {
    let session = fallen.session().await.expect("nothing is broken for good");
    let before = marks(file);
    tamper.0.lock().expect("no panic inside").insert(session.id(), blow);
    // A byte that is missing may leave both ends waiting for it: a broker can always delay.
    let ran = timeout(STALLED, run(&session, marking(file))).await;
    let text = std::fs::read_to_string(file).unwrap_or_default();
    assert!(text.lines().all(|line| line == "ran"), "{blow:?}: another command ran: {text:?}");
    let told = match ran {
        Ok(Ok((result, output))) => {
            assert_eq!(result.exit, Some(0), "{blow:?}");
            let whole = output == b"out\nerr\n" || output == b"err\nout\n";
            assert!(whole, "{blow:?} gave {output:?}");
            assert_eq!(marks(file), before + 1, "{blow:?}");
            true
        }
        Ok(Err(_)) | Err(_) => {
            assert!(marks(file) <= before + 1, "{blow:?}");
            false
        }
    };
    // Over or not, it must not stand in the next one's way.
    let _ = timeout(STALLED, session.end()).await;
    told
}

#[test]
fn tamper_matrix_of_records() {
    let mut dice = Dice::new();
    let session = SessionId::from_bytes([1; 16]);
    let keys = |stream| StreamKeys::derive(&[7; 32], session, stream, Direction::ToAgent).expect("keys");
    let records = |stream| {
        let mut sealer = Sealer::new(&keys(stream)).expect("keys");
        let mut records: Vec<Vec<u8>> = Vec::new();
        for payload in [&b"one"[..], b"", &[3; 700], b"four"] {
            let mut record = Vec::new();
            sealer.data(payload, &mut record).expect("sealed");
            records.push(record);
        }
        let mut end = Vec::new();
        sealer.end(&mut end).expect("sealed");
        records.push(end);
        records
    };
    let (mine, foreign) = (records(2), records(4));
    let whole = [&b"one"[..], &[3; 700], b"four"].concat();
    let original = mine.concat();
    for round in 0..mutations(20_000) {
        let mut changed = mine.clone();
        let (a, b) = (dice.throw(mine.len()), dice.throw(mine.len()));
        match dice.throw(8) {
            0 => drop(changed.remove(a)),
            1 => changed.insert(b, mine[a].clone()),
            2 => changed.swap(a, b),
            3 => changed[a] = foreign[b].clone(),
            _ => {}
        }
        let mut wire = changed.concat();
        let at = dice.throw(wire.len());
        match dice.throw(4) {
            0 => wire.truncate(at),
            1 => wire[at] ^= dice.mask(),
            2 => drop(wire.remove(at)),
            _ => wire.insert(at, u8::try_from(dice.throw(256)).expect("a byte")),
        }
        let untouched = wire == original;
        let (plain, ended) = receive(Opener::new(&keys(2)).expect("keys"), wire);
        assert!(whole.starts_with(&plain), "round {round}: something untrue came out");
        assert!(!ended || plain == whole, "round {round}: an end before the end");
        assert!(!untouched || ended, "round {round}: an untouched stream was refused");
    }
}

/// What a receiver takes from these bytes, and whether the stream ended whole.
fn receive(mut opener: Opener, mut wire: Vec<u8>) -> (Vec<u8>, bool) {
    let (mut plain, mut at) = (Vec::new(), 0);
    while let Some(header) = wire[at..].first_chunk::<HEADER>() {
        let Ok(length) = Opener::body_length(*header) else { break };
        assert!(length <= PAYLOAD_LIMIT + 17);
        let Some(record) = wire.get_mut(at..at + HEADER + length) else { break };
        match opener.open(record) {
            Ok(Record::Data(bytes)) => plain.extend_from_slice(bytes),
            Ok(_) => return (plain, true),
            Err(_) => break,
        }
        at += HEADER + length;
    }
    (plain, false)
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_all() {
    let fallen = Fallen::office().await;
    let (office, evil) = (&fallen.office, &fallen.evil);
    let file = office.file("marks");
    let session = fallen.session().await.expect("allowed");
    run(&session, marking(&file)).await.expect("ran");
    assert_eq!(marks(&file), 1);
    let tapes = evil.tapes();
    let of_session: Vec<_> = tapes.iter().filter(|tape| tape.session == Some(session.id())).collect();
    assert_eq!(of_session.len(), 2, "a control stream and an operation");

    // Everything again, while the session lives: the control stream first, because a repeated
    // operation's stream ends the session.
    for tape in &of_session {
        replay(&fallen, session.id(), &tape.to_pc).await;
    }
    until("the session's end", || async { run(&session, marking(&file)).await.err() }).await.expect("ended");
    assert!(marks(&file) <= 2, "the honest command may have run before the replay was noticed");
    let after = marks(&file);

    // And again when it is over, and with other ids around the same bytes.
    for tape in &of_session {
        replay(&fallen, session.id(), &tape.to_pc).await;
        replay(&fallen, SessionId::from_bytes([9; 16]), &tape.to_pc).await;
    }
    // Old answers of the PC to a new question of the technician.
    struct OldAnswers(Vec<u8>);
    impl Mischief for OldAnswers {
        fn pass(&self, place: Place, bytes: Vec<u8>) -> Option<Vec<u8>> {
            match place.way {
                Way::ToTechnician => (place.offset == 0).then(|| self.0.clone()),
                Way::ToPc => Some(bytes),
            }
        }
    }
    let questions = fallen.person.questions().len();
    evil.set_mischief(OldAnswers(of_session[0].to_technician.clone()));
    let opened = fallen.session().await;
    assert!(opened.is_err(), "an old handshake was taken for a new one");
    evil.set_mischief(OnlyListens);
    assert_eq!(marks(&file), after);

    // Nobody was asked because of a replay; the technician's own new try may have reached the PC.
    assert!(fallen.person.questions().len() <= questions + 1);
}

/// Plays recorded bytes to the PC and waits until it has had enough of them.
async fn replay(fallen: &Fallen, session: SessionId, bytes: &[u8]) {
    let reached = fallen.evil.reach(fallen.office.pc.id, session).await;
    let (mut receive, mut send) = reached.expect("a stream");
    // The PC may close the stream at the first byte it knows to be wrong.
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    let _ = receive.read_to_end(1024 * 1024).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_operation_ends_the_session_as_a_violation() {
    let fallen = Fallen::office().await;
    let file = fallen.office.file("marks");
    let session = fallen.session().await.expect("allowed");
    run(&session, marking(&file)).await.expect("ran");
    let tapes = fallen.evil.tapes();
    replay(&fallen, session.id(), &tapes[1].to_pc).await;
    let ended = session.end().await.map(|closing| closing.receipt.payload().reason);
    let is_violation = match &ended {
        Ok(reason) => *reason == EndReason::Violation,
        Err(Error::SessionOver { cause, .. }) => cause == EndReason::Violation.words(),
        Err(_) => false,
    };
    assert!(is_violation, "{ended:?}");
    assert_eq!(marks(&file), 1);
}

/// A technician's configuration with other key exchanges, otherwise right.
fn with_group(fallen: &Fallen, group: &'static dyn rustls::crypto::SupportedKxGroup) -> ClientConfig {
    let provider = rustls::crypto::CryptoProvider {
        kx_groups: vec![group],
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let account = fallen.office.desk.account();
    let own = account.key.certified(account.certificate.clone()).expect("usable");
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![distans_proto::version::ALPN_INNER.to_vec()];
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn downgrade_refused() {
    let fallen = Fallen::office().await;
    let device = fallen.office.pc.id;
    let session = SessionId::from_bytes([3; 16]);

    // Weaker key exchanges, though with a technician's true certificate and key.
    for group in [rustls::crypto::aws_lc_rs::kx_group::X25519, rustls::crypto::aws_lc_rs::kx_group::SECP256R1]
    {
        let (receive, send) = fallen.evil.reach(device, session).await.expect("a stream");
        let control =
            Control::connect(receive, send, Arc::new(with_group(&fallen, group)), session, &[]).await;
        assert!(control.is_err(), "{group:?} was enough");
    }

    // TLS 1.2, and other versions of the stream format.
    let client_hello_of_1_2: Vec<u8> = [
        &[0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3][..], // handshake, ClientHello, legacy version 1.2
        &[0x55; 32],                                 // random
        &[0, 0, 2, 0xC0, 0x2B, 1, 0, 0, 0],          // no session, one suite of 1.2, no extensions
    ]
    .concat();
    let control = Preface::control(session).encode();
    let mut of_version_0 = control;
    of_version_0[1] = 0;
    let mut of_version_2 = control;
    of_version_2[1] = 2;
    for (what, bytes) in [
        ("TLS 1.2", [&control[..], &client_hello_of_1_2].concat()),
        ("stream format 0", of_version_0.to_vec()),
        ("stream format 2", of_version_2.to_vec()),
        ("no preface", vec![0; preface::LEN]),
    ] {
        let (mut receive, mut send) = fallen.evil.reach(device, session).await.expect("a stream");
        send.write_all(&bytes).await.expect("written");
        send.finish().expect("ended");
        let answer = receive.read_to_end(64 * 1024).await.unwrap_or_default();
        // A TLS alert at most: never a ServerHello.
        assert!(answer.first().is_none_or(|kind| *kind == 0x15), "{what} was answered: {answer:?}");
    }

    // Key exchanges struck from the technician's hello on the way.
    struct Strike;
    impl Mischief for Strike {
        fn pass(&self, place: Place, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
            if place.way == Way::ToPc && place.offset == 0 {
                // X25519MLKEM768 is 0x11EC; X25519 is 0x001D.
                let at: Vec<usize> =
                    (0..bytes.len() - 1).filter(|at| bytes[*at..*at + 2] == [0x11, 0xEC]).collect();
                assert!(!at.is_empty(), "the hybrid group is offered");
                for at in at {
                    bytes[at..at + 2].copy_from_slice(&[0x00, 0x1D]);
                }
            }
            Some(bytes)
        }
    }
    fallen.evil.set_mischief(Strike);
    assert!(fallen.session().await.is_err());
    fallen.evil.set_mischief(OnlyListens);
    fallen.session().await.expect("nothing is broken for good");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signed_floor_of_versions_holds() {
    let mut fallen = Fallen::office().await;
    fallen.session().await.expect("allowed").end().await.expect("ended");
    let device = fallen.office.pc.id;
    let org = &mut fallen.office.world.org;
    let root =
        org.change_root(|root| root.min_protocol = VersionRange::OURS.max + 1).expect("a root").clone();
    fallen.evil.push(device, &[root], None).await.expect("dealt with");
    // The technician's program does not know the new root yet; the PC does.
    match fallen.session().await {
        Err(Error::Denied(denied)) => assert_eq!(denied.by, DeniedBy::State, "{denied:?}"),
        other => panic!("not denied: {other:?}"),
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_in_the_middle_loses_and_doubles_nothing() {
    let fallen = Fallen::office().await;
    let session = fallen.session().await.expect("allowed");
    let file = fallen.office.file("marks");
    struct CutOnce(AtomicBool);
    impl Mischief for CutOnce {
        fn pass(&self, place: Place, bytes: Vec<u8>) -> Option<Vec<u8>> {
            let hit = place.way == Way::ToTechnician && place.offset > 100_000;
            if hit && !self.0.swap(true, Ordering::Relaxed) { None } else { Some(bytes) }
        }
    }
    fallen.evil.set_mischief(CutOnce(AtomicBool::new(false)));
    let script = "echo ran >> \"$0\"; seq 1 200000";
    let argv = ["sh", "-c", script].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([file.display().to_string()]).collect();
    let (result, output) =
        run(&session, Run { argv, system: false, stdin: false, timeout_s: 0 }).await.expect("healed");
    assert_eq!(result.exit, Some(0));
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert!(output == expected.as_bytes(), "output was lost or doubled");
    assert_eq!(marks(&file), 1);
}
