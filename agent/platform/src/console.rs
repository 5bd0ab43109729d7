//! The terminal this program is used from: keys as raw bytes, its size, and its way back.

use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use crate::imp;
use crate::pty::Size;

/// How the terminal was before; at most one program part changes it.
static BEFORE: Mutex<Option<imp::console::Mode>> = Mutex::new(None);

/// As long as it lives, every key comes as the bytes it stands for, at once and unshown, Ctrl-C
/// too. Dropping it brings the terminal back.
pub struct Raw(());

impl Raw {
    /// Begins it for standard input.
    ///
    /// # Errors
    /// If standard input is no terminal, or it is raw already.
    pub fn enter() -> io::Result<Self> {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "the terminal is raw already"));
        }
        *before = Some(imp::console::enter_raw()?);
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Raw")
    }
}

/// Brings the terminal back now, for a panic's message or a sudden end; harmless if it is not raw.
/// True if it was.
pub fn restore() -> bool {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    before.map(|mode| imp::console::restore(&mode)).is_some()
}

/// Size of the terminal at standard output, if there is one.
pub fn size() -> Option<Size> {
    imp::console::size().map(|(columns, rows)| Size::sane(columns, rows))
}

/// Hears when the terminal's size may have changed.
pub struct Resizes(imp::console::Resizes);

impl Resizes {
    /// Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the system refuses to tell us.
    pub fn listen() -> io::Result<Self> {
        imp::console::Resizes::new().map(Self)
    }

    /// Waits for the next change; ask for [`size`] then.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}

impl fmt::Debug for Resizes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Resizes")
    }
}
