//! The agent's journal: what was allowed, what was begun, how it ended, who signed.
//!
//! An append-only file of frames: `u32 BE length ‖ SHA-256(hash before ‖ body) ‖ body`, the body
//! a CBOR [`Record`]. The hash of the record before chains them, so that nothing can be taken
//! out or changed unnoticed, and a tail torn by a power cut or `kill -9` is told from a whole
//! record. The shell appends, syncs, and only then acts; here is what the bytes mean.
//!
//! | module | what |
//! |---|---|
//! | this | frames, chain, reading with a torn tail |
//! | [`record`] | what a record says |
//! | [`state`] | what the records add up to: repeats, interrupted operations, receipts to send |

pub mod record;
pub mod state;

use aws_lc_rs::digest;
use distans_proto::frame::{self, FrameBuffer, FrameError, HEADER, decode};

pub use record::Record;

/// Longest frame: the receipt of a session with as many operations as one may have.
pub const LIMIT: usize = frame::RECORD_LIMIT;

/// SHA-256 of a record with all before it.
pub type Hash = [u8; 32];

/// Bytes of the hash in front of a body.
const HASH: usize = 32;

/// A record does not fit or cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Longer than [`LIMIT`].
    #[error("journal record of {0} bytes, at most {LIMIT} are allowed")]
    TooLong(usize),
    /// The encoder refused it.
    #[error("journal record cannot be encoded: {0}")]
    Encode(String),
}

/// Writes the chain on.
#[derive(Debug, Clone)]
pub struct Chain {
    head: Hash,
}

impl Chain {
    /// Of a file that does not exist yet; its first record is [`Record::Begin`].
    pub const fn new() -> Self {
        Self { head: [0; HASH] }
    }

    /// Hash of the newest record; zeros before the first.
    pub const fn head(&self) -> &Hash {
        &self.head
    }

