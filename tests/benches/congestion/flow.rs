//! One run: an upload and an echo through the line, perhaps beside a rival's upload.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use distans_link::congestion::LossTolerantConfig;
use distans_link::{endpoint, transport};
use distans_tests::measure;
use distans_tests::netsim::{NetSim, Network};
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinSet;

use crate::scenarios::Scenario;

/// The candidates.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Controller {
    /// quinn's default.
    Cubic,
    /// quinn's.
    Bbr,
    /// The one `distans-link` uses.
    LossTolerant,
}

impl Controller {
    /// Every candidate.
    pub(crate) const ALL: [Self; 3] = [Self::Cubic, Self::Bbr, Self::LossTolerant];

    /// As it is printed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "Cubic",
            Self::Bbr => "BBR",
            Self::LossTolerant => "ours",
        }
    }
}

/// What a run showed.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Bits per second that arrived.
    pub(crate) goodput: f64,
    /// The rival's.
    pub(crate) rival: Option<f64>,
    /// Half of the echoes were faster.
    pub(crate) echo_median: Duration,
    /// One in twenty was slower.
    pub(crate) echo_slow: Duration,
    /// Share of packets sent that were lost.
    pub(crate) lost: f64,
}

const BULK: u8 = b'b';
const ECHO: u8 = b'e';
const ECHO_BYTES: usize = 64;
const ECHO_EVERY: Duration = Duration::from_millis(50);

/// Runs `controller` for `duration` with these dice.
pub(crate) async fn run(
    scenario: &Scenario,
    seed: u64,
    controller: Controller,
    duration: Duration,
) -> Result<Outcome> {
    let (certificate, server) = listen()?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let net = NetSim::start(any, server.local_addr()?, Network { seed, ..scenario.network })?;
    let mut tasks = JoinSet::new();
    let counter = Arc::new(AtomicU64::new(0));
    let (ours, ()) = tokio::try_join!(
        connect(&certificate, controller, net.address()),
        serve(&server, Arc::clone(&counter), &mut tasks),
    )?;
    let rival_counter = Arc::new(AtomicU64::new(0));
    let mut rival = None;
    if scenario.rival {
        let (client, ()) = tokio::try_join!(
            connect(&certificate, Controller::Cubic, net.address()),
            serve(&server, Arc::clone(&rival_counter), &mut tasks),
        )?;
        rival = Some(client);
    }
    tasks.spawn(upload(ours.connection.clone()));
    if let Some(rival) = &rival {
        tasks.spawn(upload(rival.connection.clone()));
    }
    // Shares are judged once both have found their place; a flow alone from its first packet.
    let settle = if scenario.rival { duration / 4 } else { Duration::ZERO };
    let mut echoes = echo(&ours.connection, settle).await?;
    let before = (counter.load(Ordering::Relaxed), rival_counter.load(Ordering::Relaxed));
    let start = Instant::now();
    echoes.extend(echo(&ours.connection, duration - settle).await?);
    let seconds = start.elapsed().as_secs_f64();
    let rate = |now: u64, before: u64| (now - before) as f64 * 8.0 / seconds;
    let stats = ours.connection.stats();
    let outcome = Outcome {
        goodput: rate(counter.load(Ordering::Relaxed), before.0),
        rival: rival.as_ref().map(|_| rate(rival_counter.load(Ordering::Relaxed), before.1)),
        echo_median: measure::median(&mut echoes),
        echo_slow: measure::percentile(&mut echoes, 95),
        lost: stats.path.lost_packets as f64 / stats.path.sent_packets.max(1) as f64,
    };
    tasks.abort_all();
    server.close(0_u32.into(), b"");
    Ok(outcome)
}

/// A client and what keeps it alive.
struct Client {
    connection: Connection,
    _endpoint: Endpoint,
}

type Certificate = rustls::pki_types::CertificateDer<'static>;

fn listen() -> Result<(Certificate, Endpoint)> {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let certificate = certified.cert.der().clone();
    let tls = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())?;
    let config = endpoint::server_config(tls, transport::broker_side())?;
    Ok((certificate, endpoint::server_endpoint((Ipv4Addr::LOCALHOST, 0).into(), config)?))
}

async fn connect(certificate: &Certificate, controller: Controller, through: SocketAddr) -> Result<Client> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone())?;
    let tls = rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut settings = transport::technician_side();
    match controller {
        Controller::Cubic => settings.congestion_controller_factory(Arc::new(CubicConfig::default())),
        Controller::Bbr => settings.congestion_controller_factory(Arc::new(BbrConfig::default())),
        Controller::LossTolerant => {
            settings.congestion_controller_factory(Arc::new(LossTolerantConfig::default()))
        }
    };
    let config: ClientConfig = endpoint::client_config(tls, settings)?;
    let endpoint = endpoint::client_endpoint((Ipv4Addr::LOCALHOST, 0).into())?;
    let connection = endpoint.connect_with(config, through, "localhost")?.await.context("no connection")?;
    Ok(Client { connection, _endpoint: endpoint })
}

/// Takes one client in and lets the server answer its streams, counting what bulk brings.
async fn serve(server: &Endpoint, counter: Arc<AtomicU64>, tasks: &mut JoinSet<()>) -> Result<()> {
    let connection = server.accept().await.context("endpoint closed")?.await?;
    tasks.spawn(async move {
        let mut streams = JoinSet::new();
        while let Ok((send, recv)) = connection.accept_bi().await {
            streams.spawn(answer(send, recv, Arc::clone(&counter)));
        }
    });
    Ok(())
}

async fn answer(mut send: SendStream, mut recv: RecvStream, counter: Arc<AtomicU64>) {
    let mut kind = [0];
    if recv.read_exact(&mut kind).await.is_err() {
        return;
    }
    if kind == [ECHO] {
        let mut bytes = [0; ECHO_BYTES];
        while recv.read_exact(&mut bytes).await.is_ok() && send.write_all(&bytes).await.is_ok() {}
    }
    while let Ok(Some(chunk)) = recv.read_chunk(usize::MAX, true).await {
        counter.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
    }
}

async fn upload(connection: Connection) {
    let Ok((mut send, _recv)) = connection.open_bi().await else { return };
    if send.write_all(&[BULK]).await.is_err() {
        return;
    }
    let block = vec![0; 64 * 1024];
    while send.write_all(&block).await.is_ok() {}
}

/// Times echoes for `duration`. An echo that is still out at the end counts with the time it has
/// taken so far.
async fn echo(connection: &Connection, duration: Duration) -> Result<Vec<Duration>> {
    let end = Instant::now() + duration;
    let mut times = Vec::new();
    if duration.is_zero() {
        return Ok(times);
    }
    let (mut send, mut recv) = connection.open_bi().await?;
    send.write_all(&[ECHO]).await?;
    let mut bytes = [0; ECHO_BYTES];
    while Instant::now() < end {
        let start = Instant::now();
        send.write_all(&bytes).await?;
        let answered = tokio::time::timeout_at(end.into(), recv.read_exact(&mut bytes)).await;
        times.push(start.elapsed());
        if let Ok(read) = answered {
            read?;
            tokio::time::sleep(ECHO_EVERY).await;
        }
    }
    Ok(times)
}
