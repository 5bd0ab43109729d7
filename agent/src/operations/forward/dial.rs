//! From a listed target to a socket. Names are looked up here, at the PC; the addresses found are
//! checked, and what is connected to is one of those, so that a name that means something else a
//! moment later changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use distans_agent_core::targets::{Destination, Target};
use distans_proto::inner::{Denied, DeniedBy};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::operations::denied;

/// How long a look-up may take.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How long one address may take to answer, and how many are tried.
const CONNECT: Duration = Duration::from_secs(10);
const TRIED: usize = 4;

/// Look-ups at once: each holds a thread, which cannot be stopped, as long as the system takes.
static LOOK_UPS: Semaphore = Semaphore::const_new(16);

/// A stream to `target`, at an address that `listed` lets through.
pub(super) async fn stream(
    target: &Target,
    listed: impl Fn(&[SocketAddr]) -> Result<Vec<SocketAddr>, Denied>,
) -> Result<TcpStream, Denied> {
    let addresses = listed(&addresses(target).await?)?;
    let mut last = None;
    for address in addresses.into_iter().take(TRIED) {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true); // only slower without
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(error.to_string()),
            Err(_) => last = Some(format!("no answer within {} seconds", CONNECT.as_secs())),
        }
    }
    let why = last.unwrap_or_else(|| "its name leads nowhere".to_owned());
    Err(denied(DeniedBy::State, format!("the PC cannot reach {target}: {why}")))
}

/// A socket for datagrams to and from `target`, at an address that `listed` lets through.
pub(super) async fn datagrams(
    target: &Target,
    listed: impl Fn(&[SocketAddr]) -> Result<Vec<SocketAddr>, Denied>,
) -> Result<UdpSocket, Denied> {
    let addresses = listed(&addresses(target).await?)?;
    let failed = |error: std::io::Error| {
        denied(DeniedBy::State, format!("the PC cannot send datagrams to {target}: {error}"))
    };
    let Some(address) = addresses.first() else {
        return Err(failed(std::io::ErrorKind::AddrNotAvailable.into()));
    };
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(address).await.map_err(failed)?;
    Ok(socket)
}

async fn addresses(target: &Target) -> Result<Vec<SocketAddr>, Denied> {
    let name = match &target.host {
        Destination::Address(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
        Destination::Name(name) => name,
    };
    let failed = |why: String| denied(DeniedBy::State, format!("the PC finds no address of {name}: {why}"));
    let looking = async {
        // Never closed: the wait cannot fail.
        let _place = LOOK_UPS.acquire().await;
        lookup_host((name.as_str(), target.port)).await
    };
    match timeout(LOOK_UP, looking).await {
        Ok(Ok(found)) => Ok(found
            .map(|mut address| {
                if address.ip().to_canonical() != address.ip() {
                    address = SocketAddr::new(address.ip().to_canonical(), address.port());
                }
                address
            })
            .collect()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {} seconds", LOOK_UP.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::ops::forward::Place;
    use tokio::net::TcpSocket;

    use super::*;

    #[tokio::test]
    async fn a_target_that_never_answers_is_given_up() {
        // A listener whose queue is full lets nobody in and says nothing.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let silent = socket.listen(1).expect("listens");
        let address = silent.local_addr().expect("bound");
        let mut queue = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            queue.push(stream);
        }
        let place = Place { host: address.ip().to_string().into(), port: address.port(), udp: false };
        let target = Target::parse(&place).expect("a target");
        // From here on time passes as soon as nothing else happens.
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let refused = stream(&target, |addresses| Ok(addresses.to_vec())).await.expect_err("given up");
        assert_eq!(refused.by, DeniedBy::State);
        assert!(refused.text.raw().ends_with("no answer within 10 seconds"), "{}", refused.text);
        assert!(begun.elapsed() < CONNECT + Duration::from_secs(1));
    }
}
