//! The others: a PC and a technician that speak the outer protocol and nothing more.

use std::sync::Arc;

use distans_link::endpoint::{any_address_for, client_config, client_endpoint};
use distans_link::frames::{FrameReader, Limits, read_message, write_message};
use distans_link::transport;
use distans_proto::desk::{DeskReply, DeskRequest, Device, DeviceFilter, Open};
use distans_proto::enrol::{Enrol, EnrolReply, EnrolRequest};
use distans_proto::frame::DOCUMENTS_LIMIT;
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::link::{AgentHello, DocumentVersions, RelayHeader, ToAgent, ToBroker};
use distans_proto::version::VersionRange;
use distans_trust::device::{EndorseRequest, endorse};
use distans_trust::issue;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::outer::{ServiceVerifier, SharedSnapshot, Snapshot, client_config as tls_config};
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use tokio::time::timeout;

use crate::organisation::{GROUP, Token, now, org, random16};
use crate::world::{SOON, World};

/// A connection that verified the broker; without `own` certificate as a stranger.
pub(crate) async fn dial(
    world: &World,
    own: Option<Arc<CertifiedKey>>,
) -> Result<Connection, ConnectionError> {
    let snapshot = SharedSnapshot::new(Snapshot::new(&world.organisation.trust));
    let tls = tls_config(own, Arc::new(ServiceVerifier::new(snapshot))).expect("TLS");
    let config = client_config(tls, transport::agent_side()).expect("QUIC");
    let address = world.running.local_addr();
    let endpoint: Endpoint = client_endpoint(any_address_for(address)).expect("a socket");
    timeout(SOON, endpoint.connect_with(config, address, "localhost").expect("begins"))
        .await
        .expect("in time")
}

/// The code with which the broker ends a connection.
pub(crate) async fn ending(connection: &Connection) -> u64 {
    match timeout(SOON, connection.closed()).await.expect("ends in time") {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        error => panic!("ended otherwise: {error}"),
    }
}

