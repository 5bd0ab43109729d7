//! One connection of a forward: checked like an operation, but not journalled and not resumed,
//! since a connection dies with its line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_agent_core::permit::{Permit, permit};
use distans_agent_core::targets::{Listed, Target};
use distans_e2e_io::pipe::{Datagrams, PipeError, Traffic, pipe, pipe_datagrams};
use distans_e2e_io::{OpReader, OpWriter, StreamError};
use distans_proto::inner::{Closed, Denied, DeniedBy, OpOutput, OpRequest};
use distans_proto::ops::forward::{Connect, Flow};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::debug;

use super::{Running, dial};
use crate::link::dial::plain;
use crate::operations::denied;
use crate::session::Live;
use crate::shared::Shared;

/// How long no datagram may come before a peer counts as gone.
const IDLE: Duration = Duration::from_secs(60);

/// Why a connection's stream is given up.
#[derive(Debug, thiserror::Error)]
pub(in crate::operations) enum Ended {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Pipe(#[from] PipeError),
    #[error("the technician's program left before the connection stood, or spoke too early")]
    Left,
    #[error("its forward is over")]
    Over,
}

/// What was allowed.
struct Allowed {
    /// Held as long as the connection is.
    _permit: Permit,
    running: Arc<Running>,
    _place: TaskTrackerToken,
    target: Option<Target>,
}

/// A socket to carry.
enum Socket {
    Stream(TcpStream),
    Datagrams(UdpSocket),
}

/// Serves a stream whose request was a connection, in a session that is acknowledged.
pub(in crate::operations) async fn connect<R, W>(
    shared: &Shared,
    live: &Live,
    (reader, writer): (&mut OpReader<R>, &mut OpWriter<W>),
    request: &OpRequest,
    connect: &Connect,
) -> Result<(), Ended>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let allowed = match admit(shared, live, request, connect) {
        Ok(allowed) => allowed,
        Err(refused) => return refuse(writer, refused).await,
    };
    let running = &allowed.running;
    let work = async {
        let socket = tokio::select! {
            socket = open(shared, &allowed) => socket,
            // Nothing is to be said now; whatever comes, the technician is gone or confused.
            _ = reader.next::<Flow>() => return Err(Ended::Left),
        };
        let socket = match socket {
            Ok(socket) => socket,
            Err(refused) => return refuse(writer, refused).await,
        };
        writer.send(&OpOutput::Started(Closed {})).await?;
        let traffic = Traffic::default();
        let counted = Counted { running, traffic: &traffic };
        let carried = match socket {
            Socket::Stream(mut stream) => {
                let halves = stream.split();
                pipe((reader, writer), halves, &running.budget, &traffic).await
            }
            Socket::Datagrams(mut socket) => {
                let mut socket = Connected(&mut socket);
                pipe_datagrams((reader, writer), &mut socket, IDLE, &traffic).await
            }
        };
        drop(counted);
        Ok(carried?)
    };
    tokio::select! {
        biased;
        () = live.ended.cancelled() => Err(Ended::Over),
        () = running.closed.cancelled() => Err(Ended::Over),
        done = work => done,
    }
}

/// Counts a connection when it is over, however it ends.
struct Counted<'a> {
    running: &'a Running,
    traffic: &'a Traffic,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.running.count(self.traffic);
    }
}

