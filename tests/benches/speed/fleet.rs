//! Many simulated agents: real connections with real device certificates and a real greeting,
//! from a few sockets of this process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use distans_broker_core::pseudonym::Pseudonyms;
use distans_broker_store::{EnrolOutcome, NewCertificate, NewDevice, Store};
use distans_link::frames::{FrameReader, Limits, write_message};
use distans_link::{endpoint, transport};
use distans_proto::frame::{CONTROL_LIMIT, RECORD_LIMIT};
use distans_proto::link::{AgentHello, DocumentVersions, ToAgent, ToBroker};
use distans_proto::version::VersionRange;
use distans_tests::org::{kontor, now};
use distans_tests::peer::PaperPc;
use distans_trust::issue::{Ca, LEAF_LIFE};
use distans_trust::key_file;
use distans_trust::keys::{Signer, random};
use distans_trust::outer::{self, ServiceVerifier, SharedSnapshot, Snapshot};
use quinn::{ClientConfig, Connection, RecvStream, SendStream};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::JoinSet;

use distans_tests::bench::bare::{self, Dialler};
use distans_tests::bench::house::House;
use distans_tests::bench::process::Program;

/// Handshakes under way at once.
const AT_ONCE: usize = 64;

/// Sockets.
const SOCKETS: usize = 8;

/// Takes `count` PCs in. Their records and certificates are made here with the broker's own
/// parts, because over the wire a token lets in ten a minute. The broker must not run.
pub(crate) async fn enrol(house: &House, count: usize) -> Result<Vec<PaperPc>> {
    let folder = house.world.broker_folder();
    let key = key_file::read_p256(&std::fs::read_to_string(folder.device_ca_key())?, None)?;
    let ca = Ca::new(key, &CertificateDer::from_pem_file(folder.device_ca())?)?;
    let secret: [u8; 32] = std::fs::read(folder.ledger_key())?.try_into().ok().context("a ledger key")?;
    let store = Store::open(&folder.database(), Pseudonyms::new(&secret)).await?;
    let (org, group, token_key) = (&house.world.org, kontor()?, house.token.key()?);
    let (mut pcs, mut writes) = (Vec::with_capacity(count), JoinSet::new());
    for nth in 0..count {
        let hostname = format!("PC-SIM-{nth:05}");
        let mut pc = PaperPc::new(org, &group, &hostname, &token_key)?;
        let serial = *random::<16>()?;
        let certificate = ca.issue_device(&org.id, pc.id, pc.key.public(), now(), serial)?;
        pc.certificate = Some(CertificateDer::from(certificate));
        let device = NewDevice {
            id: pc.id,
            hostname: hostname.as_str().into(),
            group: group.clone(),
            spki: pc.key.public().spki().to_vec(),
            endorsement: pc.endorsement.to_json(),
            token: house.token.id,
            certificate: NewCertificate { serial: serial.to_vec(), not_after: now().plus(LEAF_LIFE) },
            at: now(),
        };
        pcs.push(pc);
        let store = store.clone();
        writes.spawn(async move { store.enrol(device, u32::MAX).await });
        if writes.len() >= 4 * AT_ONCE {
            written(&mut writes).await?;
        }
    }
    while !writes.is_empty() {
        written(&mut writes).await?;
    }
    store.close().await;
    Ok(pcs)
}

async fn written(writes: &mut JoinSet<Result<EnrolOutcome, distans_broker_store::StoreError>>) -> Result<()> {
    if let Some(outcome) = writes.join_next().await {
        let outcome = outcome??;
        ensure!(matches!(outcome, EnrolOutcome::New), "not enrolled: {outcome:?}");
    }
    Ok(())
}

/// A simulated agent's connection, held as an idle agent holds it.
pub(crate) struct Line {
    _connection: Connection,
    _send: SendStream,
    _receive: FrameReader<RecvStream>,
}

/// How handshakes went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// A second.
    pub(crate) rate: f64,
    /// Processor time each, at the broker.
    pub(crate) processor: Duration,
}

