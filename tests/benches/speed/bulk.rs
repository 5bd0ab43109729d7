//! How fast one large stream goes, down from the PC and up to it.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use distans_cli::client::{Desk, Discard, Target};
use tokio::io::AsyncReadExt;

use crate::latency::{run, succeeded};
use distans_tests::bench::bare::{Bare, Dialler, SEND, SEND_YOURSELF, exchange};
use distans_tests::bench::house;
use distans_tests::bench::report::{Report, rate};

/// How often each is done; the median counts.
const TIMES: usize = 3;

/// Measures both directions with so many bytes.
pub(crate) async fn measure(
    desk: &Desk,
    target: &Target,
    (bare, folder): (&Bare, &Path),
    bytes: u64,
    report: &mut Report,
) -> Result<()> {
    let connection = Dialler::new(folder, bare.address)?.dial().await?;
    let session = house::open(desk, target).await?;
    let (mut relayed, mut hop, mut down, mut up) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let length = bytes.to_be_bytes();
        let start = Instant::now();
        exchange(&connection, SEND, &length).await?;
        relayed.push(start.elapsed());
        let start = Instant::now();
        exchange(&connection, SEND_YOURSELF, &length).await?;
        hop.push(start.elapsed());
        let start = Instant::now();
        let command = ["head", "-c", &bytes.to_string(), "/dev/zero"];
        succeeded(&run(&session, &command, None::<tokio::io::Empty>, Discard).await?)?;
        down.push(start.elapsed());
        let start = Instant::now();
        let input = tokio::io::repeat(0).take(bytes);
        succeeded(&run(&session, &["sh", "-c", "cat > /dev/null"], Some(input), Discard).await?)?;
        up.push(start.elapsed());
    }
    session.end().await?;
    let speed = |times: &mut Vec<_>| bytes as f64 / distans_tests::measure::median(times).as_secs_f64();
    let bare = speed(&mut relayed);
    let mut row = |what, ours, word, other, aim| report.compare(what, rate("", ours), rate(word, other), aim);
    let down = speed(&mut down);
    row("output of a command, relayed and sealed", down, "bare relayed ", bare, "≥ 0.8 × bare");
    row("input of a command, relayed and sealed", speed(&mut up), "bare relayed ", bare, "≥ 0.8 × bare");
    row("output of a command, relayed and sealed", down, "bare, one hop ", speed(&mut hop), "");
    Ok(())
}
