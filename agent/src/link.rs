//! The one connection to the broker: outbound only, again and again.
//!
//! | module | what |
//! |---|---|
//! | this | dial, serve, wait, dial again |
//! | [`dial`] | one attempt: name look-up, handshake, hello and welcome |
//! | [`control`] | the control stream while the connection stands |
//! | [`senses`] | notices sleep and a changed network, which QUIC alone learns too late |

mod control;
pub(crate) mod dial;
mod senses;

use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_agent_core::link::Reconnect;
use distans_proto::ending;
use quinn::VarInt;
use tracing::{debug, info, warn};

use crate::relay;
use crate::shared::Shared;
use senses::{Change, Senses};

/// How long the farewell may take when the agent stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection ended, and how long the broker asked to stay away.
struct Ended {
    why: String,
    asked: Option<Duration>,
}

/// Keeps the link until the agent stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut reconnect = Reconnect::new();
    loop {
        let (stood, ended) = Box::pin(once(&shared)).await;
        if shared.stop.is_cancelled() {
            return;
        }
        shared.status.disconnected(&ended.why);
        let wait = reconnect.wait(stood, ended.asked, random());
        match stood {
            Some(stood) => info!(
                why = ended.why,
                stood_s = stood.as_secs(),
                again_in_s = wait.as_secs(),
                "the broker is gone"
            ),
            None => warn!(why = ended.why, again_in_s = wait.as_secs(), "the broker cannot be reached"),
        }
        let mut senses = Senses::new(None);
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            change = senses.change() => {
                debug!(?change, "dialling at once");
                reconnect.network_changed();
            }
        }
    }
}

/// One connection from dialling to its end; how long it stood.
async fn once(shared: &Arc<Shared>) -> (Option<Duration>, Ended) {
    let dialled = tokio::select! {
        () = shared.stop.cancelled() => Err("the agent stops".to_owned()),
        dialled = Box::pin(dial::dial(shared)) => dialled.map_err(|error| error.to_string()),
    };
    let dialled = match dialled {
        Ok(dialled) => dialled,
        Err(why) => return (None, Ended { why, asked: None }),
    };
    let since = Instant::now();
    let (connection, endpoint) = (dialled.connection.clone(), dialled.endpoint.clone());
    info!(broker = %connection.remote_address(), "connected");
    shared.status.connected(&connection.remote_address(), &dialled.welcome);
    let mut senses = Senses::new(Some(connection.remote_address()));
    let mut serving = Box::pin(control::serve(shared, dialled));
    let mut accepting = Box::pin(relay::accept(shared, &connection));
    let ended = loop {
        tokio::select! {
            asked = &mut serving => break Ended { why: why(&connection), asked },
            () = &mut accepting => break Ended { why: why(&connection), asked: None },
            change = senses.change() => match change {
                Change::Slept => break Ended { why: "this PC was asleep".to_owned(), asked: None },
                Change::Network => {
                    // Sends from the new address at once, so that the broker learns it.
                    let moved = dial::socket_for(connection.remote_address()).and_then(|socket| endpoint.rebind(socket));
                    match moved {
                        Ok(()) => info!("the network changed; the connection moves along"),
                        Err(error) => break Ended { why: format!("the network changed: {error}"), asked: None },
                    }
                }
            },
            () = shared.stop.cancelled() => {
                connection.close(VarInt::from_u32(ending::DONE), b"");
                // The broker may be gone: then nobody says that the farewell has come.
                let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
                break Ended { why: "the agent stops".to_owned(), asked: None };
            }
        }
    };
    connection.close(VarInt::from_u32(ending::DONE), b"");
    (Some(since.elapsed()), ended)
}

fn why(connection: &quinn::Connection) -> String {
    connection
        .close_reason()
        .map_or_else(|| "the control stream ended".to_owned(), |reason| dial::closed(&reason))
}

/// A random number for the jitter; without randomness the middle.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}
