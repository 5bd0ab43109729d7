//! A verb as a child on the terminal: shown as it is typed, run, and then a look at what it said.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::Command;

use super::words;
use crate::lang::{self, Lang};
use crate::say;

/// What every child inherits of our own command line.
#[derive(Debug, Clone)]
pub(super) struct Inherited {
    /// The technician's folder, if it is not the usual one.
    pub(super) home: PathBuf,
}

/// Runs the verb; its exit code. Blocks: for a thread of its own. The terminal is the child's
/// meanwhile, Ctrl-C too.
pub(super) fn run(arguments: &[String], inherited: &Inherited) -> Result<i32, String> {
    let mut out = io::stdout().lock();
    let shown = words::shown(arguments.iter().map(String::as_str));
    let told = writeln!(out, "\n$ distans {shown}").and_then(|()| out.flush());
    told.map_err(|error| error.to_string())?;
    drop(out);
    let code = start(arguments, inherited).map_err(
        |error| say!(en: "the verb cannot be started: {error}", sv: "verbet kan inte startas: {error}"),
    )?;
    let text = match code {
        0 => say!(en: "done", sv: "klart"),
        code => say!(en: "exit code {code}", sv: "felkod {code}"),
    };
    let back = say!(en: "Enter goes back", sv: "Enter går tillbaka");
    let mut err = io::stderr().lock();
    // Nobody is left to be told when standard error is gone.
    let _ = write!(err, "\n[{text}] {back} ").and_then(|()| err.flush());
    drop(err);
    let mut line = String::new();
    // The end of input means "go on" as well.
    let _ = io::stdin().lock().read_line(&mut line);
    Ok(code)
}

fn start(arguments: &[String], inherited: &Inherited) -> io::Result<i32> {
    let lang = match lang::current() {
        Lang::English => "en",
        Lang::Swedish => "sv",
    };
    let mut command = Command::new(std::env::current_exe()?);
    // Before the verb: after "--" they would be part of a remote command.
    command.arg("--home").arg(&inherited.home).args(["--lang", lang]).args(arguments);
    let status = command.status()?;
    Ok(status.code().unwrap_or(i32::from(crate::exit::Exit::Failed.code())))
}
