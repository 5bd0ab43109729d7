//! The bad network as a program: put it between any client and any UDP service.
//!
//! `netsim --target 127.0.0.1:4433 --delay 30 --loss 0.01 --rate 20000 --queue 250000`
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use distans_tests::netsim::line::Quality;
use distans_tests::netsim::{Counters, NetSim, Network};

/// A UDP proxy that behaves like a bad line, the same in both directions.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where packets go.
    #[arg(long)]
    target: SocketAddr,
    /// Where clients send to.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Milliseconds each way.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Up to so many milliseconds more each way.
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    /// Share of packets lost each way, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Share of packets overtaken by later ones, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    reorder: f64,
    /// Kilobits per second each way; without it as fast as the machine.
    #[arg(long)]
    rate: Option<u64>,
    /// Bytes that wait in front of the bottleneck.
    #[arg(long, default_value_t = 256 * 1024)]
    queue: usize,
    /// The dice; drawn and printed if not given.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => getrandom::u64().context("no random seed from the system")?,
    };
    let quality = Quality {
        delay: Duration::from_millis(arguments.delay),
        jitter: Duration::from_millis(arguments.jitter),
        loss: arguments.loss,
        reorder: arguments.reorder,
        rate: arguments.rate.map(|kilobits| kilobits * 1000),
        queue: arguments.queue,
        ..Quality::default()
    };
    let net = NetSim::start(arguments.listen, arguments.target, Network::both_ways(quality, seed))
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    println!("{} leads to {}, seed {seed}; Ctrl-C ends", net.address(), arguments.target);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c()).context("cannot wait for Ctrl-C")?;
    report("up", net.up());
    report("down", net.down());
    Ok(())
}

fn report(direction: &str, counters: &Counters) {
    let [delivered, lost, dropped] = [&counters.delivered, &counters.lost, &counters.dropped]
        .map(|counter| counter.load(Ordering::Relaxed));
    println!("{direction}: {delivered} delivered, {lost} lost, {dropped} dropped by the full queue");
}
