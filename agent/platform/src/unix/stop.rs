//! SIGTERM, SIGINT and, at a terminal, SIGHUP.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) struct Listener {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Listener {
    pub(crate) fn new(at_a_terminal: bool) -> io::Result<Self> {
        let hangup = if at_a_terminal { Some(signal(SignalKind::hangup())?) } else { None };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
        })
    }

    pub(crate) async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = heard(self.hangup.as_mut()) => {}
        }
    }
}

/// For ever, if nobody listens.
async fn heard(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
