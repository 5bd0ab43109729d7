//! The real programs as child processes, for tests that kill them or look at their terminal.
//!
//! Cargo tells a test only where the programs of its own package are, so they are built here,
//! once, the way the test itself was built.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Folder with the built programs.
fn folder() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    // The test lies in <target>/<profile>/deps.
    let own = std::env::current_exe()?;
    let folder =
        own.parent().and_then(|deps| deps.parent()).context("a test lies in target/…/deps")?.to_owned();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // All of them, as `.ci/test` builds them beforehand: then there is nothing left to do here.
    command.args(["build", "--quiet", "--offline", "--locked", "--workspace", "--bins"]);
    if folder.file_name() == Some(OsStr::new("release")) {
        command.arg("--release");
    }
    command.arg("--target-dir").arg(folder.parent().context("the target folder")?);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let status = command.status().context("cargo cannot be started")?;
    ensure!(status.success(), "the programs cannot be built: {status}");
    Ok(folder)
}

/// The program `name`, ready for arguments.
///
/// # Errors
/// If it cannot be built.
pub fn program(name: &str) -> Result<Command> {
    let mut command = Command::new(folder()?.join(name));
    // A test's own settings only.
    for variable in ["DISTANS_HOME", "DISTANS_PASSPHRASE", "NO_COLOR", "RUST_LOG"] {
        command.env_remove(variable);
    }
    Ok(command)
}

/// What a person would have seen: everything a program wrote to its terminal, and its exit code.
#[derive(Debug)]
pub struct Seen {
    /// All bytes, standard output and error as they came.
    pub bytes: Vec<u8>,
    /// The exit code; `None` after a signal.
    pub exit: Option<i32>,
}

/// Runs a program at a terminal of its own, until it ends. Blocks.
///
/// # Errors
/// If there is no terminal to be had.
pub fn at_a_terminal(mut command: Command) -> Result<Seen> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = OpenOptions::new().read(true).write(true).open(name.to_str()?)?;
    let end = || -> Result<Stdio> { Ok(Stdio::from(slave.as_fd().try_clone_to_owned()?)) };
    command.stdin(end()?).stdout(end()?).stderr(end()?).env("TERM", "xterm");
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    // Only the child holds the other end now, so that its end ends the reading.
    drop(command);
    drop(slave);
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let mut master = std::fs::File::from(master);
    // Linux answers EIO when the last holder of the other end is gone.
    while let Ok(count) = master.read(&mut piece) {
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
    Ok(Seen { bytes, exit: child.wait()?.code() })
}

/// A program in the background that is killed with `kill -9`, by hand or when it is dropped.
#[derive(Debug)]
pub struct Killable {
    command: Command,
    child: Child,
}

impl Killable {
    /// Starts it, silent, or with its log on the test's standard error if `DISTANS_LOG` is set.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(mut command: Command) -> Result<Self> {
        let shown = std::env::var_os("DISTANS_LOG").is_some();
        let end = || if shown { Stdio::inherit() } else { Stdio::null() };
        command.stdin(Stdio::null()).stdout(end()).stderr(end());
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { command, child })
    }

    /// Its process id, or that of its last run.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, if it runs.
    ///
    /// # Errors
    /// If the system does not let it be killed.
    pub fn kill(&mut self) -> Result<()> {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        self.child.wait()?;
        Ok(())
    }

    /// Starts it if it does not run, as a service manager would: a program may find its state
    /// still locked by the last breath of the one before, and give up.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn revive(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            self.child = self.command.spawn()?;
        }
        Ok(())
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
