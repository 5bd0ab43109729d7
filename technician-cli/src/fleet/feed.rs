//! The line to the broker: watches the PCs, comes back by itself, fetches what a page shows.

use std::time::Duration;

use distans_proto::desk::SessionFilter;
use distans_proto::ids::DeviceId;
use distans_proto::scope::Scope;
use distans_proto::text::clean_line;
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use super::page::{Details, Open, Visit};
use super::state::Event;
use crate::client::watch::News;
use crate::client::{Desk, Error};
use crate::format;
use crate::home::Home;

/// First and longest pause between tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Sessions shown on a page.
const SESSIONS: u32 = 8;

/// Tells the PCs and their changes, for ever; a lost line is told and tried again. Each try reads
/// the login anew, so that a new one counts at once.
pub(super) async fn watch(home: Home, events: Sender<Event>) {
    let mut pause = PAUSE.0;
    loop {
        let Err(error) = connected(&home, &events, &mut pause).await else { return };
        if events.send(Event::Lost(error.say())).await.is_err() {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// One connection; ends well only when nobody listens any more.
async fn connected(home: &Home, events: &Sender<Event>, pause: &mut Duration) -> Result<(), Error> {
    let desk = Desk::connect(home).await?;
    let mut watching = desk.watch().await?;
    loop {
        let event = match watching.next().await? {
            News::Pc(device) => Event::Pc(device),
            News::Current => Event::Current,
            News::Again => Event::Again,
        };
        *pause = PAUSE.0;
        if events.send(event).await.is_err() {
            desk.close().await;
            return Ok(());
        }
    }
}

/// What broker and this computer know about the PC `id`, asked for as `name`.
pub(super) async fn details(home: &Home, id: DeviceId, name: &str) -> Result<Box<Details>, String> {
    fetch(home, id, name).await.map(Box::new).map_err(|error| error.say())
}

async fn fetch(home: &Home, id: DeviceId, name: &str) -> Result<Details, Error> {
    let desk = Desk::connect(home).await?;
    let wanted = SessionFilter { device: Some(id), open: false, limit: SESSIONS };
    let (found, sessions) = tokio::join!(desk.look_up(name), desk.sessions(wanted));
    let (device, identity) = found?;
    let sessions = sessions?.into_iter().take(usize::try_from(SESSIONS).unwrap_or(usize::MAX));
    let sessions = sessions.map(|session| Visit {
        technician: clean_line(session.technician.as_str(), 40),
        opened: session.opened,
        ended: session.ended,
        bytes: session.bytes_to_agent.saturating_add(session.bytes_to_technician),
    });
    let certificate = desk.account().certificate_sha256().to_string();
    let mut kept = home.open_sessions(format::now())?;
    kept.retain(|session| session.device == device.id && session.certificate == certificate);
    let open = kept.first().map(|session| Open {
        id: session.id,
        ends: session.ends,
        scopes: session.scopes.to_string(),
        purpose: clean_line(&session.purpose, 200),
        may_look: session.scopes.contains(Scope::Diagnose),
    });
    let details = Details {
        facts: device.facts,
        identity: identity.map(|_| ()).map_err(|error| clean_line(&error.say(), 400)),
        sessions: sessions.collect(),
        open,
    };
    desk.close().await;
    Ok(details)
}
