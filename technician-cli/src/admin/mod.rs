//! `distans admin`: the offline side. The organisation's keys, its policy, tokens for new PCs,
//! certificates for technicians and the broker.
//!
//! Everything lives in one folder ([`folder`]) that belongs on a machine or medium of the
//! administrator's, never on the broker. Nothing here needs a network, except handing
//! documents and sites to the broker (`policy publish`, `site import`), which uses the
//! technician's login like any other verb.
//!
//! | module | what |
//! |---|---|
//! | [`folder`], [`keyring`] | the folder's files; opening its keys |
//! | [`init`] | founding an organisation |
//! | [`technician`], [`group`], [`policy`] | who may do what: signed policy versions |
//! | [`token`] | enrolment tokens |
//! | [`broker`] | the broker's certificate |
//! | [`recording`] | who may read recordings of shells, and reading them |
//! | [`site`], [`site_table`] | places and roads |
//! | [`status`] | what expires when |

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::verbs::App;

pub mod broker;
pub mod folder;
pub mod group;
pub mod init;
pub mod keyring;
pub mod policy;
mod policy_file;
pub mod recording;
pub mod site;
pub mod site_table;
pub mod status;
pub mod technician;
pub mod token;

const EXAMPLES: &str = "\
From nothing to the first session:
  distans admin init --dir ORG --org mora --name \"IT-enheten\" --broker broker.example.se:4433
      (at the broker: distans-broker init, which writes broker-request.json)
  distans admin broker certify broker-request.json --dir ORG --out broker.json
      (at the broker: distans-broker import --dir BROKER broker.json)
  distans admin technician add anna --name \"Anna Berg\" --scopes diagnose,command --dir ORG
  distans admin policy publish --dir ORG --out policy.json
      (at the broker: distans-broker import; later policies go online, without --out)
  distans admin technician certify request.json --dir ORG --out anna.json
  distans admin token create --group kontor --uses 5 --days 7 --dir ORG

The passphrase of the keys is asked for, or taken from DISTANS_PASSPHRASE.";

/// Arguments of `distans admin`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Admin {
    /// The organisation's folder
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// The verbs under `distans admin`.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Found an organisation: its keys, its first root and policy
    #[command(
        after_help = "Example:\n  distans admin init --org mora --name \"Mora IT\" --broker distans.example.se:4433 --dir ORG"
    )]
    Init(init::Init),
    /// Technicians: who they are, and their certificates for the day
    #[command(subcommand)]
    Technician(technician::TechnicianCommand),
    /// Groups of PCs, which rules and tokens name
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// The signed policy
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Enrolment tokens for new PCs
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// The broker's certificate
    #[command(subcommand)]
    Broker(broker::BrokerCommand),
    /// Places and roads, for the kilometres
    #[command(subcommand)]
    Site(site::SiteCommand),
    /// Recordings of shells: the key that reads them, and reading them
    #[command(subcommand)]
    Recording(recording::RecordingCommand),
    /// What expires when, and whether the keys are safe
    #[command(after_help = "Example:\n  distans admin status --dir ORG")]
    Status,
}

/// Does what the command line asks.
///
/// # Errors
/// Whatever the verb meets; see [`crate::failure`].
pub async fn perform(app: &App, admin: Admin) -> anyhow::Result<()> {
    let dir = &admin.dir;
    match admin.command {
        AdminCommand::Init(init) => init::perform(app, dir, &init),
        AdminCommand::Technician(command) => technician::perform(app, dir, command),
        AdminCommand::Group(command) => group::perform(app, dir, command),
        AdminCommand::Policy(command) => policy::perform(app, dir, command).await,
        AdminCommand::Token(command) => token::perform(app, dir, command),
        AdminCommand::Broker(command) => broker::perform(app, dir, command),
        AdminCommand::Recording(command) => recording::perform(app, dir, command),
        AdminCommand::Site(command) => site::perform(app, command).await,
        AdminCommand::Status => status::perform(app, dir),
    }
}

#[cfg(test)]
mod tests;
