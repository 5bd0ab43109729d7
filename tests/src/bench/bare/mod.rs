//! The bare program to compare with: quinn and rustls and nothing else. Mutual TLS on the outer
//! connections, a relay in the middle, TLS 1.3 inside, one process for each part, as Distans has.
//!
//! quinn's own defaults except large windows, so that no choice of ours helps or hinders it.

mod identity;
mod parts;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Subcommand;

pub use identity::found;
pub use parts::{Dialler, HELLO, SEND, SEND_YOURSELF, exchange};

use super::process::{Program, own};

/// A part, as a process of its own: this benchmark's executable with a hidden word.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// Holds connections and copies streams.
    #[command(name = "bare-relay", hide = true)]
    Relay {
        /// Keys and certificates.
        folder: PathBuf,
    },
    /// Answers relayed streams.
    #[command(name = "bare-agent", hide = true)]
    Agent {
        /// Keys and certificates.
        folder: PathBuf,
        /// The relay.
        relay: SocketAddr,
    },
    /// Runs `true` at the other end, once.
    #[command(name = "bare-run", hide = true)]
    Run {
        /// Keys and certificates.
        folder: PathBuf,
        /// The relay.
        relay: SocketAddr,
    },
}

impl Part {
    /// Plays the part until it is over.
    pub fn play(self) -> Result<()> {
        // As the programs they are compared with: the relay uses both cores, the ends one.
        let runtime = match &self {
            Self::Relay { .. } => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
            _ => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        };
        runtime.block_on(async {
            match self {
                Self::Relay { folder } => parts::relay(&folder).await,
                Self::Agent { folder, relay } => parts::agent(&folder, relay).await,
                Self::Run { folder, relay } => parts::run(&folder, relay).await,
            }
        })
    }
}

/// A running relay, perhaps with its agent.
#[derive(Debug)]
pub struct Bare {
    /// The relay's process.
    pub relay: Program,
    /// Where it listens.
    pub address: SocketAddr,
    /// The agent's process.
    pub agent: Option<Program>,
}

impl Bare {
    /// A relay alone.
    pub fn relay(folder: &Path) -> Result<Self> {
        let mut relay = own()?;
        relay.arg("bare-relay").arg(folder);
        let (relay, line) = Program::start_and_listen(relay)?;
        let address = line.parse().context("the relay says where it listens")?;
        Ok(Self { relay, address, agent: None })
    }

    /// Runs `true` at the agent, from a new process.
    pub fn run(&self, folder: &Path) -> Result<Command> {
        let mut command = own()?;
        command.arg("bare-run").arg(folder).arg(self.address.to_string());
        Ok(command)
    }

    /// A relay and an agent.
    pub fn with_agent(folder: &Path) -> Result<Self> {
        let mut bare = Self::relay(folder)?;
        let mut agent = own()?;
        agent.arg("bare-agent").arg(folder).arg(bare.address.to_string());
        bare.agent = Some(Program::start_and_listen(agent)?.0);
        Ok(bare)
    }
}
