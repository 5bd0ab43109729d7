//! What `distans rdp` and `distans vnc` share: a forward to the PC's own desktop server, and the
//! client that is here on this side of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use distans_proto::ops::forward::Place;
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::App;
use super::forward::{Tally, bind, closing, conclude, teller};
use super::reach::{self, SessionOptions};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::screen::{Screen, Tone};
use crate::tunnel::desktop::{Client, Desktop, choose, on_the_path};
use crate::tunnel::event::{Event, Teller};
use crate::tunnel::local::Local;
use crate::tunnel::{self, Plan};
use crate::verbs::interrupt;

/// Arguments of both.
#[derive(Debug, Args)]
pub struct Options {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Start this client instead of the first one found
    #[arg(long, value_name = "CMD")]
    pub client: Option<String>,
    /// Who to log in as there
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Port of the server at the PC, if it is not the usual one
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Forwards to the PC's desktop server and starts a client; lasts as long as that does.
///
/// # Errors
/// If the PC cannot be reached or says no.
pub async fn perform(app: &App, desktop: Desktop, options: Options) -> anyhow::Result<i32> {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Forward);
    let session = reach::session(app, &desk, &options.pc, scopes, options.session).await?;
    let port = options.port.unwrap_or(desktop.port());
    let place = Place { host: "localhost".into(), port, udp: false };
    let plan = Plan { local: vec![Local::Stream(listener, place)], remote: Vec::new() };
    let stop = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels_and_says(stop.clone(), app.screen, closing()));
    let tally = Arc::<Tally>::default();
    let (listening, is_listening) = oneshot::channel();
    let tell = when_listening(teller(app.screen, stop.clone(), Arc::clone(&tally)), listening);
    let running = tunnel::run(session, plan, tell, stop.clone());
    let showing = async {
        // If nothing ever listens, the forward tells why.
        let Ok(address) = is_listening.await else { return Ok(()) };
        let client =
            choose(desktop, options.client.as_deref(), address, options.user.as_deref(), on_the_path);
        let shown = show(app.screen, desktop, client, address).await;
        if !matches!(shown, Ok(After::Stay)) {
            stop.cancel();
        }
        shown.map(|_| ())
    };
    let (results, shown) = tokio::join!(running, showing);
    watcher.abort();
    let code = conclude(app.screen, &results?, &tally)?;
    shown?;
    Ok(code)
}

/// Passes events on, and where it listens besides.
fn when_listening(tell: Teller, listening: oneshot::Sender<SocketAddr>) -> Teller {
    let listening = Mutex::new(Some(listening));
    Arc::new(move |event| {
        if let Event::Listening { address, .. } = &event
            && let Some(listening) = listening.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            let _ = listening.send(*address);
        }
        tell(event);
    })
}

/// What becomes of the forward now.
enum After {
    /// It ends: the client has.
    End,
    /// It stays until Ctrl-C.
    Stay,
}

async fn show(
    screen: Screen,
    desktop: Desktop,
    client: Option<Client>,
    address: SocketAddr,
) -> anyhow::Result<After> {
    let Some(client) = client else {
        let known = desktop.known().join(", ");
        screen.toned_hint(
            Tone::Careful,
            say!(
                en: "no client found here (looked for {known}); connect one to {address}, or name it with --client. Ctrl-C ends the forward",
                sv: "hittade ingen klient här (letade efter {known}); anslut en till {address}, eller ange den med --client. Ctrl-C avslutar"
            ),
        );
        return Ok(After::Stay);
    };
    let name = client.program.display();
    let mut command = Command::new(&client.program);
    // What it says is no result of ours: results stay alone on standard output.
    command.args(&client.arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|error| {
        Stop::new(
            Exit::NotStarted,
            say!(
                en: "{name} could not be started: {error}; name another with --client",
                sv: "{name} kunde inte startas: {error}; ange en annan med --client"
            ),
        )
    })?;
    if screen.json() {
        screen.object(
            &json!({ "event": "client", "program": client.program, "arguments": client.arguments }),
        )?;
    } else {
        screen.hint(say!(en: "started {name}", sv: "startade {name}"));
    }
    let (ended, has_ended) = oneshot::channel::<std::io::Result<ExitStatus>>();
    // A thread of its own: the program ends without it if it must.
    std::thread::spawn(move || {
        // Nobody listens if the program ends first.
        let _ = ended.send(child.wait());
    });
    if !client.stays {
        screen.hint(say!(
            en: "{name} shows it in a window of its own; Ctrl-C here ends the forward",
            sv: "{name} visar det i ett eget fönster; Ctrl-C här avslutar"
        ));
        return Ok(After::Stay);
    }
    match has_ended.await {
        Ok(Ok(status)) if !status.success() => {
            screen.hint(say!(en: "{name} ended: {status}", sv: "{name} avslutades: {status}"));
        }
        _ => {}
    }
    Ok(After::End)
}
