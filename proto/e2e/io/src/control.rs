//! The control stream: preface, inner TLS 1.3, then whole messages both ways.
//!
//! rustls is driven by hand rather than by an adapter, so that the technician's first messages
//! leave together with its Finished and nothing is buffered without bound.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use distans_e2e::preface::{self, Preface};
use distans_e2e::session::SessionKeys;
use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT, FrameBuffer, RECORD_LIMIT, decode, encode};
use distans_proto::ids::SessionId;
use distans_proto::inner::ToAgent;
use minicbor::{Decode, Encode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::ControlError;

/// Longest handshake, from its first byte to its last.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Bytes taken from the stream at a time.
const READ: usize = 8 * 1024;

/// Reads the first bytes of a relayed stream.
///
/// # Errors
/// [`ControlError`]; the stream is then to be closed without an answer.
pub async fn read_preface<R: AsyncRead + Unpin>(reader: &mut R) -> Result<Preface, ControlError> {
    let mut bytes = [0; preface::LEN];
    timeout(HANDSHAKE_LIMIT, reader.read_exact(&mut bytes)).await.map_err(|_| ControlError::TimedOut)??;
    Ok(Preface::parse(&bytes)?)
}

/// A technician's handshake that has sent its first flight and waits for the answer.
#[derive(Debug)]
pub struct Connecting<W> {
    tls: Connection,
    out: Out<W>,
    session: SessionId,
}

impl<W: AsyncWrite + Unpin> Connecting<W> {
    /// Sends preface and first flight. The messages in `first` leave with the Finished, without
    /// a round trip of their own; they must fit in 64 KiB together.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn start(
        writer: W,
        config: Arc<ClientConfig>,
        session: SessionId,
        first: &[ToAgent],
    ) -> Result<Self, ControlError> {
        let mut tls = ClientConnection::new(config, unused_name()?)?;
        for message in first {
            tls.writer().write_all(&encode(message, CONTROL_LIMIT)?)?;
        }
        let mut tls = Connection::Client(tls);
        let mut out = Out { writer, bytes: Preface::control(session).encode().to_vec(), sent: 0 };
        out.take_from(&mut tls)?;
        within_limit(out.flush()).await?;
        Ok(Self { tls, out, session })
    }

    /// Finishes the handshake with what comes from `reader`, where anything of the broker's has
    /// been read away. A PC that does not take this technician shows only at the first
    /// [`Control::recv`].
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn finish<R: AsyncRead + Unpin>(self, reader: R) -> Result<Control<R, W>, ControlError> {
        // The technician may be sent a receipt on this stream.
        Control::shake_hands(self.tls, reader, self.out, self.session, RECORD_LIMIT).await
    }
}

/// The server name is not sent and not looked at: the PC is its key. rustls wants one.
fn unused_name() -> Result<ServerName<'static>, ControlError> {
    ServerName::try_from("pc.distans.internal")
        .map_err(|_| ControlError::Tls(rustls::Error::General("unusable server name".into())))
}

async fn within_limit<T>(work: impl Future<Output = Result<T, ControlError>>) -> Result<T, ControlError> {
    timeout(HANDSHAKE_LIMIT, work).await.map_err(|_| ControlError::TimedOut)?
}

/// A session's control stream, the handshake done.
///
/// One task owns it: `select!` over [`Self::recv`], which may be dropped half-way, and the
/// task's other events, and [`Self::send`] in the arms.
#[derive(Debug)]
pub struct Control<R, W> {
    tls: Connection,
    reader: R,
    out: Out<W>,
    raw: Box<[u8]>,
    frames: FrameBuffer,
    keys: SessionKeys,
    /// The other end has said that nothing more comes.
    farewell: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Control<R, W> {
    /// As the technician: [`Connecting::start`] and [`Connecting::finish`] in one, where nothing
    /// comes between.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn connect(
        reader: R,
        writer: W,
        config: Arc<ClientConfig>,
        session: SessionId,
        first: &[ToAgent],
    ) -> Result<Self, ControlError> {
        Connecting::start(writer, config, session, first).await?.finish(reader).await
    }

