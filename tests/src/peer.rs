//! Peers made by hand, which say what no program of ours would: a stranger who enrols, a PC and a
//! technician down to single frames.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use distans_e2e_io::{Control, OpReader, OpWriter};
use distans_link::frames::{Limits, read_message, write_message};
use distans_link::{endpoint, transport};
use distans_proto::desk::{DeskReply, DeskRequest, Open};
use distans_proto::enrol::{Enrol, EnrolReply, EnrolRequest};
use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT};
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::inner::{Hello, ToAgent};
use distans_proto::link::DocumentVersions;
use distans_proto::version::VersionRange;
use distans_trust::device::{EndorseRequest, endorse};
use distans_trust::envelope::Envelope;
use distans_trust::issue;
use distans_trust::keys::{Ed25519Key, P256Key, Signer, random};
use distans_trust::outer::{self, ServiceVerifier, SharedSnapshot, Snapshot};
use distans_trust::token::EnrolToken;
use quinn::{Connection, RecvStream, SendStream};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::time_provider::DefaultTimeProvider;

use crate::org::{Org, now};

/// A connection to the broker at `address`, with a certificate or none, as technicians and
/// strangers make it.
///
/// # Errors
/// If the broker does not want it.
pub async fn dial(org: &Org, address: SocketAddr, own: Option<Arc<CertifiedKey>>) -> Result<Connection> {
    dial_as(org, address, own, transport::technician_side()).await
}

/// As [`dial`], with the transport settings of another kind of program: an agent's end takes
/// streams that the broker opens.
///
/// # Errors
/// If the broker does not want it.
pub async fn dial_as(
    org: &Org,
    address: SocketAddr,
    own: Option<Arc<CertifiedKey>>,
    transport: quinn::TransportConfig,
) -> Result<Connection> {
    let shared = SharedSnapshot::new(Snapshot::new(&org.trust()?));
    let tls = outer::client_config(own, Arc::new(ServiceVerifier::new(shared)))?;
    let config = endpoint::client_config(tls, transport)?;
    let endpoint = endpoint::client_endpoint(endpoint::any_address_for(address))?;
    Ok(endpoint.connect_with(config, address, "localhost")?.await?)
}

