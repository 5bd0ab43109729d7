//! `distans` as a process, in a terminal of its own or with its output in files, watched while it
//! runs.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use distans_tests::pc::until;
use distans_tests::programs::program;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The program, running.
pub(super) struct Running {
    child: Child,
    output: Output,
}

enum Output {
    Files(PathBuf),
    Terminal(Screen),
}

/// A terminal, and what came to it.
struct Screen {
    seen: Arc<Mutex<Vec<u8>>>,
    /// Our own end of the program's side: keeps the terminal's modes for a look afterwards.
    name: String,
    _slave: File,
    before: String,
}

impl Running {
    /// Starts it with output in files of `dir`.
    pub(super) fn piped(home: &Path, dir: &Path, words: &[String]) -> Result<Self> {
        let mut command = distans(home, words)?;
        command.stdin(Stdio::null());
        command.stdout(File::create(dir.join("out"))?).stderr(File::create(dir.join("err"))?);
        Ok(Self { child: command.spawn()?, output: Output::Files(dir.to_owned()) })
    }

    /// Starts it in a terminal.
    pub(super) fn at_a_terminal(home: &Path, words: &[String]) -> Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?.to_str()?.to_owned();
        let slave = OpenOptions::new().read(true).write(true).open(&name)?;
        Command::new("stty").args(["-F", &name, "rows", "24", "cols", "80"]).status()?;
        let before = modes(&name)?;
        let mut command = distans(home, words)?;
        let end = || -> Result<Stdio> { Ok(Stdio::from(slave.as_fd().try_clone_to_owned()?)) };
        command.stdin(end()?).stdout(end()?).stderr(end()?).env("TERM", "xterm");
        let child = command.spawn()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut master) = (Arc::clone(&seen), File::from(master));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut piece) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
            }
        });
        Ok(Self { child, output: Output::Terminal(Screen { seen, name, _slave: slave, before }) })
    }

    /// Everything it has said so far, results first.
    pub(super) fn said(&self) -> String {
        match &self.output {
            Output::Files(dir) => ["out", "err"]
                .map(|name| std::fs::read_to_string(dir.join(name)).unwrap_or_default())
                .concat(),
            Output::Terminal(screen) => {
                String::from_utf8_lossy(&screen.seen.lock().unwrap_or_else(PoisonError::into_inner))
                    .into_owned()
            }
        }
    }

    /// The exit code, once it has one; a signal's is negative.
    pub(super) fn code(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.try_wait().ok().flatten()?;
        status.code().or_else(|| status.signal().map(|signal| -signal))
    }

    /// Asks it to end.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Waits for its end and gives the exit code.
    pub(super) async fn end(&mut self) -> Result<i32> {
        let waited = until("the program's end", || {
            let code = self.code();
            async move { code }
        })
        .await;
        waited.with_context(|| format!("it said: {}", self.said()))
    }

    /// Waits until it has said this; a terminal shows its last words a moment after the end.
    pub(super) async fn says(&self, words: &str) -> Result<()> {
        let waited = until("its words", || async { self.said().contains(words).then_some(()) }).await;
        waited.with_context(|| format!("no {words:?}: {}", self.said()))
    }

    /// If it had a terminal, that is as it was.
    pub(super) fn terminal_is_restored(&self) -> Result<()> {
        if let Output::Terminal(screen) = &self.output {
            let after = modes(&screen.name)?;
            anyhow::ensure!(after == screen.before, "modes were {}, are {after}", screen.before);
            let said = self.said();
            for (on, off) in [("\u{1b}[?1049h", "\u{1b}[?1049l"), ("\u{1b}[?25l", "\u{1b}[?25h")] {
                anyhow::ensure!(said.rfind(on) <= said.rfind(off), "{on:?} is left on: {said:?}");
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; one that went well has none left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn distans(home: &Path, words: &[String]) -> Result<Command> {
    let mut command = program("distans")?;
    command.args(["--lang", "en", "--home"]).arg(home).args(words);
    Ok(command)
}

fn modes(terminal: &str) -> Result<String> {
    let told = Command::new("stty").args(["-F", terminal, "-a"]).output()?;
    Ok(String::from_utf8(told.stdout)?)
}