/// One question of a PC without certificate.
pub(crate) async fn question(connection: &Connection, request: EnrolRequest) -> EnrolReply {
    let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
    write_message(&mut send, &request, DOCUMENTS_LIMIT).await.expect("sent");
    read_message(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await.expect("an answer")
}

pub(crate) struct Pc {
    pub(crate) id: DeviceId,
    pub(crate) key: P256Key,
    pub(crate) hostname: String,
    pub(crate) certificate: Vec<u8>,
}

impl Pc {
    pub(crate) fn new(hostname: &str) -> Self {
        let key = P256Key::generate().expect("a key");
        let id = DeviceId::from_bytes(random16());
        Self { id, key, hostname: hostname.to_owned(), certificate: Vec::new() }
    }

    /// Enrolled with a fresh token.
    pub(crate) async fn enrolled(world: &World, hostname: &str) -> Self {
        let token = world.token(1).await;
        let mut pc = Self::new(hostname);
        match pc.enrol(world, &token).await {
            EnrolReply::Enrolled(enrolled) => pc.certificate = enrolled.certificate,
            reply => panic!("not enrolled: {reply:?}"),
        }
        pc
    }

    pub(crate) fn request(&self, token: &Token) -> Enrol {
        let request = EndorseRequest {
            org: &org(),
            device: self.id,
            key: self.key.public(),
            group: &GROUP.parse().expect("a label"),
            hostname: &self.hostname,
            nonce: random16(),
        };
        Enrol {
            token: token.id,
            device: self.id,
            csr: issue::new_request(&self.key).expect("a request"),
            endorsement: endorse(&request, &token.key, now()).expect("an endorsement").to_json(),
            hostname: self.hostname.as_str().into(),
        }
    }

    pub(crate) async fn enrol(&self, world: &World, token: &Token) -> EnrolReply {
        let stranger = dial(world, None).await.expect("connected");
        question(&stranger, EnrolRequest::Enrol(self.request(token))).await
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        self.key.certified(CertificateDer::from(self.certificate.clone())).expect("a key")
    }

    /// On its control stream, welcomed.
    pub(crate) async fn connect(&self, world: &World) -> Agent {
        let held = world.organisation.trust.versions();
        let mut agent = self.hello(world, held).await;
        assert!(matches!(agent.next().await, ToAgent::Welcome(_)));
        agent
    }

    /// On its control stream, not welcomed yet.
    pub(crate) async fn hello(&self, world: &World, documents: DocumentVersions) -> Agent {
        let connection = dial(world, Some(self.certified())).await.expect("connected");
        let (send, receive) = connection.open_bi().await.expect("a stream");
        let reader = FrameReader::new(receive, Limits::prompt(DOCUMENTS_LIMIT));
        let mut agent = Agent { connection, send, reader };
        let hello = AgentHello {
            versions: VersionRange::OURS,
            program: "test".into(),
            documents,
            hostname: self.hostname.as_str().into(),
        };
        agent.tell(&ToBroker::Hello(hello)).await;
        agent
    }
}

/// A connected PC.
pub(crate) struct Agent {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    reader: FrameReader<RecvStream>,
}

impl Agent {
    pub(crate) async fn tell(&mut self, message: &ToBroker) {
        write_message(&mut self.send, message, DOCUMENTS_LIMIT).await.expect("sent");
    }

    pub(crate) async fn next(&mut self) -> ToAgent {
        self.reader.next().await.expect("a message").expect("not the end")
    }

    /// The next stream that the broker opens to it.
    pub(crate) async fn accept(&self) -> (RelayHeader, SendStream, RecvStream) {
        let accepted = timeout(SOON, self.connection.accept_bi()).await.expect("in time");
        let (send, mut receive) = accepted.expect("a stream");
        let header = read_message(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await.expect("a header");
        (header, send, receive)
    }
}

/// A connected technician.
pub(crate) struct Technician {
    pub(crate) connection: Connection,
    pub(crate) key: P256Key,
    pub(crate) certificate: Vec<u8>,
}

impl Technician {
    pub(crate) async fn connect(world: &World, name: &str) -> Self {
        Self::try_connect(world, name).await.expect("connected")
    }

    pub(crate) async fn try_connect(world: &World, name: &str) -> Result<Self, ConnectionError> {
        let key = P256Key::generate().expect("a key");
        let certificate = world.organisation.certify_technician(name, key.public());
        let certified = key.certified(CertificateDer::from(certificate.clone())).expect("a key");
        let connection = dial(world, Some(certified)).await?;
        Ok(Self { connection, key, certificate })
    }

    /// One request; all frames of its answer.
    pub(crate) async fn ask(&self, request: DeskRequest) -> Vec<DeskReply> {
        let (mut send, receive) = self.connection.open_bi().await.expect("a stream");
        write_message(&mut send, &request, DOCUMENTS_LIMIT).await.expect("sent");
        let mut reader = FrameReader::new(receive, Limits::prompt(DOCUMENTS_LIMIT));
        let mut replies = Vec::new();
        while let Some(reply) = reader.next().await.expect("an answer") {
            replies.push(reply);
        }
        replies
    }

    /// PCs of that name.
    pub(crate) async fn pcs(&self, name: &str) -> Vec<Device> {
        let filter = DeviceFilter { name: Some(name.into()), ..DeviceFilter::default() };
        let replies = self.ask(DeskRequest::Devices(filter)).await;
        assert!(matches!(replies.last(), Some(DeskReply::Done(_))), "{replies:?}");
        let device = |reply| if let DeskReply::Device(device) = reply { Some(*device) } else { None };
        replies.into_iter().filter_map(device).collect()
    }

    /// A stream to a PC, and the first answer.
    pub(crate) async fn open(
        &self,
        device: DeviceId,
        session: SessionId,
    ) -> (DeskReply, SendStream, RecvStream) {
        let (mut send, mut receive) = self.connection.open_bi().await.expect("a stream");
        let open = DeskRequest::Open(Open { device, session });
        write_message(&mut send, &open, DOCUMENTS_LIMIT).await.expect("sent");
        let reply = read_message(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await.expect("an answer");
        (reply, send, receive)
    }
}

pub(crate) fn session() -> SessionId {
    SessionId::from_bytes(random16())
}

/// The code of a refusal.
pub(crate) fn refusal(reply: &DeskReply) -> distans_proto::enrol::RefusalCode {
    match reply {
        DeskReply::Refused(refusal) => refusal.refused.code,
        reply => panic!("not refused: {reply:?}"),
    }
}
