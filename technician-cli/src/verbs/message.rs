//! `distans message PC TEXT`: a text on the PC's screen, perhaps with a question.

use std::io::{IsTerminal, Read};

use clap::Args;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::people::{Answered, LONGEST_WAIT_S, Message as Text, Reply, TEXT_LIMIT};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::client::Session;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::screen::Tone;

/// Arguments of `distans message`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans message PC-IDRE-003 \"I restart your printer now, it takes a minute\"\n  distans message PC-IDRE-003 \"Is the lamp green?\" --choice Yes --choice No --timeout 60\n  distans message PC-IDRE-003 --wait \"Please save your work\"\n  distans message PC-IDRE-003 - < text.txt\n\nThe choice is printed; exit code 0 means shown, read or chosen; 239 nobody is there,\n238 closed without an answer, 124 no answer in time."
)]
pub struct Message {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// What the person shall read, at most 1000 characters; - reads it from standard input
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// An answer to choose from; give it for each answer, 2 to 6 of them
    #[arg(short, long = "choice", value_name = "ANSWER")]
    pub choices: Vec<String>,
    /// Take the message away after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=i64::from(LONGEST_WAIT_S)))]
    pub timeout: u16,
    /// Without choices: wait until the person says that it is read
    #[arg(short, long, conflicts_with = "choices")]
    pub wait: bool,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Shows the message and tells what came of it; gives the exit code.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, message: Message) -> anyhow::Result<i32> {
    let text = if message.text == "-" { from_standard_input()? } else { message.text };
    let text = Text {
        text: text.trim_end().into(),
        choices: message.choices.iter().map(|choice| choice.trim().into()).collect(),
        timeout_s: message.timeout,
        confirm: message.wait,
    };
    if let Some(problem) = text.problem() {
        return Err(Stop::new(Exit::Usage, problem).into());
    }
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Message);
    let session = reach::session(app, &desk, &message.pc, scopes, message.session).await?;
    if text.asks() {
        app.screen.hint(say!(
            en: "the message is shown to {}; waiting for an answer, at most {} s",
            sv: "meddelandet visas på {}; väntar på svar, högst {} s",
            session.target().hostname, text.timeout_s
        ));
    }
    let cancel = CancellationToken::new();
    let doing = session.message(text.clone(), cancel.clone());
    tokio::pin!(doing);
    let (result, reply) = tokio::select! {
        done = &mut doing => done?,
        _ = tokio::signal::ctrl_c() => {
            // Taken away there, too.
            cancel.cancel();
            doing.await?
        }
    };
    match reply {
        Some(reply) => told(app, &session, &text, &reply),
        None => Err(undone(&result)),
    }
}

/// The text piped in.
fn from_standard_input() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let text = say!(
            en: "- reads the text from a pipe or file: distans message PC - < text.txt",
            sv: "- läser texten från ett rör eller en fil: distans message DATOR - < text.txt"
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let mut text = String::new();
    let limit = u64::try_from(TEXT_LIMIT * 4 + 4).unwrap_or(u64::MAX);
    stdin.lock().take(limit).read_to_string(&mut text)?;
    Ok(text)
}

fn told(app: &App, session: &Session, text: &Text, reply: &Reply) -> anyhow::Result<i32> {
    let chosen = reply.choice.and_then(|choice| text.choices.get(usize::from(choice)));
    let exit = match reply.answered {
        Answered::Shown | Answered::Read | Answered::Chosen => Exit::Ok,
        Answered::Closed => Exit::NoAnswer,
        Answered::TimedOut => Exit::TimedOut,
        Answered::Nobody => Exit::Nobody,
    };
    let screen = app.screen;
    if screen.json() {
        screen.object(&json!({
            "pc": session.target().id,
            "name": session.target().hostname,
            "session": session.id(),
            "answered": reply.answered,
            "choice": chosen,
            "index": reply.choice,
            "by": reply.who,
            "code": exit.code(),
        }))?;
        return Ok(exit.code().into());
    }
    let who = reply.who.as_ref().map(ToString::to_string).unwrap_or_default();
    match reply.answered {
        Answered::Chosen => {
            screen.line(chosen.map(ToString::to_string).unwrap_or_default())?;
            screen.hint(say!(en: "answered by {who}", sv: "svar från {who}"));
        }
        Answered::Shown => {
            screen.toned_hint(Tone::Good, say!(en: "shown on the screen", sv: "visas på skärmen"));
        }
        Answered::Read => screen.toned_hint(Tone::Good, say!(en: "read by {who}", sv: "läst av {who}")),
        Answered::Closed => screen.toned_hint(
            Tone::Careful,
            say!(en: "{who} closed it without an answer", sv: "{who} stängde det utan att svara"),
        ),
        Answered::TimedOut => screen.toned_hint(
            Tone::Careful,
            say!(en: "no answer in time; the message is gone", sv: "inget svar i tid; meddelandet är borta"),
        ),
        Answered::Nobody => screen.toned_hint(
            Tone::Bad,
            say!(
                en: "nobody is there: no one is signed in, or the helper does not run",
                sv: "ingen är där: ingen är inloggad, eller hjälparen kör inte"
            ),
        ),
    }
    Ok(exit.code().into())
}

/// Why an operation with the person came to nothing.
pub(super) fn undone(result: &OpResult) -> anyhow::Error {
    let detail = result.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let (exit, text) = match result.outcome {
        Outcome::Cancelled => (Exit::Cancelled, say!(en: "cancelled{detail}", sv: "avbrutet{detail}")),
        Outcome::SessionEnded => {
            (Exit::SessionOver, say!(en: "the session ended{detail}", sv: "sessionen avslutades{detail}"))
        }
        Outcome::NotStarted => (
            Exit::NotStarted,
            say!(en: "it could not be begun{detail}", sv: "det gick inte att börja{detail}"),
        ),
        Outcome::TimedOut => (Exit::TimedOut, say!(en: "time is up{detail}", sv: "tiden gick ut{detail}")),
        Outcome::Completed | Outcome::Unknown => (
            Exit::Unknown,
            say!(en: "the PC was interrupted; what was seen is unknown{detail}", sv: "datorn avbröts; vad som hann visas är okänt{detail}"),
        ),
    };
    Stop::new(exit, text).into()
}
