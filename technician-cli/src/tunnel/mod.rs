//! The technician's end of connections through a PC: listeners here, the PC's listeners, and what
//! is carried between them. `distans forward`, `rdp` and `vnc` stand on this.
//!
//! | module | what |
//! |---|---|
//! | this | one forward from its first listener to its end |
//! | [`spec`] | what the command line says, understood |
//! | [`local`] | listeners here, for one target or SOCKS |
//! | [`socks`] | what a SOCKS client and we say to each other |
//! | [`remote`] | connections that the PC takes, to a place on this side |
//! | [`udp`] | datagrams |
//! | [`event`] | what is worth telling |
//! | [`desktop`] | which desktop client is here and how it is started |

pub mod desktop;
pub mod event;
pub mod local;
pub mod remote;
pub mod socks;
pub mod spec;
pub mod udp;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use distans_e2e_io::pipe::{Budget, Traffic};
use distans_proto::ids::OpId;
use distans_proto::inner::OpResult;
use distans_proto::ops::forward::{CONNECTIONS_LIMIT, ForwardEvent, Place};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::operation::new_id;
use crate::client::{Error, Session};
use crate::lang;
use event::{Event, Teller};

/// How long connections may take to end when all of it ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is to be forwarded, its sockets bound.
#[derive(Debug, Default)]
pub struct Plan {
    /// From here through the PC.
    pub local: Vec<local::Local>,
    /// From the PC to here.
    pub remote: Vec<remote::Remote>,
}

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Way {
    session: Arc<Session>,
    forward: OpId,
    budget: Budget,
    room: Arc<Semaphore>,
    tell: Teller,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Way {
    /// Room for one connection more; waits for it and says so.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Some(permit);
        }
        (self.tell)(Event::Full(CONNECTIONS_LIMIT));
        // Never closed: only the end of it all ends the wait.
        tokio::select! {
            permit = Arc::clone(&self.room).acquire_owned() => permit.ok(),
            () = self.stop.cancelled() => None,
        }
    }

    /// Does something until its end or the end of it all.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Tells of a connection that stands now; its end is told when the guard goes.
    fn connected(&self, from: String, to: String) -> Standing {
        (self.tell)(Event::Connected { from: from.clone(), to: to.clone() });
        Standing { tell: Arc::clone(&self.tell), from, to, traffic: Traffic::default(), error: None }
    }
}

/// A connection that stands.
struct Standing {
    tell: Teller,
    from: String,
    to: String,
    traffic: Traffic,
    error: Option<String>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        (self.tell)(Event::Closed {
            from: std::mem::take(&mut self.from),
            to: std::mem::take(&mut self.to),
            sent: self.traffic.sent(),
            received: self.traffic.received(),
            error: self.error.take(),
        });
    }
}

/// One operation at the PC and what it lets through.
enum Part {
    Local(Vec<local::Local>),
    Remote(remote::Remote),
}

/// Forwards until `stop`, or until the PC ends it; gives what the PC says of each operation.
///
/// # Errors
/// [`Error`] of the first operation that failed; the others are stopped then.
pub async fn run(
    session: Session,
    plan: Plan,
    tell: Teller,
    stop: CancellationToken,
) -> Result<Vec<OpResult>, Error> {
    let session = Arc::new(session);
    let (room, tasks) = (Arc::new(Semaphore::new(CONNECTIONS_LIMIT)), TaskTracker::new());
    let mut parts: Vec<Part> = plan.remote.into_iter().map(Part::Remote).collect();
    if !plan.local.is_empty() {
        parts.push(Part::Local(plan.local));
    }
    // Operations end after the connections under them, so that both sides count the same.
    let over = CancellationToken::new();
    let mut operations = JoinSet::new();
    for part in parts {
        let forward = new_id()?;
        let way = Way {
            session: Arc::clone(&session),
            forward,
            budget: Budget::default(),
            room: Arc::clone(&room),
            tell: Arc::clone(&tell),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let over = over.clone();
        operations.spawn(async move { operate(way, part, over).await });
    }
    let mut results = Vec::new();
    let mut failed = None;
    let ending = async {
        stop.cancelled().await;
        tasks.close();
        // Those that do not end by then are closed by the PC.
        let _ = tokio::time::timeout(FAREWELL, tasks.wait()).await;
        over.cancel();
        pending::<()>().await;
    };
    tokio::pin!(ending);
    loop {
        tokio::select! {
            joined = operations.join_next() => match joined {
                Some(Ok(Ok(result))) => results.push(result),
                Some(Ok(Err(error))) => failed = failed.or(Some(error)),
                Some(Err(error)) => {
                    let error = std::io::Error::other(error);
                    failed = failed.or(Some(Error::Local { what: lang::current().pick("a forward broke off", "en vidarekoppling bröts"), error }));
                }
                None => break,
            },
            () = &mut ending => {}
        }
        // One that ended takes the others with it: half of what was asked for is not it.
        stop.cancel();
    }
    failed.map_or(Ok(results), Err)
}

/// One operation to its end; serves its part once the PC is ready.
async fn operate(way: Way, part: Part, over: CancellationToken) -> Result<OpResult, Error> {
    let (ready, mut is_ready) = mpsc::unbounded_channel::<Option<Place>>();
    let listen = match &part {
        Part::Local(_) => None,
        Part::Remote(remote) => Some(remote.listen.clone()),
    };
    let session = Arc::clone(&way.session);
    let operation = session.forward(way.forward, listen, over, |event| {
        let ForwardEvent::Ready(at) = event;
        // Whoever listened has heard it once; a repeated one is dropped.
        let _ = ready.send(at.listening);
    });
    tokio::pin!(operation);
    let listening = tokio::select! {
        result = &mut operation => return result,
        listening = is_ready.recv() => listening.flatten(),
    };
    match part {
        Part::Local(listeners) => listeners.into_iter().for_each(|one| local::serve(&way, one)),
        Part::Remote(remote) => remote::serve(&way, remote, listening),
    }
    operation.await
}
