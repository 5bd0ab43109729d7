//! The terminal: blocks of text, below them a line that counts and a line to type on.
//!
//! On a terminal that understands cursor movements the counting line is rewritten in place, and
//! what is being typed stays where it is. Elsewhere (a pipe, an old console) there are only
//! lines, and the count is told a few times.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use tokio::sync::mpsc;

/// Longest line taken from the person, in bytes.
const LINE: u64 = 4096;
/// Seconds left at which a terminal without cursor movements tells the count.
const TOLD_AT: [u64; 3] = [30, 10, 5];
/// Most lines squeezed in above what is being typed; a longer text is shown below it.
const ABOVE: usize = 12;

/// Where things are shown.
pub(crate) struct Screen {
    movable: bool,
    /// The counting line and the prompt stand at the bottom.
    waiting: bool,
    /// What the counting line says now.
    counted: String,
    told: Option<u64>,
    prompted: Option<String>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let understands = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
        Self {
            movable: understands && io::stdout().is_terminal(),
            waiting: false,
            counted: String::new(),
            told: None,
            prompted: None,
        }
    }

    /// Shows a block of text.
    pub(crate) fn show(&mut self, text: &str) {
        self.clear_waiting();
        write(&format!("{}\n", text.trim_end_matches('\n')));
        self.told = None;
    }

    /// Shows a block of text and rings.
    pub(crate) fn call(&mut self, text: &str) {
        self.show(text);
        if io::stdout().is_terminal() {
            write("\u{7}");
        }
    }

    /// Shows lines above the place to type; what is being typed there stays.
    pub(crate) fn above(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        if !self.waiting || lines.len() > ABOVE {
            return self.show(text);
        }
        let count = lines.len();
        // Room below (scrolling if need be, the column kept), back up, the two waiting lines pushed
        // down, the text in their place, and the cursor down to where it was.
        let room = "\u{1b}D".repeat(count);
        write(&format!(
            "{room}\u{1b}[{count}A\u{1b}7\u{1b}[1A\r\u{1b}[{count}L{}\u{1b}8\u{1b}[{count}B",
            lines.join("\r\n")
        ));
    }

    /// The person pressed Enter: what was typed stays, the cursor stands below it.
    pub(crate) fn typed(&mut self) {
        self.waiting = false;
        self.prompted = None;
    }

    /// Brings the two lines at the bottom up to date.
    pub(crate) fn refresh(&mut self, counting: Option<&str>, seconds: Option<u64>, prompt: Option<&str>) {
        if !self.movable {
            return self.refresh_plain(counting, seconds, prompt);
        }
        let (Some(counting), Some(prompt)) = (counting, prompt) else { return self.clear_waiting() };
        if self.waiting && self.prompted.as_deref() == Some(prompt) {
            if self.counted == counting {
                return;
            }
            // Up, rewrite, back to where the person types.
            write(&format!("\u{1b}7\u{1b}[1A\r\u{1b}[K  {counting}\u{1b}8"));
        } else {
            self.clear_waiting();
            write(&format!("  {counting}\n  {prompt}"));
            self.waiting = true;
            self.prompted = Some(prompt.to_owned());
        }
        counting.clone_into(&mut self.counted);
    }

    fn refresh_plain(&mut self, counting: Option<&str>, seconds: Option<u64>, prompt: Option<&str>) {
        if prompt != self.prompted.as_deref() {
            self.prompted = prompt.map(ToOwned::to_owned);
            if let Some(prompt) = prompt {
                write(&format!("  {prompt}\n"));
            }
        }
        if let (Some(counting), Some(seconds)) = (counting, seconds)
            && TOLD_AT.contains(&seconds)
            && self.told != Some(seconds)
        {
            self.told = Some(seconds);
            write(&format!("  {counting}\n"));
        }
    }

    fn clear_waiting(&mut self) {
        if std::mem::take(&mut self.waiting) {
            write("\r\u{1b}[K\u{1b}[1A\r\u{1b}[K");
        }
        self.prompted = None;
    }
}

/// Nobody is left to tell when the terminal is gone; the helper ends when its user signs out.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// True if a person types.
pub(crate) fn person_types() -> bool {
    io::stdin().is_terminal()
}

/// The lines the person types; ends with the input. Read on a thread of its own, because a
/// terminal cannot be waited for in any other way on all systems.
pub(crate) fn lines() -> io::Result<mpsc::Receiver<String>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::Builder::new().name("distans-lines".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.by_ref().take(LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if sender.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
