//! `distans-agent`: the service on each PC.
//!
//! `enrol TOKEN` once, then `run` for ever; `status` and `doctor` tell how it does.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use distans_agent::{Agent, Config, doctor, enrol, status, worker};
use distans_platform::stop::Stop;
use distans_trust::token::EnrolToken;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The agent that lets technicians help this PC, within its policy and with its user's consent.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Args {
    /// The state folder.
    #[arg(long, global = true, default_value_os_t = distans_platform::private::service_dir(), value_name = "DIR")]
    state: PathBuf,
    /// The configuration file; without it, agent.toml in the state folder if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Brings this PC into the organisation with an enrolment token.
    Enrol {
        /// The token (DST1.…), or - to read it from standard input.
        token: String,
    },
    /// Runs until it is told to stop.
    Run {
        /// Log as JSON.
        #[arg(long)]
        json_log: bool,
    },
    /// Shows how the agent does. Exit code 1 if it does not run or is not connected.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copies files as the user who runs it; started by the agent alone.
    #[command(name = worker::VERB, hide = true)]
    FilesWorker,
    /// Says which step between this PC and the broker fails. Exit code 1 if one does.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    if matches!(args.command, Command::FilesWorker) {
        return worker::perform(); // before anything of the agent's is opened
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.context("the runtime does not start").and_then(|runtime| {
        let outcome = runtime.block_on(obey(args));
        // A name look-up may hang in the system; it must not keep the program.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("distans-agent: {error:#}");
        ExitCode::from(2)
    })
}

async fn obey(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.state, args.config.as_deref())?;
    match args.command {
        Command::Enrol { token } => bring_in(&config, &token).await,
        Command::Run { json_log } => run(config, json_log).await,
        Command::Status { json } => {
            let status = status::look(&config.state)?;
            show(&status, json)?;
            let is_well = status.running && matches!(status.link, status::Link::Connected { .. });
            Ok(ExitCode::from(u8::from(!is_well)))
        }
        Command::FilesWorker => Ok(worker::perform()),
        Command::Doctor { json } => {
            let report = doctor::examine(&config).await;
            show(&report, json)?;
            Ok(ExitCode::from(u8::from(!report.is_well())))
        }
    }
}

async fn bring_in(config: &Config, token: &str) -> anyhow::Result<ExitCode> {
    let text = if token == "-" {
        std::io::read_to_string(std::io::stdin()).context("the token cannot be read from standard input")?
    } else {
        token.to_owned()
    };
    let token: EnrolToken = text.trim().parse()?;
    let identity = enrol::enrol(config, &token).await.context("this PC was not enrolled")?;
    println!("enrolled as {} in group {} of {}", identity.device, identity.group, identity.org);
    println!("start it with: distans-agent run --state {}", config.state.display());
    Ok(ExitCode::SUCCESS)
}

async fn run(config: Config, json_log: bool) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen().context("the system does not tell when to stop")?;
    log_to_stderr(json_log);
    let running = Agent::start(config).await?;
    tracing::info!(
        device = %running.device(),
        broker = running.broker(),
        helpers = %running.helper_dir().display(),
        version = env!("CARGO_PKG_VERSION"),
        "running"
    );
    stop.requested().await;
    tracing::info!("stopping; a second request stops at once");
    tokio::select! {
        () = running.shutdown() => {}
        () = stop.requested() => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn show<T: std::fmt::Display + serde::Serialize>(value: &T, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(value)?);
    } else {
        print!("{value}");
    }
    Ok(())
}

/// `DISTANS_LOG` chooses what is logged, for instance `info,distans_agent=debug`.
fn log_to_stderr(json: bool) {
    let wanted = std::env::var("DISTANS_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let targets = wanted.unwrap_or_else(|| {
        Targets::new()
            .with_default(tracing::Level::INFO)
            .with_target("quinn", tracing::Level::WARN)
            .with_target("rustls", tracing::Level::WARN)
    });
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    if json { registry.with(lines.json()).init() } else { registry.with(lines).init() }
}
