//! A bad network in user space: a UDP proxy with delay, jitter, loss, reordering and a
//! bottleneck with a queue, in both directions, for tests and measurements without privileges.
//!
//! Every client address is a flow of its own towards the target, and all flows share the two
//! [`line::Line`]s, so that they compete as on a real line. The seed is part of the settings and
//! is printed by whoever draws it, so that a run can be repeated.

pub mod line;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{Notify, oneshot};

use line::{Fate, Line, Quality};

/// Largest datagram there is.
const DATAGRAM: usize = 65_535;

/// Bytes on their way in one direction; beyond, packets are dropped as by a full queue.
const UNDERWAY: usize = 64 * 1024 * 1024;

/// Kernel buffers of the proxy's own sockets: its losses should be the ones it was told to make.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// Both directions and the dice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network {
    /// From clients to the target.
    pub up: Quality,
    /// From the target to clients.
    pub down: Quality,
    /// The dice.
    pub seed: u64,
}

impl Network {
    /// The same quality both ways.
    pub const fn both_ways(quality: Quality, seed: u64) -> Self {
        Self { up: quality, down: quality, seed }
    }
}

/// What became of the packets of one direction.
#[derive(Debug, Default)]
pub struct Counters {
    /// Came through.
    pub delivered: AtomicU64,
    /// Lost at random.
    pub lost: AtomicU64,
    /// Dropped by the full queue.
    pub dropped: AtomicU64,
}

/// A running proxy; it ends when dropped.
#[derive(Debug)]
pub struct NetSim {
    address: SocketAddr,
    up: Arc<Counters>,
    down: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl NetSim {
    /// Starts a proxy on `listen` (port 0 = any) in front of `target`, on a thread of its own so
    /// that a busy test does not bend its clock.
    ///
    /// # Errors
    /// The address cannot be had, or no thread.
    pub fn start(listen: SocketAddr, target: SocketAddr, network: Network) -> io::Result<Self> {
        let socket = bind(listen)?;
        let address = socket.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (up, down) = (Arc::new(Counters::default()), Arc::new(Counters::default()));
        let directions = (
            Direction::new(network.up, network.seed, Arc::clone(&up)),
            Direction::new(network.down, network.seed.wrapping_add(1), Arc::clone(&down)),
        );
        let thread = std::thread::Builder::new().name("netsim".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = proxy(socket, target, directions.0, directions.1) => {
                        if let Err(error) = result {
                            eprintln!("netsim: {error}");
                        }
                    }
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, up, down, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients send to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Packets from clients to the target.
    pub fn up(&self) -> &Counters {
        &self.up
    }

    /// Packets from the target to clients.
    pub fn down(&self) -> &Counters {
        &self.down
    }
}

impl Drop for NetSim {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    let tuned = socket2::SockRef::from(&socket);
    tuned.set_recv_buffer_size(SOCKET_BUFFER).ok();
    tuned.set_send_buffer_size(SOCKET_BUFFER).ok();
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Receives from clients until cancelled; tasks end with the runtime.
async fn proxy(
    socket: std::net::UdpSocket,
    target: SocketAddr,
    up: Arc<Direction>,
    down: Arc<Direction>,
) -> io::Result<()> {
    let socket = Arc::new(UdpSocket::from_std(socket)?);
    tokio::spawn(Arc::clone(&up).deliver());
    tokio::spawn(Arc::clone(&down).deliver());
    let any: SocketAddr = if target.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let mut flows: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(error),
        };
        let flow = match flows.get(&client) {
            Some(flow) => Arc::clone(flow),
            None => {
                let flow = Arc::new(UdpSocket::from_std(bind(any)?)?);
                flow.connect(target).await?;
                tokio::spawn(return_way(Arc::clone(&flow), Arc::clone(&socket), client, Arc::clone(&down)));
                flows.insert(client, Arc::clone(&flow));
                flow
            }
        };
        up.offer(&buffer[..length], Exit { socket: flow, to: None });
    }
}

/// Receives what the target answers to one client.
async fn return_way(flow: Arc<UdpSocket>, socket: Arc<UdpSocket>, client: SocketAddr, down: Arc<Direction>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        // An unreachable target is a bad network too; the next packet may find it again.
        if let Ok(length) = flow.recv(&mut buffer).await {
            down.offer(&buffer[..length], Exit { socket: Arc::clone(&socket), to: Some(client) });
        }
    }
}

/// Where a packet leaves the proxy.
struct Exit {
    socket: Arc<UdpSocket>,
    /// `None` for a connected socket.
    to: Option<SocketAddr>,
}

/// One direction: its line and the packets on their way.
struct Direction {
    state: Mutex<State>,
    earlier: Notify,
    counters: Arc<Counters>,
}

struct State {
    line: Line,
    underway: BTreeMap<(Instant, u64), (Vec<u8>, Exit)>,
    bytes: usize,
    sequence: u64,
}

impl Direction {
    fn new(quality: Quality, seed: u64, counters: Arc<Counters>) -> Arc<Self> {
        let state =
            State { line: Line::new(quality, seed), underway: BTreeMap::new(), bytes: 0, sequence: 0 };
        Arc::new(Self { state: Mutex::new(state), earlier: Notify::new(), counters })
    }

