//! From any error to an exit code and a text.

use std::io;

use crate::client::Error;
use crate::exit::Exit;
use crate::home::HomeError;
use crate::screen::{Failure, Screen};

/// A failure of a verb's own, with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Stop {
    exit: Exit,
    text: String,
}

impl Stop {
    /// Ends the program with `exit` and says `text`.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }
}

/// The exit code of an error: that of the outermost cause that knows one.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(stop) = cause.downcast_ref::<Stop>() {
            return stop.exit;
        }
        if let Some(error) = cause.downcast_ref::<Error>() {
            return error.exit();
        }
        if let Some(error) = cause.downcast_ref::<HomeError>() {
            return error.exit();
        }
        if let Some(error) = cause.downcast_ref::<inquire::InquireError>()
            && matches!(
                error,
                inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted
            )
        {
            return Exit::Cancelled;
        }
    }
    Exit::Failed
}

/// True if our own standard output went away (`distans pcs | head`): nothing to complain about.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match (cause.downcast_ref::<io::Error>(), cause.downcast_ref::<Error>()) {
        (Some(error), _) | (_, Some(Error::Local { error, .. })) => error.kind() == io::ErrorKind::BrokenPipe,
        _ => false,
    })
}

/// Shows the failure that ends the program and gives its exit code.
pub fn report(screen: Screen, error: &anyhow::Error) -> Exit {
    if is_broken_pipe(error) {
        return Exit::Ok;
    }
    let exit = exit_of(error);
    let text = text_of(error);
    let details = error.chain().find_map(|cause| cause.downcast_ref::<Error>()).map(Error::details);
    screen.failure(&Failure {
        code: exit.name(),
        exit: exit.code(),
        text,
        details: details.unwrap_or_default(),
    });
    exit
}

/// What an error says, with its causes.
pub fn text_of(error: &anyhow::Error) -> String {
    // Causes below the first are appended once; texts say their cause only where it is not below.
    let mut text = String::new();
    for cause in error.chain().map(say_cause) {
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}

/// One cause in the language of this program, where it knows that.
fn say_cause(cause: &(dyn std::error::Error + 'static)) -> String {
    if let Some(error) = cause.downcast_ref::<Error>() {
        return error.say();
    }
    cause.downcast_ref::<HomeError>().map_or_else(|| cause.to_string(), HomeError::say)
}
