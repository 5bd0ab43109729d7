//! Plain log files: the end of each is read, merged by time, and then followed.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::line;
use crate::logs::{Entry, LogError, Query};

/// How much of a file's end is looked at, in bytes.
const TAIL: u64 = 8 * 1024 * 1024;
/// Most bytes read at a time while following.
const PIECE: u64 = 256 * 1024;
/// Longest line; what is longer is cut there.
const LINE_LIMIT: usize = 64 * 1024;
/// Between two looks at files that are followed.
const PAUSE: Duration = Duration::from_millis(250);

/// Reads them.
pub(crate) struct Files {
    query: Query,
    files: Vec<Followed>,
    ready: VecDeque<Entry>,
    notes: Vec<String>,
}

/// A file and how far it was read.
struct Followed {
    path: PathBuf,
    /// Which file it was; another one takes its name when logs are turned over.
    inode: u64,
    offset: u64,
    /// The beginning of a line that is not ended yet.
    half: Vec<u8>,
}

impl Files {
    pub(crate) async fn open(paths: Vec<PathBuf>, query: Query) -> Result<Self, LogError> {
        let mut notes = Vec::new();
        let (mut entries, mut files) = (Vec::new(), Vec::new());
        for path in paths {
            let (followed, lines, cut) = tail(&path).await?;
            if cut {
                let mib = TAIL / 1024 / 1024;
                notes.push(format!("only the last {mib} MiB of {} were looked at", path.display()));
            }
            let source = file_name(&path);
            let now = SystemTime::now();
            entries.extend(
                lines.iter().map(|text| line::parse(text, &source, now)).filter(|entry| query.fits(entry)),
            );
            files.push(followed);
        }
        if query.level.is_some() {
            notes.push("plain log files tell no levels; entries of all levels are shown".to_owned());
        }
        entries.sort_by_key(|entry| entry.at); // stable: what has no time stays in its order
        entries.drain(..entries.len().saturating_sub(query.limit));
        Ok(Self { query, files, ready: entries.into(), notes })
    }

    pub(crate) async fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            if !self.query.follow {
                return Ok(None);
            }
            for file in &mut self.files {
                let source = file_name(&file.path);
                let now = SystemTime::now();
                let lines = file.more().await?;
                let entries = lines.iter().map(|text| line::parse(text, &source, now));
                self.ready.extend(entries.filter(|entry| self.query.fits(entry)));
            }
            if self.ready.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

fn file_name(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The lines at a file's end, and whether there are more before.
async fn tail(path: &Path) -> io::Result<(Followed, Vec<String>, bool)> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = File::open(path).await.map_err(named)?;
    let metadata = file.metadata().await.map_err(named)?;
    let length = metadata.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from)).await.map_err(named)?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).await.map_err(named)?;
    let offset = from + u64::try_from(bytes.len()).unwrap_or(0);
    let mut followed = Followed { path: path.to_owned(), inode: metadata.ino(), offset, half: Vec::new() };
    let mut lines = followed.split(&bytes);
    if from > 0 && !lines.is_empty() {
        lines.remove(0); // it began before what was read
    }
    Ok((followed, lines, from > 0))
}

impl Followed {
    /// Lines that were written since the last look.
    async fn more(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(&self.path).await {
            Ok(file) => file,
            // Between the turns of a log there may be no file for a moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata().await?;
        if metadata.ino() != self.inode || metadata.len() < self.offset {
            (self.inode, self.offset) = (metadata.ino(), 0);
            self.half.clear();
        }
        if metadata.len() == self.offset {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(self.offset)).await?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes).await?;
        self.offset += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(self.split(&bytes))
    }

    /// Whole lines; what is left is kept for the next time.
    fn split(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_LIMIT.saturating_sub(self.half.len());
            let (text, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            self.half.extend_from_slice(&text[..text.len().min(room)]);
            if ended {
                lines.push(String::from_utf8_lossy(&self.half).into_owned());
                self.half.clear();
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn add(path: &Path, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }

    async fn texts(files: &mut Files, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(files.next().await.expect("reads").expect("an entry").text);
        }
        texts
    }

    #[tokio::test]
    async fn files_are_merged_limited_and_followed_through_a_turn() {
        let dir = tempfile::tempdir().expect("a folder");
        let (one, two) = (dir.path().join("one.log"), dir.path().join("two.log"));
        add(&one, "2026-11-24T10:00:00Z pc a: first\n2026-11-24T10:00:02Z pc a: third\n");
        add(&two, "2026-11-24T10:00:01Z pc b: second\n2026-11-24T10:00:03Z pc b: fourth\nhalf");
        let query = Query { limit: 3, follow: true, ..Query::default() };
        let mut files = Files::open(vec![one.clone(), two.clone()], query).await.expect("opened");
        assert_eq!(texts(&mut files, 3).await, ["second", "third", "fourth"]);
        add(&two, " a line\n");
        assert_eq!(texts(&mut files, 1).await, ["half a line"]);
        std::fs::rename(&one, dir.path().join("one.log.1")).expect("turned over");
        add(&one, "2026-11-24T10:00:09Z pc a: new\n");
        assert_eq!(texts(&mut files, 1).await, ["new"]);
        std::fs::write(&one, "short\n").expect("emptied and written");
        assert_eq!(texts(&mut files, 1).await, ["short"]);
    }

    #[tokio::test]
    async fn a_line_without_end_and_bytes_that_are_no_text_do_no_harm() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x.log");
        std::fs::write(
            &path,
            [b"\xff\xfe bad\n".as_slice(), &vec![b'y'; LINE_LIMIT * 3], b"\nend\n"].concat(),
        )
        .expect("written");
        let query = Query { limit: 10, ..Query::default() };
        let mut files = Files::open(vec![path], query).await.expect("opened");
        let texts = texts(&mut files, 3).await;
        assert_eq!((texts[0].as_str(), texts[2].as_str()), ("\u{fffd}\u{fffd} bad", "end"));
        assert!(texts[1].len() <= crate::logs::TEXT_LIMIT);
        assert_eq!(files.next().await.expect("reads"), None);
    }
}
