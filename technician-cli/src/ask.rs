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
use crate::lang::{self, Lang};
use crate::say;
use crate::screen::Screen;

/// The purpose of a session with these scopes: as given, else asked for.
///
/// # Errors
/// If none is given and nobody can be asked, or it is empty or too long.
pub async fn purpose(screen: Screen, given: Option<String>, scopes: ScopeSet) -> anyhow::Result<String> {
    let purpose = match given {
        Some(purpose) => purpose,
        None if screen.may_ask() => {
            let question = say!(en: "What for?", sv: "Varför?");
            let help = say!(
                en: "the person at the PC sees this, and it stays in the record of the PC",
                sv: "personen vid datorn ser det, och det står kvar i datorns journal"
            );
            on_its_own_thread(move || inquire::Text::new(&question).with_help_message(&help).prompt())
                .await
                .with_context(|| say!(en: "no purpose was given", sv: "inget syfte angavs"))?
        }
        None => {
            let text = say!(
                en: "a new session for {scopes} needs a purpose: --purpose \"…\"",
                sv: "en ny session för {scopes} behöver ett syfte: --purpose \"…\""
            );
            return Err(Stop::new(Exit::Usage, text).into());
        }
    };
    let purpose = purpose.trim().to_owned();
    if purpose.is_empty() || purpose.chars().count() > PURPOSE_LIMIT {
        let text = say!(
            en: "the purpose must have 1 to {PURPOSE_LIMIT} characters",
            sv: "syftet måste ha 1 till {PURPOSE_LIMIT} tecken"
        );
        return Err(Stop::new(Exit::Usage, text).into());
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
            let text = say!(
                en: "the ticket must have at most {TICKET_LIMIT} characters",
                sv: "ärendenumret får ha högst {TICKET_LIMIT} tecken"
            );
            Err(Stop::new(Exit::Usage, text).into())
        }
        other => Ok(other.filter(|ticket| !ticket.trim().is_empty())),
    }
}

/// A question answered with yes or no; Enter means no.
///
/// # Errors
/// If the question is broken off.
pub async fn yes(question: impl Into<String>, help: impl Into<String>) -> anyhow::Result<bool> {
    let (question, help) = (question.into(), help.into());
    let swedish = lang::current() == Lang::Swedish;
    on_its_own_thread(move || {
        let asking = inquire::Confirm::new(&question).with_default(false).with_help_message(&help);
        if swedish {
            let parser = |text: &str| match text.to_lowercase().as_str() {
                "j" | "ja" | "y" | "yes" => Ok(true),
                "n" | "nej" | "no" => Ok(false),
                _ => Err(()),
            };
            let shown = |yes: bool| if yes { "ja" } else { "nej" }.to_owned();
            return asking
                .with_parser(&parser)
                .with_formatter(&shown)
                .with_default_value_formatter(&|_| "j/N".to_owned())
                .with_error_message(lang::current().pick("answer y or n", "svara j eller n"))
                .prompt();
        }
        asking.prompt()
    })
    .await
}

/// One of a closed list.
///
/// # Errors
/// If the question is broken off.
pub async fn choose<T>(question: impl Into<String>, choices: Vec<T>) -> anyhow::Result<T>
where
    T: fmt::Display + Send + 'static,
{
    if choices.is_empty() {
        bail!(say!(en: "there is nothing to choose from", sv: "det finns inget att välja bland"));
    }
    let question = question.into();
    on_its_own_thread(move || {
        let asking = inquire::Select::new(&question, choices);
        match lang::current() {
            Lang::English => asking.prompt(),
            Lang::Swedish => {
                asking.with_help_message("↑↓ flyttar, Enter väljer, skriv för att söka").prompt()
            }
        }
    })
    .await
}

async fn on_its_own_thread<T: Send + 'static>(
    ask: impl FnOnce() -> inquire::error::InquireResult<T> + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(ask)
        .await
        .with_context(|| say!(en: "the question could not be asked", sv: "frågan kunde inte ställas"))??)
}
