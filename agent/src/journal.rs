//! The journal on disk: one writer, one sync for all that wait, and the records in force only
//! after they are there.
//!
//! Whoever appends waits until the record is synced. Meanwhile others queue up; the next write
//! takes all of them at once. What the records add up to is [`State`], kept inside the lock of
//! [`Ledger`].

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use distans_agent_core::journal::record::Begin;
use distans_agent_core::journal::state::State;
use distans_agent_core::journal::{Chain, Damage, Reader, Record};
use distans_platform::private::{self, PrivateError};
use distans_proto::time::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::clock;

/// Appends that may wait for the writer.
const QUEUE: usize = 256;

/// How often a running agent looks whether compacting is worth it.
const COMPACT_LOOK: Duration = Duration::from_secs(86_400);

/// Bytes read at a time when the journal is opened.
const PIECE: usize = 64 * 1024;

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file.
    #[error("journal {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's protection.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Something in it comes from a newer agent.
    #[error("journal {path}, byte {at}: {damage}; install that agent again")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What.
        damage: Damage,
    },
    /// A record was not written; what it announces must not be done.
    #[error("the journal could not be written: {0}")]
    NotWritten(String),
}

/// The journal as the rest of the agent uses it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    state: Arc<Mutex<State>>,
    queue: mpsc::Sender<Append>,
    untouched: Duration,
    boot_before: Option<String>,
}

struct Append {
    records: Vec<Record>,
    done: oneshot::Sender<Result<(), JournalError>>,
}

impl Ledger {
    /// Reads the journal, repairs what `kill -9` left behind and starts the writer. `boot` names
    /// the run of the machine, if the system tells.
    pub(crate) fn open(
        path: &Path,
        now: Timestamp,
        boot: Option<&str>,
        tasks: &TaskTracker,
    ) -> Result<Self, JournalError> {
        let untouched = untouched(path);
        let (mut disk, mut state) = Disk::open(path, now)?;
        let unknown = state.interrupted(now, boot);
        if !unknown.is_empty() {
            warn!(operations = unknown.len(), "operations were interrupted; their outcome is unknown");
            disk.append(&unknown)?;
            unknown.iter().for_each(|record| state.apply(record));
        }
        let boot_before = state.boot().map(str::to_owned);
        let state = Arc::new(Mutex::new(state));
        let (queue, receiver) = mpsc::channel(QUEUE);
        tasks.spawn(write(disk, receiver, Arc::clone(&state)));
        Ok(Self { state, queue, untouched, boot_before })
    }

    /// How long before this start nothing had been written: the agent may have been down as long.
    pub(crate) const fn untouched(&self) -> Duration {
        self.untouched
    }

    /// The run of the machine in which the agent last started, if that is known.
    pub(crate) fn boot_before(&self) -> Option<&str> {
        self.boot_before.as_deref()
    }

    /// What the records on disk add up to.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes records, all or none, and returns when they are on disk and in force.
    pub(crate) async fn append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let (done, written) = oneshot::channel();
        let stopped = || JournalError::NotWritten("its writer has stopped".to_owned());
        self.queue.send(Append { records, done }).await.map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }
}

/// How long ago the file was last written; for ever if the system does not tell.
fn untouched(path: &Path) -> Duration {
    let written = std::fs::metadata(path).and_then(|found| found.modified());
    written.map_or(Duration::MAX, |written| written.elapsed().unwrap_or_default())
}

/// The writer: ends when nobody can append any more.
async fn write(disk: Disk, mut queue: mpsc::Receiver<Append>, state: Arc<Mutex<State>>) {
    let mut disk = Some(disk);
    let mut batch = Vec::new();
    let mut looked = Instant::now();
    while queue.recv_many(&mut batch, QUEUE).await > 0 {
        let Some(mut open) = disk.take() else { return };
        let records: Vec<Vec<Record>> =
            batch.iter_mut().map(|append| std::mem::take(&mut append.records)).collect();
        let written = tokio::task::spawn_blocking(move || {
            let outcomes = open.append_all(&records);
            (open, records, outcomes)
        });
        let Ok((mut open, records, outcomes)) = written.await else { return };
        {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            for (records, outcome) in records.iter().zip(&outcomes) {
                if outcome.is_ok() {
                    records.iter().for_each(|record| state.apply(record));
                }
            }
        }
        for (append, outcome) in batch.drain(..).zip(outcomes) {
            // Who asked may be gone; the record stands all the same.
            let _ = append.done.send(outcome);
        }
        if looked.elapsed() >= COMPACT_LOOK {
            looked = Instant::now();
            match tokio::task::spawn_blocking(move || open.compacted(clock::now())).await {
                Ok(Ok((smaller, None))) => open = smaller,
                Ok(Ok((smaller, Some(less)))) => {
                    open = smaller;
                    *state.lock().unwrap_or_else(PoisonError::into_inner) = less;
                }
                Ok(Err(error)) => {
                    error!(%error, "the compacted journal cannot be read; nothing is done until a restart");
                    return;
                }
                Err(_) => return,
            }
        }
        disk = Some(open);
    }
}

/// The file.
#[derive(Debug)]
struct Disk {
    file: File,
    path: PathBuf,
    chain: Chain,
    /// Length of the whole records; a failed write may have left more.
    length: u64,
    /// True if the file may hold more than `length` bytes.
    torn: bool,
}

