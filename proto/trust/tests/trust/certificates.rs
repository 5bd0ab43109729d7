//! The certificate confusion matrix of security.md §10, its rows that belong to X.509: one
//! certificate exactly as specified is accepted, and everything near it is refused.

use std::time::Duration;

use distans_proto::ids::OrgId;
use distans_proto::time::Timestamp;
use distans_trust::certs::{self, CertError, CheckTime};
use distans_trust::issue::{self, Ca, IssueError};
use distans_trust::keys::{Ed25519Key, P256Key, Signer};
use distans_trust::outer::{Peer, Snapshot};
use proptest::prelude::*;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, ServerName};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::sample::{DAY, HOUR, Mora, NOW, device, label, technician};

fn at(time: Timestamp) -> CheckTime {
    CheckTime::exact(time)
}

fn seconds(time: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(time.as_secs()).expect("after 1970"))
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).expect("ASCII"))
}

fn uri(name: &str) -> SanType {
    SanType::URI(Ia5String::try_from(name).expect("ASCII"))
}

/// A technician's certificate as specified, with `edit` applied before it is signed.
fn variant(mora: &Mora, key: &KeyPair, edit: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "anna");
    params.serial_number = Some(SerialNumber::from_slice(&[5; 16]));
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + seconds(NOW.minus(Duration::from_secs(600)));
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + seconds(NOW.plus(8 * HOUR));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![dns("anna.tech.mora.distans.internal"), uri("distans://mora/tech/anna")];
    edit(&mut params);
    let ca_key = KeyPair::try_from(mora.keys.technician_ca.to_pkcs8()).expect("a key");
    let ca = CertificateDer::from(mora.root.technician_ca[0].0.clone());
    let issuer = Issuer::from_ca_cert_der(&ca, ca_key).expect("an issuer");
    params.signed_by(key, &issuer).expect("signed").der().clone()
}

fn private_extension(critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![0x05, 0x00]);
    extension.set_criticality(critical);
    extension
}

#[test]
fn confusion_matrix() {
    let mora = Mora::found();
    let snapshot = Snapshot::new(&mora.trust());
    let key = KeyPair::generate().expect("a key");
    let check = |certificate: &CertificateDer<'_>| snapshot.technician(certificate, at(NOW));

    type Edit = fn(&mut CertificateParams);
    let accepted: [(&str, Edit); 3] = [
        ("as specified", |_| {}),
        ("an extra private usage", |params| {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 55555, 2]));
        }),
        ("a private extension that is not critical", |params| {
            params.custom_extensions.push(private_extension(false));
        }),
    ];
    for (what, edit) in accepted {
        let identity = check(&variant(&mora, &key, edit));
        assert_eq!(identity.as_ref().map(|found| found.id.as_str()), Ok("anna"), "{what}");
    }

    let refused: [(&str, Edit); 22] = [
        ("serverAuth only", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ("serverAuth too", |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)),
        ("any usage", |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)),
        ("no extended usage", |params| params.extended_key_usages.clear()),
        ("no key usage", |params| params.key_usages.clear()),
        ("key agreement only", |params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]),
        ("expired", |params| params.not_after = params.not_before + Duration::from_secs(60)),
        ("not yet valid", |params| params.not_before += Duration::from_secs(1200)),
        ("a CA", |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0))),
        ("a critical private extension", |params| params.custom_extensions.push(private_extension(true))),
        ("longer than policy", |params| params.not_after += Duration::from_secs(4 * 3600 + 60)),
        ("outside the name constraint", |params| {
            params.subject_alt_names =
                vec![dns("anna.tech.orsa.distans.internal"), uri("distans://orsa/tech/anna")];
        }),
        ("two URIs", |params| params.subject_alt_names.push(uri("distans://mora/tech/bo"))),
        ("two DNS names", |params| params.subject_alt_names.push(dns("bo.tech.mora.distans.internal"))),
        ("an e-mail address too", |params| {
            params.subject_alt_names.push(SanType::Rfc822Name(Ia5String::try_from("a@b.se").expect("ASCII")));
        }),
        ("URI of another organisation", |params| {
            params.subject_alt_names[1] = uri("distans://orsa/tech/anna");
        }),
        ("URI of another role", |params| params.subject_alt_names[1] = uri("distans://mora/device/anna")),
        ("URI of another scheme", |params| params.subject_alt_names[1] = uri("https://mora/tech/anna")),
        ("URI with more path", |params| params.subject_alt_names[1] = uri("distans://mora/tech/anna/x")),
        ("URI without matching DNS", |params| {
            params.subject_alt_names[0] = dns("bo.tech.mora.distans.internal");
        }),
        ("no URI", |params| drop(params.subject_alt_names.pop())),
        ("no names at all", |params| params.subject_alt_names.clear()),
    ];
    for (what, edit) in refused {
        let result = check(&variant(&mora, &key, edit));
        assert!(result.is_err(), "{what} was accepted");
    }

    let stranger = variant(&mora, &key, |params| {
        params.subject_alt_names = vec![dns("bo.tech.mora.distans.internal"), uri("distans://mora/tech/bo")];
    });
    assert_eq!(check(&stranger), Err(CertError::NotInRoster));
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    assert!(check(&variant(&mora, &p384, |_| {})).is_err(), "a key of another kind was accepted");
    assert_eq!(check(&CertificateDer::from(vec![])), Err(CertError::Malformed));
    let mut trailing = variant(&mora, &key, |_| {}).to_vec();
    trailing.push(0);
    assert_eq!(check(&CertificateDer::from(trailing)), Err(CertError::Malformed));
}

