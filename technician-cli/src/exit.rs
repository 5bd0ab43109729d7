//! Exit codes: what `distans` says to the script that called it.
//!
//! `distans run` passes the remote command's exit code on. Our own failures therefore use
//! numbers that commands seldom use: the customary 124, 125, 126 and 130, and 238 to 249.

use std::process::ExitCode;

use crate::lang::Lang;

/// Every exit code of our own. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// The remote command's `--timeout` was reached (as `timeout` says it).
    TimedOut = 124,
    /// Something else failed; the text says what.
    Failed = 125,
    /// The remote command could not be started.
    NotStarted = 126,
    /// Cancelled with Ctrl-C.
    Cancelled = 130,
    /// The person at the PC closed the message without an answer.
    NoAnswer = 238,
    /// Nobody is at the PC to read it.
    Nobody = 239,
    /// The command line is wrong.
    Usage = 240,
    /// Not logged in, or the certificate has expired: `distans login`.
    Login = 241,
    /// The broker cannot be reached, or the line was lost for too long.
    Broker = 242,
    /// The PC is offline.
    Offline = 243,
    /// No PC, session or entry of that name, or several.
    NotFound = 244,
    /// The person at the PC, the policy or the role said no.
    Denied = 245,
    /// The broker said no.
    Refused = 246,
    /// A signature, identity or document does not hold. Tell your administrator.
    Untrusted = 247,
    /// The session ended under the command.
    SessionOver = 248,
    /// It is unknown whether the command ran to its end.
    Unknown = 249,
}

impl Exit {
    /// Every code with its name in JSON and its meaning, for `--help`.
    pub const ALL: [(Self, &'static str, &'static str); 17] = [
        (Self::Ok, "ok", "done"),
        (Self::TimedOut, "timed_out", "the --timeout was reached"),
        (Self::Failed, "failed", "something else failed; the text says what"),
        (Self::NotStarted, "not_started", "run: the command could not be started on the PC"),
        (Self::Cancelled, "cancelled", "cancelled with Ctrl-C"),
        (Self::NoAnswer, "no_answer", "message: the person closed it without an answer"),
        (Self::Nobody, "nobody", "message, chat: nobody is at the PC to read it"),
        (Self::Usage, "usage", "the command line is wrong"),
        (Self::Login, "login", "not logged in, or the certificate has expired: distans login"),
        (Self::Broker, "broker", "the broker cannot be reached, or the line was lost for too long"),
        (Self::Offline, "offline", "the PC is offline"),
        (Self::NotFound, "not_found", "nothing has that name, or several have it"),
        (Self::Denied, "denied", "the person at the PC, the policy or your role said no"),
        (Self::Refused, "refused", "the broker said no"),
        (Self::Untrusted, "untrusted", "a signature or identity does not hold: tell your administrator"),
        (Self::SessionOver, "session_over", "the session ended before the command did"),
        (Self::Unknown, "unknown", "it is unknown whether the command ran to its end"),
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(exit, ..)| *exit == self).map_or("failed", |(_, name, _)| name)
    }

    /// The meaning in Swedish.
    const fn swedish(self) -> &'static str {
        match self {
            Self::Ok => "klart",
            Self::NoAnswer => "message: personen stängde meddelandet utan att svara",
            Self::Nobody => "message, chat: ingen är vid datorn och kan läsa",
            Self::TimedOut => "tiden enligt --timeout gick ut",
            Self::Failed => "något annat gick fel; texten säger vad",
            Self::NotStarted => "run: kommandot kunde inte startas på datorn",
            Self::Cancelled => "avbrutet med Ctrl-C",
            Self::Usage => "kommandoraden är fel",
            Self::Login => "inte inloggad, eller certifikatet har gått ut: distans login",
            Self::Broker => "förmedlaren nås inte, eller förbindelsen var bruten för länge",
            Self::Offline => "datorn är inte uppkopplad",
            Self::NotFound => "inget heter så, eller flera heter så",
            Self::Denied => "personen vid datorn, policyn eller din roll sade nej",
            Self::Refused => "förmedlaren sade nej",
            Self::Untrusted => "en signatur eller identitet håller inte: säg till din administratör",
            Self::SessionOver => "sessionen tog slut före kommandot",
            Self::Unknown => "det är okänt om kommandot hann bli klart",
        }
    }

    /// The list in a language.
    pub fn help_in(lang: Lang) -> String {
        let mut text = lang
            .pick(
                "Exit codes (run passes the remote command's own code on):\n",
                "Slutkoder (run för kommandots egen kod vidare):\n",
            )
            .to_owned();
        for (exit, name, meaning) in Self::ALL {
            let meaning = lang.pick(meaning, exit.swedish());
            text.push_str(&format!("  {:>3}  {name:<13} {meaning}\n", exit.code()));
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a remote exit code becomes here. Where only eight bits get through (everywhere but on
/// Windows), a failure stays a failure: 3010 or -1 never turns into 0.
pub fn remote(code: i32) -> i32 {
    if std::env::consts::FAMILY == "windows" {
        return code;
    }
    match code & 0xFF {
        0 if code != 0 => 1,
        low => low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_used_once() {
        for (index, (exit, name, _)) in Exit::ALL.into_iter().enumerate() {
            let clash = Exit::ALL[..index]
                .iter()
                .find(|(other, known, _)| other.code() == exit.code() || *known == name);
            assert!(clash.is_none(), "{exit:?} repeats {clash:?}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn a_remote_failure_never_becomes_success() {
        assert_eq!((remote(0), remote(7), remote(256), remote(-1), remote(3010)), (0, 7, 1, 255, 194));
        assert!((-70_000..70_000).all(|code| (remote(code) == 0) == (code == 0)));
    }
}
