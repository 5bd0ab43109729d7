//! Endpoints: sockets and quinn configurations with our rules applied, so that nobody has to
//! remember them: ALPN, no early data, no resumption, limits on strangers.
//!
//! Resumption is off because rustls does not verify a client certificate again when a session
//! is resumed: a revoked technician or PC would come back in. Early data is off because it can
//! be replayed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, TokioRuntime, TransportConfig, ValidationTokenConfig,
};
use quinn_proto::HashedConnectionIdGenerator;
use socket2::{Domain, Protocol, Socket, Type};

use crate::calm_socket::CalmSocket;
use crate::plain_socket::PlainSocket;

/// The outer protocol's name in TLS.
pub const ALPN: &[u8] = b"distans/1";

/// Connection attempts that may wait for the broker at once; further ones are refused.
pub const MAX_INCOMING: usize = 2_000;

/// From so many unfinished handshakes on, a new address must first prove that it receives
/// (`Incoming::retry`): a spoofed attempt costs 64 µs then instead of 217 µs and 47 KiB.
pub const RETRY_ABOVE: usize = 200;

/// How long a handshake may take, until the peer is known.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Bytes of early datagrams kept for one attempt. A first flight with the hybrid key exchange
/// is two or three datagrams.
const INCOMING_BUFFER: u64 = 16 * 1024;

/// The same for all attempts together.
const INCOMING_BUFFER_TOTAL: u64 = 16 * 1024 * 1024;

/// Least time between two stateless resets. A reset is smaller than what provokes it, so it
/// amplifies nothing; after a restart 10,000 agents must all hear of it.
const RESET_INTERVAL: Duration = Duration::from_millis(1);

/// Kernel buffers of the broker's socket, as far as the system allows: all agents come back at
/// once after a restart.
const SERVER_SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// Kernel buffers of a client's socket: a bulk transfer's burst.
const CLIENT_SOCKET_BUFFER: usize = 2 * 1024 * 1024;

/// Why an endpoint could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address cannot be had.
    #[error("cannot use UDP {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The TLS configuration lacks what QUIC needs.
    #[error("TLS configuration does not fit QUIC: TLS 1.3 with AES-128-GCM is needed")]
    Tls(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// The broker's configuration: `tls` decides who may come in, `transport` is
/// [`crate::transport::broker_side`].
///
/// # Errors
/// [`EndpointError::Tls`].
pub fn server_config(
    mut tls: rustls::ServerConfig,
    transport: TransportConfig,
) -> Result<quinn::ServerConfig, EndpointError> {
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    config
        .transport_config(Arc::new(transport))
        .validation_token_config(tokens)
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    Ok(config)
}

/// An agent's or technician's configuration: `tls` decides which broker is believed,
/// `transport` is [`crate::transport::agent_side`] or [`crate::transport::technician_side`].
///
/// # Errors
/// [`EndpointError::Tls`].
pub fn client_config(
    mut tls: rustls::ClientConfig,
    transport: TransportConfig,
) -> Result<quinn::ClientConfig, EndpointError> {
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.enable_early_data = false;
    tls.resumption = rustls::client::Resumption::disabled();
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// A listening endpoint. Must be called inside a tokio runtime.
///
/// # Errors
/// [`EndpointError::Bind`].
pub fn server_endpoint(address: SocketAddr, config: quinn::ServerConfig) -> Result<Endpoint, EndpointError> {
    build(address, EndpointConfig::default(), Some(config), SERVER_SOCKET_BUFFER)
        .map_err(|source| EndpointError::Bind { address, source })
}

/// As [`server_endpoint`], for a server that may be killed and come back: whoever still speaks to
/// its dead predecessor is told so (QUIC's stateless reset) with the next packet, a keep-alive at
/// the latest, instead of waiting out the idle time. `secret` is the same in every life of the
/// server and known to nobody else: with it one could end connections.
///
/// # Errors
/// [`EndpointError::Bind`].
pub fn returning_server_endpoint(
    address: SocketAddr,
    config: quinn::ServerConfig,
    secret: &[u8; 32],
) -> Result<Endpoint, EndpointError> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    // Connection ids that the predecessor made must be recognised as ours.
    let mut ids = [0; 8];
    ids.copy_from_slice(&hmac::sign(&key, b"distans connection ids").as_ref()[..8]);
    let ids = u64::from_be_bytes(ids);
    let mut endpoint = EndpointConfig::new(Arc::new(key));
    endpoint
        .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)))
        .min_reset_interval(RESET_INTERVAL);
    build(address, endpoint, Some(config), SERVER_SOCKET_BUFFER)
        .map_err(|source| EndpointError::Bind { address, source })
}

/// A dialling endpoint; give the configuration to `connect_with`. Must be called inside a tokio
/// runtime. Use [`any_address_for`] to bind to the family of the broker's address.
///
/// # Errors
/// [`EndpointError::Bind`].
pub fn client_endpoint(bind: SocketAddr) -> Result<Endpoint, EndpointError> {
    build(bind, EndpointConfig::default(), None, CLIENT_SOCKET_BUFFER)
        .map_err(|source| EndpointError::Bind { address: bind, source })
}

/// The address to bind to when dialling `remote`: any local one of the same family, any port.
pub fn any_address_for(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0)),
    }
}

fn build(
    address: SocketAddr,
    endpoint: EndpointConfig,
    server: Option<quinn::ServerConfig>,
    buffer: usize,
) -> io::Result<Endpoint> {
    let runtime = Arc::new(TokioRuntime);
    let socket: Arc<dyn AsyncUdpSocket> =
        match bind(address, buffer).and_then(|socket| runtime.wrap_udp_socket(socket)) {
            Ok(socket) if server.is_some() => Arc::new(CalmSocket::new(socket)),
            Ok(socket) => socket,
            // quinn's socket insists on options some systems lack; a failed bind fails here again.
            Err(_) => Arc::new(PlainSocket::new(bind(address, buffer)?)?),
        };
    Endpoint::new_with_abstract_socket(endpoint, server, socket, runtime)
}

fn bind(address: SocketAddr, buffer: usize) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // One socket for both families where the system can; without it IPv6 alone still works.
        socket.set_only_v6(false).ok();
    }
    // Best effort: the system may grant less.
    socket.set_recv_buffer_size(buffer).ok();
    socket.set_send_buffer_size(buffer).ok();
    socket.bind(&address.into())?;
    Ok(socket.into())
}
