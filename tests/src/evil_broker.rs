//! A broker in the hands of an attacker: it has the real one's keys and address, keeps all it
//! sees, leads streams where it likes and changes bytes on the way.
//!
//! It takes the real broker's place in a [`World`] after enrolment, so that the PCs and
//! technicians that come to it are the real programs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use distans_link::frames::{FrameReader, Limits, read_frame, write_message};
use distans_link::{endpoint, transport};
use distans_proto::desk::{DeskReply, DeskRequest, Device, Done, Open, Opened};
use distans_proto::frame::{self, CONTROL_LIMIT, DOCUMENTS_LIMIT, RECORD_LIMIT};
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::link::{self, Documents, ReceiptStored, RelayHeader, ToBroker, Welcome};
use distans_proto::version::VersionRange;
use distans_trust::certs::CheckTime;
use distans_trust::envelope::Envelope;
use distans_trust::key_file;
use distans_trust::outer::{Peer, SharedSnapshot, Snapshot, broker_config};
use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::{mpsc, watch};

use crate::org::now;
use crate::world::World;

/// Which way relayed bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the technician to the PC.
    ToPc,
    /// From the PC to the technician.
    ToTechnician,
}

/// Which relayed stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The session it was opened for.
    pub session: SessionId,
    /// The how manieth of that session, from 0: first the control stream, then operations.
    pub nth: usize,
    /// Which way.
    pub way: Way,
    /// How many bytes have gone this way before.
    pub offset: usize,
}

/// What this broker does to what it relays.
pub trait Mischief: Send + Sync {
    /// Which PC a stream for `device` is led to.
    fn lead(&self, device: DeviceId) -> DeviceId {
        device
    }

    /// The bytes that go on in place of `bytes`; `None` cuts the stream there.
    fn pass(&self, place: Place, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let _ = place;
        Some(bytes)
    }
}

/// Does nothing but keep what it sees.
#[derive(Debug, Clone, Copy)]
pub struct OnlyListens;

impl Mischief for OnlyListens {}

/// What went through one relayed stream, as it came.
#[derive(Debug, Default, Clone)]
pub struct Tape {
    /// The session it was opened for.
    pub session: Option<SessionId>,
    /// From the technician.
    pub to_pc: Vec<u8>,
    /// From the PC.
    pub to_technician: Vec<u8>,
}

/// A [`DeskRequest`] this broker answers in its own way.
type Liar = Arc<dyn Fn(&DeskRequest) -> Option<DeskReply> + Send + Sync>;

/// A connected PC.
struct Line {
    connection: Connection,
    /// Frames to send on its control stream.
    queue: mpsc::UnboundedSender<Vec<u8>>,
}

struct Shared {
    snapshot: SharedSnapshot,
    agents: watch::Sender<HashMap<DeviceId, Line>>,
    /// How many messages PCs have said they do not know.
    unknown: watch::Sender<u64>,
    /// What it says about PCs.
    devices: Mutex<Vec<Device>>,
    mischief: Mutex<Arc<dyn Mischief>>,
    liar: Mutex<Option<Liar>>,
    /// All frames it was sent, outside relayed streams.
    frames: Mutex<Vec<u8>>,
    tapes: Mutex<Vec<Tape>>,
}

