//! Questions to the technician, on the terminal only; a pipe is never asked.
//!
//! People take their time: the terminal is waited for on a thread of its own, so that the
//! connection to the broker lives on meanwhile.

use std::fmt;

use anyhow::{Context, bail};
use distans_proto::inner::{PURPOSE_LIMIT, TICKET_LIMIT};
use distans_proto::scope::ScopeSet;

use crate::exit::Exit;
use crate::failure::Stop;
use crate::screen::Screen;

/// The purpose of a session with these scopes: as given, else asked for.
///
/// # Errors
/// If none is given and nobody can be asked, or it is empty or too long.
pub async fn purpose(screen: Screen, given: Option<String>, scopes: ScopeSet) -> anyhow::Result<String> {
    let purpose = match given {
        Some(purpose) => purpose,
        None if screen.may_ask() => {
            let help = "the person at the PC sees this, and it stays in the record of the PC";
            on_its_own_thread(move || inquire::Text::new("What for?").with_help_message(help).prompt())
                .await
                .context("no purpose was given")?
        }
        None => {
            let text = format!(
                "no session that allows {scopes} is open there; say why you need one: --purpose \"…\""
            );
            return Err(Stop::new(Exit::Usage, text).into());
        }
    };
    let purpose = purpose.trim().to_owned();
    if purpose.is_empty() || purpose.chars().count() > PURPOSE_LIMIT {
        return Err(
            Stop::new(Exit::Usage, format!("the purpose must have 1 to {PURPOSE_LIMIT} characters")).into()
        );
    }
    Ok(purpose)
}

/// A ticket number within its limit.
///
/// # Errors
/// If it is too long.
pub fn ticket(given: Option<String>) -> anyhow::Result<Option<String>> {
    match given {
        Some(ticket) if ticket.chars().count() > TICKET_LIMIT => {
            Err(Stop::new(Exit::Usage, format!("the ticket must have at most {TICKET_LIMIT} characters"))
                .into())
        }
        other => Ok(other.filter(|ticket| !ticket.trim().is_empty())),
    }
}

/// A question answered with yes or no; Enter means no.
///
/// # Errors
/// If the question is broken off.
pub async fn yes(question: &'static str, help: &'static str) -> anyhow::Result<bool> {
    on_its_own_thread(move || {
        inquire::Confirm::new(question).with_default(false).with_help_message(help).prompt()
    })
    .await
}

/// One of a closed list.
///
/// # Errors
/// If the question is broken off.
pub async fn choose<T>(question: &'static str, choices: Vec<T>) -> anyhow::Result<T>
where
    T: fmt::Display + Send + 'static,
{
    if choices.is_empty() {
        bail!("there is nothing to choose from");
    }
    on_its_own_thread(move || inquire::Select::new(question, choices).prompt()).await
}

/// As [`choose`], for a question that is made up on the way.
///
/// # Errors
/// If the question is broken off.
pub async fn choose_owned<T>(question: String, choices: Vec<T>) -> anyhow::Result<T>
where
    T: fmt::Display + Send + 'static,
{
    on_its_own_thread(move || inquire::Select::new(&question, choices).prompt()).await
}

async fn on_its_own_thread<T: Send + 'static>(
    ask: impl FnOnce() -> inquire::error::InquireResult<T> + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(ask).await.context("the question could not be asked")??)
}
