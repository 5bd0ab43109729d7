//! Console modes: keys as escape sequences in, escape sequences out; the size by looking.

use std::io;
use std::time::Duration;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT,
    ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT, ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleMode, GetConsoleScreenBufferInfo, GetStdHandle,
    STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleMode,
};

use super::sys::check;

/// Between two looks at the size: a console tells of a change only among its key events, which
/// are read as bytes here.
const GLANCE: Duration = Duration::from_millis(250);

/// Modes of input and output.
pub(crate) struct Mode {
    input: CONSOLE_MODE,
    output: CONSOLE_MODE,
}

fn handles() -> (HANDLE, HANDLE) {
    // SAFETY: asks for handles of this process, which stay its own.
    unsafe { (GetStdHandle(STD_INPUT_HANDLE), GetStdHandle(STD_OUTPUT_HANDLE)) }
}

fn mode_of(handle: HANDLE) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: a handle that is no console fails; `mode` is a live variable.
    check(unsafe { GetConsoleMode(handle, &raw mut mode) })?;
    Ok(mode)
}

pub(crate) fn enter_raw() -> io::Result<Mode> {
    let (input, output) = handles();
    let before = Mode { input: mode_of(input)?, output: mode_of(output)? };
    let cooked = ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT;
    let raw = (before.input & !cooked) | ENABLE_VIRTUAL_TERMINAL_INPUT;
    let drawn = before.output
        | ENABLE_PROCESSED_OUTPUT
        | ENABLE_VIRTUAL_TERMINAL_PROCESSING
        | DISABLE_NEWLINE_AUTO_RETURN;
    // SAFETY: both are consoles of this process.
    let set =
        unsafe { check(SetConsoleMode(input, raw)).and_then(|()| check(SetConsoleMode(output, drawn))) };
    if let Err(error) = set {
        restore(&before);
        return Err(error);
    }
    Ok(before)
}

pub(crate) fn restore(mode: &Mode) {
    let (input, output) = handles();
    // An error: the console is gone.
    // SAFETY: both are consoles of this process, or gone.
    unsafe {
        SetConsoleMode(input, mode.input);
        SetConsoleMode(output, mode.output);
    }
}

pub(crate) fn size() -> Option<(u16, u16)> {
    let mut found = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: a handle that is no console fails; `found` is a live variable.
    check(unsafe { GetConsoleScreenBufferInfo(handles().1, &raw mut found) }).ok()?;
    let window = found.srWindow;
    let span = |from: i16, to: i16| u16::try_from(i32::from(to) - i32::from(from) + 1).ok();
    Some((span(window.Left, window.Right)?, span(window.Top, window.Bottom)?))
}

pub(crate) struct Resizes(Option<(u16, u16)>);

impl Resizes {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(size()))
    }

    pub(crate) async fn next(&mut self) {
        loop {
            tokio::time::sleep(GLANCE).await;
            let now = size();
            if now != self.0 {
                self.0 = now;
                return;
            }
        }
    }
}
