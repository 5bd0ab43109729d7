//! Questions to the technician, on the terminal only; a pipe is never asked.

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
pub fn purpose(screen: Screen, given: Option<String>, scopes: ScopeSet) -> anyhow::Result<String> {
    let purpose = match given {
        Some(purpose) => purpose,
        None if screen.may_ask() => inquire::Text::new("What for?")
            .with_help_message("the person at the PC sees this, and it stays in the record of the PC")
            .prompt()
            .context("no purpose was given")?,
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
pub fn yes(question: &str, help: &str) -> anyhow::Result<bool> {
    Ok(inquire::Confirm::new(question).with_default(false).with_help_message(help).prompt()?)
}

/// One of a closed list.
///
/// # Errors
/// If the question is broken off.
pub fn choose<T: fmt::Display>(question: &str, choices: Vec<T>) -> anyhow::Result<T> {
    if choices.is_empty() {
        bail!("there is nothing to choose from");
    }
    Ok(inquire::Select::new(question, choices).prompt()?)
}
