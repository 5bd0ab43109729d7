//! Frames on a transfer's stream: `kind u8 ‖ length u24 big-endian ‖ body`.
//!
//! A message is CBOR of at most [`ITEM_LIMIT`] bytes. File bytes come raw or as one whole zstd
//! frame, and are never more than [`BLOCK`] when unpacked.

use std::io::{self, BufReader, Read};
use std::time::{Duration, Instant};

use distans_proto::ops::ITEM_LIMIT;
use minicbor::{Decode, Encode};

use crate::Broken;

/// Most file bytes in one frame, unpacked.
pub const BLOCK: usize = 256 * 1024;

/// Bytes are handed on when so many have gathered.
const GATHER: usize = 256 * 1024;

/// Bytes in front of a frame's body.
pub const HEADER: usize = 4;
const MESSAGE: u8 = 0;
const RAW: u8 = 1;
const ZSTD: u8 = 2;

/// Where bytes go, in pieces that are given away.
pub trait Out: Send {
    /// Takes a piece; may wait for the other end.
    ///
    /// # Errors
    /// If nobody takes it any more.
    fn put(&mut self, piece: Vec<u8>) -> io::Result<()>;
}

/// Where bytes come from.
pub trait In: Read {
    /// True if some are at hand, so that reading does not wait.
    fn has_more(&self) -> bool;
}

impl<R: Read> In for BufReader<R> {
    fn has_more(&self) -> bool {
        !self.buffer().is_empty()
    }
}

impl In for &[u8] {
    fn has_more(&self) -> bool {
        !self.is_empty()
    }
}

/// Any writer takes pieces.
#[derive(Debug)]
pub struct ToWriter<W>(pub W);

impl<W: io::Write + Send> Out for ToWriter<W> {
    fn put(&mut self, piece: Vec<u8>) -> io::Result<()> {
        self.0.write_all(&piece)?;
        self.0.flush()
    }
}

/// Writes frames; hands them on when many have gathered or when [`FrameWriter::flush`] is called.
#[derive(Debug)]
pub struct FrameWriter<O> {
    out: O,
    held: Vec<u8>,
    toll: (u64, Duration),
}

impl<O: Out> FrameWriter<O> {
    /// Over `out`.
    pub const fn new(out: O) -> Self {
        Self { out, held: Vec::new(), toll: (0, Duration::ZERO) }
    }

    /// Adds a message.
    ///
    /// # Errors
    /// [`Broken::Stream`].
    pub fn message<M: Encode<()>>(&mut self, message: &M) -> Result<(), Broken> {
        let start = self.open(MESSAGE);
        minicbor::encode(message, &mut self.held).map_err(io::Error::other)?;
        self.close(start)
    }

    /// Hands on file bytes as they are, at most [`BLOCK`], without copying them: `piece` begins
    /// with [`HEADER`] bytes of room.
    ///
    /// # Errors
    /// [`Broken::Stream`].
    pub fn piece(&mut self, mut piece: Vec<u8>) -> Result<(), Broken> {
        let length = u32::try_from(piece.len().saturating_sub(HEADER)).map_err(io::Error::other)?;
        let [_, high, middle, low] = length.to_be_bytes();
        piece[..HEADER].copy_from_slice(&[RAW, high, middle, low]);
        self.flush()?;
        self.put(piece)
    }

    /// Adds file bytes as they are.
    ///
    /// # Errors
    /// [`Broken::Stream`].
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let start = self.open(RAW);
        self.held.extend_from_slice(bytes);
        self.close(start)
    }

    /// Adds file bytes that are one zstd frame.
    ///
    /// # Errors
    /// [`Broken::Stream`].
    pub fn packed(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let start = self.open(ZSTD);
        self.held.extend_from_slice(bytes);
        self.close(start)
    }

    /// Hands on what has gathered.
    ///
    /// # Errors
    /// [`Broken::Stream`].
    pub fn flush(&mut self) -> Result<(), Broken> {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.put(held)?;
        }
        Ok(())
    }

    /// Bytes handed on since the last call, and how long that made us wait.
    pub const fn toll(&mut self) -> (u64, Duration) {
        std::mem::replace(&mut self.toll, (0, Duration::ZERO))
    }

    fn put(&mut self, piece: Vec<u8>) -> Result<(), Broken> {
        let (count, begun) = (piece.len() as u64, Instant::now());
        self.out.put(piece)?;
        self.toll.0 += count;
        self.toll.1 += begun.elapsed();
        Ok(())
    }

    fn open(&mut self, kind: u8) -> usize {
        if self.held.capacity() == 0 {
            self.held.reserve(GATHER + BLOCK + 2 * HEADER);
        }
        let start = self.held.len();
        self.held.extend_from_slice(&[kind, 0, 0, 0]);
        start
    }

    fn close(&mut self, start: usize) -> Result<(), Broken> {
        let length = u32::try_from(self.held.len() - start - HEADER).map_err(io::Error::other)?;
        let [0, high, middle, low] = length.to_be_bytes() else {
            return Err(Broken::Protocol("a frame is too long to be sent"));
        };
        self.held[start + 1..start + HEADER].copy_from_slice(&[high, middle, low]);
        if self.held.len() >= GATHER { self.flush() } else { Ok(()) }
    }
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Unit<'a, M> {
    /// A message.
    Message(M),
    /// File bytes, at most [`BLOCK`].
    Bytes(&'a [u8]),
}

