//! Where a command's output goes: our own streams as it comes, lines with the PC's name before
//! them, one piece a PC, or JSON. On a terminal it is cleaned, into a pipe it goes as it came.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::client::{Sink, Stream};
use crate::filter::Cleaner;
use crate::screen::json_text;

/// Output to our own standard streams: cleaned where a terminal is, raw where not.
pub(super) struct Output {
    out: Channel<tokio::io::Stdout>,
    err: Channel<tokio::io::Stderr>,
}

struct Channel<W> {
    stream: W,
    cleaner: Option<Cleaner>,
}

impl Output {
    pub(super) fn to_standard_streams() -> Self {
        let cleaner = |is_terminal: bool| is_terminal.then(Cleaner::default);
        Self {
            out: Channel { stream: tokio::io::stdout(), cleaner: cleaner(io::stdout().is_terminal()) },
            err: Channel { stream: tokio::io::stderr(), cleaner: cleaner(io::stderr().is_terminal()) },
        }
    }

    /// Shows what a cleaner still holds: half a letter at the very end.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        self.out.finish().await?;
        self.err.finish().await
    }
}

impl<W: AsyncWrite + Unpin> Channel<W> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.cleaner {
            Some(cleaner) => self.stream.write_all(cleaner.push(bytes).as_bytes()).await?,
            None => self.stream.write_all(bytes).await?,
        }
        // What is acknowledged to the PC has been written out.
        self.stream.flush().await
    }

    async fn finish(&mut self) -> io::Result<()> {
        if let Some(cleaner) = &mut self.cleaner {
            self.stream.write_all(cleaner.finish().as_bytes()).await?;
        }
        self.stream.flush().await
    }
}

impl Sink for Output {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Output => self.out.write(bytes).await,
            Stream::Errors => self.err.write(bytes).await,
        }
    }
}

/// Output as JSON, one object for each piece: `text` where it is UTF-8, else `base64`.
#[derive(Default)]
pub(super) struct Lines {
    /// Fields that every object carries: which PC it is, where there are several.
    pub(super) who: Option<Value>,
}

impl Sink for Lines {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let name = match stream {
            Stream::Output => "stdout",
            Stream::Errors => "stderr",
        };
        let mut object = self.who.clone().unwrap_or_else(|| json!({}));
        (object["event"], object["stream"]) = (json!("output"), json!(name));
        match std::str::from_utf8(bytes) {
            Ok(text) => object["text"] = json!(text),
            Err(_) => object["base64"] = json!(BASE64.encode(bytes)),
        }
        let line = json_text(&object)? + "\n";
        let mut out = tokio::io::stdout();
        out.write_all(line.as_bytes()).await?;
        out.flush().await
    }
}

/// Longest line that is shown in one piece.
const LINE: usize = 16 * 1024;

/// Whole lines, the PC's name before each.
pub(super) struct Prefixed {
    out: Gathering,
    err: Gathering,
    /// Lines of different PCs never mix.
    turn: Arc<Mutex<()>>,
}

/// The beginning of a line whose end has not come yet.
struct Gathering {
    prefix: String,
    cleaner: Option<Cleaner>,
    held: Vec<u8>,
}

impl Prefixed {
    /// Prefixes for standard output and error; `turn` is shared by all PCs.
    pub(super) fn new(out: String, err: String, turn: Arc<Mutex<()>>) -> Self {
        let gathering = |prefix, is_terminal: bool| Gathering {
            prefix,
            cleaner: is_terminal.then(Cleaner::default),
            held: Vec::new(),
        };
        Self {
            out: gathering(out, io::stdout().is_terminal()),
            err: gathering(err, io::stderr().is_terminal()),
            turn,
        }
    }

    /// Shows lines that have no end.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        let (out, err) = (self.out.rest(), self.err.rest());
        let _turn = self.turn.lock().await;
        show(tokio::io::stdout(), &out).await?;
        show(tokio::io::stderr(), &err).await
    }
}

impl Sink for Prefixed {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let lines = match stream {
            Stream::Output => self.out.push(bytes),
            Stream::Errors => self.err.push(bytes),
        };
        let _turn = self.turn.lock().await;
        match stream {
            Stream::Output => show(tokio::io::stdout(), &lines).await,
            Stream::Errors => show(tokio::io::stderr(), &lines).await,
        }
    }
}

async fn show(mut stream: impl AsyncWrite + Unpin, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    stream.write_all(bytes).await?;
    stream.flush().await
}

