//! The terminal itself while a shell has it: raw, shared between the shell's output and our own
//! notices, and brought back whatever happens.

use std::io::{self, IsTerminal, Read};
use std::panic;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll, ready};

use distans_platform::console::{self, Raw};
use distans_platform::pty::Size;
use distans_proto::text::clean_line;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{Mutex, mpsc};

use super::filter::Filter;
use crate::client::{Sink, Stream};

/// True if a shell can have this program's terminal: standard input and output are one.
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The terminal's size, or the usual one if it does not tell.
pub fn size() -> Size {
    console::size().unwrap_or(Size { columns: 80, rows: 24 })
}

/// As long as it lives, keys come raw. Dropping it brings the terminal back, as does a panic
/// before its message is shown.
#[derive(Debug)]
pub struct Stage(Raw);

impl Stage {
    /// Begins.
    ///
    /// # Errors
    /// If standard input is no terminal.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                console::restore();
                before(info);
            }));
        });
        Raw::enter().map(Self)
    }
}

/// Standard input, read by a thread of its own: tokio's would keep the program from ending until
/// one more key is pressed.
#[derive(Debug)]
pub struct Keyboard {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    given: usize,
}

impl Keyboard {
    /// Begins to read. The thread ends with the program.
    ///
    /// # Errors
    /// If the system has no thread.
    pub fn listen() -> io::Result<Self> {
        let (sender, pieces) = mpsc::channel(4);
        std::thread::Builder::new().name("distans-keys".to_owned()).spawn(move || {
            let mut room = [0; 4096];
            loop {
                let read = io::stdin().read(&mut room).map(|count| room[..count].to_vec());
                let is_last = !matches!(&read, Ok(piece) if !piece.is_empty());
                if sender.blocking_send(read).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, piece: Vec::new(), given: 0 })
    }
}

impl AsyncRead for Keyboard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.piece.len() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => self.piece = piece?,
                None => return Poll::Ready(Ok(())),
            }
            self.given = 0;
        }
        let count = buf.remaining().min(self.piece.len() - self.given);
        buf.put_slice(&self.piece[self.given..self.given + count]);
        self.given += count;
        Poll::Ready(Ok(()))
    }
}

/// The terminal's screen: takes the shell's output through the filter, and text of ours between.
/// Clones are the same screen.
#[derive(Debug)]
pub struct Screen<W>(Arc<Mutex<Inner<W>>>);

#[derive(Debug)]
struct Inner<W> {
    out: W,
    filter: Filter,
}

impl<W> Clone for Screen<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: AsyncWrite + Unpin + Send> Screen<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self(Arc::new(Mutex::new(Inner { out, filter: Filter::default() })))
    }

    /// Shows lines of ours, between the shell's: its output comes out of the filter in whole letters
    /// and sequences, so that one that never ends holds nothing back. While a full-screen program
    /// has the terminal they go into its title: lines would spoil the picture.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub async fn tell(&self, text: &str) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        let shown = if inner.filter.is_full_screen() {
            format!("\x1b]2;distans: {}\x07", clean_line(text, 200))
        } else {
            let lines: Vec<String> = text.lines().map(|line| format!("\x1b[7m{line}\x1b[27m\r\n")).collect();
            format!("\r\n{}", lines.concat())
        };
        inner.show(shown.as_bytes()).await
    }

    /// At the shell's end: what it switched on is switched off. A shell that was cut off may have
    /// left the cursor in a line: `new_line` leaves it.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub async fn finish(&self, new_line: bool) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        let mut last = inner.filter.finish();
        if new_line {
            last.extend_from_slice(b"\r\n");
        }
        inner.show(&last).await
    }
}

impl<W: AsyncWrite + Unpin + Send> Inner<W> {
    /// Writes and flushes, for what is acknowledged to the PC has been shown.
    async fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.out.write_all(bytes).await?;
        self.out.flush().await
    }
}

impl<W: AsyncWrite + Unpin + Send> Sink for Screen<W> {
    async fn write(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        let shown = inner.filter.push(bytes);
        inner.show(&shown).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn our_lines_stand_between_the_shells_and_wait_for_none_of_its_sequences() {
        let mut out = Vec::new();
        {
            let mut screen = Screen::new(&mut out);
            screen.write(Stream::Output, b"a\x1b[3").await.expect("memory");
            screen.tell("line").await.expect("memory");
            screen.write(Stream::Output, b"1mb").await.expect("memory");
            screen.write(Stream::Output, b"\x1b[?1049h").await.expect("memory");
            screen.tell("title").await.expect("memory");
            screen.finish(false).await.expect("memory");
        }
        let text = String::from_utf8(out).expect("text").replace('\u{1b}', "E");
        assert_eq!(text, "a\r\nE[7mlineE[27m\r\nE[31mbE[?1049hE]2;distans: title\u{7}E[?1049lE[0m");
    }
}
