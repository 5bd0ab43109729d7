//! Listeners on this machine: whoever connects is carried to a place behind the PC.

use std::net::SocketAddr;
use std::time::Duration;

use distans_proto::ops::forward::Place;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::event::{Event, what_to_open};
use super::{Way, socks, udp};
use crate::client::Error;
use crate::say;

/// How long a SOCKS client may take to say where it wants to go.
const SOCKS_TIME: Duration = Duration::from_secs(10);

/// Pause after a connection could not be taken: out of descriptors, as a rule.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound socket here and where it leads.
#[derive(Debug)]
pub enum Local {
    /// Connections, to a place.
    Stream(TcpListener, Place),
    /// Connections, to wherever a SOCKS client asks.
    Socks(TcpListener),
    /// Datagrams, to a place.
    Datagrams(UdpSocket, Place),
}

impl Local {
    /// Where it listens.
    ///
    /// # Errors
    /// If the socket does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        match self {
            Self::Stream(listener, _) | Self::Socks(listener) => listener.local_addr(),
            Self::Datagrams(socket, _) => socket.local_addr(),
        }
    }
}

/// A place as people write it.
pub(super) fn written(place: &Place) -> String {
    let host = place.host.raw();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{host}:{}", place.port)
}

/// Begins to take connections.
pub(super) fn serve(way: &Way, local: Local) {
    // A bound socket has an address.
    if let Ok(address) = local.address() {
        let (to, udp, open) = match &local {
            Local::Stream(_, place) => (Some(written(place)), false, what_to_open(address, place.port)),
            Local::Socks(_) => (None, false, format!("socks5h://{address}")),
            Local::Datagrams(_, place) => (Some(written(place)), true, address.to_string()),
        };
        (way.tell)(Event::Listening { address, to, udp, open });
    }
    let own = way.clone();
    match local {
        Local::Stream(listener, place) => way.spawn(async move { accept(&own, listener, Some(place)).await }),
        Local::Socks(listener) => way.spawn(async move { accept(&own, listener, None).await }),
        Local::Datagrams(socket, place) => way.spawn(async move { udp::serve(&own, socket, place).await }),
    }
}

/// Takes connections as long as there is room; more wait in the system's queue.
async fn accept(way: &Way, listener: TcpListener, to: Option<Place>) {
    while let Some(room) = way.room().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (own, to) = (way.clone(), to.clone());
                way.spawn(async move {
                    match to {
                        Some(place) => to_place(&own, stream, peer, place).await,
                        None => to_anywhere(&own, stream, peer).await,
                    }
                    drop::<OwnedSemaphorePermit>(room);
                });
            }
            Err(error) => {
                tracing::debug!("a connection was not taken: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn to_place(way: &Way, stream: TcpStream, peer: SocketAddr, place: Place) {
    let to = written(&place);
    match way.session.tunnel(way.forward, Some(place)).await {
        Ok(tunnel) => carry(way, tunnel, stream, peer, to).await,
        // The client sees its connection closed.
        Err(error) => refused(way, peer, to, &error),
    }
}

/// What a SOCKS client asks for.
async fn to_anywhere(way: &Way, mut stream: TcpStream, peer: SocketAddr) {
    let place = match timeout(SOCKS_TIME, socks::asked(&mut stream)).await {
        Ok(Ok(place)) => place,
        Ok(Err(error)) => {
            let (from, text) = (peer.to_string(), error.to_string());
            return (way.tell)(Event::Refused { from, to: "socks".into(), by: None, text });
        }
        Err(_) => {
            let seconds = SOCKS_TIME.as_secs();
            let text = say!(
                en: "it said nothing within {seconds} seconds",
                sv: "den sade inget inom {seconds} sekunder"
            );
            return (way.tell)(Event::Refused { from: peer.to_string(), to: "socks".into(), by: None, text });
        }
    };
    let to = written(&place);
    let tunnel = way.session.tunnel(way.forward, Some(place)).await;
    let told = timeout(SOCKS_TIME, socks::answer(&mut stream, tunnel.as_ref().err())).await;
    match tunnel {
        Ok(tunnel) if matches!(told, Ok(Ok(()))) => carry(way, tunnel, stream, peer, to).await,
        Ok(_) => {} // the client is gone
        Err(error) => refused(way, peer, to, &error),
    }
}

async fn carry(
    way: &Way,
    tunnel: crate::client::tunnel::Tunnel,
    mut stream: TcpStream,
    peer: SocketAddr,
    to: String,
) {
    let _ = stream.set_nodelay(true); // only slower without
    let mut standing = way.connected(peer.to_string(), to);
    let carried = tunnel.carry(stream.split(), &way.budget, &standing.traffic).await;
    standing.error = carried.err().map(|error| error.to_string());
}

pub(super) fn refused(way: &Way, peer: SocketAddr, to: String, error: &Error) {
    let by = if let Error::Denied(denied) = error { Some(denied.by) } else { None };
    (way.tell)(Event::Refused { from: peer.to_string(), to, by, text: words(error) });
}

/// What was said, without what is said of whole operations: here one connection is refused.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Denied(denied) if denied.by == distans_proto::inner::DeniedBy::State => {
            denied.text.to_string()
        }
        error => error.to_string(),
    }
}
