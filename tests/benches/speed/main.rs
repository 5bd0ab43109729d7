//! Speed and memory, each figure beside a bare quinn + rustls program doing the same in the same
//! run on the same machine: compare ratios, the absolute values drift from machine to machine.
//!
//! `cargo bench -p distans-tests --bench speed [-- --short]` builds the real programs, starts
//! them as processes and prints one table. Linux only.

mod bulk;
mod fleet;
mod idle;
mod latency;

use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use distans_tests::bench::bare::{self, Bare, Part};
use distans_tests::bench::house::House;
use distans_tests::bench::report::Report;
use latency::Counts;

/// Measures Distans beside a bare program.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only prove that everything runs: small counts, seconds instead of minutes.
    #[arg(long)]
    short: bool,
    /// Sizes of the simulated fleet, growing.
    #[arg(long, value_delimiter = ',')]
    agents: Option<Vec<usize>>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// How much is done.
struct Amounts {
    counts: Counts,
    bulk: u64,
    idle: Duration,
    fleet: Vec<usize>,
}

impl Amounts {
    fn new(short: bool) -> Self {
        if short {
            return Self {
                counts: Counts { cold: 3, warm: 20 },
                bulk: 8 << 20,
                idle: Duration::from_secs(1),
                fleet: vec![20, 50],
            };
        }
        Self {
            counts: Counts { cold: 15, warm: 500 },
            bulk: 256 << 20,
            idle: Duration::from_secs(60),
            fleet: vec![1_000, 10_000],
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(part) = arguments.part {
        return part.play();
    }
    let mut amounts = Amounts::new(arguments.short);
    if let Some(fleet) = arguments.agents {
        amounts.fleet = fleet;
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&amounts))
}

async fn measure(amounts: &Amounts) -> Result<()> {
    let mut report = Report::new();
    let mut house = House::found().await?;
    let folder = house.world.folder().join("bare");
    bare::found(&folder)?;
    let pcs = fleet::enrol(&house, idle::needed(&amounts.fleet)).await?;
    {
        let bare = Bare::with_agent(&folder)?;
        let (_broker, desk) = house.broker().await?;
        let (agent, target) = house.agent(&desk).await?;
        idle::agent(&agent, bare.agent.as_ref(), amounts.idle, &mut report).await?;
        latency::measure(&mut house, &desk, &target, (&bare, &folder), amounts.counts, &mut report).await?;
        bulk::measure(&desk, &target, (&bare, &folder), amounts.bulk, &mut report).await?;
    }
    idle::brokers(&mut house, &pcs, &folder, &amounts.fleet, amounts.idle, &mut report).await?;
    report.print();
    Ok(())
}
