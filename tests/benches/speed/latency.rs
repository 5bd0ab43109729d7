//! How long things take: a run from nothing, an operation on an open session, a session, a
//! keystroke.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use distans_cli::client::{Desk, Discard, Session, Sink, Stream, Target};
use distans_proto::inner::{OpResult, Run};
use distans_tests::measure::median;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use distans_tests::bench::bare::Bare;
use distans_tests::bench::house::{self, House};
use distans_tests::bench::report::{Report, time};

/// How often each is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// New processes.
    pub(crate) cold: u32,
    /// Operations in one process.
    pub(crate) warm: u32,
}

/// Measures all of it.
pub(crate) async fn measure(
    house: &mut House,
    desk: &Desk,
    target: &Target,
    (bare, folder): (&Bare, &Path),
    counts: Counts,
    report: &mut Report,
) -> Result<()> {
    cold(house, desk, target, (bare, folder), counts.cold, report).await?;
    let mut openings = Vec::new();
    for _ in 0..counts.cold {
        let start = Instant::now();
        let session = house::open(desk, target).await?;
        openings.push(start.elapsed());
        session.end().await?;
    }
    let session = house::open(desk, target).await?;
    report.alone("session: asked, granted, acknowledged", time("", median(&mut openings)).1, "");
    let mut spawns = repeat(counts.warm, || Command::new("true").status().map(drop))?;
    let mut runs = Vec::new();
    for _ in 0..counts.warm {
        let start = Instant::now();
        succeeded(&run(&session, &["true"], None::<tokio::io::Empty>, Discard).await?)?;
        runs.push(start.elapsed());
    }
    let spawn = time("the command alone ", median(&mut spawns));
    report.compare("run on an open session", time("", median(&mut runs)), spawn, "≤ 2 ms");
    let mut keys = keystrokes(&session, counts.warm).await?;
    report.alone("keystroke echo", time("", median(&mut keys)).1, "≤ 0.2 ms");
    session.end().await?;
    Ok(())
}

/// New process, new connection, relayed, inner handshake, one command.
async fn cold(
    house: &mut House,
    desk: &Desk,
    target: &Target,
    (bare, folder): (&Bare, &Path),
    count: u32,
    report: &mut Report,
) -> Result<()> {
    let session = house::open(desk, target).await?;
    let pc = target.id.to_string();
    // The session just opened is known in the desk's own folder.
    let home = desk.home().clone();
    let mut kept = repeat(count, || quiet(house::technician(&home)?.args(["run", &pc, "-n", "--", "true"])))?;
    session.end().await?;
    let mut plain = repeat(count, || quiet(&mut bare.run(folder)?))?;
    let mut fresh = Vec::new();
    for _ in 0..count {
        // A folder that knows of no session, so that one is asked for.
        let mut command = house::technician(&house.world.login("anna")?)?;
        command.args(["run", &pc, "-n", "--purpose", "benchmark", "--", "true"]);
        let start = Instant::now();
        quiet(&mut command)?;
        fresh.push(start.elapsed());
    }
    let plain = median(&mut plain);
    let mut row = |what, times: &mut Vec<Duration>| {
        report.compare(what, time("", median(times)), time("bare ", plain), "≤ 2 × bare");
    };
    row("run cold, session open", &mut kept);
    row("run cold, new session", &mut fresh);
    Ok(())
}

fn quiet(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("cannot be started")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn repeat<E: Into<anyhow::Error>>(
    count: u32,
    mut what: impl FnMut() -> Result<(), E>,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        what().map_err(Into::into)?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Runs a command on the PC.
pub(crate) async fn run(
    session: &Session,
    command: &[&str],
    input: Option<impl AsyncRead + Unpin + Send>,
    sink: impl Sink,
) -> Result<OpResult> {
    let argv = command.iter().map(ToString::to_string).collect();
    let run = Run { argv, system: false, stdin: input.is_some(), timeout_s: 0 };
    Ok(session.run(run, input, sink, CancellationToken::new()).await?)
}

/// Fails unless the command succeeded.
pub(crate) fn succeeded(result: &OpResult) -> Result<()> {
    ensure!(result.exit == Some(0), "the command failed: {result:?}");
    Ok(())
}

/// Tells of every piece of output.
struct Bell(mpsc::UnboundedSender<()>);

impl Sink for Bell {
    async fn write(&mut self, _: Stream, _: &[u8]) -> std::io::Result<()> {
        // Whoever stopped listening does not need it.
        self.0.send(()).ok();
        Ok(())
    }
}

/// One byte to `cat` on the PC and back, again and again.
async fn keystrokes(session: &Session, count: u32) -> Result<Vec<Duration>> {
    let (mut keyboard, input) = tokio::io::duplex(16);
    let (bell, mut rings) = mpsc::unbounded_channel();
    let typing = async {
        let mut times = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            keyboard.write_all(b"x").await?;
            rings.recv().await.context("the command ended")?;
            times.push(start.elapsed());
        }
        drop(keyboard);
        Ok(times)
    };
    let (times, result) = tokio::try_join!(typing, run(session, &["cat"], Some(input), Bell(bell)))?;
    succeeded(&result)?;
    Ok(times)
}