    /// The bytes of the next record; they are to be appended to the file.
    ///
    /// # Errors
    /// [`AppendError`]; the chain is then where it was.
    pub fn append(&mut self, record: &Record) -> Result<Vec<u8>, AppendError> {
        let mut bytes = vec![0; HEADER + HASH];
        minicbor::encode(record, &mut bytes).map_err(|error| AppendError::Encode(error.to_string()))?;
        let length = bytes.len() - HEADER;
        let announced = u32::try_from(length).ok().filter(|_| length <= LIMIT);
        let announced = announced.ok_or(AppendError::TooLong(length))?;
        let hash = link(&self.head, &bytes[HEADER + HASH..]);
        bytes[..HEADER].copy_from_slice(&announced.to_be_bytes());
        bytes[HEADER..HEADER + HASH].copy_from_slice(&hash);
        self.head = hash;
        Ok(bytes)
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

fn link(before: &Hash, body: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(before);
    context.update(body);
    let mut hash = [0; HASH];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Where reading had to stop. Everything before is whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A frame's length is impossible.
    #[error("a record's length is impossible: {0}")]
    Length(FrameError),
    /// A record is not the one that was written after the one before.
    #[error("a record was changed, or one before it is missing")]
    Chain,
    /// The chain holds but the record is not understood: written by a newer agent.
    #[error("a record is not understood ({0}); was it written by a newer agent?")]
    Unknown(FrameError),
}

/// Reads a journal piece by piece, so that a large one needs no large memory.
#[derive(Debug)]
pub struct Reader {
    frames: FrameBuffer,
    chain: Chain,
    good: u64,
}

impl Reader {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { frames: FrameBuffer::new(LIMIT), chain: Chain::new(), good: 0 }
    }

    /// Adds bytes as they come from the file; take all records out before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// The next whole record, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`Damage`]: nothing after this place can be read.
    pub fn next_record(&mut self) -> Result<Option<Record>, Damage> {
        let Some(frame) = self.frames.next_body().map_err(Damage::Length)? else { return Ok(None) };
        let Some((written, body)) = frame.split_first_chunk::<HASH>() else { return Err(Damage::Chain) };
        let hash = link(&self.chain.head, body);
        if *written != hash {
            return Err(Damage::Chain);
        }
        let length = HEADER + frame.len();
        let record = decode::<Record>(body).map_err(Damage::Unknown)?;
        self.chain.head = hash;
        self.good += length as u64;
        Ok(Some(record))
    }

    /// How many bytes hold whole records: the file is to be cut here before anything is added.
    pub const fn good_bytes(&self) -> u64 {
        self.good
    }

    /// To write on after the last whole record.
    pub fn into_chain(self) -> Chain {
        self.chain
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::record::*;
    use super::*;
    use distans_e2e::receipt::EndReason;
    use distans_proto::ids::{OpId, SessionId};
    use distans_proto::inner::{Op, OpResult, Outcome};
    use distans_proto::ops::diagnose::Diagnose;
    use distans_proto::time::Timestamp;
    use proptest::prelude::*;

    fn sample(index: u8) -> Record {
        let session = SessionId::from_bytes([index; 16]);
        let op = OpId::from_bytes([index; 16]);
        let at = Timestamp::from_secs(i64::from(index));
        match index % 6 {
            0 => Record::OpAccepted(OpAccepted {
                op,
                session,
                at,
                content: Op::Diagnose(Diagnose { now: at, only: None }),
            }),
            1 => Record::OpFinished(OpFinished {
                op,
                at,
                result: OpResult { outcome: Outcome::Completed, exit: Some(3), bytes: 9, text: None },
            }),
            2 => Record::OpAcknowledged(OpAcknowledged { op }),
            3 => Record::SessionEnded(SessionEnded { session, at, reason: EndReason::Person }),
            4 => Record::ReceiptAcked(Countersigned { session, signature: vec![index; 70] }),
            _ => Record::Uploaded(Uploaded { session }),
        }
    }

    fn file(records: &[Record]) -> Vec<u8> {
        let mut chain = Chain::new();
        records.iter().flat_map(|record| chain.append(record).expect("fits")).collect()
    }

    /// All whole records of `bytes` fed in pieces of `piece`, and what stopped the reading.
    fn read(bytes: &[u8], piece: usize) -> (Vec<Record>, u64, Option<Damage>) {
        let (mut reader, mut records) = (Reader::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            loop {
                match reader.next_record() {
                    Ok(Some(record)) => records.push(record),
                    Ok(None) => break,
                    Err(damage) => return (records, reader.good_bytes(), Some(damage)),
                }
            }
        }
        (records, reader.good_bytes(), None)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_in_any_pieces(indexes in prop::collection::vec(any::<u8>(), 0..20), piece in 1usize..200) {
            let records: Vec<Record> = indexes.into_iter().map(sample).collect();
            let bytes = file(&records);
            prop_assert_eq!(read(&bytes, piece), (records, bytes.len() as u64, None));
        }

        #[test]
        fn a_torn_tail_loses_only_itself(indexes in prop::collection::vec(any::<u8>(), 1..12), cut in any::<prop::sample::Index>()) {
            let records: Vec<Record> = indexes.into_iter().map(sample).collect();
            let bytes = file(&records);
            let cut = cut.index(bytes.len());
            let (read_back, good, damage) = read(&bytes[..cut], 64);
            prop_assert_eq!(damage, None);
            prop_assert!(records.starts_with(&read_back));
            // Cut there and written on, the file is whole again.
            let mut reader = Reader::new();
            reader.push(&bytes[..usize::try_from(good).expect("small")]);
            while reader.next_record().expect("whole").is_some() {}
            let mut repaired = bytes[..usize::try_from(good).expect("small")].to_vec();
            repaired.extend(reader.into_chain().append(&sample(2)).expect("fits"));
            let (again, _, damage) = read(&repaired, 64);
            prop_assert_eq!(damage, None);
            prop_assert_eq!(again.len(), read_back.len() + 1);
        }

        #[test]
        fn any_changed_bit_is_found(indexes in prop::collection::vec(any::<u8>(), 1..8), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let records: Vec<Record> = indexes.into_iter().map(sample).collect();
            let mut bytes = file(&records);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (read_back, _, _) = read(&bytes, 64);
            prop_assert!(read_back.len() < records.len());
            prop_assert!(records.starts_with(&read_back));
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes, 7);
        }
    }

    #[test]
    fn a_record_taken_out_of_the_middle_is_found() {
        let mut chain = Chain::new();
        let parts: Vec<Vec<u8>> = (0..3).map(|index| chain.append(&sample(index)).expect("fits")).collect();
        let (records, _, damage) = read(&[parts[0].clone(), parts[2].clone()].concat(), 64);
        assert_eq!((records.len(), damage), (1, Some(Damage::Chain)));
    }
}