#[test]
fn certificates_of_other_cas_are_of_an_unknown_issuer() {
    let (mora, other) = (Mora::found(), Mora::found());
    let snapshot = Snapshot::new(&mora.trust());
    let unknown = CertError::Chain(webpki::Error::UnknownIssuer);
    let key = P256Key::generate().expect("a key");
    let org: OrgId = label("mora");
    let device_leaf =
        mora.device_ca().issue_device(&org, device(), key.public(), NOW, [6; 16]).expect("issued");
    let device_leaf = CertificateDer::from(device_leaf);
    assert_eq!(snapshot.technician(&device_leaf, at(NOW)), Err(unknown.clone()));
    assert!(matches!(snapshot.peer(&device_leaf, at(NOW)), Ok(Peer::Device(found)) if found.id == device()));

    let foreign =
        other.technician_ca().issue_technician(&org, &label("anna"), key.public(), HOUR, NOW, [6; 16]);
    let foreign = CertificateDer::from(foreign.expect("issued"));
    // A CA of the same name with another key: the name matches, the signature does not.
    let refused = snapshot.peer(&foreign, at(NOW));
    assert_eq!(refused, Err(CertError::Chain(webpki::Error::InvalidSignatureForPublicKey)));

    // The broker's device CA tries to make a technician: the wrong issuer, and outside its names.
    let forged = mora.device_ca().issue_technician(&org, &label("anna"), key.public(), HOUR, NOW, [6; 16]);
    assert_eq!(snapshot.peer(&CertificateDer::from(forged.expect("issued")), at(NOW)), Err(unknown));
}

