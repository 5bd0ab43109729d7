//! What the technician sees of an order: a line that counts, sentences, or JSON.
//!
//! JSON: one object an event, `event` being `warning`, `called_off`, `going_down`, `away`,
//! `back`, `result`.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use distans_proto::ids::DeviceId;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::power::{CalledOff, Countdown, PowerAction, PowerNews};
use distans_proto::text::Untrusted;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::App;
use crate::client::Session;
use crate::client::power::Down;
use crate::exit::Exit;
use crate::format;
use crate::say;
use crate::screen::{Failure, Tone};

/// Shows one order.
pub(super) struct Show<'a> {
    app: &'a App,
    id: DeviceId,
    name: Untrusted,
    action: PowerAction,
    by: Cell<Option<CalledOff>>,
    counting: RefCell<Option<JoinHandle<()>>>,
}

impl<'a> Show<'a> {
    pub(super) fn new(app: &'a App, session: &Session, action: PowerAction) -> Self {
        let target = session.target();
        Self {
            app,
            id: target.id,
            name: target.hostname.clone(),
            action,
            by: Cell::new(None),
            counting: RefCell::new(None),
        }
    }

    pub(super) fn was_cancelled_at_the_pc(&self) -> bool {
        self.by.get() == Some(CalledOff::Person)
    }

    /// How it comes along.
    pub(super) fn news(&mut self, news: &PowerNews) {
        self.still();
        match news {
            PowerNews::Warning(countdown) => self.warning(countdown),
            PowerNews::CalledOff(by) => {
                self.by.set(Some(*by));
                let by = match by {
                    CalledOff::Person => "person",
                    CalledOff::Technician => "technician",
                };
                self.event("called_off", json!({ "by": by }));
            }
            PowerNews::GoingDown(news) => {
                let until = news.until.and_then(format::utc);
                self.event("going_down", json!({ "run": news.boot, "resume_until": until }));
                let name = &self.name;
                self.hint(&match self.action {
                    PowerAction::ShutDown => say!(en: "{name} shuts down", sv: "{name} stängs av"),
                    _ => say!(en: "{name} restarts", sv: "{name} startas om"),
                });
            }
        }
    }

    fn warning(&self, countdown: &Countdown) {
        let Countdown { seconds, seen, user } = countdown;
        self.event("warning", json!({ "seconds": seconds, "seen": seen, "user": user }));
        if self.app.screen.json() {
            return;
        }
        let who = match (user, seen) {
            (Some(user), true) => say!(
                en: "{user} sees the warning and can cancel",
                sv: "{user} ser varningen och kan avbryta"
            ),
            (Some(user), false) => say!(
                en: "{user} is signed in, but sees no warning",
                sv: "{user} är inloggad men ser ingen varning"
            ),
            (None, true) => say!(
                en: "the person at the PC sees the warning and can cancel",
                sv: "personen vid datorn ser varningen och kan avbryta"
            ),
            (None, false) => say!(en: "nobody is at the PC", sv: "ingen sitter vid datorn"),
        };
        self.hint(&say!(en: "{who}; Ctrl-C calls it off", sv: "{who}; Ctrl-C blåser av det"));
        // Short, so that the line that counts does not wrap.
        let text = format!("{} {}", self.name, self.what());
        self.count(text, Duration::from_secs(u64::from(*seconds)), true);
    }

    /// What happens, as the end of a sentence about the PC.
    fn what(&self) -> String {
        match self.action {
            PowerAction::Restart => say!(en: "is about to restart", sv: "startas strax om"),
            PowerAction::ShutDown => say!(en: "is about to shut down", sv: "stängs strax av"),
            PowerAction::SignOut => {
                say!(en: "is about to sign its user out", sv: "loggar strax ut sin användare")
            }
            PowerAction::Lock => say!(en: "is about to lock its screen", sv: "låser strax skärmen"),
        }
    }

    /// Nobody waits for the rest.
    pub(super) fn left(&self, order: &Down) -> anyhow::Result<()> {
        let name = &self.name;
        let text = match (self.action, order.news.until) {
            (PowerAction::ShutDown, _) => say!(
                en: "{name} has been told to shut down; the session ends with it",
                sv: "{name} har fått order att stängas av; sessionen slutar med det"
            ),
            (_, Some(until)) => say!(
                en: "{name} has been told to restart; the session can be used again until {}",
                sv: "{name} har fått order att starta om; sessionen går att använda igen till {}",
                format::local(until)
            ),
            (_, None) => say!(
                en: "{name} has been told to restart; the session ends with it (the policy wants you to ask again)",
                sv: "{name} har fått order att starta om; sessionen slutar med det (enligt policyn får du fråga på nytt)"
            ),
        };
        self.say(&text)
    }

    /// Begins to wait.
    pub(super) fn wait(&self, is_restart: bool, longest: Duration) {
        if self.app.screen.json() {
            return;
        }
        let name = &self.name;
        let text = if is_restart {
            say!(en: "waiting for {name} to come back", sv: "väntar på att {name} ska komma tillbaka")
        } else {
            say!(en: "waiting for {name} to be gone", sv: "väntar på att {name} ska försvinna")
        };
        self.count(text, longest, false);
    }

