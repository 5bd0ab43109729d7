//! `distans forward PC LOCAL:HOST:PORT…`: connections through a PC to what stands behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::forward::Place;
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use super::App;
use super::reach::{self, SessionOptions};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::say;
use crate::screen::{Failure, Screen, Tone};
use crate::tunnel::event::{Event, Teller};
use crate::tunnel::local::Local;
use crate::tunnel::remote::Remote;
use crate::tunnel::spec::{self, Spec};
use crate::tunnel::{self, Plan};
use crate::verbs::interrupt;

const EXAMPLES: &str = "\
Examples:
  distans forward PC-IDRE-003 8080:10.1.2.3:80                 the printer: http://127.0.0.1:8080
  distans forward PC-IDRE-003 0:nas.local:445 0:10.1.2.3:9100  several; port 0 takes a free one
  distans forward PC-IDRE-003 --udp 5353:10.1.0.53:53          datagrams
  distans forward PC-IDRE-003 --socks 1080                     a browser's SOCKS5 proxy there
  distans forward PC-IDRE-003 -R 8000:localhost:9000           the PC's port 8000 leads here

Names are looked up at the PC. Only what the policy lists under \"forward\" is reached. IPv6
addresses stand in brackets: '8080:[fd00::1]:80'. Without BIND only this machine can connect.
Ctrl-C ends it, and every connection with it.";

/// Arguments of `distans forward`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Forward {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Listen on LOCAL here and connect to HOST:PORT from the PC
    #[arg(value_name = "[BIND:]LOCAL:HOST:PORT", required_unless_present_any = ["remote", "socks"])]
    pub local: Vec<String>,
    /// Listen on PORT at the PC and connect to HOST:PORT from here
    #[arg(short = 'R', long, value_name = "[BIND:]PORT:HOST:PORT")]
    pub remote: Vec<String>,
    /// Datagrams instead of connections, for every LOCAL:HOST:PORT
    #[arg(long, requires = "local")]
    pub udp: bool,
    /// Be a SOCKS5 proxy here whose connections go out at the PC
    #[arg(long, value_name = "[BIND:]PORT")]
    pub socks: Option<String>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Forwards until Ctrl-C or the session's end; gives the exit code to end with.
///
/// # Errors
/// If the command line is wrong, a port is taken, or the PC cannot be reached or says no.
pub async fn perform(app: &App, forward: Forward) -> anyhow::Result<i32> {
    let plan = plan(&forward).await?;
    let desk = reach::connect(app).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Forward);
    let session = reach::session(app, &desk, &forward.pc, scopes, forward.session).await?;
    let stop = CancellationToken::new();
    let watcher = tokio::spawn(interrupt::cancels_and_says(stop.clone(), app.screen, closing()));
    let tally = Arc::<Tally>::default();
    let tell = teller(app.screen, stop.clone(), Arc::clone(&tally));
    let results = tunnel::run(session, plan, tell, stop).await;
    watcher.abort();
    conclude(app.screen, &results?, &tally)
}

/// Understands the command line and takes the ports it names, before anybody is asked for anything.
async fn plan(forward: &Forward) -> anyhow::Result<Plan> {
    let usage = |text: String| Stop::new(Exit::Usage, text);
    let mut plan = Plan::default();
    for text in &forward.local {
        let Spec { listen, host, port } = spec::spec(text).map_err(usage)?;
        let place = Place { host: host.into(), port, udp: forward.udp };
        plan.local.push(if forward.udp {
            Local::Datagrams(UdpSocket::bind(listen).await.map_err(|error| taken(listen, &error))?, place)
        } else {
            Local::Stream(bind(listen).await?, place)
        });
    }
    for text in &forward.remote {
        let Spec { listen, host, port } = spec::spec(text).map_err(usage)?;
        plan.remote.push(Remote {
            listen: Place { host: listen.ip().to_string().into(), port: listen.port(), udp: false },
            to: Place { host: host.into(), port, udp: false },
        });
    }
    if let Some(text) = &forward.socks {
        plan.local.push(Local::Socks(bind(spec::listen(text).map_err(usage)?).await?));
    }
    Ok(plan)
}

/// A listener here.
///
/// # Errors
/// [`Stop`] naming the address.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Stop> {
    TcpListener::bind(address).await.map_err(|error| taken(address, &error))
}

fn taken(address: SocketAddr, error: &io::Error) -> Stop {
    Stop::new(
        Exit::Failed,
        say!(
            en: "cannot listen on {address}: {error}; choose another port, or 0 for a free one",
            sv: "kan inte lyssna på {address}: {error}; välj en annan port, eller 0 för en ledig"
        ),
    )
}

