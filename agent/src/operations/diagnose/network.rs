//! Probes of the network around the PC.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_platform::facts::look_up;
use distans_platform::net;
use distans_platform::probe::{self, NoAnswer, dns, echo};
use distans_proto::facts::Lookup;
use distans_proto::ops::diagnose::Found;
use distans_proto::ops::diagnose::facts::{
    Gateways, Mtu, NameServer, Names, Proxy, Radio, Reached, Setting, Targets, Wifi,
};
use distans_proto::text::Untrusted;
use distans_trust::policy::doctor::Target;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::inventory::text;
use super::probes::{Context, list};

/// How long one look-up, and one name server, may take.
const NAME_LIMIT: Duration = Duration::from_secs(5);
/// How long a gateway, which is near, may take.
const NEAR_LIMIT: Duration = Duration::from_secs(1);
/// How long one try to reach a place may take, and how often it is tried.
const TRY_LIMIT: Duration = Duration::from_secs(2);
const TRIES: u8 = 3;
/// Name servers and gateways that are asked.
const SERVERS: usize = 6;
/// A name that every name server knows and that tells nobody anything.
const NEUTRAL_NAME: &str = "arpa";

fn millis(took: Duration) -> u32 {
    u32::try_from(took.as_millis()).unwrap_or(u32::MAX)
}

/// What went wrong, in words alone: the system's number for it helps nobody.
fn reason(error: &io::Error) -> Untrusted {
    let told = error.to_string();
    text(told.find(" (os error ").map_or(told.as_str(), |at| &told[..at]))
}

/// A number for a question that nobody can guess.
fn number() -> u16 {
    let mut bytes = [0; 2];
    // A number that could be guessed only makes a false answer possible.
    let _ = getrandom::fill(&mut bytes);
    u16::from_ne_bytes(bytes)
}

/// Does `work` for each at once; the answers in the order of the questions.
async fn each<A, B, F>(all: Vec<A>, work: impl Fn(A) -> F) -> Vec<B>
where
    B: Send + 'static,
    F: Future<Output = B> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (index, one) in all.into_iter().enumerate() {
        let doing = work(one);
        tasks.spawn(async move { (index, doing.await) });
    }
    let mut done = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        done.extend(ended);
    }
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, answer)| answer).collect()
}

pub(super) async fn names(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let names = std::iter::once(&context.broker).chain(&context.names);
    let names = names.filter(|name| !name.is_empty() && name.parse::<IpAddr>().is_err());
    let lookups = each(names.cloned().collect(), |name| async move {
        let found = look_up(&name, NAME_LIMIT).await;
        let error = found.outcome.err().map(|error| reason(&error));
        Lookup { name: text(&name), millis: millis(found.took), error }
    });
    let servers = each(net::name_servers().into_iter().take(SERVERS).collect(), |server| async move {
        let answer = dns::ask(SocketAddr::new(server, 53), NEUTRAL_NAME, number(), NAME_LIMIT).await;
        NameServer {
            address: text(&server.to_string()),
            millis: answer.as_ref().ok().map(|took| millis(*took)),
            error: answer.err().map(|error| reason(&error)),
        }
    });
    let (lookups, servers) = tokio::join!(lookups, servers);
    Ok(Found { names: Some(Names { lookups, servers }), ..Found::default() })
}

pub(super) async fn gateways() -> Result<Found, NoAnswer> {
    let gateways = each(net::gateways().into_iter().take(SERVERS).collect(), |gateway| async move {
        let Some(address) = gateway.address else {
            return Reached { name: text(&gateway.interface), indirect: true, ..Reached::default() };
        };
        let name = format!("{address} ({})", gateway.interface);
        let mut reached = tried(&name, || echo::once(address, NEAR_LIMIT)).await;
        // Many routers answer no ping; that the network's own tables know them is enough.
        reached.indirect = reached.millis.is_none() && probe::network::is_neighbour(address).await;
        reached
    });
    Ok(Found { gateway: Some(Gateways { gateways: gateways.await }), ..Found::default() })
}

