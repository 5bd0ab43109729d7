//! What each part of the bare program does.
//!
//! The first byte of a client's stream says what is wanted: [`RUN`] and [`SEND`] go to the agent,
//! [`SEND_YOURSELF`] and [`HELLO`] are answered by the relay.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use rustls::{ClientConnection, ServerConnection};

use super::identity;
use super::tls::Inner;

/// ALPN of the agent's and of everybody else's connections.
const AGENT: &[u8] = b"agent";
const CLIENT: &[u8] = b"client";

/// Inner TLS, then a byte; `true` is run, and its exit code comes back.
const RUN: u8 = b'r';

/// Eight bytes of length; so many bytes come back, from the agent.
pub const SEND: u8 = b's';

/// The same from the relay: a single hop.
pub const SEND_YOURSELF: u8 = b'y';

/// One byte, answered by one byte of the relay.
pub const HELLO: u8 = b'h';

/// As Distans' agents do.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

const WINDOW: u32 = 8 * 1024 * 1024;
const BLOCK: usize = 64 * 1024;

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .send_window(u64::from(WINDOW))
        .max_idle_timeout(None);
    transport
}

/// Makes connections to the relay.
#[derive(Debug, Clone)]
pub struct Dialler {
    endpoint: Endpoint,
    config: quinn::ClientConfig,
    relay: SocketAddr,
}

impl Dialler {
    /// As a client, from a socket of its own.
    pub fn new(folder: &Path, relay: SocketAddr) -> Result<Self> {
        Self::with_alpn(folder, relay, CLIENT)
    }

    fn with_alpn(folder: &Path, relay: SocketAddr, alpn: &[u8]) -> Result<Self> {
        let mut tls = identity::client(folder)?;
        tls.alpn_protocols = vec![alpn.to_vec()];
        let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        let mut transport = transport();
        transport.keep_alive_interval(Some(KEEP_ALIVE));
        config.transport_config(Arc::new(transport));
        Ok(Self { endpoint: Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?, config, relay })
    }

    /// A connection.
    pub async fn dial(&self) -> Result<Connection> {
        Ok(self.endpoint.connect_with(self.config.clone(), self.relay, "localhost")?.await?)
    }
}

/// Sends a wish and its argument on a new stream, and reads the answer to its end.
///
/// Gives the number of bytes answered.
pub async fn exchange(connection: &Connection, wish: u8, argument: &[u8]) -> Result<u64> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[&[wish], argument].concat()).await?;
    send.finish()?;
    let mut bytes = 0;
    while let Some(chunk) = receive.read_chunk(usize::MAX, true).await? {
        bytes += chunk.bytes.len() as u64;
    }
    Ok(bytes)
}

/// The relay: prints where it listens.
pub(super) async fn relay(folder: &Path) -> Result<()> {
    let mut tls = identity::server(folder)?;
    tls.alpn_protocols = vec![AGENT.to_vec(), CLIENT.to_vec()];
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport()));
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{}", endpoint.local_addr()?);
    let agent = Arc::new(OnceLock::new());
    while let Some(incoming) = endpoint.accept().await {
        let agent = Arc::clone(&agent);
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
            if data.and_then(|data| data.protocol).is_some_and(|alpn| alpn == AGENT) {
                agent.set(connection).ok();
                return;
            }
            while let Ok(stream) = connection.accept_bi().await {
                let agent = Arc::clone(&agent);
                // A stream that breaks is its client's affair.
                tokio::spawn(async move { serve(stream, &agent).await.ok() });
            }
        });
    }
    Ok(())
}

async fn serve(
    (mut send, mut receive): (SendStream, RecvStream),
    agent: &OnceLock<Connection>,
) -> Result<()> {
    let mut wish = [0];
    receive.read_exact(&mut wish).await?;
    match wish[0] {
        HELLO => {
            send.write_all(&wish).await?;
            send.finish()?;
            // Held as an agent's control stream is.
            receive.read_to_end(usize::MAX).await?;
        }
        SEND_YOURSELF => send_bytes(send, receive).await?,
        _ => {
            let (mut to_agent, from_agent) = agent.get().context("no agent")?.open_bi().await?;
            to_agent.write_all(&wish).await?;
            tokio::try_join!(copy(receive, to_agent), copy(from_agent, send))?;
        }
    }
    Ok(())
}

async fn copy(mut from: RecvStream, mut to: SendStream) -> Result<()> {
    while let Some(chunk) = from.read_chunk(BLOCK, true).await? {
        to.write_chunk(chunk.bytes).await?;
    }
    to.finish()?;
    Ok(())
}

async fn send_bytes(mut send: SendStream, mut receive: RecvStream) -> Result<()> {
    let mut length = [0; 8];
    receive.read_exact(&mut length).await?;
    let mut rest = u64::from_be_bytes(length);
    let block = bytes::Bytes::from(vec![0; BLOCK]);
    while rest > 0 {
        let part = block.slice(..usize::try_from(rest).unwrap_or(BLOCK).min(BLOCK));
        rest -= part.len() as u64;
        send.write_chunk(part).await?;
    }
    send.finish()?;
    send.stopped().await.ok();
    Ok(())
}

/// The agent: prints a line when it is connected.
pub(super) async fn agent(folder: &Path, relay: SocketAddr) -> Result<()> {
    let connection = Dialler::with_alpn(folder, relay, AGENT)?.dial().await?;
    let inner = Arc::new(identity::server(folder)?);
    println!("connected");
    while let Ok((send, mut receive)) = connection.accept_bi().await {
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            let mut wish = [0];
            receive.read_exact(&mut wish).await?;
            if wish == [SEND] {
                return send_bytes(send, receive).await;
            }
            let mut inner = Inner::new(ServerConnection::new(inner)?, (send, receive)).await?;
            inner.receive_byte().await?;
            let status = tokio::process::Command::new("true").status().await?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            inner.send(&[code.unwrap_or(u8::MAX)]).await?;
            inner.finish().await
        });
    }
    Ok(())
}

/// One run, from nothing to the exit code.
pub(super) async fn run(folder: &Path, relay: SocketAddr) -> Result<()> {
    let connection = Dialler::new(folder, relay)?.dial().await?;
    let mut stream = connection.open_bi().await?;
    stream.0.write_all(&[RUN]).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost")?;
    let tls = ClientConnection::new(Arc::new(identity::client(folder)?), name)?;
    let mut inner = Inner::new(tls, stream).await?;
    inner.send(b"!").await?;
    let code = inner.receive_byte().await?;
    anyhow::ensure!(code == 0, "`true` ended with {code}");
    connection.close(VarInt::from_u32(0), b"");
    // Lets the last packet out; as short as a program's end can be.
    tokio::task::yield_now().await;
    Ok(())
}
