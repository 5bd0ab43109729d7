//! Sealed records over a reader or writer, many per system call, in buffers that are reused.

use distans_e2e::preface::Preface;
use distans_e2e::sealed::{HEADER, OVERHEAD, Opener, PAYLOAD_LIMIT, Record, SealedError, Sealer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::StreamError;

/// A largest record with all that belongs to it.
const RECORD: usize = PAYLOAD_LIMIT + OVERHEAD;

/// Bulk is written and read in so many bytes at a time.
const BATCH: usize = 8 * RECORD;

/// A reader's first buffer: an idle operation holds no more.
const SMALL: usize = 4 * 1024;

/// Seals what is written and hands it on in batches.
///
/// Nothing is sent before a batch is full or [`Self::flush`] is called. [`Self::flush`] may be
/// dropped half-way and called again; [`Self::write`] may not, part of its bytes may be taken.
#[derive(Debug)]
pub struct SealedWriter<W> {
    inner: W,
    sealer: Sealer,
    /// Sealed bytes, and perhaps one record still being filled at the end.
    buffer: Vec<u8>,
    /// How much of `buffer` the writer below has taken.
    sent: usize,
    /// Where the record being filled begins.
    open: Option<usize>,
}

impl<W: AsyncWrite + Unpin> SealedWriter<W> {
    /// Over `inner`; the side that opened the stream gives the preface to begin with.
    pub fn new(inner: W, sealer: Sealer, preface: Option<Preface>) -> Self {
        let buffer = preface.map_or_else(Vec::new, |preface| preface.encode().to_vec());
        Self { inner, sealer, buffer, sent: 0, open: None }
    }

    /// Adds bytes to the stream; sends only when a batch is full. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            bytes = self.fill(bytes)?;
            if self.open.is_none() && self.buffer.len() >= BATCH {
                self.drain().await?;
            }
        }
        Ok(())
    }

    /// Sends all that was written. May be dropped half-way and called again.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        self.seal_open()?;
        self.drain().await?;
        Ok(self.inner.flush().await?)
    }

    /// Ends the stream: whole, as the other side can check. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn finish(&mut self) -> Result<(), StreamError> {
        self.seal_open()?;
        self.sealer.end(&mut self.buffer)?;
        self.close().await
    }

    /// Gives the stream up with a reason's number. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn reset(&mut self, reason: u16) -> Result<(), StreamError> {
        self.seal_open()?;
        self.sealer.reset(reason, &mut self.buffer)?;
        self.close().await
    }

    /// The writer below.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// Takes bytes into the record being filled, and seals it when full; the bytes left over.
    fn fill<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], StreamError> {
        let start = match self.open {
            Some(start) => start,
            None => {
                let start = self.buffer.len();
                self.buffer.extend_from_slice(&[0; HEADER]);
                *self.open.insert(start)
            }
        };
        let room = PAYLOAD_LIMIT - (self.buffer.len() - start - HEADER);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        self.buffer.extend_from_slice(now);
        if now.len() == room {
            self.seal_open()?;
        }
        Ok(later)
    }

    fn seal_open(&mut self) -> Result<(), SealedError> {
        match self.open.take() {
            Some(start) => self.sealer.seal_in_place(&mut self.buffer, start),
            None => Ok(()),
        }
    }

    /// INVARIANT: called only with no record being filled.
    async fn drain(&mut self) -> Result<(), StreamError> {
        while self.sent < self.buffer.len() {
            let taken = self.inner.write(&self.buffer[self.sent..]).await?;
            if taken == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into());
            }
            self.sent += taken;
        }
        self.buffer.clear();
        self.sent = 0;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), StreamError> {
        self.drain().await?;
        Ok(self.inner.shutdown().await?)
    }
}

/// Opens what is read. Every method may be dropped half-way and called again.
#[derive(Debug)]
pub struct SealedReader<R> {
    inner: R,
    opener: Opener,
    buffer: Vec<u8>,
    /// Opened bytes not consumed yet: `buffer[plain.0..plain.1]`.
    plain: (usize, usize),
    /// Bytes as they came, not opened yet: `buffer[raw.0..raw.1]`.
    raw: (usize, usize),
    ended: bool,
}

impl<R: AsyncRead + Unpin> SealedReader<R> {
    /// Over `inner`, after its preface.
    pub const fn new(inner: R, opener: Opener) -> Self {
        Self { inner, opener, buffer: Vec::new(), plain: (0, 0), raw: (0, 0), ended: false }
    }

    /// Opened bytes that wait; empty if [`Self::fill`] must be called.
    pub fn available(&self) -> &[u8] {
        &self.buffer[self.plain.0..self.plain.1]
    }

    /// Takes `count` of the available bytes away.
    pub fn consume(&mut self, count: usize) {
        self.plain.0 = (self.plain.0 + count).min(self.plain.1);
    }

    /// Makes bytes available if none are; false at the stream's true end.
    ///
    /// # Errors
    /// [`StreamError`]; a stream cut before its end is [`SealedError::Truncated`].
    pub async fn fill(&mut self) -> Result<bool, StreamError> {
        while self.plain.0 == self.plain.1 {
            if self.ended {
                return Ok(false);
            }
            if !self.open_next()? {
                self.read_more().await?;
            }
        }
        Ok(true)
    }

    /// Opens the next record if it is here whole.
    fn open_next(&mut self) -> Result<bool, StreamError> {
        let (start, end) = self.raw;
        let Some(header) = self.buffer[start..end].first_chunk::<HEADER>() else { return Ok(false) };
        let record_end = start + HEADER + Opener::body_length(*header)?;
        if record_end > end {
            return Ok(false);
        }
        self.raw.0 = record_end;
        match self.opener.open(&mut self.buffer[start..record_end])? {
            Record::Data(payload) => {
                let from = start + HEADER;
                self.plain = (from, from + payload.len());
                Ok(true)
            }
            // What may follow on the transport is no part of the stream and is not looked at.
            Record::End => {
                self.ended = true;
                Ok(true)
            }
            Record::Reset(reason) => Err(StreamError::Reset(reason)),
        }
    }

    async fn read_more(&mut self) -> Result<(), StreamError> {
        self.make_room();
        let taken = self.inner.read(&mut self.buffer[self.raw.1..]).await?;
        if taken == 0 {
            self.opener.at_transport_end()?;
        }
        self.raw.1 += taken;
        Ok(())
    }

    /// Moves the unfinished record to the front and sees that it fits whole. The buffer grows
    /// only when reads fill it: small operations stay small, bulk gets a batch.
    fn make_room(&mut self) {
        let (start, end) = self.raw;
        if start > 0 {
            self.buffer.copy_within(start..end, 0);
            self.raw = (0, end - start);
            self.plain = (0, 0);
        }
        if self.raw.1 == self.buffer.len() {
            let larger = (self.buffer.len() * 4).clamp(SMALL, BATCH);
            self.buffer.resize(larger, 0);
        }
    }
}
