//! `distans session`: a purpose, a ticket, a PC, scopes and an end.

use clap::Subcommand;

use super::App;
use crate::client::Error;

mod end;
mod list;
mod log;
mod open;

/// The verbs under `distans session`.
#[derive(Debug, Subcommand)]
pub enum Session {
    /// Ask for a session with a PC
    Open(open::Open),
    /// Sessions as the broker saw them; yours that are open are marked
    #[command(
        after_help = "Examples:\n  distans session list --open\n  distans session list --pc PC-IDRE-003 --limit 5"
    )]
    List(list::List),
    /// End a session: both sides sign what was done, and a saved drive is booked
    End(end::End),
    /// The signed record of a session, every signature checked here
    #[command(
        after_help = "Examples:\n  distans session log 3f2a91c0\n  distans session log 3f2a91c0 --json > session.json"
    )]
    Log(log::Log),
}

/// Does what was asked.
///
/// # Errors
/// Whatever the verb meets.
pub async fn perform(app: &App, session: Session) -> anyhow::Result<()> {
    match session {
        Session::Open(open) => open::perform(app, open).await,
        Session::List(list) => list::perform(app, list).await,
        Session::End(end) => tokio::select! {
            ended = Box::pin(end::perform(app, end)) => ended,
            // What the PC was told stands; the broker has the record then.
            _ = tokio::signal::ctrl_c() => Err(Error::Cancelled.into()),
        },
        Session::Log(log) => log::perform(app, log).await,
    }
}
