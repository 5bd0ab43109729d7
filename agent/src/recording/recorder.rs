//! One recording while it is made: a task of its own that encrypts and writes, so that a slow
//! disk holds the shell back and nothing else. If it cannot go on, the shell may not either.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use distans_e2e::recording::{self, About, Recipient, RecordingError};
use distans_e2e::sealed::{PAYLOAD_LIMIT, SealedError, Sealer};
use distans_platform::private::PrivateError;
use distans_proto::ops::shell::Size;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::Shelf;
use super::cast::Cast;

/// Largest recording, in bytes of its file.
pub(super) const RECORDING_LIMIT: u64 = 64 * 1024 * 1024;

/// Kept free for the last words.
const LAST_WORDS: u64 = 64 * 1024;

/// What was shown is on its way to the disk within so long.
const DELAY: Duration = Duration::from_secs(1);

/// Events that may wait for the disk.
const QUEUE: usize = 32;

/// Why a shell cannot be recorded (any more).
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Private(#[from] PrivateError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("the recording cannot be written: {0}")]
    Io(#[from] io::Error),
    #[error("the recording cannot be written: {0}")]
    Task(#[from] JoinError),
    #[error("the recording has reached its largest size, {} MiB; open another shell", RECORDING_LIMIT / (1024 * 1024))]
    Full,
    #[error(
        "the PC's recordings fill their room, and none of the last week is removed; come again in some days"
    )]
    NoRoom,
}

/// What is to be recorded for whom.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) about: About,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) size: Size,
    pub(crate) term: String,
}

/// What happened in the shell.
enum Event {
    Output(Bytes),
    Resize(Size),
    Exit(i32),
}

/// A recording that is being made.
pub(crate) struct Recorder {
    events: mpsc::Sender<(Instant, Event)>,
    broken: CancellationToken,
    why: Arc<OnceLock<String>>,
    writing: JoinHandle<()>,
}

impl Recorder {
    /// Begins one; its file exists when this returns.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(crate) async fn begin(shelf: Shelf, wanted: Wanted) -> Result<Self, RecordError> {
        let writer = spawn_blocking(move || {
            let file = shelf.create(&wanted.about)?;
            Writer::begin(file, &wanted, RECORDING_LIMIT)
        });
        let writer = writer.await??;
        let (events, queue) = mpsc::channel(QUEUE);
        let (broken, why) = (CancellationToken::new(), Arc::new(OnceLock::new()));
        let writing = tokio::spawn({
            let (broken, why) = (broken.clone(), Arc::clone(&why));
            async move {
                if let Err(error) = write(writer, queue).await {
                    tracing::warn!(%error, "a recording ended early");
                    why.get_or_init(|| error.to_string());
                    broken.cancel();
                }
            }
        });
        Ok(Self { events, broken, why, writing })
    }

    /// These bytes were shown. Waits while the disk is slow.
    pub(crate) async fn output(&self, bytes: Bytes) {
        self.tell(Event::Output(bytes)).await;
    }

    /// The terminal has another size.
    pub(crate) async fn resize(&self, size: Size) {
        self.tell(Event::Resize(size)).await;
    }

    async fn tell(&self, event: Event) {
        // A recording that is broken has said so.
        let _ = self.events.send((Instant::now(), event)).await;
    }

    /// Waits until it cannot go on; never, if all is well.
    pub(crate) async fn broken(&self) -> String {
        self.broken.cancelled().await;
        self.why.get().cloned().unwrap_or_default()
    }

    /// The shell is over: the recording is whole and on the disk when this returns.
    pub(crate) async fn finish(self, exit: Option<i32>) {
        if let Some(code) = exit {
            self.tell(Event::Exit(code)).await;
        }
        drop(self.events);
        // It has said what went wrong.
        let _ = self.writing.await;
    }
}

/// Writes until the shell is over.
async fn write(
    mut writer: Writer<File>,
    mut queue: mpsc::Receiver<(Instant, Event)>,
) -> Result<(), RecordError> {
    let mut due: Option<tokio::time::Instant> = None;
    loop {
        let event = match due {
            None => queue.recv().await,
            Some(due_at) => match tokio::time::timeout_at(due_at, queue.recv()).await {
                Ok(event) => event,
                Err(_) => {
                    writer = on_disk(writer, Writer::flush).await?;
                    due = None;
                    continue;
                }
            },
        };
        let Some((now, event)) = event else { break };
        writer.take(now, &event);
        due.get_or_insert_with(|| tokio::time::Instant::now() + DELAY);
        if writer.plain.len() >= PAYLOAD_LIMIT {
            writer = on_disk(writer, Writer::flush).await?;
            due = None;
        }
    }
    on_disk(writer, |writer| writer.end("")).await.map(drop)
}

/// Does what may block.
async fn on_disk(
    mut writer: Writer<File>,
    what: impl FnOnce(&mut Writer<File>) -> Result<(), RecordError> + Send + 'static,
) -> Result<Writer<File>, RecordError> {
    let done = spawn_blocking(move || {
        let outcome = what(&mut writer);
        (writer, outcome)
    });
    let (writer, outcome) = done.await?;
    outcome.map(|()| writer)
}

/// A place for a recording.
trait Place: Write {
    /// All of it survives a power cut from here on.
    fn keep(&mut self) -> io::Result<()>;
}

impl Place for File {
    fn keep(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Lines in clear, records on the disk.
struct Writer<W> {
    file: W,
    sealer: Sealer,
    cast: Cast,
    plain: Vec<u8>,
    written: u64,
    limit: u64,
}

impl<W: Place> Writer<W> {
    fn begin(mut file: W, wanted: &Wanted, limit: u64) -> Result<Self, RecordError> {
        let (head, sealer) = recording::begin(&wanted.about, &wanted.recipients)?;
        file.write_all(&head)?;
        let mut plain = Vec::new();
        let started = wanted.about.started;
        let cast = Cast::begin(Instant::now(), started, wanted.size, &wanted.term, &mut plain);
        let mut writer = Self { file, sealer, cast, plain, written: head.len() as u64, limit };
        writer.flush()?;
        Ok(writer)
    }

    fn take(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Output(bytes) => self.cast.output(now, bytes, &mut self.plain),
            Event::Resize(size) => self.cast.resize(now, *size, &mut self.plain),
            Event::Exit(code) => self.cast.exit(now, *code, &mut self.plain),
        }
    }

    /// Encrypts and writes what has come; at the limit, says so and ends.
    fn flush(&mut self) -> Result<(), RecordError> {
        if self.written + self.plain.len() as u64 + LAST_WORDS > self.limit {
            self.plain.clear();
            self.end("the recording was cut here: it has reached its largest size")?;
            return Err(RecordError::Full);
        }
        self.write_plain()
    }

    fn write_plain(&mut self) -> Result<(), RecordError> {
        let mut sealed = Vec::new();
        for piece in self.plain.chunks(PAYLOAD_LIMIT) {
            self.sealer.data(piece, &mut sealed)?;
        }
        self.plain.clear();
        self.file.write_all(&sealed)?;
        self.written += sealed.len() as u64;
        Ok(())
    }

    /// The end record, after a last remark.
    fn end(&mut self, remark: &str) -> Result<(), RecordError> {
        if !remark.is_empty() {
            self.cast.mark(Instant::now(), remark, &mut self.plain);
        }
        self.write_plain()?;
        let mut last = Vec::new();
        self.sealer.end(&mut last)?;
        self.file.write_all(&last)?;
        Ok(self.file.keep()?)
    }
}

#[cfg(test)]
mod tests;
