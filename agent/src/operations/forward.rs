//! `forward`: connections through this PC to what the policy lists, and back to the technician.
//!
//! The operation itself only lasts: while it does, streams of the same session may ask for
//! connections ([`connection`]), each checked on its own, and its end closes them all. It is what
//! the person at the PC sees and what the receipt counts.
//!
//! | module | what |
//! |---|---|
//! | this | the operation, and which forwards run |
//! | [`connection`] | one connection: check, connect, carry |
//! | [`dial`] | from a listed target to a socket at an address that was checked |

mod connection;
mod dial;

use std::collections::HashMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use distans_agent_core::permit::Permit;
use distans_agent_core::targets::Listed;
use distans_e2e_io::pipe::{Budget, Traffic};
use distans_proto::ids::{OpId, SessionId};
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::forward::{CONNECTIONS_LIMIT, Forward, ForwardEvent, Place, Ready};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::debug;

pub(super) use connection::{Ended, connect};

use super::{Operation, Work, denied};
use crate::shared::Shared;

/// How long closed connections may take to be counted before the result is told without them.
const COUNTING: Duration = Duration::from_millis(900);

/// The forwards that run.
#[derive(Default)]
pub(super) struct Forwards {
    running: Mutex<HashMap<OpId, Arc<Running>>>,
    /// Of the connections of all of them together: many forwards hold no more memory than one.
    budget: Budget,
}

/// One of them.
struct Running {
    session: SessionId,
    /// Where the PC listens, if it does.
    listener: Option<TcpListener>,
    /// Closes its connections.
    closed: CancellationToken,
    connections: TaskTracker,
    counts: Mutex<Counts>,
    budget: Budget,
}

#[derive(Debug, Default)]
struct Counts {
    connections: u64,
    to_pc: u64,
    from_pc: u64,
}

impl Running {
    fn new(session: SessionId, listener: Option<TcpListener>, budget: Budget) -> Self {
        Self {
            session,
            listener,
            closed: CancellationToken::new(),
            connections: TaskTracker::new(),
            counts: Mutex::default(),
            budget,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that stood is over.
    fn count(&self, traffic: &Traffic) {
        let mut counts = self.counts();
        counts.connections += 1;
        counts.to_pc += traffic.received();
        counts.from_pc += traffic.sent();
    }

    fn summary(&self) -> String {
        let counts = self.counts();
        let mut text = format!("{} connection", counts.connections);
        if counts.connections != 1 {
            text.push('s');
        }
        // Writing to a string does not fail.
        let _ = write!(text, ", {} bytes towards the PC, {} from it", counts.to_pc, counts.from_pc);
        text
    }
}

impl Forwards {
    fn running(&self) -> MutexGuard<'_, HashMap<OpId, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one connection more in forward `op` of `session`.
    fn place_for_one(
        &self,
        session: SessionId,
        op: OpId,
    ) -> Result<(Arc<Running>, TaskTrackerToken), Denied> {
        let all = self.running();
        let forward = all.get(&op).filter(|forward| forward.session == session).ok_or_else(|| {
            denied(DeniedBy::Session, "no such forward runs in this session; it has ended, or never began")
        })?;
        let open: usize =
            all.values().filter(|other| other.session == session).map(|other| other.connections.len()).sum();
        if open >= CONNECTIONS_LIMIT {
            let text = format!("{CONNECTIONS_LIMIT} connections of this session are open; close some");
            return Err(denied(DeniedBy::Limit, text));
        }
        Ok((Arc::clone(forward), forward.connections.token()))
    }
}

/// The forward that is to run, or why not.
pub(super) fn prepare(permit: Permit, shared: &Arc<Shared>, request: &Forward) -> Result<Work, Denied> {
    let address = {
        let decisions = shared.decisions();
        let rules = decisions.trust.policy().map_or(&[][..], |policy| policy.forward.as_slice());
        let listed = Listed::new(rules, &shared.identity.group);
        match &request.listen {
            None => {
                listed.anything()?;
                None
            }
            Some(place) => {
                let address = listening(place)?;
                listed.listen(address)?;
                Some(address)
            }
        }
    };
    let shared = Arc::clone(shared);
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, &shared, address, &operation, &ended).await })
    }))
}