/// Runs `dial` for each of `count`, [`AT_ONCE`] at a time, and times it.
async fn ramp<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
    broker: &Program,
    count: usize,
    dial: impl Fn(usize) -> Result<F>,
) -> Result<(Vec<T>, Pace)> {
    let (start, before) = (Instant::now(), broker.processor()?);
    let (mut done, mut under_way) = (Vec::with_capacity(count), JoinSet::new());
    for nth in 0..count {
        if under_way.len() >= AT_ONCE {
            done.extend(under_way.join_next().await.transpose()?.transpose()?);
        }
        under_way.spawn(dial(nth)?);
    }
    while let Some(line) = under_way.join_next().await {
        done.push(line??);
    }
    let per_second = count as f64 / start.elapsed().as_secs_f64();
    let processor = (broker.processor()? - before).div_f64(count as f64);
    Ok((done, Pace { rate: per_second, processor }))
}

/// Connects PCs to the broker.
pub(crate) async fn connect(house: &House, broker: &Program, pcs: &[PaperPc]) -> Result<(Vec<Line>, Pace)> {
    let trust = house.world.org.trust()?;
    let (versions, shared) = (trust.versions(), SharedSnapshot::new(Snapshot::new(&trust)));
    let address = house.world.socket();
    let bind = endpoint::any_address_for(address);
    let sockets = (0..SOCKETS).map(|_| endpoint::client_endpoint(bind)).collect::<Result<Vec<_>, _>>()?;
    // Made before the clock runs: a real agent has its configuration when it dials.
    let verifier: Arc<dyn ServerCertVerifier> = Arc::new(ServiceVerifier::new(shared));
    let config = |pc: &PaperPc| -> Result<ClientConfig> {
        let tls = outer::client_config(Some(pc.certified()?), Arc::clone(&verifier))?;
        Ok(endpoint::client_config(tls, transport::agent_side())?)
    };
    let configs = pcs.iter().map(config).collect::<Result<Vec<_>>>()?;
    ramp(broker, pcs.len(), |nth| {
        let connecting = sockets[nth % SOCKETS].connect_with(configs[nth].clone(), address, "localhost")?;
        Ok(async move { greet(connecting.await?, versions).await })
    })
    .await
}

/// Says hello and waits for the welcome.
async fn greet(connection: Connection, documents: DocumentVersions) -> Result<Line> {
    let (mut send, receive) = connection.open_bi().await?;
    let hello = AgentHello {
        versions: VersionRange::OURS,
        program: "simulated".into(),
        documents,
        hostname: "PC-SIM".into(),
    };
    write_message(&mut send, &ToBroker::Hello(hello), CONTROL_LIMIT).await?;
    let mut receive = FrameReader::new(receive, Limits::prompt(RECORD_LIMIT));
    match receive.next::<ToAgent>().await? {
        Some(ToAgent::Welcome(_)) => Ok(Line { _connection: connection, _send: send, _receive: receive }),
        other => bail!("no welcome: {other:?}"),
    }
}

/// A bare connection, held the same way.
pub(crate) struct BareLine {
    _connection: Connection,
    _stream: (SendStream, RecvStream),
}

/// Connects so many bare clients.
pub(crate) async fn connect_bare(
    diallers: &[Dialler],
    relay: &Program,
    count: usize,
) -> Result<(Vec<BareLine>, Pace)> {
    ramp(relay, count, |nth| {
        let dialler = diallers[nth % diallers.len()].clone();
        Ok(async move {
            let connection = dialler.dial().await?;
            let (mut send, mut receive) = connection.open_bi().await?;
            send.write_all(&[bare::HELLO]).await?;
            receive.read_exact(&mut [0]).await?;
            Ok(BareLine { _connection: connection, _stream: (send, receive) })
        })
    })
    .await
}

/// Sockets for bare clients.
pub(crate) fn diallers(folder: &std::path::Path, relay: std::net::SocketAddr) -> Result<Vec<Dialler>> {
    (0..SOCKETS).map(|_| Dialler::new(folder, relay)).collect()
}
