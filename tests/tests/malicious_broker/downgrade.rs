//! Weaker versions of everything: key exchange, TLS, stream format, protocol.

use std::sync::Arc;

use distans_cli::client::Error;
use distans_e2e::preface::{self, Preface};
use distans_e2e_io::Control;
use distans_proto::ids::SessionId;
use distans_proto::inner::DeniedBy;
use distans_proto::version::VersionRange;
use distans_tests::evil_broker::{Mischief, OnlyListens, Place, Way};
use rustls::{ClientConfig, RootCertStore};

use super::Fallen;

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
