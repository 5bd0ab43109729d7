//! TLS inside a QUIC stream, by hand.

use anyhow::{Context as _, Result, ensure};
use quinn::{RecvStream, SendStream};
use rustls::Connection;

/// A TLS connection over one stream.
pub(super) struct Inner {
    tls: Connection,
    send: SendStream,
    receive: RecvStream,
}

impl Inner {
    /// Shakes hands.
    pub(super) async fn new(tls: impl Into<Connection>, stream: (SendStream, RecvStream)) -> Result<Self> {
        let (send, receive) = stream;
        let mut inner = Self { tls: tls.into(), send, receive };
        loop {
            inner.flush().await?;
            if !inner.tls.is_handshaking() {
                return Ok(inner);
            }
            ensure!(inner.fill().await?, "the stream ended inside the handshake");
        }
    }

    /// Sends bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        std::io::Write::write_all(&mut self.tls.writer(), bytes)?;
        self.flush().await
    }

    /// Receives one byte.
    pub(super) async fn receive_byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        loop {
            match std::io::Read::read(&mut self.tls.reader(), &mut byte) {
                Ok(1) => return Ok(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                other => anyhow::bail!("the inner connection ended: {other:?}"),
            }
            ensure!(self.fill().await?, "the stream ended");
        }
    }

    /// Waits until the other end has everything.
    pub(super) async fn finish(mut self) -> Result<()> {
        self.send.finish()?;
        self.send.stopped().await.ok();
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes)?;
        }
        Ok(self.send.write_all(&bytes).await?)
    }

    /// Takes what has come; false at the end.
    async fn fill(&mut self) -> Result<bool> {
        let Some(chunk) = self.receive.read_chunk(16 * 1024, true).await? else { return Ok(false) };
        let mut bytes = &chunk.bytes[..];
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes)?;
            self.tls.process_new_packets().context("inner TLS")?;
        }
        Ok(true)
    }
}