#[test]
fn issued_certificates_are_as_specified() {
    let mora = Mora::found();
    let org: OrgId = label("mora");
    let key = P256Key::generate().expect("a key");
    let snapshot = Snapshot::new(&mora.trust());
    let request = issue::new_request(&key).expect("a request");
    let asked = issue::read_request(&request).expect("holds");
    assert_eq!(&asked, key.public());

    let leaf =
        mora.technician_ca().issue_technician(&org, &label("anna"), &asked, 12 * HOUR, NOW, [0xff; 16]);
    let leaf = CertificateDer::from(leaf.expect("issued"));
    let identity = snapshot.technician(&leaf, at(NOW)).expect("accepted");
    assert_eq!(identity.spki, key.public().spki());
    assert_eq!(identity.not_before, NOW.minus(Duration::from_secs(600)));
    assert_eq!(identity.not_after, NOW.plus(12 * HOUR));
    assert!(snapshot.technician(&leaf, at(NOW.plus(13 * HOUR))).is_err());
    let slow_clock = CheckTime { now: NOW.minus(DAY), not_before_tolerance: 2 * DAY };
    assert!(snapshot.technician(&leaf, slow_clock).is_ok());
    assert!(snapshot.technician(&leaf, at(NOW.minus(DAY))).is_err());

    let (_, parsed) = X509Certificate::from_der(&leaf).expect("a certificate");
    let oids: Vec<String> =
        parsed.extensions().iter().map(|extension| extension.oid.to_id_string()).collect();
    for (what, oid, critical) in [
        ("authority key id", "2.5.29.35", false),
        ("subject key id", "2.5.29.14", false),
        ("key usage", "2.5.29.15", true),
        ("extended key usage", "2.5.29.37", false),
        ("basic constraints", "2.5.29.19", true),
        ("names", "2.5.29.17", false),
    ] {
        let extension = parsed.extensions().iter().find(|extension| extension.oid.to_id_string() == oid);
        assert_eq!(extension.map(|extension| extension.critical), Some(critical), "{what}");
    }
    assert_eq!(oids.len(), 6, "nothing else: {oids:?}");

    let life = 12 * HOUR + Duration::from_secs(1);
    let too_long = mora.technician_ca().issue_technician(&org, &label("anna"), &asked, life, NOW, [1; 16]);
    assert_eq!(too_long, Err(IssueError::Life));
    let id = "a".repeat(64);
    let unfit = mora.technician_ca().issue_technician(&org, &label(&id), &asked, HOUR, NOW, [1; 16]);
    assert!(matches!(unfit, Err(IssueError::Name(_))), "64 letters are no DNS label");
    let ed25519 = Ed25519Key::generate().expect("a key");
    let other =
        mora.technician_ca().issue_technician(&org, &label("anna"), ed25519.public(), HOUR, NOW, [1; 16]);
    assert_eq!(other, Err(IssueError::Key));
    let mixed = Ca::new(P256Key::generate().expect("a key"), &mora.root.technician_ca[0].0);
    assert_eq!(mixed.err(), Some(IssueError::OtherCa));
}

#[test]
fn a_brokers_certificate_holds_for_its_name_alone() {
    let mora = Mora::found();
    let key = P256Key::generate().expect("a key");
    let ca = mora.service_ca();
    let leaf = ca.issue_broker("broker.mora.test", key.public(), NOW, [7; 16]).expect("issued");
    let leaf = CertificateDer::from(leaf);
    let anchors = [certs::anchor(&mora.root.service_ca[0].0).expect("a CA")];
    let name = |text: &'static str| ServerName::try_from(text).expect("a name");
    assert!(certs::verify_broker(&leaf, &anchors, &name("broker.mora.test"), at(NOW)).is_ok());
    assert!(certs::verify_broker(&leaf, &anchors, &name("broker.orsa.test"), at(NOW)).is_err());
    assert!(
        certs::verify_broker(&leaf, &anchors, &name("broker.mora.test"), at(NOW.plus(91 * DAY))).is_err()
    );
    let elsewhere = ca.issue_broker("evil.test", key.public(), NOW, [7; 16]).expect("issued");
    let elsewhere = CertificateDer::from(elsewhere);
    let refused = certs::verify_broker(&elsewhere, &anchors, &name("evil.test"), at(NOW));
    assert!(matches!(refused, Err(CertError::Chain(webpki::Error::NameConstraintViolation))), "{refused:?}");
    assert!(matches!(ca.issue_broker("127.0.0.1", key.public(), NOW, [7; 16]), Err(IssueError::Name(_))));

    // A technician's certificate does not make a broker, nor the other way round.
    let person = mora.technician_ca().issue_technician(
        &label("mora"),
        &label("anna"),
        key.public(),
        HOUR,
        NOW,
        [8; 16],
    );
    let person = CertificateDer::from(person.expect("issued"));
    assert!(certs::verify_broker(&person, &anchors, &name("broker.mora.test"), at(NOW)).is_err());
    assert!(Snapshot::new(&mora.trust()).peer(&leaf, at(NOW)).is_err());
}