impl Disk {
    fn open(path: &Path, now: Timestamp) -> Result<(Self, State), JournalError> {
        let (disk, state) = Self::read(path, now)?;
        if !state.worth_compacting(now) {
            return Ok((disk, state));
        }
        match disk.compact(&state, now) {
            Ok(()) => Self::read(path, now),
            Err(error) => {
                warn!(%error, "the journal was not compacted");
                Ok((disk, state))
            }
        }
    }

    fn read(path: &Path, now: Timestamp) -> Result<(Self, State), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let created = !path.exists();
        if created {
            private::write(path, &[])?; // for its owner alone
        }
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        let (mut reader, mut state) = (Reader::new(), State::new());
        let mut piece = vec![0; PIECE];
        let damage = loop {
            let count = file.read(&mut piece).map_err(io)?;
            if count == 0 {
                break None;
            }
            reader.push(&piece[..count]);
            match take(&mut reader, &mut state) {
                Ok(()) => {}
                Err(damage) => break Some(damage),
            }
        };
        let length = reader.good_bytes();
        let end = file.metadata().map_err(io)?.len();
        match damage {
            // Half a record at the end is what a killed write leaves; it is nothing to keep.
            None => {}
            Some(damage @ Damage::Unknown(_)) => {
                return Err(JournalError::Newer { path: path.to_owned(), at: length, damage });
            }
            Some(damage) => set_aside(path, length, &damage)?,
        }
        if end > length {
            warn!(bytes = end - length, "the journal's last record was cut; it is taken away");
            file.set_len(length).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        file.seek(SeekFrom::Start(length)).map_err(io)?;
        let mut disk = Self { file, path: path.to_owned(), chain: reader.into_chain(), length, torn: false };
        if length == 0 {
            let begin = Record::Begin(Begin { before: [0; 32], at: now, receipts: [0; 32] });
            disk.append(std::slice::from_ref(&begin))?;
        }
        Ok((disk, state))
    }

    /// Compacts a journal in use if it is worth it: the journal to write on, and what it adds up
    /// to if that has become less. As long as nothing was replaced, a failure changes nothing.
    fn compacted(self, now: Timestamp) -> Result<(Self, Option<State>), JournalError> {
        let state = match Self::read(&self.path, now) {
            Ok((_, state)) if state.worth_compacting(now) => state,
            Ok(_) => return Ok((self, None)),
            Err(error) => {
                warn!(%error, "the journal could not be looked through; it grows on");
                return Ok((self, None));
            }
        };
        if let Err(error) = self.compact(&state, now) {
            warn!(%error, "the journal was not compacted");
            return Ok((self, None));
        }
        let (disk, state) = Self::read(&self.path, now)?;
        Ok((disk, Some(state)))
    }

    /// Writes the records worth keeping into a new file that takes this one's place.
    fn compact(&self, state: &State, now: Timestamp) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let old = std::fs::read(&self.path).map_err(io)?;
        let (mut reader, mut chain, mut bytes) = (Reader::new(), Chain::new(), Vec::new());
        let begin = Begin { before: *self.chain.head(), at: now, receipts: *state.receipt_head().as_bytes() };
        let mut keep = |record: &Record| {
            chain
                .append(record)
                .map(|frame| bytes.extend(frame))
                .map_err(|error| JournalError::NotWritten(error.to_string()))
        };
        keep(&Record::Begin(begin))?;
        for piece in old.chunks(PIECE) {
            reader.push(piece);
            while let Ok(Some(record)) = reader.next_record() {
                if state.keeps(&record, now) {
                    keep(&record)?;
                }
            }
        }
        Ok(private::write(&self.path, &bytes)?)
    }

    /// Writes each group of records, all or none of it, with one sync for all groups.
    fn append_all(&mut self, groups: &[Vec<Record>]) -> Vec<Result<(), JournalError>> {
        let before = (self.chain.clone(), self.length);
        let mut bytes = Vec::new();
        let mut outcomes: Vec<Result<(), JournalError>> = groups
            .iter()
            .map(|records| {
                let (chain, length) = (self.chain.clone(), bytes.len());
                for record in records {
                    match self.chain.append(record) {
                        Ok(frame) => bytes.extend(frame),
                        Err(error) => {
                            self.chain = chain;
                            bytes.truncate(length);
                            return Err(JournalError::NotWritten(error.to_string()));
                        }
                    }
                }
                Ok(())
            })
            .collect();
        if let Err(source) = self.write_synced(&bytes) {
            error!(error = %source, "the journal could not be written; nothing is done until it can");
            (self.chain, self.length) = before;
            self.torn = true;
            for outcome in &mut outcomes {
                *outcome = Err(JournalError::NotWritten(source.to_string()));
            }
        }
        outcomes
    }

    fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        self.append_all(&[records.to_vec()]).pop().unwrap_or(Ok(()))
    }

    fn write_synced(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.torn = false;
        }
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// Keeps a copy of a journal whose chain breaks (a power cut that lost blocks, or a hand in the
/// file), so that an administrator can look; the agent goes on with what is whole.
fn set_aside(path: &Path, at: u64, damage: &Damage) -> Result<(), JournalError> {
    let copy = path.with_extension("damaged");
    error!(%damage, at, copy = %copy.display(), "the journal is damaged; a copy is kept, what follows the damage is lost");
    let bytes = std::fs::read(path).map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
    Ok(private::write(&copy, &bytes)?)
}

fn take(reader: &mut Reader, state: &mut State) -> Result<(), Damage> {
    while let Some(record) = reader.next_record()? {
        state.apply(&record);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
