//! `forward`: connections a second and throughput through a PC, beside `ssh -J … -L` and no
//! tunnel at all over the same loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use distans_cli::client::{Desk, Target};
use distans_cli::tunnel::event::Event;
use distans_cli::tunnel::local::Local;
use distans_cli::tunnel::{Plan, run};
use distans_proto::ops::forward::Place;
use distans_tests::bench::house::{self, House};
use distans_tests::bench::report::{Report, rate};
use distans_tests::org::kontor;
use distans_trust::policy::forward::ForwardRule;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::ssh::Pair;

/// Clients that connect at the same time.
const CLIENTS: usize = 8;

/// A byte that asks for an answer, and one that asks for much.
const ASK: u8 = b'?';
const MUCH: u8 = b'!';

/// A target on this machine: answers [`ASK`] with a byte, and [`MUCH`] and a length with so many.
pub(crate) async fn target() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    match stream.read_u8().await.ok()? {
        MUCH => {
            let mut left = stream.read_u64().await.ok()?;
            let piece = vec![7; 256 * 1024];
            while left > 0 {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                stream.write_all(&piece[..count]).await.ok()?;
                left -= u64::try_from(count).unwrap_or(left);
            }
        }
        _ => stream.write_u8(ASK).await.ok()?,
    }
    stream.shutdown().await.ok()
}

/// Measures through the house's PC.
pub(crate) async fn measure(
    house: &mut House,
    desk: &Desk,
    pc: &Target,
    is_short: bool,
    report: &mut Report,
) -> Result<()> {
    let (connections, bytes) = if is_short { (40, 8 << 20) } else { (2000, 1 << 30) };
    let target = target().await?;
    let rule =
        ForwardRule { group: kontor()?, targets: vec![target.to_string()], listen: Vec::new(), udp: false };
    house.world.org.change_policy(|policy| policy.forward.push(rule))?;
    house.world.publish(desk, &[]).await?;
    // The PC takes the new policy with the session.
    desk.refresh_documents().await?;
    let session = house::open(desk, pc).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let ours = listener.local_addr()?;
    let place = Place { host: target.ip().to_string().into(), port: target.port(), udp: false };
    let plan = Plan { local: vec![Local::Stream(listener, place)], remote: Vec::new() };
    let (ready, is_ready) = oneshot::channel();
    let ready = std::sync::Mutex::new(Some(ready));
    let stop = CancellationToken::new();
    let tell = Arc::new(move |event| {
        if let (Event::Listening { .. }, Ok(mut ready)) = (&event, ready.lock())
            && let Some(ready) = ready.take()
        {
            let _ = ready.send(());
        }
    });
    let forwarding = tokio::spawn(run(session, plan, tell, stop.clone()));
    is_ready.await.context("the forward did not begin")?;

    let ssh = Pair::start(house.world.folder(), target).await?;
    let theirs = match &ssh {
        Ok(pair) => Some(pair.address()),
        Err(why) => {
            report.alone("ssh -J … -L is not compared with", why.clone(), "");
            None
        }
    };
    let sequential = each_second(ours, connections, 1).await?;
    let parallel = each_second(ours, connections, CLIENTS).await?;
    let others = match theirs {
        Some(address) => {
            (each_second(address, connections, 1).await?, each_second(address, connections, CLIENTS).await?)
        }
        None => (0.0, 0.0),
    };
    let count = |word: &str, number: f64| (number, format!("{word}{number:.0} a second"));
    report.compare(
        "connections, one after the other",
        count("", sequential),
        count("ssh ", others.0),
        "≥ ssh",
    );
    report.compare("connections, 8 clients at once", count("", parallel), count("ssh ", others.1), "≥ ssh");
    for streams in [1, CLIENTS] {
        let ours = throughput(ours, bytes, streams).await?;
        let what = format!("throughput, {streams} stream{}", if streams == 1 { "" } else { "s" });
        let direct = throughput(target, bytes, streams).await?;
        let theirs = match theirs {
            Some(address) => throughput(address, bytes, streams).await?,
            None => 0.0,
        };
        report.compare(&what, rate("", ours), rate("ssh ", theirs), "≥ ssh");
        report.compare(&what, rate("", ours), rate("no tunnel at all ", direct), "");
    }
    stop.cancel();
    forwarding.await??;
    Ok(())
}

/// Connections a second of so many clients: connect, ask, hear the answer, close.
async fn each_second(address: SocketAddr, connections: usize, clients: usize) -> Result<f64> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..connections / clients {
                    let mut stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    stream.write_u8(ASK).await?;
                    ensure!(stream.read_u8().await? == ASK, "another answer");
                }
                Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(per_second(connections, begun.elapsed()))
}

/// Bytes a second over so many streams together.
async fn throughput(address: SocketAddr, bytes: u64, streams: usize) -> Result<f64> {
    let each = bytes / u64::try_from(streams)?;
    let begun = Instant::now();
    let tasks: Vec<_> = (0..streams)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_u8(MUCH).await?;
                stream.write_u64(each).await?;
                let mut buffer = vec![0; 256 * 1024];
                let mut heard = 0;
                loop {
                    match stream.read(&mut buffer).await? {
                        0 => break,
                        count => heard += u64::try_from(count)?,
                    }
                }
                ensure!(heard == each, "{heard} bytes of {each}");
                Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(bytes as f64 / begun.elapsed().as_secs_f64())
}

fn per_second(count: usize, span: Duration) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from) / span.as_secs_f64()
}