/// One question of somebody without a certificate.
///
/// # Errors
/// If the broker does not answer.
pub async fn ask_as_stranger(connection: &Connection, question: &EnrolRequest) -> Result<EnrolReply> {
    let (mut send, mut receive) = connection.open_bi().await?;
    write_message(&mut send, question, CONTROL_LIMIT).await?;
    Ok(read_message(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await?)
}

/// A PC's identity, in the hands of a test.
#[derive(Debug)]
pub struct PaperPc {
    /// Its id.
    pub id: DeviceId,
    /// Its key.
    pub key: P256Key,
    /// Its endorsement.
    pub endorsement: Envelope,
    /// Its outer certificate, once the broker has given one.
    pub certificate: Option<CertificateDer<'static>>,
}

impl PaperPc {
    /// A new key, endorsed with `by` (the token's key, if it is to hold).
    ///
    /// # Errors
    /// If no key can be made.
    pub fn new(
        org: &Org,
        group: &distans_proto::ids::GroupId,
        hostname: &str,
        by: &Ed25519Key,
    ) -> Result<Self> {
        let id = DeviceId::from_bytes(*random::<16>()?);
        let key = P256Key::generate()?;
        let nonce = *random::<16>()?;
        let request = EndorseRequest { org: &org.id, device: id, key: key.public(), group, hostname, nonce };
        let endorsement = endorse(&request, by, now())?;
        Ok(Self { id, key, endorsement, certificate: None })
    }

    /// What it asks the broker.
    ///
    /// # Errors
    /// If no request can be made.
    pub fn question(&self, token: &EnrolToken, hostname: &str) -> Result<EnrolRequest> {
        Ok(EnrolRequest::Enrol(Enrol {
            token: token.id,
            device: self.id,
            csr: issue::new_request(&self.key)?,
            endorsement: self.endorsement.to_json(),
            hostname: hostname.into(),
        }))
    }

    /// Enrols with `token`, over a connection of its own.
    ///
    /// # Errors
    /// If the broker does not take it in.
    pub async fn enrol(
        &mut self,
        org: &Org,
        address: SocketAddr,
        token: &EnrolToken,
        hostname: &str,
    ) -> Result<()> {
        let connection = dial(org, address, None).await?;
        match ask_as_stranger(&connection, &self.question(token, hostname)?).await? {
            EnrolReply::Enrolled(enrolled) => {
                self.certificate = Some(CertificateDer::from(enrolled.certificate));
                Ok(())
            }
            other => bail!("not enrolled: {other:?}"),
        }
    }

    /// Its outer certificate with its key.
    ///
    /// # Errors
    /// If it has not enrolled.
    pub fn certified(&self) -> Result<Arc<CertifiedKey>> {
        Ok(self.key.certified(self.certificate.clone().context("not enrolled")?)?)
    }
}

/// A technician by hand: a certificate that is right, and a program that is not.
#[derive(Debug)]
pub struct PaperTechnician {
    /// The session key.
    pub key: P256Key,
    /// The certificate, DER.
    pub certificate: CertificateDer<'static>,
    /// The connection to the broker.
    pub connection: Connection,
}

/// The control stream of a hand-made technician.
pub type PaperControl = Control<RecvStream, SendStream>;

impl PaperTechnician {
    /// With a certificate for `id`, connected.
    ///
    /// # Errors
    /// If the broker does not want it.
    pub async fn connect(org: &Org, address: SocketAddr, id: &str) -> Result<Self> {
        let key = P256Key::generate()?;
        let life = std::time::Duration::from_secs(3600);
        let certificate =
            CertificateDer::from(org.certify_technician_key(&id.parse()?, key.public(), life)?);
        let connection = dial(org, address, Some(key.certified(certificate.clone())?)).await?;
        Ok(Self { key, certificate, connection })
    }

    /// A stream to a PC, the broker's answer read.
    ///
    /// # Errors
    /// If the broker refuses.
    pub async fn open(&self, device: DeviceId, session: SessionId) -> Result<(RecvStream, SendStream)> {
        let (mut send, mut receive) = self.connection.open_bi().await?;
        write_message(&mut send, &DeskRequest::Open(Open { device, session }), CONTROL_LIMIT).await?;
        match read_message(&mut receive, Limits::prompt(CONTROL_LIMIT)).await? {
            DeskReply::Opened(_) => Ok((receive, send)),
            other => bail!("the broker does not open a stream: {other:?}"),
        }
    }

    /// TLS towards a PC, as it should be.
    ///
    /// # Errors
    /// If key and certificate do not fit.
    pub fn tls(&self, device: &distans_trust::device::VerifiedDevice) -> Result<ClientConfig> {
        let own = self.key.certified(self.certificate.clone())?;
        Ok(distans_e2e::tls::technician_config(own, device, Arc::new(DefaultTimeProvider))?)
    }

    /// The inner handshake with a PC, these messages first.
    ///
    /// # Errors
    /// If it does not come about.
    pub async fn control(
        &self,
        device: &distans_trust::device::VerifiedDevice,
        session: SessionId,
        first: &[ToAgent],
    ) -> Result<PaperControl> {
        let (receive, send) = self.open(device.id(), session).await?;
        Ok(Control::connect(receive, send, Arc::new(self.tls(device)?), session, first).await?)
    }

    /// A stream for an operation.
    ///
    /// # Errors
    /// If the broker refuses.
    pub async fn operation(
        &self,
        device: DeviceId,
        control: &PaperControl,
        epoch: u8,
        stream: u64,
    ) -> Result<(OpReader<RecvStream>, OpWriter<SendStream>)> {
        let keys = control.keys();
        let (receive, send) = self.open(device, keys.session()).await?;
        Ok((OpReader::technician(receive, keys, stream)?, OpWriter::technician(send, keys, epoch, stream)?))
    }
}

/// The greeting of somebody who holds `documents`.
pub fn hello(documents: DocumentVersions) -> Hello {
    Hello { versions: VersionRange::OURS, documents, program: "by hand".into() }
}
