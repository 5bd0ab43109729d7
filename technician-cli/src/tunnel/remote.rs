//! Connections that the PC takes, to a place on this side. A few streams wait at the PC at any
//! time, so that a connection there finds one at once.

use std::time::Duration;

use distans_proto::inner::DeniedBy;
use distans_proto::ops::forward::Place;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Way;
use super::event::Event;
use super::local::{words, written};
use crate::client::Error;
use crate::say;

/// Streams that wait at the PC.
const WAITING: usize = 4;

/// How long the place on this side may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// Pause after a stream failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the PC listens, and where what it takes goes here.
#[derive(Debug)]
pub struct Remote {
    /// At the PC.
    pub listen: Place,
    /// Here.
    pub to: Place,
}

/// Begins to take the PC's connections; `listening` is where it listens, as it says.
pub(super) fn serve(way: &Way, remote: Remote, listening: Option<Place>) {
    let address = written(&listening.unwrap_or(remote.listen));
    let to = written(&remote.to);
    (way.tell)(Event::PcListening { address: address.as_str().into(), to });
    for _ in 0..WAITING {
        let (own, address, to) = (way.clone(), address.clone(), remote.to.clone());
        way.spawn(async move { wait(&own, &address, to).await });
    }
}

/// One stream after the other.
async fn wait(way: &Way, address: &str, to: Place) {
    while let Some(room) = way.room().await {
        match way.session.tunnel(way.forward, None).await {
            Ok(tunnel) => {
                let (own, from, to) = (way.clone(), address.to_owned(), to.clone());
                way.spawn(async move {
                    carry(&own, tunnel, from, to).await;
                    drop(room);
                });
            }
            // The forward is over; its operation tells why.
            Err(Error::Denied(denied)) if denied.by == DeniedBy::Session => return,
            Err(Error::SessionOver { .. }) => return,
            Err(error) => {
                let by = if let Error::Denied(denied) = &error { Some(denied.by) } else { None };
                let (from, to) = (address.to_owned(), written(&to));
                (way.tell)(Event::Refused { from, to, by, text: words(&error) });
                sleep(PAUSE).await;
            }
        }
    }
}

async fn carry(way: &Way, tunnel: crate::client::tunnel::Tunnel, from: String, place: Place) {
    let to = written(&place);
    let why = match timeout(CONNECT, TcpStream::connect((place.host.raw(), place.port))).await {
        Ok(Ok(mut stream)) => {
            let _ = stream.set_nodelay(true); // only slower without
            let mut standing = way.connected(from, to);
            let carried = tunnel.carry(stream.split(), &way.budget, &standing.traffic).await;
            standing.error = carried.err().map(|error| error.to_string());
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => {
            let seconds = CONNECT.as_secs();
            say!(en: "no answer within {seconds} seconds", sv: "inget svar inom {seconds} sekunder")
        }
    };
    (way.tell)(Event::Refused { from, to, by: None, text: why });
}
