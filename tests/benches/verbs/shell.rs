//! How typing feels: from a key to its echo, through lines of all kinds.
//!
//! The technician's line to the broker goes through `distans_tests::netsim`, which delays and
//! loses UDP packets both ways. What is measured is the library of the real program, the real
//! broker and the real agent with a shell's own echo.
//!
//! `ssh -J` does not stand beside it: its TCP does not pass a proxy of UDP packets, and a proxy of
//! TCP streams would hide the losses from it. A fair comparison needs netem or a pair of TUN
//! devices, and the row is absent until there is one.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use distans_cli::client::{Desk, Io, NewSession, Session, Sink, Stream};
use distans_cli::home::Home;
use distans_proto::ids::DeviceId;
use distans_proto::inner::Op;
use distans_proto::ops::shell::{Shell, Size};
use distans_proto::scope::{Scope, ScopeSet};
use distans_tests::bench::house::House;
use distans_tests::bench::report::Report;
use distans_tests::measure::percentile;
use distans_tests::netsim::line::Quality;
use distans_tests::netsim::{NetSim, Network};
use distans_tests::org::now;
use distans_tests::pc::{Person, Says};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Round trips of the line, milliseconds, and shares of packets lost each way.
const ROUND_TRIPS: [u64; 4] = [0, 40, 150, 300];
const LOSSES: [f64; 3] = [0.0, 0.01, 0.05];

/// Between two keys: a fast typist.
const PACE: Duration = Duration::from_millis(80);

const SEED: u64 = 4711;

/// Measures all of it; `short`: two lines and few keys.
pub(crate) async fn measure(house: &mut House, pc: DeviceId, short: bool, report: &mut Report) -> Result<()> {
    let _person = Person::at_folder(&house.world.folder().join("agent"), Says::Yes).await?;
    let (round_trips, losses, keys) =
        if short { (&ROUND_TRIPS[..1], &LOSSES[1..], 20) } else { (&ROUND_TRIPS[..], &LOSSES[..], 200) };
    for round_trip in round_trips {
        for loss in losses {
            let times = through(house, pc, *round_trip, *loss, keys).await;
            let mut times = times.with_context(|| format!("{round_trip} ms, seed {SEED}"))?;
            let (median, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
            let aim = if *round_trip == 0 { "immediate" } else { "line + little" };
            report.alone(
                &format!("shell: key to echo, {round_trip} ms, {} % loss", loss * 100.0),
                format!("median {}, p99 {}", shown(median), shown(p99)),
                aim,
            );
        }
    }
    Ok(())
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Types `keys` keys over one line.
async fn through(
    house: &mut House,
    pc: DeviceId,
    round_trip: u64,
    loss: f64,
    keys: u32,
) -> Result<Vec<Duration>> {
    let quality = Quality { delay: Duration::from_millis(round_trip) / 2, loss, ..Quality::default() };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let line = NetSim::start(any, house.world.socket(), Network::both_ways(quality, SEED))?;
    let home = login(house, line.address(), &format!("{round_trip}-{loss}"))?;
    let desk = Desk::connect_with(&home, None).await?;
    let target = desk.find(&pc.to_string()).await?;
    let wanted = NewSession {
        scopes: ScopeSet::EMPTY.with(Scope::Shell),
        purpose: "benchmark".into(),
        ticket: None,
        minutes: 60,
        unattended: false,
    };
    let session = Session::open(&desk, &target, &wanted).await?;
    let times = typed(&session, keys).await?;
    session.end().await?;
    Ok(times)
}

/// A login whose broker is at the end of the line.
fn login(house: &House, line: SocketAddr, name: &str) -> Result<Home> {
    let home = Home::at(house.world.folder().join(format!("home-line-{name}")));
    let id: distans_proto::ids::TechnicianId = "anna".parse()?;
    let request = home.begin_login(Some(id.clone()), Some(format!("localhost:{}", line.port())))?;
    let certificate = house.world.org.certify_technician(&id, &request.csr)?;
    let mut bundle = house.world.org.bundle();
    bundle.technician_certificate = Some(distans_trust::issue::to_pem(&certificate));
    home.install(&bundle, None, now())?;
    Ok(home)
}

/// Hands on what is shown, with the time it came.
struct Shown(mpsc::UnboundedSender<(Instant, Vec<u8>)>);

impl Sink for Shown {
    async fn write(&mut self, _: Stream, bytes: &[u8]) -> std::io::Result<()> {
        // Whoever stopped looking does not need it.
        self.0.send((Instant::now(), bytes.to_vec())).ok();
        Ok(())
    }
}

/// Keys to `cat` in a terminal, whose echo is the terminal's own. Typing does not wait for the
/// echo: on a long line several keys are on their way, as when people type.
async fn typed(session: &Session, keys: u32) -> Result<Vec<Duration>> {
    let (mut keyboard, input) = tokio::io::duplex(1024);
    let (sender, mut shown) = mpsc::unbounded_channel();
    let shell = Shell {
        system: false,
        size: Size { columns: 80, rows: 24 },
        term: "xterm".into(),
        argv: ["sh", "-c", "stty -icanon; echo up; exec cat > /dev/null"].map(ToOwned::to_owned).to_vec(),
    };
    let cancel = CancellationToken::new();
    let io = Io { input: Some(input), sink: Shown(sender), cancel: cancel.clone(), size: None };
    let typing = async {
        let mut before = Vec::new();
        while !before.windows(4).any(|bytes| bytes == b"up\r\n") {
            before.extend(shown.recv().await.context("the shell ended")?.1);
        }
        let looking = async {
            let mut seen = Vec::new();
            while seen.len() < keys as usize {
                let (at, bytes) = shown.recv().await.context("the shell ended")?;
                seen.extend(bytes.iter().map(|_| at));
            }
            anyhow::Ok(seen)
        };
        let pressing = async {
            let mut pressed = Vec::new();
            for _ in 0..keys {
                pressed.push(Instant::now());
                keyboard.write_all(b"x").await?;
                tokio::time::sleep(PACE).await;
            }
            anyhow::Ok(pressed)
        };
        let (seen, pressed) = tokio::try_join!(looking, pressing)?;
        cancel.cancel();
        anyhow::Ok(seen.into_iter().zip(pressed).map(|(seen, pressed)| seen - pressed).collect())
    };
    let performing = async { anyhow::Ok(session.perform(Op::Shell(shell), io).await?) };
    let (times, _) = tokio::try_join!(typing, performing)?;
    Ok(times)
}
