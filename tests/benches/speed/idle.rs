//! What nobody using it costs: an agent on a PC, and agents on the broker.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use distans_tests::peer::PaperPc;
use tokio::time::sleep;

use crate::fleet::{self, Pace};
use distans_tests::bench::bare::Bare;
use distans_tests::bench::house::{self, House};
use distans_tests::bench::process::Program;
use distans_tests::bench::report::{Report, kilobytes, time};

/// How long things may settle before memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// Connections made before anything counts, so that what a program allocates once is there.
const WARM_UP: usize = 50;

/// A real agent's process, connected and idle for `duration`, beside a bare one.
pub(crate) async fn agent(
    agent: &Program,
    bare: Option<&Program>,
    duration: Duration,
    report: &mut Report,
) -> Result<()> {
    sleep(SETTLE).await;
    let programs = [Some(agent), bare].into_iter().flatten();
    let before = programs.clone().map(Program::processor).collect::<Result<Vec<_>>>()?;
    sleep(duration).await;
    let minutes = duration.as_secs_f64() / 60.0;
    let mut seen = Vec::new();
    for (program, before) in programs.zip(before) {
        seen.push((program.memory()?, (program.processor()? - before).div_f64(minutes)));
    }
    let (Some(ours), Some(bare)) = (seen.first(), seen.get(1)) else { return Ok(()) };
    let megabytes = |word: &str, bytes: u64| (bytes as f64, format!("{word}{:.1} MB", bytes as f64 / 1e6));
    let resident = (megabytes("", ours.0.resident), megabytes("bare ", bare.0.resident));
    report.compare("idle agent: resident memory", resident.0, resident.1, "≤ 8 MB");
    let private = (megabytes("", ours.0.private), megabytes("bare ", bare.0.private));
    report.compare("idle agent: private memory", private.0, private.1, "≤ 4 MB");
    report.compare("idle agent: processor, a minute", time("", ours.1), time("bare ", bare.1), "≤ 5 ms");
    let size = std::fs::metadata(house::path_of("distans-agent")?)?.len();
    report.alone("agent: program on disk", megabytes("", size).1, "≤ 6 MB");
    Ok(())
}

/// What a broker did with a growing fleet.
struct Growth {
    /// Fleet size and private memory for each.
    memory: Vec<(usize, f64)>,
    /// Of the largest step.
    pace: Pace,
    /// Processor time a minute, all of them idle.
    processor: Duration,
}

/// Memory for each idle agent at these fleet sizes, and handshakes.
pub(crate) async fn brokers(
    house: &mut House,
    pcs: &[PaperPc],
    folder: &Path,
    sizes: &[usize],
    watch: Duration,
    report: &mut Report,
) -> Result<()> {
    let bare = bare_relay(folder, sizes, watch).await?;
    let ours = broker(house, pcs, sizes, watch).await?;
    for ((size, ours), (_, bare)) in ours.memory.iter().zip(&bare.memory) {
        let what = format!("broker: memory for each of {size} idle agents");
        report.compare(&what, kilobytes("", *ours), kilobytes("bare ", *bare), "≤ 24 kB");
    }
    let largest = sizes.last().copied().unwrap_or_default();
    let what = format!("broker: processor, a minute, {largest} idle agents");
    report.compare(&what, time("", ours.processor), time("bare ", bare.processor), "");
    let pace = |word: &str, rate: f64| (rate, format!("{word}{rate:.0}/s"));
    let rates = (pace("", ours.pace.rate), pace("bare ", bare.pace.rate));
    report.compare("handshakes, both ends on this machine", rates.0, rates.1, "≥ 0.8 × bare");
    let each = (time("", ours.pace.processor), time("bare ", bare.pace.processor));
    report.compare("handshake: processor at the broker", each.0, each.1, "");
    Ok(())
}

/// Counts connections from [`WARM_UP`] on.
fn steps(sizes: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let reached = std::iter::once(0).chain(sizes.iter().copied());
    reached.zip(sizes.iter().copied()).map(|(from, to)| (from + WARM_UP, to + WARM_UP))
}

/// PCs needed for the largest fleet.
pub(crate) fn needed(sizes: &[usize]) -> usize {
    sizes.last().copied().unwrap_or_default() + WARM_UP
}

async fn broker(house: &mut House, pcs: &[PaperPc], sizes: &[usize], watch: Duration) -> Result<Growth> {
    let (program, _desk) = house.broker().await?;
    let (mut lines, mut pace) = fleet::connect(house, &program, &pcs[..WARM_UP]).await?;
    sleep(SETTLE).await;
    let base = program.memory()?.private;
    let mut memory = Vec::new();
    for (from, to) in steps(sizes) {
        let more = fleet::connect(house, &program, &pcs[from..to]).await?;
        lines.extend(more.0);
        pace = more.1;
        sleep(SETTLE).await;
        memory.push(each(&program, base, to)?);
    }
    Ok(Growth { memory, pace, processor: watched(&program, watch).await? })
}

async fn bare_relay(folder: &Path, sizes: &[usize], watch: Duration) -> Result<Growth> {
    let bare = Bare::relay(folder)?;
    let diallers = fleet::diallers(folder, bare.address)?;
    let (mut lines, mut pace) = fleet::connect_bare(&diallers, &bare.relay, WARM_UP).await?;
    sleep(SETTLE).await;
    let base = bare.relay.memory()?.private;
    let mut memory = Vec::new();
    for (from, to) in steps(sizes) {
        let more = fleet::connect_bare(&diallers, &bare.relay, to - from).await?;
        lines.extend(more.0);
        pace = more.1;
        sleep(SETTLE).await;
        memory.push(each(&bare.relay, base, to)?);
    }
    Ok(Growth { memory, pace, processor: watched(&bare.relay, watch).await? })
}

fn each(program: &Program, base: u64, connected: usize) -> Result<(usize, f64)> {
    let count = connected - WARM_UP;
    Ok((count, program.memory()?.private.saturating_sub(base) as f64 / count as f64))
}

async fn watched(program: &Program, duration: Duration) -> Result<Duration> {
    let before = program.processor()?;
    sleep(duration).await;
    Ok((program.processor()? - before).div_f64(duration.as_secs_f64() / 60.0))
}
