//! `distans-broker`: the program around [`distans_broker`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use distans_broker::files::Directory;
use distans_broker::setup::{self, Init};
use distans_broker::{Broker, Config, logging, notify};
use distans_proto::ids::OrgId;

/// The broker of Distans: introduces, relays, records and counts; it cannot command.
#[derive(Debug, Parser)]
#[command(
    name = "distans-broker",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new broker's directory: configuration, keys, and the request to be certified.
    Init {
        /// Directory to make.
        #[arg(long)]
        dir: PathBuf,
        /// The organisation's short name, for instance mora.
        #[arg(long)]
        org: OrgId,
        /// DNS name by which PCs and technicians come, for instance broker.mora.se.
        #[arg(long)]
        name: String,
        /// UDP address and port, for instance 0.0.0.0:443.
        #[arg(long)]
        listen: SocketAddr,
        /// TCP address and port on loopback for health and metrics; port 0 takes any free one.
        #[arg(long, default_value = "127.0.0.1:9464")]
        http: SocketAddr,
    },
    /// Take a bundle from the administrator: documents, tokens, the broker's certificate.
    Import {
        /// The bundle.
        bundle: PathBuf,
        /// The broker's directory.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Serve until SIGTERM or Ctrl-C.
    Run {
        /// The broker's directory.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Say what is wrong with configuration, keys, documents and certificate.
    CheckConfig {
        /// The broker's directory.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Copy the records to a new file, also while the broker runs.
    Backup {
        /// The broker's directory.
        #[arg(long)]
        dir: PathBuf,
        /// File to make.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Failed.
const FAILED: u8 = 1;

/// Wrong usage or configuration; clap uses the same.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("distans-broker: {error:#}");
            ExitCode::from(if error.is::<distans_broker_core::config::ConfigError>() {
                WRONG
            } else {
                FAILED
            })
        }
    }
}

#[tokio::main]
async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init { dir, org, name, listen, http } => {
            let directory = Directory::new(dir);
            setup::init(&directory, &Init { organisation: org, name, listen, http })?;
            println!("made {}", directory.path().display());
            println!("next: let the administrator certify {}", directory.request().display());
            println!("      (distans admin broker certify), then distans-broker import the answer");
            Ok(ExitCode::SUCCESS)
        }
        Command::Import { bundle, dir } => {
            let config = Config::load(Directory::new(dir))?;
            logging::start(&config.settings.log)?;
            for line in setup::import(&config, &bundle).await? {
                println!("{line}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { dir } => run(Config::load(Directory::new(dir))?).await,
        Command::CheckConfig { dir } => check(&Config::load(Directory::new(dir))?).await,
        Command::Backup { dir, out } => {
            let config = Config::load(Directory::new(dir))?;
            logging::start(&config.settings.log)?;
            setup::backup(&config, &out).await?;
            println!("the records are copied to {}", out.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn run(config: Config) -> anyhow::Result<ExitCode> {
    logging::start(&config.settings.log)?;
    let organisation = config.settings.broker.organisation.clone();
    let stop = Stop::new()?;
    let running = Broker::start(config).await?;
    println!(
        "distans-broker serves {organisation} on udp {}, health and metrics on http://{}",
        running.local_addr(),
        running.http_addr()
    );
    notify::notify(notify::READY);
    let mut stop = stop;
    stop.asked().await;
    notify::notify(notify::STOPPING);
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        () = running.shutdown() => Ok(ExitCode::SUCCESS),
        () = stop.asked() => {
            tracing::warn!("stopped at once");
            Ok(ExitCode::from(FAILED))
        }
    }
}

async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let report = setup::check(config).await;
    let lines = |word: &str, lines: &[String]| lines.iter().for_each(|line| println!("{word:8} {line}"));
    lines("ok", &report.fine);
    lines("warning", &report.warnings);
    lines("PROBLEM", &report.problems);
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

/// The signals that ask a program to stop.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .context("cannot wait for signals")?,
        })
    }

    /// Waits for one.
    async fn asked(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.ok();
    }
}
