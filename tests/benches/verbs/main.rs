//! The technician's verbs measured against a real broker and a real agent as processes, each
//! figure beside what one would use instead, in the same run.
//!
//! `cargo bench -p distans-tests --bench verbs [-- --short] [SUBJECT…]`. Linux only.

mod doctor;
mod files;
mod fleet;
mod forward;
mod shell;
mod ssh;

use anyhow::Result;
use clap::Parser;
use distans_tests::bench::bare::Part;
use distans_tests::bench::house::House;
use distans_tests::bench::report::Report;

/// Measures verbs.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only these subjects; none = all.
    subjects: Vec<String>,
    /// Only prove that everything runs: small counts, seconds instead of minutes.
    #[arg(long)]
    short: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn wants(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|wanted| wanted == subject)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(part) = arguments.part {
        return part.play();
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&arguments))
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut report = Report::new();
    if arguments.wants("fleet") {
        fleet::measure(arguments.short, &mut report)?;
    }
    if arguments.subjects.is_empty() || arguments.subjects.iter().any(|subject| subject != "fleet") {
        Box::pin(on_a_pc(arguments, &mut report)).await?;
    }
    report.print();
    Ok(())
}

/// What needs a broker and an agent.
async fn on_a_pc(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let mut house = House::found().await?;
    let (_broker, desk) = house.broker().await?;
    let (agent, target) = house.agent(&desk).await?;
    if arguments.wants("session") {
        let begun = std::time::Instant::now();
        let _session = distans_tests::bench::house::open(&desk, &target).await?;
        report.alone("a session, asked and granted", format!("{:.1?}", begun.elapsed()), "");
    }
    if arguments.wants("doctor") {
        let session = distans_tests::bench::house::open(&desk, &target).await?;
        doctor::measure(report, &session, &agent, if arguments.short { 1 } else { 5 }).await?;
    }
    if arguments.wants("shell") {
        shell::measure(&mut house, target.id, arguments.short, report).await?;
    }
    if arguments.wants("forward") {
        forward::measure(&mut house, &desk, &target, arguments.short, report).await?;
    }
    if arguments.wants("files") {
        files::measure(&mut house, &desk, &target, arguments.short, report).await?;
    }
    Ok(())
}
