//! Where a conversation is shown: a terminal whose last line is being typed on, plain lines for a
//! pipe, or JSON.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event};
use distans_proto::text::clean_line;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::editor::{Act, Editor};
use crate::say;
use crate::screen::{Screen, Tone};

/// How often the keyboard's thread looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);

/// What the technician does.
#[derive(Debug)]
pub(super) enum Typed {
    /// A key, a paste, another size.
    Event(Event),
    /// A line of a pipe.
    Line(String),
    /// No more comes.
    End,
}

/// The place.
pub(super) struct Face {
    screen: Screen,
    /// Of a terminal that is being typed on.
    editor: Option<(Editor, Raw)>,
}

/// The terminal hands keys over one by one until this is dropped.
struct Raw {
    /// The keyboard's thread is to end.
    over: Arc<AtomicBool>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Nobody is left to be told when the terminal is gone.
        let _ = crossterm::execute!(io::stdout(), event::DisableBracketedPaste);
        let _ = crossterm::terminal::disable_raw_mode();
        let _ = write!(io::stdout().lock(), "\r\x1b[K").and_then(|()| io::stdout().flush());
    }
}

impl Face {
    /// Takes the terminal, if there is one, else a pipe; what is typed comes through the channel.
    pub(super) fn open(screen: Screen) -> io::Result<(Self, mpsc::Receiver<Typed>)> {
        let (typed, channel) = mpsc::channel(64);
        let over = Arc::new(AtomicBool::new(false));
        let at_terminal = !screen.json() && io::stdin().is_terminal() && screen.is_terminal();
        let editor = if at_terminal {
            crossterm::terminal::enable_raw_mode()?;
            let raw = Raw { over: Arc::clone(&over) };
            crossterm::execute!(io::stdout(), event::EnableBracketedPaste)?;
            Some((Editor::default(), raw))
        } else {
            None
        };
        let work = move || if at_terminal { keys(&typed, &over) } else { lines(&typed) };
        std::thread::Builder::new().name("distans-typed".to_owned()).spawn(work)?;
        Ok((Self { screen, editor }, channel))
    }

    /// Takes what was typed; the line or end that it means, if any.
    pub(super) fn typed(&mut self, typed: Typed) -> io::Result<Option<Act>> {
        let act = match (typed, &mut self.editor) {
            (Typed::Event(Event::Key(key)), Some((editor, _))) => editor.key(key),
            (Typed::Event(Event::Paste(text)), Some((editor, _))) => editor.paste(&text),
            (Typed::Event(Event::Resize(..)), Some(_)) => Act::Redraw,
            (Typed::Event(_), _) => Act::Nothing,
            (Typed::Line(line), _) => match line.trim() {
                "" => Act::Nothing,
                "/slut" | "/end" | "/quit" => Act::End,
                line => Act::Send(line.to_owned()),
            },
            (Typed::End, _) => Act::End,
        };
        Ok(match act {
            Act::Nothing => None,
            Act::Redraw => {
                self.draw()?;
                None
            }
            act => Some(act),
        })
    }

    /// A line of the conversation. The text is cleaned here.
    pub(super) fn line(&mut self, name: &str, own: bool, text: &str) -> io::Result<()> {
        let (name, text) = (clean_line(name, 40), clean_line(text, usize::MAX));
        let tone = if own { Tone::Quiet } else { Tone::Strong };
        match &self.editor {
            Some(_) => {
                let name = self.screen.paint(tone, &name);
                self.above(&format!("{name} │ {text}"))
            }
            None if own => Ok(()),
            None => self.screen.line(format!("{name}: {text}")),
        }
    }

    /// A remark of our own.
    pub(super) fn remark(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let text = clean_line(text, usize::MAX);
        match &self.editor {
            Some(_) => {
                let text = self.screen.paint(tone, &format!("· {text}"));
                self.above(&text)
            }
            None => {
                self.screen.toned_hint(tone, text);
                Ok(())
            }
        }
    }

    /// For JSON readers only.
    pub(super) fn event(&self, event: &str, mut fields: Value) -> io::Result<()> {
        if !self.screen.json() {
            return Ok(());
        }
        fields["event"] = json!(event);
        self.screen.object(&fields)
    }

    fn above(&mut self, line: &str) -> io::Result<()> {
        write!(io::stdout().lock(), "\r\x1b[K{line}\r\n")?;
        self.draw()
    }

    /// Draws the line being typed; the cursor stands where it is in the text.
    fn draw(&mut self) -> io::Result<()> {
        let Some((editor, _)) = &self.editor else { return Ok(()) };
        let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
        let prompt = say!(en: "you > ", sv: "du > ");
        let (before, after) = editor.view(columns.saturating_sub(prompt.len() + 1));
        let mut out = io::stdout().lock();
        write!(out, "\r\x1b[K{prompt}{before}\x1b7{after}\x1b8")?;
        out.flush()
    }
}

/// Hands keys over until nobody wants them.
fn keys(typed: &mpsc::Sender<Typed>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let event = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let next = event.map_or(Typed::End, Typed::Event);
        let is_end = matches!(next, Typed::End);
        if typed.blocking_send(next).is_err() || is_end {
            return;
        }
    }
}

/// Hands a pipe's lines over, until its end.
fn lines(typed: &mpsc::Sender<Typed>) {
    use std::io::{BufRead, Read};
    const LONGEST: u64 = 8192;
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if typed.blocking_send(Typed::Line(String::from_utf8_lossy(&line).into_owned())).is_err() {
            return;
        }
    }
    let _ = typed.blocking_send(Typed::End);
}