#[test]
fn revoked_certificates_keys_and_devices_are_refused() {
    let mut mora = Mora::found();
    let org: OrgId = label("mora");
    let key = P256Key::generate().expect("a key");
    let person =
        mora.technician_ca().issue_technician(&org, &label("anna"), key.public(), HOUR, NOW, [1; 16]);
    let person = CertificateDer::from(person.expect("issued"));
    let pc = mora.device_ca().issue_device(&org, device(), key.public(), NOW, [2; 16]).expect("issued");
    let pc = CertificateDer::from(pc);
    let peers = |mora: &Mora| {
        let snapshot = Snapshot::new(&mora.trust());
        (snapshot.peer(&person, at(NOW)).err(), snapshot.peer(&pc, at(NOW)).err())
    };
    assert_eq!(peers(&mora), (None, None));
    mora.policy.revoked.certs = vec![certs::inspect(&person).expect("read").sha256];
    assert_eq!(peers(&mora), (Some(CertError::Revoked), None));
    mora.policy.revoked.certs.clear();
    mora.policy.revoked.keys = vec![key.public().sha256()];
    assert_eq!(peers(&mora), (Some(CertError::Revoked), Some(CertError::Revoked)));
    mora.policy.revoked.keys.clear();
    mora.policy.revoked.devices = vec![device()];
    assert_eq!(peers(&mora), (None, Some(CertError::Revoked)));
    mora.policy.technicians = vec![technician("bo")];
    assert_eq!(peers(&mora).0, Some(CertError::NotInRoster));
    mora.policy.max_cert_hours = 12;
    mora.policy.technicians = vec![technician("anna")];
    assert_eq!(peers(&mora).0, None);
}

#[test]
fn pem_reads_back_and_labels_are_checked() {
    use rustls::pki_types::pem::PemObject;
    let mora = Mora::found();
    let der = &mora.root.service_ca[0].0;
    let read = CertificateDer::from_pem_slice(issue::to_pem(der).as_bytes()).expect("PEM");
    assert_eq!(read.as_ref(), &der[..]);
    assert!(issue::check_label("mora").is_ok());
    for wrong in ["-mora", "mora-", &"a".repeat(64), ""] {
        assert!(issue::check_label(wrong).is_err(), "{wrong:?} was taken");
    }
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let key = P256Key::generate().expect("a key");
    let good = issue::new_request(&key).expect("a request");
    let (_, parsed) = X509CertificationRequest::from_der(&good).expect("a request");
    let signed_end = 3 + parsed.certification_request_info.raw.len();
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        // Behind the signed part only the spelling of the algorithm may differ unnoticed: it says nothing.
        if let Ok(read) = issue::read_request(&bad) {
            assert!(place >= signed_end && &read == key.public(), "byte {place} changed and was taken");
        }
    }
    assert!(issue::read_request(&[&good[..], &[0]].concat()).is_err(), "trailing bytes were taken");
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    let other = CertificateParams::default().serialize_request(&p384).expect("a request");
    assert_eq!(issue::read_request(other.der()), Err(IssueError::Key));
}

proptest! {
    #[test]
    fn arbitrary_certificates_and_requests_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(certs::inspect(&bytes).is_err());
        prop_assert!(certs::anchor(&bytes).is_err());
        prop_assert!(issue::read_request(&bytes).is_err());
    }

    #[test]
    fn a_certificate_with_one_byte_changed_is_refused(place in 0usize..2000, to: u8) {
        thread_local! {
            static CASE: (Snapshot, Vec<u8>) = {
                let mora = Mora::found();
                let key = P256Key::generate().expect("a key");
                let leaf = mora.technician_ca()
                    .issue_technician(&label("mora"), &label("anna"), key.public(), HOUR, NOW, [1; 16]);
                (Snapshot::new(&mora.trust()), leaf.expect("issued"))
            };
        }
        CASE.with(|(snapshot, leaf)| {
            let mut changed = leaf.clone();
            let place = place % changed.len();
            changed[place] = to;
            let same = changed == *leaf;
            assert_eq!(snapshot.peer(&CertificateDer::from(changed), at(NOW)).is_ok(), same);
        });
    }
}