    pub(super) fn away(&self, after: Duration) {
        self.event("away", json!({ "after_s": after.as_secs() }));
    }

    pub(super) fn back(&self, after: Duration, away: Option<Duration>) {
        let away_s = away.map(|away| away.as_secs());
        self.event("back", json!({ "after_s": after.as_secs(), "away_s": away_s }));
        let (name, after) = (&self.name, format::span(after));
        self.hint(&say!(en: "{name} is back after {after}", sv: "{name} är tillbaka efter {after}"));
    }

    /// A PC that was to go and is gone.
    pub(super) fn gone(&self, after: Duration) -> anyhow::Result<()> {
        let (name, after) = (&self.name, format::span(after));
        self.say(&say!(en: "{name} is gone after {after}", sv: "{name} är borta efter {after}"))
    }

    /// The end of it. `resumed` = in the session, after the restart.
    pub(super) fn result(&self, result: &OpResult, exit: Exit, resumed: bool) -> anyhow::Result<()> {
        if self.app.screen.json() {
            let details = json!({
                "outcome": result.outcome,
                "text": result.text,
                "resumed": resumed,
                "code": exit.code(),
            });
            return Ok(self.app.screen.object(&self.object("result", details))?);
        }
        let name = &self.name;
        if result.outcome == Outcome::Completed {
            let text = match self.action {
                PowerAction::Restart if resumed => say!(
                    en: "{name} has restarted (its system has started anew); the session goes on",
                    sv: "{name} har startat om (dess system har startat på nytt); sessionen fortsätter"
                ),
                PowerAction::Restart => say!(
                    en: "{name} has restarted, its signed receipt says so; the session ended with it, the next verb opens a new one",
                    sv: "{name} har startat om, det står i dess signerade kvitto; sessionen slutade med det, nästa verb öppnar en ny"
                ),
                PowerAction::ShutDown => say!(en: "{name} has shut down", sv: "{name} har stängts av"),
                PowerAction::SignOut => say!(
                    en: "the user of {name} has been signed out",
                    sv: "användaren på {name} är utloggad"
                ),
                PowerAction::Lock => {
                    say!(en: "the screen of {name} is locked", sv: "skärmen på {name} är låst")
                }
            };
            return self.say(&self.app.screen.paint(Tone::Good, &text));
        }
        let detail = result.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let text = match (result.outcome, self.by.get()) {
            (_, Some(CalledOff::Person)) => say!(
                en: "the person at {name} cancelled it; talk to them and try again",
                sv: "personen vid {name} avbröt; prata med personen och försök igen"
            ),
            (Outcome::Cancelled, _) => say!(
                en: "called off; nothing happens to {name}",
                sv: "avblåst; inget händer med {name}"
            ),
            (Outcome::SessionEnded, _) => say!(
                en: "the session ended, and with it this{detail}",
                sv: "sessionen tog slut och det här med den{detail}"
            ),
            (Outcome::Unknown, _) => say!(
                en: "whether {name} did it is unknown{detail}",
                sv: "om {name} gjorde det är okänt{detail}"
            ),
            _ => say!(en: "{name} could not do it{detail}", sv: "{name} kunde inte göra det{detail}"),
        };
        let failure = Failure { code: exit.name(), exit: exit.code(), text, details: Value::default() };
        self.app.screen.failure(&failure);
        Ok(())
    }

    fn say(&self, text: &str) -> anyhow::Result<()> {
        if self.app.screen.json() {
            return Ok(()); // said by an event
        }
        Ok(self.app.screen.line(text)?)
    }

    fn hint(&self, text: &str) {
        if !self.app.screen.json() {
            self.app.screen.hint(text);
        }
    }

    fn event(&self, event: &str, details: Value) {
        if self.app.screen.json() {
            // A reader that is gone is noticed at the result.
            let _ = self.app.screen.object(&self.object(event, details));
        }
    }

    fn object(&self, event: &str, details: Value) -> Value {
        let mut object = json!({
            "event": event,
            "pc": self.id,
            "name": self.name,
            "action": self.action.name(),
        });
        if let (Some(object), Value::Object(details)) = (object.as_object_mut(), details) {
            object.extend(details);
        }
        object
    }

    /// A line that counts down, or up, until [`Self::still`].
    fn count(&self, text: String, span: Duration, down: bool) {
        self.still();
        if !io::stderr().is_terminal() {
            return self.hint(&match down {
                true => format!("{text}, {} s", span.as_secs()),
                false => text,
            });
        }
        *self.counting.borrow_mut() = Some(tokio::spawn(count(text, span, down)));
    }

    /// Takes the counting line away.
    pub(super) fn still(&self) {
        if let Some(task) = self.counting.borrow_mut().take() {
            task.abort();
            draw("");
        }
    }
}

impl Drop for Show<'_> {
    fn drop(&mut self) {
        self.still();
    }
}

async fn count(text: String, span: Duration, down: bool) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for passed in 0u64.. {
        second.tick().await;
        let shown = if down { span.as_secs().saturating_sub(passed) } else { passed };
        draw(&format!("{text}: {shown} s"));
    }
}

fn draw(line: &str) {
    let mut out = io::stderr().lock();
    // Nobody is left to be told when standard error is gone.
    let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
}
