//! A plain UDP socket for quinn, for systems that lack the socket options its own one insists on
//! (older Windows, Wine).
//!
//! One datagram per call, no congestion marks, no "do not fragment": quinn then keeps to 1,200
//! bytes a datagram instead of probing for more. Slower, but it works everywhere.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct PlainSocket(UdpSocket);

impl PlainSocket {
    /// Takes over a bound socket. Must be called inside a tokio runtime.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self(UdpSocket::from_std(socket)?))
    }
}

impl AsyncUdpSocket for PlainSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable { socket: self, waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.0.try_send_to(transmit.contents, transmit.destination) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            // Sent or lost: quinn repeats what was lost, and one unreachable peer must not end
            // the socket of all others.
            _ => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            let mut read = ReadBuf::new(buffer);
            match ready!(self.0.poll_recv_from(cx, &mut read)) {
                Ok(addr) => {
                    let len = read.filled().len();
                    *meta = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None };
                    return Poll::Ready(Ok(1));
                }
                // Windows reports a peer's "port unreachable" here; it says nothing about others.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

type Ready = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// Waits until the socket takes datagrams again; each waiter has its own waker.
struct Writable {
    socket: Arc<PlainSocket>,
    waiting: Option<Ready>,
}

impl std::fmt::Debug for Writable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writable").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = Arc::clone(&self.socket);
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(async move { socket.0.writable().await }));
        let result = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use quinn::{Endpoint, EndpointConfig, TokioRuntime};

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn endpoint(server: Option<quinn::ServerConfig>) -> io::Result<Endpoint> {
        let socket = PlainSocket::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
        let runtime = Arc::new(TokioRuntime);
        Endpoint::new_with_abstract_socket(EndpointConfig::default(), server, Arc::new(socket), runtime)
    }

    #[tokio::test]
    async fn quic_works_over_it() -> TestResult {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
        let certificate = certified.cert.der().clone();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let server = quinn::ServerConfig::with_single_cert(vec![certificate.clone()], key.into())?;
        let server = endpoint(Some(server))?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate)?;
        let client = endpoint(None)?;
        let config = quinn::ClientConfig::with_root_certificates(Arc::new(roots))?;
        let connecting = client.connect_with(config, server.local_addr()?, "localhost")?;
        let serving = async {
            let connection = server.accept().await.ok_or("closed")?.await?;
            let mut stream = connection.accept_uni().await?;
            Ok::<_, Box<dyn std::error::Error>>(stream.read_to_end(1_000_000).await?)
        };
        let sending = async {
            let connection = connecting.await?;
            let mut stream = connection.open_uni().await?;
            stream.write_all(&[7; 300_000]).await?;
            stream.finish()?;
            stream.stopped().await?;
            Ok(())
        };
        let (received, ()) = tokio::try_join!(serving, sending)?;
        assert_eq!(received, [7; 300_000]);
        Ok(())
    }
}