    /// As the agent, on a stream whose preface has been read.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn accept(
        reader: R,
        writer: W,
        config: Arc<ServerConfig>,
        session: SessionId,
    ) -> Result<Self, ControlError> {
        let tls = Connection::Server(ServerConnection::new(config)?);
        let out = Out { writer, bytes: Vec::new(), sent: 0 };
        Self::shake_hands(tls, reader, out, session, CONTROL_LIMIT).await
    }

    async fn shake_hands(
        mut tls: Connection,
        mut reader: R,
        mut out: Out<W>,
        session: SessionId,
        limit: usize,
    ) -> Result<Self, ControlError> {
        let mut raw = vec![0; READ].into_boxed_slice();
        let mut frames = FrameBuffer::new(limit);
        let mut farewell = false;
        within_limit(async {
            while tls.is_handshaking() {
                let mut end = End { tls: &mut tls, out: &mut out, frames: &mut frames };
                farewell |= end.read_some(&mut reader, &mut raw).await?;
            }
            out.take_from(&mut tls)?;
            out.flush().await
        })
        .await?;
        let keys = match &tls {
            Connection::Client(tls) => SessionKeys::of_technician(tls, session)?,
            Connection::Server(tls) => SessionKeys::of_agent(tls, session)?,
        };
        Ok(Self { tls, reader, out, raw, frames, keys, farewell })
    }

    /// Keys for this attachment's sealed streams, and its binding.
    pub const fn keys(&self) -> &SessionKeys {
        &self.keys
    }

    /// What the other end showed and proved: at the agent the technician's certificate (DER), at
    /// the technician the PC's public key (SPKI, DER).
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.peer_certificates()?.first().map(|certificate| certificate.as_ref())
    }

    /// From here on messages up to [`DOCUMENTS_LIMIT`] are taken (`true`), or only those within
    /// [`CONTROL_LIMIT`] (`false`). The agent asks for it when it has asked for documents.
    pub const fn take_documents(&mut self, taken: bool) {
        self.frames.set_limit(if taken { DOCUMENTS_LIMIT } else { CONTROL_LIMIT });
    }

    /// Sends one message. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn send<M: Encode<()>>(&mut self, message: &M) -> Result<(), ControlError> {
        let frame = encode(message, DOCUMENTS_LIMIT)?;
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let taken = self.tls.writer().write(rest)?;
            if taken == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into());
            }
            rest = &rest[taken..];
            self.out.take_from(&mut self.tls)?;
            self.out.flush().await?;
        }
        Ok(())
    }

    /// The next message; `None` when the other end closed the stream with a farewell. May be
    /// dropped half-way and called again.
    ///
    /// # Errors
    /// [`ControlError`]. After [`distans_proto::frame::FrameError::Unsupported`] the next message
    /// can be read; after any other the stream is over.
    pub async fn recv<M: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<M>, ControlError> {
        loop {
            if let Some(body) = self.frames.next_body()? {
                return Ok(Some(decode(body)?));
            }
            if self.farewell {
                return if self.frames.is_empty() { Ok(None) } else { Err(ControlError::Cut) };
            }
            let mut end = End { tls: &mut self.tls, out: &mut self.out, frames: &mut self.frames };
            self.farewell |= end.read_some(&mut self.reader, &mut self.raw).await?;
        }
    }

    /// Says farewell and closes this end's writing half. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn close(&mut self) -> Result<(), ControlError> {
        self.tls.send_close_notify();
        self.out.take_from(&mut self.tls)?;
        self.out.flush().await?;
        Ok(self.out.writer.shutdown().await?)
    }
}

/// TLS bytes on their way out.
#[derive(Debug)]
struct Out<W> {
    writer: W,
    bytes: Vec<u8>,
    /// How much of `bytes` the writer has taken.
    sent: usize,
}

impl<W: AsyncWrite + Unpin> Out<W> {
    fn take_from(&mut self, tls: &mut Connection) -> Result<(), ControlError> {
        while tls.wants_write() {
            tls.write_tls(&mut self.bytes)?;
        }
        Ok(())
    }

    /// May be dropped half-way and called again.
    async fn flush(&mut self) -> Result<(), ControlError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        while self.sent < self.bytes.len() {
            match self.writer.write(&self.bytes[self.sent..]).await? {
                0 => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
                taken => self.sent += taken,
            }
        }
        self.writer.flush().await?;
        self.bytes.clear();
        self.sent = 0;
        Ok(())
    }
}

/// The parts of a control stream that reading works on.
struct End<'a, W> {
    tls: &'a mut Connection,
    out: &'a mut Out<W>,
    frames: &'a mut FrameBuffer,
}

impl<W: AsyncWrite + Unpin> End<'_, W> {
    /// Sends what waits, reads once and takes in what came; true if the other end said farewell.
    /// May be dropped half-way and called again: nothing is read without being taken in.
    async fn read_some<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        raw: &mut [u8],
    ) -> Result<bool, ControlError> {
        self.out.take_from(self.tls)?;
        self.out.flush().await?;
        let count = reader.read(raw).await?;
        if count == 0 {
            return Err(ControlError::Cut);
        }
        match self.take_in(&raw[..count]) {
            Ok(farewell) => Ok(farewell),
            Err(error) => {
                // The alert that says why; the other end may be gone already.
                let told = async {
                    self.out.take_from(self.tls)?;
                    self.out.flush().await
                };
                let _ = timeout(Duration::from_secs(1), told).await;
                Err(error)
            }
        }
    }

    fn take_in(&mut self, mut bytes: &[u8]) -> Result<bool, ControlError> {
        let mut plain = [0; 2048];
        let mut farewell = false;
        while !bytes.is_empty() && !farewell {
            if self.tls.read_tls(&mut bytes)? == 0 {
                break;
            }
            let state = self.tls.process_new_packets()?;
            farewell = state.peer_has_closed();
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let taken = self.tls.reader().read(&mut plain)?;
                self.frames.push(&plain[..taken]);
                left = left.saturating_sub(taken.max(1));
            }
        }
        Ok(farewell)
    }
}
