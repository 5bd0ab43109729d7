//! When the system or the person asks this program to stop.

use std::{fmt, io};

use crate::imp;

/// Hears the requests: SIGTERM and SIGINT on Unix; Ctrl-C, Ctrl-Break, a closing console or a
/// system going down on Windows. A service on Windows gets its stop from the service manager
/// besides.
pub struct Stop(imp::stop::Listener);

impl Stop {
    /// From here on a request no longer ends the program by itself; none is lost before the
    /// first wait. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When the system refuses to tell us.
    pub fn listen() -> io::Result<Self> {
        imp::stop::Listener::new(false).map(Self)
    }

    /// As [`Self::listen`], for a program that is nothing without its terminal: on Unix it hears
    /// SIGHUP as well. Others leave that signal alone, so that `nohup` keeps its meaning.
    ///
    /// # Errors
    /// When the system refuses to tell us.
    pub fn listen_at_a_terminal() -> io::Result<Self> {
        imp::stop::Listener::new(true).map(Self)
    }

    /// Waits for the next request. May be given up and called again.
    pub async fn requested(&mut self) {
        self.0.requested().await;
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stop")
    }
}
