//! What is typed while a shell has the terminal: bytes as they come, untouched, but for the
//! escapes that one needs when the PC no longer answers: `~.`, `~?` and `~~`, at the beginning of
//! a line, as in ssh. In pasted text nothing is an escape.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// Bytes read at a time.
const PIECE: usize = 4096;

/// How a terminal marks pasted text.
const PASTE: [&[u8]; 2] = [b"\x1b[200~", b"\x1b[201~"];

/// What is meant for this program and not for the PC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// `~.`: leave.
    Leave,
    /// `~?`: show the escapes.
    Help,
}

/// Where the typing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a line.
    Begin,
    /// After `~` at the beginning of a line; it is held back.
    Tilde,
    /// Somewhere in a line.
    Middle,
}

/// Tells escapes from keys.
#[derive(Debug)]
pub struct Escapes {
    state: State,
    pasting: bool,
    /// Bytes of the mark of a paste's beginning or end that have come.
    marked: usize,
}

impl Default for Escapes {
    fn default() -> Self {
        Self { state: State::Begin, pasting: false, marked: 0 }
    }
}

impl Escapes {
    /// Adds to `keys` what goes to the PC, and gives what does not.
    pub fn take(&mut self, byte: u8, keys: &mut Vec<u8>) -> Option<Wish> {
        self.watch_for_paste(byte);
        match (self.state, byte) {
            (State::Begin, b'~') if !self.pasting => {
                self.state = State::Tilde;
                return None;
            }
            (State::Tilde, b'.') => {
                self.state = State::Begin;
                return Some(Wish::Leave);
            }
            (State::Tilde, b'?') => {
                self.state = State::Begin;
                return Some(Wish::Help);
            }
            (State::Tilde, b'~') => {}
            (State::Tilde, _) => keys.push(b'~'),
            _ => {}
        }
        keys.push(byte);
        self.state = if matches!(byte, b'\r' | b'\n') { State::Begin } else { State::Middle };
        None
    }

    fn watch_for_paste(&mut self, byte: u8) {
        let mark = PASTE[usize::from(self.pasting)];
        self.marked = match byte {
            byte if mark.get(self.marked) == Some(&byte) => self.marked + 1,
            0x1B => 1,
            _ => 0,
        };
        if self.marked == mark.len() {
            self.pasting = !self.pasting;
            self.marked = 0;
        }
    }
}

/// The keyboard as an operation's input; wishes go to whoever holds the other end.
#[derive(Debug)]
pub struct Keys<R> {
    source: R,
    escapes: Escapes,
    wishes: mpsc::UnboundedSender<Wish>,
    /// For the PC, and not taken yet.
    held: Vec<u8>,
    given: usize,
    room: Box<[u8; PIECE]>,
}

impl<R> Keys<R> {
    /// Reads from `source`.
    pub fn new(source: R, wishes: mpsc::UnboundedSender<Wish>) -> Self {
        let room = Box::new([0; PIECE]);
        Self { source, escapes: Escapes::default(), wishes, held: Vec::new(), given: 0, room }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Keys<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.given == this.held.len() {
            let mut piece = ReadBuf::new(this.room.as_mut_slice());
            ready!(Pin::new(&mut this.source).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.held.clear();
            this.given = 0;
            for byte in piece.filled() {
                if let Some(wish) = this.escapes.take(*byte, &mut this.held) {
                    // Whoever stopped listening is leaving already.
                    let _ = this.wishes.send(wish);
                }
            }
        }
        let count = buf.remaining().min(this.held.len() - this.given);
        buf.put_slice(&this.held[this.given..this.given + count]);
        this.given += count;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    fn typed(bytes: &[u8]) -> (String, Vec<Wish>) {
        let (mut escapes, mut keys) = (Escapes::default(), Vec::new());
        let wishes = bytes.iter().filter_map(|byte| escapes.take(*byte, &mut keys)).collect();
        (String::from_utf8(keys).expect("text"), wishes)
    }

    #[test]
    fn escapes_count_at_the_beginning_of_a_line_and_nowhere_else() {
        use Wish::{Help, Leave};
        for (bytes, keys, wishes) in [
            ("~.", "", vec![Leave]),
            ("ls\r~.", "ls\r", vec![Leave]),
            ("ls ~.\r", "ls ~.\r", vec![]),
            ("~?ls\r", "ls\r", vec![Help]),
            ("~~.", "~.", vec![]),
            ("~/bin\r", "~/bin\r", vec![]),
            ("~\r~.", "~\r", vec![Leave]),
            ("cd ~\r~?", "cd ~\r", vec![Help]),
            ("\u{3}~.", "\u{3}~.", vec![]),
            ("åäö\n~.", "åäö\n", vec![Leave]),
        ] {
            assert_eq!(typed(bytes.as_bytes()), (keys.to_owned(), wishes), "{bytes:?}");
        }
    }

    #[test]
    fn pasted_text_is_never_an_escape() {
        let pasted = "\x1b[200~one\r~.\r~?two\r\x1b[201~";
        assert_eq!(typed(pasted.as_bytes()), (pasted.to_owned(), vec![]));
        let (keys, wishes) = typed(format!("{pasted}\r~.").as_bytes());
        assert_eq!((keys, wishes), (format!("{pasted}\r"), vec![Wish::Leave]));
    }

    #[tokio::test]
    async fn keys_come_at_once_and_in_order_whatever_is_asked_for() {
        let (wishes, mut heard) = mpsc::unbounded_channel();
        let mut keys = Keys::new(b"ab\r~?cd\r~~".as_slice(), wishes);
        let mut text = Vec::new();
        let mut two = [0; 2];
        loop {
            let count = keys.read(&mut two).await.expect("memory");
            if count == 0 {
                break;
            }
            text.extend_from_slice(&two[..count]);
        }
        assert_eq!(text, b"ab\rcd\r~");
        assert_eq!(heard.recv().await, Some(Wish::Help));
    }
}
