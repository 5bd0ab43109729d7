//! One attempt to reach the broker. Each step has its own error, so that `doctor` can say which
//! one fails; "connected" means that the broker's welcome has arrived.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use distans_link::endpoint::{self, EndpointError, any_address_for};
use distans_link::frames::{FrameIoError, FrameReader, Limits, read_message, write_message};
use distans_link::transport;
use distans_proto::ending;
use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT};
use distans_proto::link::{AgentHello, DocumentVersions, ToAgent, ToBroker, Welcome};
use distans_proto::text::clean_line;
use distans_proto::version::VersionRange;
use distans_trust::keys::{KeyError, P256Key};
use distans_trust::outer::{self, ServiceVerifier, SharedSnapshot};
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;

use crate::config;
use crate::operations::diagnose::hostname;
use crate::shared::{Shared, VERSION};

/// How long a name look-up may take.
const LOOKUP_TIME: Duration = Duration::from_secs(10);

/// How long the handshake with one address may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long a frame on the control stream may take once begun: documents over a slow line.
const SLOW_LINE: Duration = Duration::from_secs(60);

/// Longest reason of the other end's that is kept, in characters.
const REASON_LIMIT: usize = 200;

/// Most addresses of the broker that are tried.
const ADDRESSES_LIMIT: usize = 4;

/// Why the broker cannot be reached, step by step.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address in the configuration.
    #[error("{0}")]
    Address(String),
    /// Its name.
    #[error("the broker's name {name} cannot be looked up: {source}")]
    Lookup {
        /// The name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The socket.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No answer at all.
    #[error("{address} does not answer on UDP; the broker is down, or a firewall drops UDP")]
    NoAnswer {
        /// Which address.
        address: SocketAddr,
    },
    /// Something answers that is not the organisation's broker, or does not want us.
    #[error("the handshake with {address} failed: {reason}")]
    Handshake {
        /// Which address.
        address: SocketAddr,
        /// Why.
        reason: String,
        /// True if the other end refused us; false if we did not believe it.
        refused: bool,
    },
    /// The broker closed the connection instead of welcoming us.
    #[error("the broker turned this PC away: {0}")]
    TurnedAway(String),
    /// The control stream.
    #[error("the broker did not welcome this PC: {}", plain(.0))]
    Hello(#[from] FrameIoError),
    /// Its protocol.
    #[error("the broker speaks protocol {min} to {max}, this agent does not; update the older one")]
    Version {
        /// Oldest.
        min: u16,
        /// Newest.
        max: u16,
    },
    /// Our own key or TLS.
    #[error("this PC's own identity cannot be used: {0}")]
    Own(String),
}

impl From<KeyError> for DialError {
    fn from(error: KeyError) -> Self {
        Self::Own(error.to_string())
    }
}

impl From<rustls::Error> for DialError {
    fn from(error: rustls::Error) -> Self {
        Self::Own(error.to_string())
    }
}

/// A connection on which the broker has said welcome.
pub(crate) struct Dialled {
    pub(crate) endpoint: Endpoint,
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) receive: FrameReader<RecvStream>,
    pub(crate) welcome: Welcome,
}

/// Dials as the agent that runs.
pub(crate) async fn dial(shared: &Shared) -> Result<Dialled, DialError> {
    let certificate = shared.certificate();
    let versions = shared.decisions().trust.versions();
    dial_as(shared.broker(), &shared.key, certificate, shared.outer.clone(), versions).await
}

/// Dials with a device certificate and says hello.
pub(crate) async fn dial_as(
    broker: &str,
    key: &P256Key,
    certificate: Vec<u8>,
    outer: SharedSnapshot,
    documents: DocumentVersions,
) -> Result<Dialled, DialError> {
    let own = key.certified(CertificateDer::from(certificate))?;
    let verifier = Arc::new(ServiceVerifier::new(outer));
    let tls = outer::client_config(Some(own), verifier)?;
    let (endpoint, connection) = connect(broker, tls).await?;
    match greet(&connection, documents).await {
        Ok((send, receive, welcome)) => Ok(Dialled { endpoint, connection, send, receive, welcome }),
        Err(error) => Err(match connection.close_reason() {
            Some(ConnectionError::ApplicationClosed(close)) => {
                DialError::TurnedAway(ending::meaning(close.error_code.into_inner()).to_owned())
            }
            // A refused certificate shows only now: in TLS 1.3 the client is done first.
            Some(ConnectionError::ConnectionClosed(close)) => {
                DialError::TurnedAway(plain(&String::from_utf8_lossy(&close.reason)))
            }
            _ => error,
        }),
    }
}