    fn offer(&self, packet: &[u8], exit: Exit) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bytes + packet.len() > UNDERWAY {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match state.line.offer(Instant::now(), packet.len()) {
            Fate::Delivered(at) => {
                let first = state.underway.first_key_value().is_none_or(|((earliest, _), _)| at < *earliest);
                state.sequence += 1;
                state.bytes += packet.len();
                let key = (at, state.sequence);
                state.underway.insert(key, (packet.to_vec(), exit));
                if first {
                    self.earlier.notify_one();
                }
            }
            Fate::QueueFull => _ = self.counters.dropped.fetch_add(1, Ordering::Relaxed),
            Fate::Lost => _ = self.counters.lost.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The next packet that is due, or when the next one will be.
    fn take_due(&self, now: Instant) -> Result<(Vec<u8>, Exit), Option<Instant>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.underway.first_entry() {
            Some(first) if first.key().0 <= now => {
                let (packet, exit) = first.remove();
                state.bytes -= packet.len();
                Ok((packet, exit))
            }
            Some(first) => Err(Some(first.key().0)),
            None => Err(None),
        }
    }

    /// Sends packets out when they are due, for ever.
    async fn deliver(self: Arc<Self>) {
        loop {
            match self.take_due(Instant::now()) {
                Ok((packet, exit)) => {
                    let sent = match exit.to {
                        Some(client) => exit.socket.send_to(&packet, client).await,
                        None => exit.socket.send(&packet).await,
                    };
                    if sent.is_ok() {
                        self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(next) => {
                    // The runtime's clock ticks in milliseconds; far below what lines do.
                    let wait = next
                        .map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.earlier.notified() => {}
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that sends everything back, until it is dropped.
    fn echo() -> io::Result<SocketAddr> {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if length == 0 || socket.send_to(&buffer[..length], from).is_err() {
                    break;
                }
            }
        });
        Ok(address)
    }

    fn client(through: &NetSim) -> io::Result<std::net::UdpSocket> {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        socket.connect(through.address())?;
        Ok(socket)
    }

    #[test]
    fn clients_get_their_own_answers_after_the_delay() -> io::Result<()> {
        let quality = Quality { delay: Duration::from_millis(20), ..Quality::default() };
        let net = NetSim::start(([127, 0, 0, 1], 0).into(), echo()?, Network::both_ways(quality, 1))?;
        let clients = [client(&net)?, client(&net)?];
        let start = Instant::now();
        for (nth, client) in (0_u8..).zip(&clients) {
            client.send(&[nth; 100])?;
        }
        for (nth, client) in (0_u8..).zip(&clients) {
            let mut buffer = [0; 200];
            assert_eq!(client.recv(&mut buffer)?, 100);
            assert_eq!(buffer[..100], [nth; 100]);
        }
        assert!(start.elapsed() >= Duration::from_millis(40), "{:?}", start.elapsed());
        Ok(())
    }

    #[test]
    fn what_is_counted_as_lost_does_not_arrive() -> io::Result<()> {
        const SENT: u64 = 500;
        let up = Quality { loss: 0.2, ..Quality::default() };
        let network = Network { up, seed: 3, ..Network::default() };
        let net = NetSim::start(([127, 0, 0, 1], 0).into(), echo()?, network)?;
        let client = client(&net)?;
        let mut answered = 0;
        let mut buffer = [0; 200];
        for nth in 0..SENT {
            client.send(&nth.to_be_bytes())?;
            // One at a time, so that no kernel buffer overflows: what is lost is lost at once.
            while net.up().lost.load(Ordering::Relaxed) + answered <= nth {
                client.set_read_timeout(Some(Duration::from_millis(1)))?;
                answered += u64::from(client.recv(&mut buffer).is_ok());
            }
        }
        let lost = net.up().lost.load(Ordering::Relaxed);
        assert_eq!(lost + answered, SENT);
        assert!((60..=140).contains(&lost), "{lost} of {SENT} lost with seed 3");
        Ok(())
    }
}
