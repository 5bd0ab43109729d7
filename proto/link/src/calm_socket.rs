//! A UDP socket that lets quinn send in batches only while somebody sends in bulk.
//!
//! quinn keeps a send buffer for every connection, as large as the largest batch that connection
//! ever prepared: ten datagrams, 13 kB, if the socket offers batches. The answer to a handshake
//! alone (three datagrams) makes it grow, and it never shrinks, so that most of what an idle agent
//! would cost the broker is a buffer it used once. Batches pay in bulk transfers only. So this
//! socket offers single datagrams until some connection has filled a whole turn with them.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// Datagrams a connection sends in one turn when it has more than it may send at once; quinn's
/// own limit. No handshake comes near.
const FULL_TURN: usize = 20;

/// How long after a full turn batches are offered.
const BULK: Duration = Duration::from_millis(20);

/// See the module's text.
#[derive(Debug)]
pub(crate) struct CalmSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    started: Instant,
    /// Datagrams sent since the last turn began. Turns of several threads mix here, which at
    /// worst begins a batch too early.
    turn: AtomicUsize,
    /// Microseconds after `started` until which batches are offered.
    bulk_until: AtomicU64,
}

impl CalmSocket {
    /// Around quinn's own socket.
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> Self {
        Self { inner, started: Instant::now(), turn: AtomicUsize::new(0), bulk_until: AtomicU64::new(0) }
    }

    fn after_start(&self, time: Duration) -> u64 {
        u64::try_from((self.started.elapsed() + time).as_micros()).unwrap_or(u64::MAX)
    }
}

impl AsyncUdpSocket for CalmSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)?;
        let datagrams = transmit.segment_size.map_or(1, |size| transmit.contents.len().div_ceil(size.max(1)));
        self.turn.fetch_add(datagrams, Ordering::Relaxed);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// quinn asks at the beginning of every turn of a connection.
    fn max_transmit_segments(&self) -> usize {
        if self.turn.swap(0, Ordering::Relaxed) >= FULL_TURN {
            self.bulk_until.store(self.after_start(BULK), Ordering::Relaxed);
        }
        let in_bulk = self.after_start(Duration::ZERO) < self.bulk_until.load(Ordering::Relaxed);
        if in_bulk { self.inner.max_transmit_segments() } else { 1 }
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use quinn::{Runtime, TokioRuntime};

    use super::*;

    #[tokio::test]
    async fn batches_are_offered_only_after_a_full_turn() -> io::Result<()> {
        let inner = TokioRuntime.wrap_udp_socket(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
        let (batch, destination) = (inner.max_transmit_segments(), inner.local_addr()?);
        let socket = Arc::new(CalmSocket::new(inner));
        let mut poller = Arc::clone(&socket).create_io_poller();
        std::future::poll_fn(|cx| poller.as_mut().poll_writable(cx)).await?;
        let datagram = Transmit { destination, ecn: None, contents: b"x", segment_size: None, src_ip: None };
        let turn = |datagrams: usize| -> io::Result<usize> {
            (0..datagrams).try_for_each(|_| socket.try_send(&datagram))?;
            Ok(socket.max_transmit_segments())
        };
        assert_eq!(turn(0)?, 1, "at rest");
        assert_eq!(turn(3)?, 1, "a handshake's answer");
        assert_eq!(turn(FULL_TURN)?, batch, "bulk");
        Ok(())
    }
}