/// Dials without a certificate, for enrolment and doctor.
pub(crate) async fn dial_anonymous(
    broker: &str,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<(Endpoint, Connection), DialError> {
    connect(broker, outer::client_config(None, verifier)?).await
}

async fn greet(
    connection: &Connection,
    documents: DocumentVersions,
) -> Result<(SendStream, FrameReader<RecvStream>, Welcome), DialError> {
    let (mut send, mut receive) =
        connection.open_bi().await.map_err(|error| DialError::TurnedAway(closed(&error)))?;
    let hello = AgentHello {
        versions: VersionRange::OURS,
        program: format!("distans-agent {VERSION}").into(),
        documents,
        hostname: hostname(),
    };
    write_message(&mut send, &ToBroker::Hello(hello), CONTROL_LIMIT).await?;
    let welcome = match read_message::<ToAgent, _>(&mut receive, Limits::prompt(CONTROL_LIMIT)).await? {
        ToAgent::Welcome(welcome) => welcome,
        ToAgent::Refused(refused) => return Err(DialError::TurnedAway(plain(&refused.text))),
        _ => return Err(DialError::TurnedAway("its first message was no welcome".to_owned())),
    };
    if VersionRange::OURS.agree(welcome.versions, 0).is_none() {
        return Err(DialError::Version { min: welcome.versions.min, max: welcome.versions.max });
    }
    let limits = Limits { finish: SLOW_LINE, ..Limits::patient(DOCUMENTS_LIMIT) };
    Ok((send, FrameReader::new(receive, limits), welcome))
}

async fn connect(broker: &str, tls: rustls::ClientConfig) -> Result<(Endpoint, Connection), DialError> {
    let (host, _) =
        config::split(broker).ok_or_else(|| DialError::Address(format!("{broker:?} is not host:port")))?;
    let quic = endpoint::client_config(tls, transport::agent_side())?;
    let mut failed = None;
    for address in look_up(broker).await? {
        match connect_to(address, host, quic.clone()).await {
            Ok(connected) => return Ok(connected),
            // What answered counts for more than what did not.
            Err(error @ DialError::Handshake { .. }) => failed = Some(error),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| DialError::Lookup {
        name: host.to_owned(),
        source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    }))
}

/// The broker's addresses.
pub(crate) async fn look_up(broker: &str) -> Result<Vec<SocketAddr>, DialError> {
    let (host, port) =
        config::split(broker).ok_or_else(|| DialError::Address(format!("{broker:?} is not host:port")))?;
    let found = distans_platform::facts::look_up(host, LOOKUP_TIME).await.outcome;
    let addresses = found.map_err(|source| DialError::Lookup { name: host.to_owned(), source })?;
    Ok(addresses.into_iter().take(ADDRESSES_LIMIT).map(|address| SocketAddr::new(address, port)).collect())
}

async fn connect_to(
    address: SocketAddr,
    host: &str,
    config: quinn::ClientConfig,
) -> Result<(Endpoint, Connection), DialError> {
    let endpoint = endpoint::client_endpoint(any_address_for(address))?;
    let refused = |reason: String, refused| DialError::Handshake { address, reason, refused };
    let connecting =
        endpoint.connect_with(config, address, host).map_err(|error| refused(error.to_string(), false))?;
    match tokio::time::timeout(CONNECT_TIME, connecting).await {
        Ok(Ok(connection)) => Ok((endpoint, connection)),
        Err(_) | Ok(Err(ConnectionError::TimedOut)) => Err(DialError::NoAnswer { address }),
        Ok(Err(error @ (ConnectionError::ConnectionClosed(_) | ConnectionError::ApplicationClosed(_)))) => {
            Err(refused(closed(&error), true))
        }
        Ok(Err(error)) => Err(refused(plain(&error), false)),
    }
}

/// A socket towards `remote`, for an endpoint that moves to another network.
pub(super) fn socket_for(remote: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(any_address_for(remote))
}

/// Why a connection ended, in words.
pub(crate) fn closed(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ending::meaning(close.error_code.into_inner()).to_owned()
        }
        ConnectionError::TimedOut => "the line went silent".to_owned(),
        other => plain(other),
    }
}

/// An error as it may be shown and kept: the other end's own words are in some, as they came.
pub(crate) fn plain(error: &impl std::fmt::Display) -> String {
    clean_line(&error.to_string(), REASON_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_ends_words_cannot_steer_a_terminal() {
        let reason = format!("\u{1b}[2J\nall is well\u{202e}{}", "x".repeat(5000));
        let close = quinn::ConnectionClose {
            error_code: quinn::TransportErrorCode::INTERNAL_ERROR,
            frame_type: None,
            reason: reason.into_bytes().into(),
        };
        let text = closed(&ConnectionError::ConnectionClosed(close));
        assert!(
            !text.contains(['\u{1b}', '\n', '\u{202e}']) && text.chars().count() <= REASON_LIMIT + 1,
            "{text}"
        );
        let broken = FrameIoError::Io(io::Error::other("closed: \u{1b}]0;title\u{7}"));
        assert!(!DialError::Hello(broken).to_string().contains('\u{1b}'));
    }
}