/// The broker.
pub struct EvilBroker {
    shared: Arc<Shared>,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EvilBroker {
    /// Takes the real broker's place: stops it and listens at its address, with its keys, saying
    /// about PCs what it knew of them (`devices`).
    ///
    /// # Errors
    /// If the keys cannot be read.
    pub async fn take_over(world: &mut World, devices: Vec<Device>) -> Result<Self> {
        let address = world.socket();
        world.stop_broker().await?;
        let directory = world.broker_folder();
        let key = key_file::read_p256(&std::fs::read_to_string(directory.tls_key())?, None)?;
        let certificate = CertificateDer::from_pem_slice(&std::fs::read(directory.certificate())?)
            .map_err(|error| anyhow::anyhow!("no certificate: {error}"))?;
        let snapshot = SharedSnapshot::new(Snapshot::new(&world.org.trust()?));
        let tls = broker_config(key.certified(certificate)?, snapshot.clone())?;
        let server = endpoint::server_config(tls, transport::broker_side())?;
        let endpoint = endpoint::server_endpoint(address, server)?;
        let shared = Arc::new(Shared {
            snapshot,
            agents: watch::Sender::new(HashMap::new()),
            unknown: watch::Sender::new(0),
            devices: Mutex::new(devices),
            mischief: Mutex::new(Arc::new(OnlyListens)),
            liar: Mutex::new(None),
            frames: Mutex::new(Vec::new()),
            tapes: Mutex::new(Vec::new()),
        });
        tokio::spawn(accept(Arc::clone(&shared), endpoint));
        Ok(Self { shared })
    }

    /// Changes what it does to relayed streams from here on.
    pub fn set_mischief(&self, mischief: impl Mischief + 'static) {
        *lock(&self.shared.mischief) = Arc::new(mischief);
    }

    /// Changes what it answers to technicians; what `liar` leaves alone is answered honestly.
    pub fn set_liar(&self, liar: impl Fn(&DeskRequest) -> Option<DeskReply> + Send + Sync + 'static) {
        *lock(&self.shared.liar) = Some(Arc::new(liar));
    }

    /// Changes what it says about PCs.
    pub fn set_devices(&self, devices: Vec<Device>) {
        *lock(&self.shared.devices) = devices;
    }

    /// Pushes documents to a PC and comes back when the PC has dealt with them, one way or the
    /// other.
    ///
    /// # Errors
    /// If the PC is not connected.
    pub async fn push(&self, device: DeviceId, roots: &[Envelope], policy: Option<&Envelope>) -> Result<()> {
        let bytes = |envelope: &Envelope| envelope.to_json().into();
        let documents = Documents { roots: roots.iter().map(bytes).collect(), policy: policy.map(bytes) };
        self.wait_for(device).await?;
        let queue = self.shared.agents.borrow().get(&device).map(|line| line.queue.clone());
        let queue = queue.context("it was there a moment ago")?;
        let mut unknown = self.shared.unknown.subscribe();
        let before = *unknown.borrow_and_update();
        queue.send(frame::encode(&link::ToAgent::Documents(documents), DOCUMENTS_LIMIT)?)?;
        // Messages are taken one after the other, and one that nobody knows is answered.
        queue.send(frame::encode(&(99u8, [0u8]), CONTROL_LIMIT)?)?;
        let answered = unknown.wait_for(|count| *count > before);
        tokio::time::timeout(Duration::from_secs(60), answered).await.context("the PC does not answer")??;
        Ok(())
    }

    /// Waits until a PC is connected.
    ///
    /// # Errors
    /// If it does not come within a minute.
    pub async fn wait_for(&self, device: DeviceId) -> Result<Connection> {
        let mut agents = self.shared.agents.subscribe();
        let found = agents.wait_for(|agents| {
            agents.get(&device).is_some_and(|line| line.connection.close_reason().is_none())
        });
        let found =
            tokio::time::timeout(Duration::from_secs(60), found).await.context("the PC does not come")??;
        found.get(&device).map(|line| line.connection.clone()).context("it was there a moment ago")
    }

    /// Throws a PC out; it will come back by itself.
    pub fn throw_out(&self, device: DeviceId) {
        if let Some(line) = self.shared.agents.borrow().get(&device) {
            line.connection.close(VarInt::from_u32(0), b"");
        }
    }

    /// A stream to a PC of this broker's own making.
    ///
    /// # Errors
    /// If the PC is not connected.
    pub async fn reach(&self, device: DeviceId, session: SessionId) -> Result<(RecvStream, SendStream)> {
        let connection = self.wait_for(device).await?;
        let (mut send, receive) = connection.open_bi().await?;
        write_message(&mut send, &RelayHeader { session, device }, CONTROL_LIMIT).await?;
        Ok((receive, send))
    }

    /// All relayed streams so far.
    pub fn tapes(&self) -> Vec<Tape> {
        lock(&self.shared.tapes).clone()
    }

    /// Every byte it has seen, of relayed streams and of frames meant for it.
    pub fn all_seen(&self) -> Vec<u8> {
        let mut all = lock(&self.shared.frames).clone();
        for tape in lock(&self.shared.tapes).iter() {
            all.extend_from_slice(&tape.to_pc);
            all.extend_from_slice(&tape.to_technician);
        }
        all
    }
}

async fn accept(shared: Arc<Shared>, endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            // A conversation ends with its connection, whatever was the matter.
            let _ = converse(&shared, connection).await;
        });
    }
}

async fn converse(shared: &Arc<Shared>, connection: Connection) -> Result<()> {
    let identity = connection.peer_identity().context("nobody")?;
    let chain =
        identity.downcast::<Vec<CertificateDer<'static>>>().map_err(|_| anyhow::anyhow!("no chain"))?;
    let leaf = chain.first().context("an empty chain")?;
    match shared.snapshot.current().peer(leaf, CheckTime::exact(now()))? {
        Peer::Device(device) => agent(shared, device.id, connection).await,
        Peer::Technician(_) => {
            transport::widen_for_technician(&connection);
            loop {
                let (send, receive) = connection.accept_bi().await?;
                let shared = Arc::clone(shared);
                tokio::spawn(async move {
                    let _ = request(&shared, send, receive).await;
                });
            }
        }
    }
}

