//! Somebody in front of a terminal with the fleet view on it.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use distans_platform::process::{InputPipe, OutputPipe, RunAs};
use distans_platform::pty::{Size, Terminal, TerminalLaunch};
use distans_tests::programs::program;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The seat.
pub(super) struct Seat {
    terminal: Terminal,
    keys: InputPipe,
    screen: OutputPipe,
    seen: vt100::Parser,
    bytes: Vec<u8>,
    home: PathBuf,
}

impl Seat {
    /// Starts `distans` with these words in the folder `home`, and afterwards tells how the
    /// terminal was left.
    pub(super) fn take(home: &Path, words: &str) -> Self {
        let distans = program("distans").expect("built").get_program().to_string_lossy().into_owned();
        let script = format!(
            "trap : INT; stty -g > {home}/before; \
             sh -c 'echo $$ > {home}/pid; exec {distans} --home {home} --lang en {words}'; code=$?; \
             stty -g > {home}/after; cmp {home}/before {home}/after && echo \"as be\"\"fore, code $code.\"; read x",
            home = home.display(),
        );
        let launch = TerminalLaunch {
            argv: ["sh".to_owned(), "-c".to_owned(), script].into(),
            run_as: RunAs::Myself,
            term: "xterm-256color".into(),
            size: Size { columns: 80, rows: 24 },
        };
        let mut terminal = Terminal::start(&launch).expect("starts");
        let (keys, screen) = (terminal.input.take().expect("keys"), terminal.output.take().expect("screen"));
        let seen = vt100::Parser::new(cells(24), cells(80), 0);
        Self { terminal, keys, screen, seen, bytes: Vec::new(), home: home.to_owned() }
    }

    pub(super) async fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).await.expect("typed");
    }

    /// Waits until it stands on the screen.
    pub(super) async fn sees(&mut self, part: &str) {
        self.until(part, |screen| screen.contains(part)).await;
    }

    /// Waits until it no longer stands on the screen.
    pub(super) async fn does_not_see(&mut self, part: &str) {
        self.until(&format!("the end of {part}"), |screen| !screen.contains(part)).await;
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        let reading = async {
            while !is_so(&self.seen.screen().contents()) {
                let mut piece = [0; 4096];
                let count = self.screen.read(&mut piece).await.expect("read");
                assert!(count > 0, "closed before {what:?}");
                self.seen.process(&piece[..count]);
                self.bytes.extend_from_slice(&piece[..count]);
            }
        };
        let seen = timeout(PATIENCE, reading).await;
        assert!(seen.is_ok(), "{what:?} is not seen, but:\n{}", self.seen.screen().contents());
    }

    /// True while the view has the alternate screen.
    pub(super) fn is_full_screen(&self) -> bool {
        self.seen.screen().alternate_screen()
    }

    /// Everything that came to the terminal.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.seen.screen_mut().set_size(cells(rows), cells(columns));
        self.terminal.sizer().set(Size { columns, rows }).expect("resized");
    }

    /// Sends the program a signal.
    pub(super) fn signals(&self, signal: Signal) {
        let pid = std::fs::read_to_string(self.home.join("pid")).expect("a pid");
        let pid = Pid::from_raw(pid.trim().parse().expect("a number")).expect("not zero");
        kill_process(pid, signal).expect("asked");
    }

    /// Waits for the end: this exit code, and a terminal that is as it was.
    pub(super) async fn is_as_before(&mut self, code: i32) {
        self.sees(&format!("as before, code {code}.")).await;
        assert!(!self.is_full_screen() && !self.seen.screen().hide_cursor(), "the screen is given back");
        assert!(!self.seen.screen().bracketed_paste(), "pasting is as it was");
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a screen has room")
}