/// Reads frames. What it holds is bounded by one frame, packed and unpacked.
pub struct FrameReader<R> {
    from: R,
    body: Vec<u8>,
    unpacked: Vec<u8>,
    unpacker: Option<zstd::bulk::Decompressor<'static>>,
}

impl<R> std::fmt::Debug for FrameReader<R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("FrameReader")
    }
}

impl<R: In> FrameReader<R> {
    /// Over `from`.
    pub const fn new(from: R) -> Self {
        Self { from, body: Vec::new(), unpacked: Vec::new(), unpacker: None }
    }

    /// True if something has come that was not read yet.
    pub fn has_more(&self) -> bool {
        self.from.has_more()
    }

    /// What is next; `None` at an end between frames.
    ///
    /// # Errors
    /// [`Broken`].
    #[expect(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next<M: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<Unit<'_, M>>, Broken> {
        let mut header = [0; HEADER];
        if self.from.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        self.from.read_exact(&mut header[1..])?;
        let [kind, high, middle, low] = header;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let limit = if kind == MESSAGE { ITEM_LIMIT } else { BLOCK };
        if length > limit {
            return Err(Broken::Protocol("a frame is longer than it may be"));
        }
        self.body.resize(length, 0);
        self.from.read_exact(&mut self.body)?;
        match kind {
            MESSAGE => {
                let decoded = minicbor::decode(&self.body);
                Ok(Some(Unit::Message(decoded.map_err(|_| Broken::Protocol("a message is malformed"))?)))
            }
            RAW => Ok(Some(Unit::Bytes(&self.body))),
            ZSTD => Ok(Some(Unit::Bytes(self.unpack()?))),
            _ => Err(Broken::Protocol("a frame is of no known kind")),
        }
    }

    /// Unpacks into a buffer of one block: what would become more is refused by the decoder.
    fn unpack(&mut self) -> Result<&[u8], Broken> {
        let unpacker = match &mut self.unpacker {
            Some(unpacker) => unpacker,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        self.unpacked.clear();
        self.unpacked.reserve(BLOCK);
        unpacker
            .decompress_to_buffer(&self.body, &mut self.unpacked)
            .map_err(|_| Broken::Protocol("packed bytes are damaged, or more than a block"))?;
        if self.unpacked.len() > BLOCK {
            return Err(Broken::Protocol("packed bytes are more than a block"));
        }
        Ok(&self.unpacked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::ops::files::Listed;

    fn bytes_of(write: impl FnOnce(&mut FrameWriter<ToWriter<Vec<u8>>>)) -> Vec<u8> {
        let mut writer = FrameWriter::new(ToWriter(Vec::new()));
        write(&mut writer);
        writer.flush().expect("memory");
        writer.out.0
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = bytes_of(|writer| {
            writer.message(&Listed { files: 3, bytes: 4 }).expect("memory");
            writer.raw(b"abc").expect("memory");
            writer.packed(&zstd::bulk::compress(&[7; 1000], 1).expect("packs")).expect("memory");
        });
        let mut reader = FrameReader::new(bytes.as_slice());
        assert_eq!(reader.next().expect("whole"), Some(Unit::Message(Listed { files: 3, bytes: 4 })));
        assert_eq!(reader.next::<Listed>().expect("whole"), Some(Unit::Bytes(b"abc")));
        assert_eq!(reader.next::<Listed>().expect("whole"), Some(Unit::Bytes(&[7; 1000])));
        assert_eq!(reader.next::<Listed>().expect("whole"), None);
    }

    #[test]
    fn a_bomb_a_long_frame_and_an_unknown_one_are_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).expect("packs");
        assert!(bomb.len() < BLOCK);
        for (what, bytes) in [
            ("a bomb", bytes_of(|writer| writer.packed(&bomb).expect("memory"))),
            ("a long message", vec![MESSAGE, 0xff, 0xff, 0xff]),
            ("long bytes", vec![RAW, 0x04, 0, 1]),
            ("an unknown kind", vec![9, 0, 0, 0]),
            ("no CBOR", vec![MESSAGE, 0, 0, 1, 0xff]),
        ] {
            let mut reader = FrameReader::new(bytes.as_slice());
            assert!(matches!(reader.next::<Listed>(), Err(Broken::Protocol(_))), "{what}");
            assert!(reader.unpacked.capacity() <= 2 * BLOCK, "{what}");
        }
    }

    #[test]
    fn a_frame_that_is_cut_is_an_error_and_no_end() {
        let bytes = bytes_of(|writer| writer.raw(b"abc").expect("memory"));
        let mut reader = FrameReader::new(&bytes[..bytes.len() - 1]);
        assert!(matches!(reader.next::<Listed>(), Err(Broken::Stream(_))));
    }
}
