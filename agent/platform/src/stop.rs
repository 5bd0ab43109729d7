//! When the system or the person asks this program to stop.

use std::io;

use crate::imp;

/// Waits until somebody asks the program to stop: SIGTERM or SIGINT on Unix; Ctrl-C, Ctrl-Break,
/// a closing console or a system going down on Windows. A service on Windows gets its stop from
/// the service manager besides.
///
/// # Errors
/// When the system refuses to tell us.
pub async fn requested() -> io::Result<()> {
    imp::stop::requested().await
}
