//! `distans`, the technician's program.

use std::io::{IsTerminal, Write};
use std::process::exit;

use distans_cli::args::{Cli, Verb};
use distans_cli::client;
use distans_cli::exit::Exit;
use distans_cli::failure;
use distans_cli::help;
use distans_cli::home::Home;
use distans_cli::lang::{self, Lang};
use distans_cli::screen::{Failure, Screen};
use distans_cli::verbs::{self, App};

fn main() {
    if verbs::complete::answer_shell() {
        return;
    }
    let arguments = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    lang::choose(help::wanted_language(arguments));
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => exit(refuse(&error)),
    };
    let screen = Screen::detect(cli.common.json);
    log_to_stderr(cli.common.verbose);
    let outcome = Home::locate(cli.common.home).map_err(Into::into).and_then(|home| {
        // One thread: it answers as fast as the network, and starts at once.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(verbs::perform(&App { screen, home }, cli.verb));
        runtime.block_on(client::farewell());
        outcome
    });
    // Standard input may still be read by a thread nobody can stop; the program ends without it.
    exit(match outcome {
        Ok(code) => code,
        Err(error) => failure::report(screen, &error).code().into(),
    })
}

/// The command line; without a verb and at a terminal it means the fleet view.
fn parse() -> Result<Cli, clap::Error> {
    use clap::error::ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
    let parsed = help::parse(std::env::args_os());
    let is_bare = matches!(&parsed, Err(error)
        if matches!(error.kind(), DisplayHelpOnMissingArgumentOrSubcommand | MissingSubcommand));
    if !is_bare || !Screen::detect(false).may_ask() || !std::io::stdout().is_terminal() {
        return parsed;
    }
    let view = help::parse(std::env::args_os().chain(["fleet".into()]));
    // A group of verbs without its verb gets its own help, and --json never a full screen.
    match view {
        Ok(cli) if !cli.common.json && matches!(cli.verb, Verb::Fleet(_)) => Ok(cli),
        _ => parsed,
    }
}

/// Shows help, or what is wrong with the command line; also as JSON when JSON is wanted.
fn refuse(error: &clap::Error) -> i32 {
    let wants_json =
        std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if wants_json && error.use_stderr() {
        let text = error.to_string();
        let text = text.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
        let exit = Exit::Usage;
        Screen::detect(true).failure(&Failure {
            code: exit.name(),
            exit: exit.code(),
            text,
            details: Default::default(),
        });
    } else if show(error).is_err() {
        return Exit::Failed.code().into();
    }
    if error.use_stderr() { Exit::Usage.code().into() } else { Exit::Ok.code().into() }
}

/// As clap shows it, or in Swedish.
fn show(error: &clap::Error) -> std::io::Result<()> {
    if lang::current() == Lang::English {
        return error.print();
    }
    let screen = Screen::detect(false);
    if error.use_stderr() && error.context().next().is_some() {
        screen.complaint("fel:", &lang::usage::complaint(error));
        return Ok(());
    }
    let help = error.render();
    let help = if screen.has_colours() { help.ansi().to_string() } else { help.to_string() };
    let help = lang::usage::help(help.trim_end());
    if error.use_stderr() { writeln!(std::io::stderr(), "{help}") } else { screen.line(help) }
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::ERROR,
        1 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let ours = if verbose > 1 { level } else { tracing::Level::WARN };
    let filter = tracing_subscriber::EnvFilter::new(format!("{ours},distans_cli={level}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
