//! `doctor`: how long a whole diagnosis takes, when its first result is there, and what it costs the
//! PC: processor time of the agent and of the programs it starts, memory above what it had.

use std::time::{Duration, Instant};

use anyhow::Result;
use distans_cli::client::Session;
use distans_cli::client::diagnose::News;
use distans_tests::bench::process::Program;
use distans_tests::bench::report::{Report, kilobytes, time};
use tokio_util::sync::CancellationToken;

/// What one diagnosis took.
struct Took {
    first: Duration,
    whole: Duration,
    probes: usize,
    processor: Duration,
    /// Of the programs that the agent started.
    children: Duration,
    /// Most memory of the agent's own while it ran, above that before.
    memory: u64,
}

/// Measures `count` diagnoses and tells their medians.
pub(crate) async fn measure(
    report: &mut Report,
    session: &Session,
    agent: &Program,
    count: usize,
) -> Result<()> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(once(session, agent).await?);
    }
    let probes = all.first().map_or(0, |took| took.probes);
    let median = |of: fn(&Took) -> Duration| {
        let mut times: Vec<Duration> = all.iter().map(of).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    report.alone("doctor: the first result", time("", median(|took| took.first)).1, "");
    report.alone(&format!("doctor: all of {probes} probes"), time("", median(|took| took.whole)).1, "");
    report.alone("doctor: the agent's processor time", time("", median(|took| took.processor)).1, "");
    report.alone(
        "doctor: processor time of programs it starts",
        time("", median(|took| took.children)).1,
        "",
    );
    let memory = all.iter().map(|took| took.memory).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
    report.alone("doctor: the agent's memory above rest, at most", kilobytes("", memory as f64).1, "");
    Ok(())
}

async fn once(session: &Session, agent: &Program) -> Result<Took> {
    let (before, processor, children) = (agent.memory()?.private, agent.processor()?, agent.children()?);
    let begun = Instant::now();
    let (mut first, mut probes) = (None, 0);
    let mut peak = before;
    let diagnosis = {
        let diagnosing = session.diagnose_with(&[], CancellationToken::new(), |news| {
            if let News::Report(_) = news {
                first.get_or_insert_with(|| begun.elapsed());
                probes += 1;
            }
        });
        tokio::pin!(diagnosing);
        loop {
            tokio::select! {
                diagnosis = &mut diagnosing => break diagnosis,
                // Looks at the agent's memory while it works.
                () = tokio::time::sleep(Duration::from_millis(20)) => peak = peak.max(agent.memory()?.private),
            }
        }
    };
    diagnosis?;
    let whole = begun.elapsed();
    Ok(Took {
        first: first.unwrap_or(whole),
        whole,
        probes,
        processor: agent.processor()?.saturating_sub(processor),
        children: agent.children()?.saturating_sub(children),
        memory: peak.saturating_sub(before),
    })
}
