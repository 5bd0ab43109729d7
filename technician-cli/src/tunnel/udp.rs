//! Datagrams: a stream for each local peer, which ends when it has been silent for a minute.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use distans_e2e_io::pipe::Datagrams;
use distans_proto::ops::forward::{DATAGRAM_LIMIT, Place};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Way;
use super::event::Event;
use super::local::{refused, written};

/// Datagrams of one peer that wait; more are lost, as datagrams are.
const WAITING: usize = 64;

/// Pause after bad news about an earlier datagram, so that no stream of them keeps us busy.
const PAUSE: Duration = Duration::from_millis(10);

/// Hands datagrams to the streams of their peers.
pub(super) async fn serve(way: &Way, socket: UdpSocket, place: Place) {
    let socket = Arc::new(socket);
    let mut peers: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut buffer = vec![0; DATAGRAM_LIMIT];
    let mut full = false;
    loop {
        let (count, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!("bad news about a datagram: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let datagram = buffer[..count].to_vec();
        if let Some(known) = peers.get(&peer)
            && !known.is_closed()
        {
            let _ = known.try_send(datagram);
            continue;
        }
        peers.retain(|_, known| !known.is_closed());
        let Ok(room) = Arc::clone(&way.room).try_acquire_owned() else {
            if !std::mem::replace(&mut full, true) {
                (way.tell)(Event::Full(distans_proto::ops::forward::CONNECTIONS_LIMIT));
            }
            continue;
        };
        full = false;
        let (sender, datagrams) = mpsc::channel(WAITING);
        let _ = sender.try_send(datagram);
        peers.insert(peer, sender);
        let (own, place) = (way.clone(), place.clone());
        let mut peer = Peer { socket: Arc::clone(&socket), address: peer, datagrams };
        way.spawn(async move {
            carry(&own, &mut peer, place).await;
            drop(room);
        });
    }
}

async fn carry(way: &Way, peer: &mut Peer, place: Place) {
    let to = written(&place);
    match way.session.tunnel(way.forward, Some(place)).await {
        Ok(tunnel) => {
            let mut standing = way.connected(peer.address.to_string(), to);
            let carried = tunnel.carry_datagrams(peer, &standing.traffic).await;
            standing.error = carried.err().map(|error| error.to_string());
        }
        Err(error) => refused(way, peer.address, to, &error),
    }
}

/// One peer's part of the socket.
struct Peer {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    datagrams: mpsc::Receiver<Vec<u8>>,
}

impl Datagrams for Peer {
    async fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let datagram = self.datagrams.recv().await?;
        let count = datagram.len().min(buffer.len());
        buffer[..count].copy_from_slice(&datagram[..count]);
        Some(count)
    }

    async fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.socket.send_to(datagram, self.address).await.map(|_| ())
    }
}