async fn agent(shared: &Arc<Shared>, id: DeviceId, connection: Connection) -> Result<()> {
    let (mut send, receive) = connection.accept_bi().await?;
    let mut reader = FrameReader::new(receive, Limits::patient(RECORD_LIMIT));
    let (queue, mut frames) = mpsc::unbounded_channel::<Vec<u8>>();
    loop {
        let body = tokio::select! {
            body = reader.next_body() => body?.context("the PC has left")?,
            Some(frame) = frames.recv() => {
                send.write_all(&frame).await?;
                continue;
            }
        };
        lock(&shared.frames).extend_from_slice(&body);
        match frame::decode::<ToBroker>(&body) {
            Ok(ToBroker::Hello(_)) => {
                let certificate_ends = now().plus(Duration::from_secs(86_400 * 60));
                let welcome = Welcome { versions: VersionRange::OURS, now: now(), certificate_ends };
                write_message(&mut send, &link::ToAgent::Welcome(welcome), CONTROL_LIMIT).await?;
                let line = Line { connection: connection.clone(), queue: queue.clone() };
                shared.agents.send_modify(|agents| drop(agents.insert(id, line)));
            }
            Ok(ToBroker::Receipt(record)) => {
                let grant = Envelope::parse(&record.grant)?;
                let payload: serde_json::Value = serde_json::from_slice(&grant.payload)?;
                let session = payload["session"].as_str().context("a session")?.parse()?;
                let stored = link::ToAgent::ReceiptStored(ReceiptStored { session });
                write_message(&mut send, &stored, CONTROL_LIMIT).await?;
            }
            Ok(ToBroker::Unsupported(_)) => shared.unknown.send_modify(|count| *count += 1),
            _ => {}
        }
    }
}

async fn request(shared: &Arc<Shared>, mut send: SendStream, mut receive: RecvStream) -> Result<()> {
    let body = read_frame(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await?.context("no request")?;
    lock(&shared.frames).extend_from_slice(&body);
    let request: DeskRequest = frame::decode(&body)?;
    let liar = lock(&shared.liar).clone();
    if let Some(lie) = liar.and_then(|liar| liar(&request)) {
        write_message(&mut send, &lie, DOCUMENTS_LIMIT).await?;
        send.finish()?;
        return Ok(());
    }
    let replies = match request {
        DeskRequest::Open(open) => return relay(shared, &open, send, receive).await,
        DeskRequest::Devices(_) => {
            let devices = lock(&shared.devices).clone();
            devices.into_iter().map(|device| DeskReply::Device(Box::new(device))).collect()
        }
        DeskRequest::Documents(_) => vec![DeskReply::Documents(Documents::default())],
        _ => Vec::new(),
    };
    for reply in &replies {
        write_message(&mut send, reply, DOCUMENTS_LIMIT).await?;
    }
    if !matches!(replies.first(), Some(DeskReply::Documents(_))) {
        write_message(&mut send, &DeskReply::Done(Done {}), CONTROL_LIMIT).await?;
    }
    send.finish()?;
    Ok(())
}

async fn relay(shared: &Arc<Shared>, open: &Open, mut send: SendStream, receive: RecvStream) -> Result<()> {
    let mischief = Arc::clone(&lock(&shared.mischief));
    let led = mischief.lead(open.device);
    let agent = shared.agents.borrow().get(&led).map(|line| line.connection.clone());
    let Some(agent) = agent else { bail!("that PC is not here") };
    let (mut to_pc, from_pc) = agent.open_bi().await?;
    write_message(&mut to_pc, &RelayHeader { session: open.session, device: led }, CONTROL_LIMIT).await?;
    write_message(&mut send, &DeskReply::Opened(Opened {}), CONTROL_LIMIT).await?;
    let (tape, nth) = {
        let mut tapes = lock(&shared.tapes);
        let nth = tapes.iter().filter(|tape| tape.session == Some(open.session)).count();
        tapes.push(Tape { session: Some(open.session), ..Tape::default() });
        (tapes.len() - 1, nth)
    };
    let place = |way| Place { session: open.session, nth, way, offset: 0 };
    tokio::join!(
        copy(shared, &*mischief, tape, place(Way::ToPc), receive, to_pc),
        copy(shared, &*mischief, tape, place(Way::ToTechnician), from_pc, send),
    );
    Ok(())
}

async fn copy(
    shared: &Shared,
    mischief: &dyn Mischief,
    tape: usize,
    mut place: Place,
    mut from: RecvStream,
    mut to: SendStream,
) {
    loop {
        let chunk = tokio::select! {
            chunk = from.read_chunk(64 * 1024, true) => chunk,
            _ = to.stopped() => {
                // It may have ended by itself.
                let _ = from.stop(VarInt::from_u32(0));
                return;
            }
        };
        let Ok(Some(chunk)) = chunk else { break };
        {
            let mut tapes = lock(&shared.tapes);
            let tape = &mut tapes[tape];
            let side = if place.way == Way::ToPc { &mut tape.to_pc } else { &mut tape.to_technician };
            side.extend_from_slice(&chunk.bytes);
        }
        let length = chunk.bytes.len();
        let Some(bytes) = mischief.pass(place, chunk.bytes.to_vec()) else { break };
        place.offset += length;
        if to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    // It may have been reset by then.
    let _ = to.finish();
}
