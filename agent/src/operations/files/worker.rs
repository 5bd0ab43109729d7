//! The process that copies with the user's rights: `distans-agent files-worker`.
//!
//! Its input begins with the job; the copy's stream follows in both directions. It opens nothing
//! of the agent's and can be started by anybody: it has no more rights than whoever starts it.

use std::io::{BufReader, Write};
use std::process::ExitCode;

use distans_transfer::job;
use distans_transfer::wire::ToWriter;

use super::{exit, told};

/// The hidden subcommand.
pub const VERB: &str = "files-worker";

/// Bytes taken from the input at a time.
const PIECE: usize = 256 * 1024;

/// Reads the job and does it; one line on standard error says how it ended.
pub fn perform() -> ExitCode {
    let mut input = BufReader::with_capacity(PIECE, std::io::stdin());
    let (code, text) = match job::read(&mut input) {
        Ok(job) => told(&job::perform(&job, input, ToWriter(std::io::stdout()))),
        Err(error) => (exit::BROKEN, format!("no job came: {error}")),
    };
    // Nobody is left to be told when that is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
