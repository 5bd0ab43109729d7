//! Tells on the terminal what a call is waiting for: a person's answer, or the line.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::client::{Listener, Notice};
use crate::say;
use crate::screen::Screen;

/// A listener that shows notices on standard error.
pub fn listener(screen: Screen) -> Option<Listener> {
    if screen.json() {
        return None;
    }
    let countdown: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);
    Some(Arc::new(move |notice| match notice {
        Notice::Asking(span) => {
            let text = say!(
                en: "the person at the PC is being asked; no answer within {} s means no",
                sv: "personen vid datorn tillfrågas; inget svar inom {} s betyder nej",
                span.as_secs()
            );
            if io::stderr().is_terminal() {
                let task = tokio::spawn(count_down(text, span));
                *countdown.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
            } else {
                screen.hint(text);
            }
        }
        Notice::Answered => {
            if let Some(task) = countdown.lock().unwrap_or_else(PoisonError::into_inner).take() {
                task.abort();
                draw("");
            }
        }
        Notice::LineLost(cause) => {
            screen.warn(say!(
                en: "the line is lost ({cause}); trying to come back, the PC keeps the session for 5 minutes",
                sv: "förbindelsen bröts ({cause}); försöker komma tillbaka, datorn håller sessionen i 5 minuter"
            ));
        }
        Notice::NotKept(cause) => {
            screen.warn(say!(
                en: "your list of open sessions could not be written: {cause}",
                sv: "listan över dina öppna sessioner kunde inte skrivas: {cause}"
            ));
        }
        Notice::LineBack => screen.hint(say!(en: "the line is back", sv: "förbindelsen är tillbaka")),
    }))
}

/// Redraws one line every second.
async fn count_down(text: String, span: Duration) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut left = span.as_secs();
    loop {
        second.tick().await;
        draw(&say!(en: "{text} ({left} s left)", sv: "{text} ({left} s kvar)"));
        left = left.saturating_sub(1);
    }
}

fn draw(line: &str) {
    let mut out = io::stderr().lock();
    // Nobody is left to be told when standard error is gone.
    let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
}