/// Where to listen; a PC listens on an address and not on a name, `localhost` excepted.
fn listening(place: &Place) -> Result<SocketAddr, Denied> {
    if place.udp {
        return Err(denied(DeniedBy::State, "datagrams are not forwarded towards the technician"));
    }
    let host =
        if place.host.raw().eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { place.host.raw() };
    let address: IpAddr = host.parse().map_err(|_| {
        let text = format!("{}: a PC listens on an address, as 127.0.0.1, and not on a name", place.host);
        denied(DeniedBy::State, text)
    })?;
    Ok(SocketAddr::new(address.to_canonical(), place.port))
}

/// Lasts until it is over, and closes what was opened under it.
async fn perform(
    permit: Permit,
    shared: &Shared,
    address: Option<SocketAddr>,
    operation: &Operation,
    ended: &CancellationToken,
) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    let (listener, listening) = match listen(address).await {
        Ok(listener) => listener,
        Err(text) => {
            return OpResult { outcome: Outcome::NotStarted, exit: None, bytes: 0, text: Some(text.into()) };
        }
    };
    let forwards = &shared.operations.forwards;
    let running = Arc::new(Running::new(operation.session, listener, forwards.budget.clone()));
    forwards.running().insert(operation.id, Arc::clone(&running));
    let ready = ForwardEvent::Ready(Ready { listening });
    if let Err(error) = operation.send_item(&ready).await {
        debug!(op = %operation.id, %error, "an item was not sent");
    }
    let outcome = tokio::select! {
        () = ended.cancelled() => Outcome::SessionEnded,
        // That is how a forward ends when all is well.
        () = operation.cancel.cancelled() => Outcome::Completed,
    };
    // From here on nobody gets a place.
    forwards.running().remove(&operation.id);
    running.closed.cancel();
    running.connections.close();
    // What is not counted by then is not told.
    let _ = tokio::time::timeout(COUNTING, running.connections.wait()).await;
    let text = Some(running.summary().into());
    OpResult { outcome, exit: None, bytes: operation.output.total(), text }
}

async fn listen(address: Option<SocketAddr>) -> Result<(Option<TcpListener>, Option<Place>), String> {
    let Some(address) = address else { return Ok((None, None)) };
    let failed = |error: std::io::Error| format!("the PC cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let place = Place { host: bound.ip().to_string().into(), port: bound.port(), udp: false };
    Ok((Some(listener), Some(place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SESSION;

    #[test]
    fn a_pc_listens_on_addresses_alone() {
        let place = |host: &str, udp| Place { host: host.into(), port: 8000, udp };
        assert_eq!(listening(&place("localhost", false)), Ok("127.0.0.1:8000".parse().expect("one")));
        assert_eq!(listening(&place("::ffff:10.0.0.1", false)), Ok("10.0.0.1:8000".parse().expect("one")));
        assert_eq!(listening(&place("::", false)), Ok("[::]:8000".parse().expect("one")));
        for wrong in ["", "printer", "*", "10.0.0.0/8", "fe80::1%1"] {
            assert!(listening(&place(wrong, false)).is_err(), "{wrong}");
        }
        assert!(listening(&place("127.0.0.1", true)).is_err());
    }

    #[test]
    fn places_are_for_one_session_and_bounded() {
        let forwards = Forwards::default();
        let op = OpId::from_bytes([1; 16]);
        forwards.running().insert(op, Arc::new(Running::new(SESSION, None, forwards.budget.clone())));
        let other = SessionId::from_bytes([9; 16]);
        let refused = |session, op| forwards.place_for_one(session, op).map(|_| ()).expect_err("refused").by;
        assert_eq!(refused(other, op), DeniedBy::Session);
        assert_eq!(refused(SESSION, OpId::from_bytes([2; 16])), DeniedBy::Session);
        let places: Vec<_> =
            (0..CONNECTIONS_LIMIT).map(|_| forwards.place_for_one(SESSION, op).expect("a place")).collect();
        assert_eq!(refused(SESSION, op), DeniedBy::Limit);
        drop(places);
        assert!(forwards.place_for_one(SESSION, op).is_ok());
    }
}
