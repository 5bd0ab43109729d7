//! Live figures of one PC for its page: a session with the scope diagnose, and `top` over it.

use std::sync::Arc;

use distans_proto::ids::DeviceId;
use distans_proto::inner::{Op, Outcome};
use distans_proto::ops::look::{Snapshot, SortBy, Top};
use distans_proto::scope::{Scope, ScopeSet};
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::state::Event;
use crate::client::{Desk, Error, Listener, NewSession, Notice, Session};
use crate::format;
use crate::home::Home;
use crate::live::USUAL_INTERVAL;
use crate::say;
use crate::verbs::reach::DEFAULT_MINUTES;

/// Whose figures, and why.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) id: DeviceId,
    /// What to call the PC.
    pub(super) name: String,
    /// For a new session; without one only an open one is used.
    pub(super) purpose: Option<String>,
}

/// Tells figures until `cancel`, or until the PC or the line has enough.
pub(super) async fn tell(home: Home, wanted: Wanted, events: Sender<Event>, cancel: CancellationToken) {
    let why = tokio::select! {
        outcome = stream(&home, &wanted, &events, &cancel) => match outcome {
            Ok(why) => why,
            Err(error) => error.say(),
        },
        // While a person is asked nothing else listens to the wish to leave.
        () = cancel.cancelled() => String::new(),
    };
    // Nobody listens once the view has been left.
    let _ = events.send(Event::GraphsEnd(wanted.id, why)).await;
}

async fn stream(
    home: &Home,
    wanted: &Wanted,
    events: &Sender<Event>,
    cancel: &CancellationToken,
) -> Result<String, Error> {
    let desk = Desk::connect_with(home, Some(listener(wanted.id, events.clone()))).await?;
    let session = session(home, &desk, wanted).await?;
    let top = Top { interval_ms: USUAL_INTERVAL, sort: SortBy::Cpu, rows: 0, filter: None };
    let told = |snapshot: Snapshot| {
        // A full queue means that the view is busy: the next figures are as good.
        let _ = events.try_send(Event::Load(wanted.id, Box::new(snapshot.load)));
    };
    let result = session.items(Op::Top(top), cancel.clone(), told).await?;
    desk.close().await;
    Ok(match (result.outcome, result.text) {
        (Outcome::Completed | Outcome::Cancelled, _) => String::new(),
        (_, Some(text)) => text.to_string(),
        (outcome, None) => {
            say!(en: "the PC ended them: {outcome:?}", sv: "datorn avslutade dem: {outcome:?}")
        }
    })
}

/// The open session with that PC, or a new one.
async fn session(home: &Home, desk: &Desk, wanted: &Wanted) -> Result<Session, Error> {
    let needed = ScopeSet::EMPTY.with(Scope::Diagnose);
    let certificate = desk.account().certificate_sha256().to_string();
    let kept = home.open_sessions(format::now())?.into_iter().find(|session| {
        session.device == wanted.id && session.certificate == certificate && needed.is_subset(session.scopes)
    });
    match (kept, &wanted.purpose) {
        (Some(kept), None) => Session::resume(desk, &kept).await,
        (_, purpose) => {
            let target = desk.find(&wanted.name).await?;
            let new = NewSession {
                scopes: needed,
                purpose: purpose.clone().unwrap_or_default(),
                ticket: None,
                minutes: DEFAULT_MINUTES,
                unattended: false,
            };
            Session::open(desk, &target, &new).await
        }
    }
}

/// Puts notices into words for the page.
fn listener(id: DeviceId, events: Sender<Event>) -> Listener {
    Arc::new(move |notice| {
        let text = match notice {
            Notice::Asking(span) => {
                let seconds = span.as_secs();
                say!(
                    en: "the person at the PC is being asked; no answer within {seconds} s means no",
                    sv: "personen vid datorn tillfrågas; inget svar inom {seconds} s betyder nej"
                )
            }
            Notice::LineLost(cause) => {
                say!(en: "the line is lost ({cause}); trying to come back", sv: "linjen bröts ({cause}); försöker komma tillbaka")
            }
            Notice::Answered | Notice::LineBack => String::new(),
            Notice::NotKept(cause) => cause,
        };
        // The next notice or figure says more than this one would have.
        let _ = events.try_send(Event::GraphsSay(id, text));
    })
}