pub(super) async fn targets(context: Arc<Context>) -> Result<Found, NoAnswer> {
    if context.targets.is_empty() {
        return Err(NoAnswer::NotHere);
    }
    let targets = each(context.targets.clone(), |target| async move {
        let name = target.to_string();
        match target {
            Target::Tcp(host, port) => tried(&name, || connect(&host, port)).await,
            Target::Ping(host) => match address_of(&host).await {
                Ok(address) => tried(&name, || echo::once(address, TRY_LIMIT)).await,
                Err(error) => {
                    Reached { name: text(&name), error: Some(reason(&error)), ..Reached::default() }
                }
            },
        }
    });
    Ok(Found { targets: Some(Targets { targets: targets.await }), ..Found::default() })
}

/// Tries up to three times; the best counts. Who does not answer twice does not answer.
async fn tried<F>(name: &str, attempt: impl Fn() -> F) -> Reached
where
    F: Future<Output = io::Result<Duration>>,
{
    let (mut best, mut lost, mut error) = (None, 0, None);
    for number in 0..TRIES {
        match attempt().await {
            Ok(took) => best = Some(best.map_or(took, |best: Duration| best.min(took))),
            Err(failed) => {
                lost += 1;
                error = Some(reason(&failed));
            }
        }
        if number > 0 && best.is_none() {
            break;
        }
    }
    let error = if best.is_some() { None } else { error };
    Reached { name: text(name), millis: best.map(millis), lost: Some(lost), error, indirect: false }
}

async fn connect(host: &str, port: u16) -> io::Result<Duration> {
    let address = address_of(host).await?;
    let begun = Instant::now();
    match timeout(TRY_LIMIT, TcpStream::connect((address, port))).await {
        Ok(connected) => connected.map(|_| begun.elapsed()),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    }
}

async fn address_of(host: &str) -> io::Result<IpAddr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = look_up(host, TRY_LIMIT).await.outcome?;
    found.into_iter().next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

/// The way to the broker, which all of the technician's work takes.
pub(super) async fn mtu(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let broker = address_of(&context.broker).await?;
    // Connecting a datagram socket sends nothing; it tells which card leads there.
    let any = if broker.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect((broker, 9)).await?;
    let own = socket.local_addr()?.ip();
    let mut cards = net::interfaces().into_iter();
    let card = cards.find(|card| card.addresses.iter().any(|network| network.address == own));
    let path = match echo::largest(broker, TRY_LIMIT).await {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => return Err(error.into()),
    };
    let interface = card.and_then(|card| u32::try_from(card.mtu).ok()).filter(|mtu| *mtu > 0);
    let mtu = Mtu { interface, path: path.map(u32::from), to: text(&context.broker) };
    Ok(Found { mtu: Some(mtu), ..Found::default() })
}

pub(super) async fn proxy() -> Result<Found, NoAnswer> {
    let settings = list(probe::network::proxy().await?, |setting| Setting {
        place: text(&setting.place),
        value: text(&setting.value),
    });
    Ok(Found { proxy: Some(Proxy { settings }), ..Found::default() })
}

pub(super) async fn wifi() -> Result<Found, NoAnswer> {
    let links = list(probe::network::wifi().await?, |radio| Radio {
        interface: text(&radio.interface),
        network: radio.network.as_deref().map(text),
        dbm: radio.dbm,
        percent: radio.percent,
    });
    Ok(Found { wifi: Some(Wifi { links }), ..Found::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_that_listens_is_told_from_one_that_does_not() {
        let listening = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listening.local_addr().expect("bound").port();
        let closed = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            gone.local_addr().expect("bound").port()
        };
        let targets = vec![Target::Tcp("127.0.0.1".into(), port), Target::Tcp("127.0.0.1".into(), closed)];
        let context = Context { targets, ..Context::default() };
        let found = self::targets(Arc::new(context)).await.expect("looked").targets.expect("told").targets;
        assert!(found[0].millis.is_some() && found[0].lost == Some(0), "{found:?}");
        assert!(found[1].millis.is_none() && found[1].error.is_some(), "{found:?}");
    }
}