/// The session lives and may forward, the forward runs in it, and the policy of this moment may
/// list the target.
fn admit(shared: &Shared, live: &Live, request: &OpRequest, connect: &Connect) -> Result<Allowed, Denied> {
    let target = connect.to.as_ref().map(Target::parse).transpose()?;
    let decisions = shared.decisions();
    let session =
        decisions.sessions.get(live.id).ok_or_else(|| denied(DeniedBy::Session, "the session is over"))?;
    let permit = permit(session, &shared.place(&decisions.trust), Instant::now(), request)?;
    let (running, place) = shared.operations.forwards.place_for_one(live.id, connect.forward)?;
    match (&target, &running.listener) {
        (Some(target), None) => {
            let rules = decisions.trust.policy().map_or(&[][..], |policy| policy.forward.as_slice());
            Listed::new(rules, &shared.identity.group).target(target)?;
        }
        (None, Some(_)) => {}
        (Some(_), Some(_)) => {
            return Err(denied(DeniedBy::State, "that forward listens at the PC; open another one"));
        }
        (None, None) => return Err(denied(DeniedBy::State, "that forward does not listen at the PC")),
    }
    Ok(Allowed { _permit: permit, running, _place: place, target })
}

async fn open(shared: &Shared, allowed: &Allowed) -> Result<Socket, Denied> {
    match (&allowed.target, &allowed.running.listener) {
        (Some(target), _) if target.udp => {
            dial::datagrams(target, |addresses| listed(shared, target, addresses))
                .await
                .map(Socket::Datagrams)
        }
        (Some(target), _) => {
            dial::stream(target, |addresses| listed(shared, target, addresses)).await.map(Socket::Stream)
        }
        (None, Some(listener)) => loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // The policy may have changed since the PC began to listen.
                    still_listed(shared, &stream)?;
                    debug!(%peer, "a connection towards the technician");
                    let _ = stream.set_nodelay(true); // only slower without
                    return Ok(Socket::Stream(stream));
                }
                Err(error) => {
                    debug!(error = plain(&error), "a connection was not taken");
                    // Out of descriptors, as a rule: others must end first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        },
        (None, None) => Err(denied(DeniedBy::State, "that forward does not listen at the PC")),
    }
}

/// Which of a target's addresses the policy of this moment lists.
fn listed(
    shared: &Shared,
    target: &Target,
    addresses: &[std::net::SocketAddr],
) -> Result<Vec<std::net::SocketAddr>, Denied> {
    let decisions = shared.decisions();
    let rules = decisions.trust.policy().map_or(&[][..], |policy| policy.forward.as_slice());
    let listed = Listed::new(rules, &shared.identity.group);
    let fitting: Vec<_> =
        addresses.iter().filter(|address| listed.address(target, address.ip())).copied().collect();
    if fitting.is_empty() {
        let led_to: Vec<_> = addresses.iter().map(std::net::SocketAddr::ip).collect();
        return Err(listed.refusal(target, &led_to));
    }
    Ok(fitting)
}

fn still_listed(shared: &Shared, stream: &TcpStream) -> Result<(), Denied> {
    let gone = |error| denied(DeniedBy::State, format!("the connection broke: {error}"));
    let mut address = stream.local_addr().map_err(gone)?;
    let decisions = shared.decisions();
    let rules = decisions.trust.policy().map_or(&[][..], |policy| policy.forward.as_slice());
    address.set_ip(address.ip().to_canonical());
    Listed::new(rules, &shared.identity.group).listen(address)
}

async fn refuse<W: AsyncWrite + Unpin>(writer: &mut OpWriter<W>, refused: Denied) -> Result<(), Ended> {
    debug!(by = ?refused.by, reason = %refused.text, "a connection is refused");
    writer.send(&OpOutput::Refused(refused)).await?;
    Ok(writer.finish().await?)
}

/// A socket that is connected to its one peer.
struct Connected<'a>(&'a mut UdpSocket);

impl Datagrams for Connected<'_> {
    async fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            match self.0.recv(buffer).await {
                Ok(count) => return Some(count),
                // "Port unreachable" about an earlier datagram; the peer may come up yet. Each is
                // told once for a datagram of ours, so this does not spin.
                Err(error) => debug!(error = plain(&error), "a datagram's bad news"),
            }
        }
    }

    async fn send(&mut self, datagram: &[u8]) -> std::io::Result<()> {
        self.0.send(datagram).await.map(|_| ())
    }
}
