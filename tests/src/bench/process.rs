//! Programs under measurement: started, looked at, stopped. Linux only, as `/proc` is.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// This benchmark's own executable, to play a part.
pub fn own() -> Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program(Child);

/// Memory of a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// In RAM, shared libraries included, bytes.
    pub resident: u64,
    /// Its alone and not from a file (the program itself can be dropped and read again), bytes.
    pub private: u64,
}

impl Program {
    /// Starts it; what it says is thrown away.
    pub fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().with_context(|| format!("cannot start {command:?}"))?))
    }

    /// Starts it and waits for its first line; it must not say more.
    pub fn start_and_listen(mut command: Command) -> Result<(Self, String)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = Self(command.spawn().with_context(|| format!("cannot start {command:?}"))?);
        let mut line = String::new();
        let output = program.0.stdout.take().context("it has an output")?;
        BufReader::new(output).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the program ended early: {:?}", program.0.try_wait()?);
        Ok((program, line.trim().to_owned()))
    }

    fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.0.id()))
    }

    /// Its memory now.
    pub fn memory(&self) -> Result<Memory> {
        let text = std::fs::read_to_string(self.proc().join("smaps_rollup"))?;
        let sum = |names: &[&str]| {
            let fields = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
            let kilobytes = fields.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            kilobytes.sum::<u64>() * 1024
        };
        Ok(Memory { resident: sum(&["Rss:"]), private: sum(&["Private_Dirty:"]) })
    }

    /// Processor time it has used so far, to the nanosecond.
    pub fn processor(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(self.proc().join("task"))? {
            // A thread may end while we look.
            let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanoseconds += text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Processor time of the programs it started that have ended, to the hundredth of a second.
    pub fn children(&self) -> Result<Duration> {
        /// Linux counts so for programs, whatever the kernel's own clock does.
        const TICK: Duration = Duration::from_millis(10);
        let text = std::fs::read_to_string(self.proc().join("stat"))?;
        // The name stands in brackets and may hold anything; after it comes the third field.
        let (_, fields) = text.rsplit_once(')').context("a name in brackets")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| -> Result<u32> {
            Ok(fields.get(number - 3).context("as many fields as there always were")?.parse()?)
        };
        Ok(TICK * (field(16)? + field(17)?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
