//! Which congestion controller? Bulk and a small echo on one connection through a bad line, for
//! quinn's Cubic, quinn's BBR and ours; and bulk beside a plain Cubic flow.
//!
//! `cargo bench -p distans-tests --bench congestion [-- --short | --seconds N | --only TEXT]`
//! prints one table. Everything goes over loopback sockets through `distans_tests::netsim`.

mod flow;
mod scenarios;

use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use distans_tests::measure::Table;

use flow::{Controller, Outcome};
use scenarios::Scenario;

/// Measures congestion controllers on bad lines.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds for each run.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only prove that it runs: one second each.
    #[arg(long)]
    short: bool,
    /// Only lines whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only controllers whose name contains this.
    #[arg(long, default_value = "")]
    controller: String,
    /// Runs of each, with dice of their own; the one whose goodput is in the middle is shown.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// The first run's dice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seconds = if arguments.short { 1 } else { arguments.seconds };
    let duration = Duration::from_secs(seconds);
    let last = arguments.seed + arguments.runs.max(1) - 1;
    println!(
        "{seconds} s a run, seeds {} to {last}; echo: 64 bytes every 50 ms beside the bulk",
        arguments.seed
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut table =
        Table::new(&["line", "controller", "goodput", "echo median", "echo 95 %", "lost", "beside Cubic"]);
    for scenario in scenarios::all().iter().filter(|scenario| scenario.name.contains(&arguments.only)) {
        for controller in Controller::ALL.into_iter().filter(|one| one.name().contains(&arguments.controller))
        {
            let mut outcomes = Vec::new();
            for seed in arguments.seed..=last {
                let run = flow::run(scenario, seed, controller, duration);
                let outcome = runtime.block_on(run);
                outcomes
                    .push(outcome.with_context(|| format!("{} on {}", controller.name(), scenario.name))?);
            }
            outcomes.sort_by(|one, other| one.goodput.total_cmp(&other.goodput));
            if let Some(middle) = outcomes.get(outcomes.len() / 2) {
                table.row(&row(scenario, controller, middle));
            }
        }
    }
    print!("{table}");
    Ok(())
}

fn row(scenario: &Scenario, controller: Controller, outcome: &Outcome) -> [String; 7] {
    let milliseconds = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1000.0);
    [
        scenario.name.to_owned(),
        controller.name().to_owned(),
        format!("{:.1} Mbit/s", outcome.goodput / 1e6),
        milliseconds(outcome.echo_median),
        milliseconds(outcome.echo_slow),
        format!("{:.1} %", outcome.lost * 100.0),
        outcome.rival.map_or_else(String::new, |rival| {
            let share = outcome.goodput / (outcome.goodput + rival);
            format!("{:.1} Mbit/s, share {share:.2}", rival / 1e6)
        }),
    ]
}
