//! A program in a terminal of its own: what a person needs to work on a machine.
//!
//! On Unix a pseudo-terminal whose other end the program leads as its session; on Windows a
//! pseudo-console. Rights, environment and the end of everything it started are those of
//! [`crate::process`].

use std::{fmt, io};

use crate::imp;
use crate::process::{Exit, InputPipe, OutputPipe, RunAs, StartError, Tree};

/// Columns and rows of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// Within what programs expect: at least one, at most 1000 of each.
    pub fn sane(columns: u16, rows: u16) -> Self {
        Self { columns: columns.clamp(1, 1000), rows: rows.clamp(1, 1000) }
    }
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalLaunch {
    /// Program and arguments; empty = the account's own shell, as at a login.
    pub argv: Vec<String>,
    /// Whose rights it gets.
    pub run_as: RunAs,
    /// Value of TERM, as the person's terminal calls itself. If this machine does not know it,
    /// the program is told `xterm-256color`, which nearly all of them are.
    pub term: String,
    /// The size to begin with.
    pub size: Size,
}

/// A program in its terminal. Dropping it before it has ended kills the whole tree; dropping it
/// afterwards hangs the terminal up.
pub struct Terminal {
    /// The keyboard; taken by the caller. There is no end of input but hanging up.
    pub input: Option<InputPipe>,
    /// The screen; taken by the caller. Ends when nobody has the terminal open any more.
    pub output: Option<OutputPipe>,
    running: imp::pty::Running,
}

impl Terminal {
    /// Starts it. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// [`StartError`]; nothing has run then.
    pub fn start(launch: &TerminalLaunch) -> Result<Self, StartError> {
        if launch.argv.first().is_some_and(String::is_empty) {
            return Err(StartError::Empty);
        }
        if launch.argv.iter().any(|argument| argument.contains('\0')) || launch.term.contains('\0') {
            return Err(StartError::BadArguments);
        }
        let (running, input, output) = imp::pty::start(launch)?;
        Ok(Self { input: Some(input), output: Some(output), running })
    }

    /// Process id, for logs.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// A handle that ends the program and everything it started; outlives a wait.
    pub fn tree(&self) -> Tree {
        Tree(self.running.tree())
    }

    /// What tells the program of new sizes; useless once it has ended.
    pub fn sizer(&self) -> Sizer {
        Sizer(self.running.sizer())
    }

    /// Waits for the program itself to end. May be cancelled and called again; then gives the
    /// same answer.
    ///
    /// # Errors
    /// When the system lost track of it.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        self.running.wait().await
    }
}

/// Tells a program of its terminal's new sizes.
pub struct Sizer(imp::pty::Sizer);

impl Sizer {
    /// From now on the terminal has this size.
    ///
    /// # Errors
    /// What the system says; the program goes on with the old size then.
    pub fn set(&self, size: Size) -> io::Result<()> {
        self.0.set(size)
    }
}

impl fmt::Debug for Sizer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sizer")
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Terminal({})", self.id())
    }
}