/// What Ctrl-C says.
pub(super) fn closing() -> String {
    say!(
        en: "closing the connections; Ctrl-C again leaves without waiting",
        sv: "stänger anslutningarna; Ctrl-C igen avslutar utan att vänta"
    )
}

/// What went through, by our own count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tally {
    fn count(&self, event: &Event) {
        if let Event::Closed { sent, received, .. } = event {
            self.connections.fetch_add(1, Ordering::Relaxed);
            self.sent.fetch_add(*sent, Ordering::Relaxed);
            self.received.fetch_add(*received, Ordering::Relaxed);
        }
    }

    fn words(&self) -> String {
        let connections = self.connections.load(Ordering::Relaxed);
        let sent = format::bytes(self.sent.load(Ordering::Relaxed));
        let received = format::bytes(self.received.load(Ordering::Relaxed));
        say!(
            en: "connections: {connections}, sent: {sent}, received: {received}",
            sv: "anslutningar: {connections}, skickat: {sent}, mottaget: {received}"
        )
    }
}

/// Shows events and counts; if nobody reads them any more, all of it is stopped.
pub(super) fn teller(screen: Screen, stop: CancellationToken, tally: Arc<Tally>) -> Teller {
    Arc::new(move |event| {
        tally.count(&event);
        if show(screen, &event).is_err() {
            stop.cancel();
        }
    })
}

fn show(screen: Screen, event: &Event) -> io::Result<()> {
    if screen.json() {
        return screen.object(&event.json());
    }
    match event {
        Event::Listening { address, to: Some(to), open, udp } => {
            let udp = if *udp { " (udp)" } else { "" };
            let open = if *open == address.to_string() { String::new() } else { format!("   {open}") };
            screen.line(distans_proto::text::clean(&format!("{address} → {to}{udp}{open}")))?;
        }
        Event::Listening { address, to: None, open, .. } => {
            screen.line(say!(
                en: "{address} is a SOCKS5 proxy: {open}",
                sv: "{address} är en SOCKS5-proxy: {open}"
            ))?;
        }
        Event::PcListening { address, to } => {
            let text = say!(
                en: "{address} at the PC → {to} here",
                sv: "{address} på datorn → {to} här"
            );
            screen.line(distans_proto::text::clean(&text))?;
        }
        Event::Refused { to, text, .. } => screen.toned_hint(Tone::Careful, format!("{to}: {text}")),
        Event::Closed { to, error: Some(error), .. } => {
            tracing::debug!("{to}: {error}");
        }
        Event::Full(limit) => screen.toned_hint(
            Tone::Careful,
            say!(
                en: "{limit} connections are open, as many as there may be; more wait until some are closed",
                sv: "{limit} anslutningar är öppna, så många som får vara det; fler väntar tills någon stängs"
            ),
        ),
        Event::Connected { .. } | Event::Closed { .. } => {}
    }
    Ok(())
}

/// What the PC's results mean for whoever called.
///
/// # Errors
/// If the screen cannot be written.
pub(super) fn conclude(screen: Screen, results: &[OpResult], tally: &Tally) -> anyhow::Result<i32> {
    let mut code = Exit::Ok;
    for result in results {
        let detail = result.text.as_ref().map(ToString::to_string).unwrap_or_default();
        let (exit, text) = match result.outcome {
            Outcome::Completed | Outcome::Cancelled => (None, String::new()),
            Outcome::NotStarted => (Some(Exit::NotStarted), detail),
            Outcome::SessionEnded | Outcome::TimedOut => (
                Some(Exit::SessionOver),
                say!(
                    en: "the session ended, and the connections with it",
                    sv: "sessionen avslutades, och anslutningarna med den"
                ),
            ),
            Outcome::Unknown => (
                Some(Exit::Unknown),
                say!(
                    en: "the PC was interrupted; the connections are closed",
                    sv: "datorn avbröts; anslutningarna är stängda"
                ),
            ),
        };
        if screen.json() {
            screen.object(&json!({
                "event": "finished",
                "outcome": result.outcome,
                "text": result.text,
                "code": exit.unwrap_or(Exit::Ok).code(),
            }))?;
        } else if let Some(exit) = exit {
            let (name, number) = (exit.name(), exit.code());
            screen.failure(&Failure { code: name, exit: number, text, details: Default::default() });
        }
        code = exit.unwrap_or(code);
    }
    screen.toned_hint(Tone::Quiet, tally.words());
    Ok(code.code().into())
}
