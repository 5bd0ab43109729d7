//! `distans completions SHELL`: teaches a shell what could come next; and the hidden
//! `distans __complete`, which the shell then asks at every Tab: no network, no log, no waiting.

mod engine;
mod scripts;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use distans_proto::text::clean_line;

use super::App;
use crate::help;
use crate::home::Home;
use crate::lang;
use engine::Known;
pub use scripts::Shell;

/// The hidden verb.
pub const HIDDEN: &str = "__complete";

/// Most candidates told.
const CANDIDATES: usize = 500;

/// Arguments of `distans completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans completions bash > ~/.local/share/bash-completion/completions/distans\n  distans completions fish > ~/.config/fish/completions/distans.fish\n  distans completions powershell | Out-String | Invoke-Expression\n\nVerbs, options, PCs, sites, groups and open sessions are completed, as they were at the\nlast listing or look-up. How to install it stands in the script's first lines."
)]
pub struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// If standard output cannot be written.
pub fn perform(app: &App, completions: &Completions) -> anyhow::Result<()> {
    Ok(app.screen.line(completions.shell.script().trim_end())?)
}

/// Answers a shell, if that is who asks: `distans __complete [--blank] -- WORD…`. True if it was.
pub fn answer_shell() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|verb| verb != HIDDEN) {
        return false;
    }
    let rest: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let at = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
    let mut words: Vec<String> = rest.get(at + 1..).unwrap_or_default().to_vec();
    if rest[..at].iter().any(|flag| flag == "--blank") || words.is_empty() {
        words.push(String::new());
    }
    lang::choose(None);
    let answer = engine::complete(&mut help::command(), &words, &known(&words));
    let mut text = String::new();
    for candidate in answer.candidates.iter().take(CANDIDATES) {
        text.push_str(&candidate.word);
        if !candidate.help.is_empty() {
            text.push('\t');
            text.push_str(&clean_line(&candidate.help, 100));
        }
        text.push('\n');
    }
    if answer.files {
        text.push_str(":files\n");
    }
    // A shell that went away wants no answer.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    true
}

/// The names in the technician's folder; nothing there is changed.
fn known(words: &[String]) -> Known {
    let home = words.iter().position(|word| word == "--home").and_then(|at| words.get(at + 1));
    match Home::locate(home.map(PathBuf::from)) {
        Ok(home) => Known { names: home.names(), sessions: home.session_names() },
        Err(_) => Known::default(),
    }
}
