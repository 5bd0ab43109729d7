//! Pseudo-consoles: a console without a window between two pipes, the program inside it and in a
//! job object.

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::sync::{Arc, Mutex, PoisonError};

use windows_sys::Win32::System::Console::{
    COORD, ClosePseudoConsole, CreatePseudoConsole, HPCON, ResizePseudoConsole,
};

use super::process::{self, Tree};
use super::spawn;
use crate::process::{Exit, InputPipe, OutputPipe, StartError};
use crate::pty::{Size, TerminalLaunch};

/// What a console answers that cannot be resized (Wine's).
const NOT_IMPLEMENTED: i32 = 0x8000_4001_u32.cast_signed();

pub(crate) struct Running {
    process: process::Running,
    console: Arc<Console>,
}

/// A pseudo-console; closed once.
struct Console(Mutex<Option<HPCON>>);

pub(crate) fn start(launch: &TerminalLaunch) -> Result<(Running, InputPipe, OutputPipe), StartError> {
    let (input, keyboard) = io::pipe()?;
    let (screen, output) = io::pipe()?;
    let (input, output) = (OwnedHandle::from(input), OwnedHandle::from(output));
    let console = Arc::new(Console::new(launch.size, &input, &output)?);
    // The console has copies of its ends.
    drop((input, output));
    let handle = console.handle().ok_or_else(|| io::Error::other("the console is closed"))?;
    let suspended = spawn::start_in_console(&launch.argv, &launch.run_as, handle)?;
    let process = process::Running::adopt(suspended)?;
    let file = |pipe: OwnedHandle| tokio::fs::File::from_std(File::from(pipe));
    let (keyboard, screen) = (file(keyboard.into()), file(screen.into()));
    Ok((Running { process, console }, InputPipe::new(keyboard), Box::new(screen)))
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn tree(&self) -> Tree {
        self.process.tree()
    }

    pub(crate) fn sizer(&self) -> Sizer {
        Sizer(Arc::clone(&self.console))
    }

    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        let exit = self.process.wait().await?;
        // Only a closed console ends its output. Older systems wait in this call until all of it
        // is read, so it gets a thread of its own.
        let console = Arc::clone(&self.console);
        let closing = std::thread::Builder::new().name("distans-console".to_owned());
        closing.spawn(move || console.close())?;
        Ok(exit)
    }
}

pub(crate) struct Sizer(Arc<Console>);

impl Sizer {
    pub(crate) fn set(&self, size: Size) -> io::Result<()> {
        self.0.resize(size)
    }
}

impl Console {
    fn new(size: Size, input: &OwnedHandle, output: &OwnedHandle) -> io::Result<Self> {
        let mut console: HPCON = 0;
        // SAFETY: both handles are open; `console` is a live variable.
        let code = unsafe {
            CreatePseudoConsole(
                coordinates(size),
                input.as_raw_handle(),
                output.as_raw_handle(),
                0,
                &raw mut console,
            )
        };
        if code < 0 {
            return Err(io::Error::from_raw_os_error(code));
        }
        Ok(Self(Mutex::new(Some(console))))
    }

    fn handle(&self) -> Option<HPCON> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resize(&self, size: Size) -> io::Result<()> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(console) = *held else { return Ok(()) };
        // SAFETY: the console is open, and stays so while the lock is held.
        match unsafe { ResizePseudoConsole(console, coordinates(size)) } {
            NOT_IMPLEMENTED => Ok(()),
            code if code < 0 => Err(io::Error::from_raw_os_error(code)),
            _ => Ok(()),
        }
    }

    fn close(&self) {
        let console = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(console) = console {
            // SAFETY: the console is open, and nobody else can close it any more.
            unsafe { ClosePseudoConsole(console) };
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.close();
    }
}

fn coordinates(size: Size) -> COORD {
    let side = |length: u16| i16::try_from(length).unwrap_or(i16::MAX);
    COORD { X: side(size.columns), Y: side(size.rows) }
}
