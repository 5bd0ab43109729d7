//! What happens to the PC in a moment: counted down, and cancelled by a key.

use std::time::{Duration, Instant};

use distans_proto::local::{FromHelper, Nonce, Warn};
use distans_proto::ops::power::PowerAction;

use crate::desk::{Now, Output};
use crate::view;
use crate::words::Language;

/// Warnings at once; the agent gives one.
const LIMIT: usize = 4;

/// Keys that cancel: *vänta*, *wait*.
const KEYS: [&str; 4] = ["v", "vänta", "w", "wait"];

struct Running {
    warn: Warn,
    deadline: Instant,
}

/// The warnings that run, in the order they came.
pub(crate) struct Warnings {
    words: Language,
    running: Vec<Running>,
}

impl Warnings {
    pub(crate) const fn new(words: Language) -> Self {
        Self { words, running: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The connection is gone, and with it what was warned of.
    pub(crate) fn clear(&mut self) {
        self.running.clear();
    }

    /// A warning begins.
    pub(crate) fn begin(&mut self, now: Now, warn: Warn) -> Vec<Output> {
        if self.running.len() >= LIMIT {
            return vec![Output::Send(FromHelper::CancelWarning(warn.nonce))];
        }
        let text = view::warning(self.words, &warn);
        let deadline = now.instant + Duration::from_secs(u64::from(warn.seconds));
        self.running.push(Running { warn, deadline });
        vec![Output::Call(text)]
    }

    /// A warning is taken back; `None` if there is none with this nonce.
    pub(crate) fn withdraw(&mut self, nonce: Nonce) -> Option<Output> {
        let index = self.running.iter().position(|running| running.warn.nonce == nonce)?;
        let action = self.running.remove(index).warn.action;
        Some(Output::Show(self.words.called_off(action).to_owned()))
    }

    /// The person typed a line; `None` if it is not for a warning.
    pub(crate) fn line(&mut self, line: &str) -> Option<Vec<Output>> {
        if self.running.is_empty() || !KEYS.contains(&line) {
            return None;
        }
        let cancelled = self.running.drain(..);
        Some(
            cancelled
                .flat_map(|running| {
                    let text = self.words.cancelled(running.warn.action);
                    let message = FromHelper::CancelWarning(running.warn.nonce);
                    [Output::Show(text.to_owned()), Output::Send(message)]
                })
                .collect(),
        )
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Output> {
        let (passed, running) = std::mem::take(&mut self.running)
            .into_iter()
            .partition::<Vec<_>, _>(|running| running.deadline <= now.instant);
        self.running = running;
        passed
            .iter()
            .map(|passed| Output::Call(self.words.happens_now(passed.warn.action).to_owned()))
            .collect()
    }

    /// The line that counts.
    pub(crate) fn counting(&self, now: Now) -> Option<(u64, String)> {
        let running = self.running.first()?;
        let left = running.deadline.saturating_duration_since(now.instant);
        let seconds = left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
        Some((seconds, self.words.happens_in(running.warn.action, seconds)))
    }
}

impl Language {
    /// The heading of a warning.
    pub(crate) fn warned(self, action: PowerAction, seconds: u16) -> String {
        match self {
            Self::Swedish => {
                let what = match action {
                    PowerAction::Restart => "startas datorn om",
                    PowerAction::ShutDown => "stängs datorn av",
                    PowerAction::SignOut => "loggas du ut",
                    PowerAction::Lock => "låses skärmen",
                };
                format!("OBS! Om {seconds} sekunder {what}.")
            }
            Self::English => {
                let what = match action {
                    PowerAction::Restart => "the PC restarts",
                    PowerAction::ShutDown => "the PC shuts down",
                    PowerAction::SignOut => "you are signed out",
                    PowerAction::Lock => "the screen is locked",
                };
                format!("PLEASE NOTE: in {seconds} seconds {what}.")
            }
        }
    }

    /// The line that counts.
    pub(crate) fn happens_in(self, action: PowerAction, seconds: u64) -> String {
        let what = match action {
            PowerAction::Restart => self.pick("Omstart om", "Restart in"),
            PowerAction::ShutDown => self.pick("Avstängning om", "Shutdown in"),
            PowerAction::SignOut => self.pick("Utloggning om", "Sign-out in"),
            PowerAction::Lock => self.pick("Skärmen låses om", "Screen lock in"),
        };
        format!("{what} {seconds} s")
    }

    pub(crate) const fn happens_now(self, action: PowerAction) -> &'static str {
        match action {
            PowerAction::Restart => self.pick("Datorn startas om nu.", "The PC restarts now."),
            PowerAction::ShutDown => self.pick("Datorn stängs av nu.", "The PC shuts down now."),
            PowerAction::SignOut => self.pick("Du loggas ut nu.", "You are signed out now."),
            PowerAction::Lock => self.pick("Skärmen låses nu.", "The screen is locked now."),
        }
    }

    pub(crate) const fn save(self, action: PowerAction) -> &'static str {
        match action {
            PowerAction::Lock => self.pick("Inget stängs.", "Nothing is closed."),
            _ => self.pick(
                "Spara det du håller på med. Det som inte är sparat går förlorat.",
                "Save what you are working on. What is not saved is lost.",
            ),
        }
    }

    pub(crate) const fn how_to_cancel(self) -> &'static str {
        self.pick(
            "Passar det inte? Skriv v och tryck Enter, så blir det inte av.",
            "Not now? Type w and press Enter, and it does not happen.",
        )
    }