impl Gathering {
    /// The lines that are whole now.
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.cleaner {
            Some(cleaner) => self.held.extend_from_slice(cleaner.push(bytes).as_bytes()),
            None => self.held.extend_from_slice(bytes),
        }
        let mut lines = Vec::new();
        let mut start = 0;
        loop {
            let rest = &self.held[start..];
            let end = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) if end <= LINE => end,
                _ if rest.len() > LINE => edge(rest, LINE),
                _ => break,
            };
            self.line(&mut lines, start, start + end);
            start += end + usize::from(rest.get(end) == Some(&b'\n'));
        }
        self.held.drain(..start);
        lines
    }

    fn rest(&mut self) -> Vec<u8> {
        if let Some(cleaner) = &mut self.cleaner {
            self.held.extend_from_slice(cleaner.finish().as_bytes());
        }
        let mut lines = self.push(b"");
        if !self.held.is_empty() {
            self.line(&mut lines, 0, self.held.len());
            self.held.clear();
        }
        lines
    }

    fn line(&self, lines: &mut Vec<u8>, start: usize, end: usize) {
        lines.extend_from_slice(self.prefix.as_bytes());
        let line = &self.held[start..end];
        lines.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        lines.push(b'\n');
    }
}

/// The last place up to `limit` that is no letter's middle.
fn edge(bytes: &[u8], limit: usize) -> usize {
    (limit - 3..=limit).rev().find(|at| bytes[*at] & 0xC0 != 0x80).unwrap_or(limit)
}

/// Bytes of one PC that are kept until its turn; more of them make it ask for its turn at once,
/// and the PC is held back until it has it.
const KEPT: usize = 1024 * 1024;

/// Each PC's output in one piece, below its name.
pub(super) struct Grouped {
    heading: String,
    kept: Vec<(Stream, Vec<u8>)>,
    size: usize,
    turn: Arc<Mutex<()>>,
    /// It is this PC's turn, until its end.
    showing: Option<(Output, OwnedMutexGuard<()>)>,
}

impl Grouped {
    pub(super) const fn new(heading: String, turn: Arc<Mutex<()>>) -> Self {
        Self { heading, kept: Vec::new(), size: 0, turn, showing: None }
    }

    async fn begin(&mut self) -> io::Result<()> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let mut output = Output::to_standard_streams();
        show(tokio::io::stdout(), self.heading.as_bytes()).await?;
        for (stream, bytes) in std::mem::take(&mut self.kept) {
            output.write(stream, &bytes).await?;
        }
        self.showing = Some((output, turn));
        Ok(())
    }

    /// Shows what was kept and ends this PC's turn.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        if self.showing.is_none() {
            self.begin().await?;
        }
        match self.showing.take() {
            Some((mut output, _turn)) => output.finish().await,
            None => Ok(()),
        }
    }
}

impl Sink for Grouped {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if let Some((output, _)) = &mut self.showing {
            return output.write(stream, bytes).await;
        }
        self.size += bytes.len();
        match self.kept.last_mut() {
            Some((last, held)) if *last == stream => held.extend_from_slice(bytes),
            _ => self.kept.push((stream, bytes.to_vec())),
        }
        if self.size > KEPT { self.begin().await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathering(clean: bool) -> Gathering {
        Gathering { prefix: "PC │ ".into(), cleaner: clean.then(Cleaner::default), held: Vec::new() }
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        let text = "en\ntvå\r\n\nsist".as_bytes();
        for cut in 0..=text.len() {
            let mut gathering = gathering(false);
            let mut lines = gathering.push(&text[..cut]);
            lines.extend(gathering.push(&text[cut..]));
            lines.extend(gathering.rest());
            assert_eq!(
                String::from_utf8_lossy(&lines),
                "PC │ en\nPC │ två\nPC │ \nPC │ sist\n",
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_no_letter_with_it() {
        let mut gathering = gathering(false);
        let lines = gathering.push("å".repeat(100_000).as_bytes());
        assert!(gathering.held.len() <= LINE);
        let text = String::from_utf8(lines).expect("no letter is cut");
        assert!(text.lines().all(|line| line.starts_with("PC │ å") && line.len() <= LINE + 8));
    }

    #[test]
    fn a_hostile_line_cannot_take_another_pcs_name() {
        let mut gathering = gathering(true);
        let lines = gathering.push(b"a\x1b[1A\x1b[2K\rOTHER \xe2\x94\x82 all is well\n\x1b]0;x\x07");
        let text = String::from_utf8(lines).expect("text");
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.starts_with("PC │ ")), "{text:?}");
    }
}
