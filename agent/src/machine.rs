//! The machine under the agent, or in development what stands for it: a developer's own machine
//! is never restarted by an agent under test.

use std::io;

use distans_platform::session_user::SignedIn;
use distans_platform::{power, wake};
use distans_proto::inner::{Denied, DeniedBy};
use distans_proto::ops::power::PowerAction;
use distans_proto::segment::{CARDS_LIMIT, Card, CardKind, Mac, NETWORKS_LIMIT, Network};
use distans_proto::text::clean_line;
use tracing::warn;

use crate::config::Config;

/// Longest name of a run, in characters.
const RUN_ID_LIMIT: usize = 64;

/// Names this run of the machine, if the system tells.
pub(crate) fn run_id(config: &Config) -> Option<String> {
    let told = match &config.run_id_file {
        Some(file) if config.development => std::fs::read_to_string(config.state.join(file)),
        _ => power::run_id(),
    };
    match told {
        Ok(id) => Some(clean_line(id.trim(), RUN_ID_LIMIT)).filter(|id| !id.is_empty()),
        Err(error) => {
            warn!(%error, "the system does not tell one run of the machine from the next");
            None
        }
    }
}

/// Whether `action` can be done at all.
pub(crate) fn can(config: &Config, action: PowerAction) -> Result<(), Denied> {
    let no = |text: String| Err(Denied { by: DeniedBy::State, text: text.into() });
    if config.development {
        return match config.power_program {
            Some(_) => Ok(()),
            None => no(format!(
                "the agent on this PC runs in development mode and does no {}; to try it, name a power_program in its agent.toml",
                action.name()
            )),
        };
    }
    if distans_platform::is_privileged() {
        return Ok(());
    }
    no(format!("the agent on this PC does not run as root or LocalSystem and cannot do a {}", action.name()))
}

/// Does it. `user` is whom to sign out or whose screen to lock.
///
/// # Errors
/// What the system said; nothing was done then.
pub(crate) async fn order(config: &Config, action: PowerAction, user: Option<&SignedIn>) -> io::Result<()> {
    if config.development {
        let program = config.power_program.as_deref().unwrap_or_default();
        return power::pretend(program, action.name(), &config.state).await;
    }
    let nobody = || io::Error::new(io::ErrorKind::NotFound, "nobody is signed in");
    match action {
        PowerAction::Restart => power::restart().await,
        PowerAction::ShutDown => power::shut_down().await,
        PowerAction::SignOut => power::sign_out(user.ok_or_else(nobody)?).await,
        PowerAction::Lock => power::lock(user.ok_or_else(nobody)?).await,
    }
}

/// The network cards.
pub(crate) async fn cards(config: &Config) -> Vec<Card> {
    if let Some(cards) = &config.cards {
        return cards.clone();
    }
    // Reads files of the kernel's; a few milliseconds.
    let found = tokio::task::spawn_blocking(wake::cards).await.unwrap_or_default();
    let card = |card: wake::Card| Card {
        name: card.name.into(),
        mac: Mac(card.mac),
        kind: match card.kind {
            wake::Kind::Wired => CardKind::Wired,
            wake::Kind::Wireless => CardKind::Wireless,
            wake::Kind::Other => CardKind::Other,
        },
        networks: card
            .networks
            .iter()
            .take(NETWORKS_LIMIT)
            .map(|(address, prefix)| Network { address: address.octets(), prefix: *prefix })
            .collect(),
        wakes: card.wakes,
    };
    let has_segment = |card: &Card| card.segments().next().is_some();
    let mut cards: Vec<Card> = found.into_iter().map(card).collect();
    cards.sort_by_key(|card| !has_segment(card));
    cards.truncate(CARDS_LIMIT);
    cards
}