    pub(crate) const fn warning_prompt(self) -> &'static str {
        self.pick("v och Enter = vänta, inte nu: ", "w and Enter = wait, not now: ")
    }

    pub(crate) const fn says(self) -> &'static str {
        self.pick("Hälsar", "Says")
    }

    /// The person cancelled it.
    pub(crate) const fn cancelled(self, action: PowerAction) -> &'static str {
        match action {
            PowerAction::Restart => self.pick(
                "Du avbröt: datorn startas inte om. Teknikern får veta det.",
                "You cancelled: the PC does not restart. The technician is told.",
            ),
            PowerAction::ShutDown => self.pick(
                "Du avbröt: datorn stängs inte av. Teknikern får veta det.",
                "You cancelled: the PC does not shut down. The technician is told.",
            ),
            PowerAction::SignOut => self.pick(
                "Du avbröt: du loggas inte ut. Teknikern får veta det.",
                "You cancelled: you are not signed out. The technician is told.",
            ),
            PowerAction::Lock => self.pick(
                "Du avbröt: skärmen låses inte. Teknikern får veta det.",
                "You cancelled: the screen is not locked. The technician is told.",
            ),
        }
    }

    /// Somebody else called it off.
    pub(crate) const fn called_off(self, action: PowerAction) -> &'static str {
        match action {
            PowerAction::Restart => self.pick("Omstarten är avblåst.", "The restart has been called off."),
            PowerAction::ShutDown => {
                self.pick("Avstängningen är avblåst.", "The shutdown has been called off.")
            }
            PowerAction::SignOut => {
                self.pick("Utloggningen är avblåst.", "The sign-out has been called off.")
            }
            PowerAction::Lock => self.pick("Låsningen är avblåst.", "The lock has been called off."),
        }
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::ids::SessionId;
    use distans_proto::time::Timestamp;

    use super::*;

    fn now() -> Now {
        Now { instant: Instant::now(), wall: Timestamp::from_secs(1_780_000_000) }
    }

    fn warn(number: u8, seconds: u16) -> Warn {
        Warn {
            nonce: Nonce { bytes: [number; 16] },
            session: SessionId::from_bytes([1; 16]),
            technician_name: "Anna Berg".into(),
            action: PowerAction::Restart,
            seconds,
            text: Some("Efter uppdateringen\nDitt svar (j eller n)\u{1b}[2J".into()),
        }
    }

    #[test]
    fn a_warning_counts_down_and_is_cancelled_by_a_key() {
        let mut warnings = Warnings::new(Language::Swedish);
        let shown = warnings.begin(now(), warn(1, 60));
        let [Output::Call(text)] = shown.as_slice() else { panic!("{shown:?}") };
        for part in
            ["Om 60 sekunder startas datorn om", "Anna Berg", "│ Efter uppdateringen", "Spara", "Skriv v"]
        {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
        assert_eq!(warnings.line("hej"), None);
        let outputs = warnings.line("v").expect("cancelled");
        assert_eq!(outputs[1], Output::Send(FromHelper::CancelWarning(Nonce { bytes: [1; 16] })));
        assert!(warnings.is_empty() && warnings.line("v").is_none());
    }

    #[test]
    fn one_that_is_taken_back_or_passes_says_so_once() {
        let mut warnings = Warnings::new(Language::Swedish);
        let start = now();
        warnings.begin(start, warn(1, 60));
        warnings.begin(start, warn(2, 10));
        let later = Now { instant: start.instant + Duration::from_secs(10), ..start };
        assert_eq!(warnings.tick(later), [Output::Call("Datorn startas om nu.".to_owned())]);
        assert_eq!(warnings.counting(later), Some((50, "Omstart om 50 s".to_owned())));
        assert!(warnings.withdraw(Nonce { bytes: [2; 16] }).is_none());
        assert!(warnings.withdraw(Nonce { bytes: [1; 16] }).is_some());
        assert!(warnings.is_empty());
    }
}
