//! Termios of standard input; SIGWINCH.

use std::io;

use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) type Mode = Termios;

pub(crate) fn enter_raw() -> io::Result<Mode> {
    let before = tcgetattr(stdin())?;
    let mut raw = before.clone();
    raw.make_raw();
    tcsetattr(stdin(), OptionalActions::Drain, &raw)?;
    Ok(before)
}

pub(crate) fn restore(mode: &Mode) {
    // What was typed ahead belonged to the other machine. An error: the terminal is gone.
    let _ = tcsetattr(stdin(), OptionalActions::Flush, mode);
}

pub(crate) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

pub(crate) struct Resizes(Signal);

impl Resizes {
    pub(crate) fn new() -> io::Result<Self> {
        signal(SignalKind::window_change()).map(Self)
    }

    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await; // no more signals in this process
        }
    }
}
