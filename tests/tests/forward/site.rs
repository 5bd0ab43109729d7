//! A PC whose policy lists what a test says, and forwards through it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use distans_cli::client::{Error, Session};
use distans_cli::tunnel::event::{Event, Teller};
use distans_cli::tunnel::local::Local;
use distans_cli::tunnel::{Plan, run};
use distans_proto::ids::OpId;
use distans_proto::inner::OpResult;
use distans_proto::ops::forward::Place;
use distans_proto::scope::Scope;
use distans_tests::org::{kontor, rule};
use distans_tests::pc::PATIENCE;
use distans_trust::policy::forward::ForwardRule;
use distans_trust::policy::{ConsentMode, Policy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, wanted};

/// An office whose PC may forward.
pub(crate) struct Site {
    pub(crate) office: Office,
}

/// A listener on this machine.
pub(crate) async fn loopback() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bound")
}

/// A place as a technician names it.
pub(crate) fn place(address: SocketAddr) -> Place {
    Place { host: address.ip().to_string().into(), port: address.port(), udp: false }
}

/// A server that says back what it hears, until it has heard all.
pub(crate) async fn echo() -> SocketAddr {
    let listener = loopback().await;
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count) = stream.read(&mut buffer).await {
                    if count == 0 || stream.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A listener here for each place.
pub(crate) async fn through(places: &[Place]) -> Plan {
    let mut plan = Plan::default();
    for place in places {
        plan.local.push(Local::Stream(loopback().await, place.clone()));
    }
    plan
}

fn forward_rule(targets: &[&str], listen: &[&str], udp: bool) -> ForwardRule {
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    ForwardRule { group: kontor().expect("label"), targets: texts(targets), listen: texts(listen), udp }
}

/// Lists these targets and nothing else.
pub(crate) fn lists(policy: &mut Policy, targets: &[&str]) {
    policy.forward = if targets.is_empty() { Vec::new() } else { vec![forward_rule(targets, &[], false)] };
}

impl Site {
    async fn with(forward: Vec<ForwardRule>) -> Self {
        let office = Office::with_policy(|policy| {
            policy.forward = forward;
            policy.consent.rules.push(rule(Scope::Forward, ConsentMode::Announce).expect("label"));
        })
        .await;
        Self { office }
    }

    pub(crate) async fn listing(targets: &[&str]) -> Self {
        let rules = if targets.is_empty() { Vec::new() } else { vec![forward_rule(targets, &[], false)] };
        Self::with(rules).await
    }

    pub(crate) async fn listing_datagrams(targets: &[&str]) -> Self {
        Self::with(vec![forward_rule(targets, &[], true)]).await
    }

    pub(crate) async fn listening(listen: &[&str]) -> Self {
        Self::with(vec![forward_rule(&[], listen, false)]).await
    }

    pub(crate) async fn session(&self) -> Session {
        self.office.session(&wanted(&[Scope::Forward])).await.expect("announced")
    }

    /// A session in which connections may be made.
    pub(crate) async fn opened(&self) -> (Arc<Session>, Opened) {
        let session = Arc::new(self.session().await);
        let id = OpId::from_bytes([3; 16]);
        let (ready, is_ready) = oneshot::channel();
        let mut ready = Some(ready);
        let (own, stop) = (Arc::clone(&session), CancellationToken::new());
        let cancel = stop.clone();
        let task = tokio::spawn(async move {
            own.forward(id, None, cancel, |_| {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(());
                }
            })
            .await
        });
        is_ready.await.expect("the forward runs");
        (session, Opened { id, stop, task })
    }

    /// Forwards to its end.
    pub(crate) async fn run(&self, plan: Plan) -> Result<Vec<OpResult>, Error> {
        run(self.session().await, plan, Arc::new(|_| {}), CancellationToken::new()).await
    }

    /// Forwards, and comes back when all listeners are ready.
    pub(crate) async fn forward(&self, plan: Plan) -> Forwarding {
        Forwarding::begin(self.session().await, plan).await
    }
}

/// A forward by the client's own hand.
pub(crate) struct Opened {
    pub(crate) id: OpId,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<Result<OpResult, Error>>,
}

/// What `distans forward` does, under way.
pub(crate) struct Forwarding {
    addresses: Vec<SocketAddr>,
    events: watch::Receiver<Vec<Event>>,
    stop: CancellationToken,
    task: JoinHandle<Result<Vec<OpResult>, Error>>,
}

impl Forwarding {
    pub(crate) async fn begin(session: Session, plan: Plan) -> Self {
        let addresses: Vec<_> = plan.local.iter().map(|local| local.address().expect("bound")).collect();
        let parts = addresses.len() + plan.remote.len();
        let (sender, events) = watch::channel(Vec::new());
        let tell: Teller =
            Arc::new(move |event| sender.send_modify(|events: &mut Vec<_>| events.push(event)));
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(session, plan, tell, stop.clone()));
        let mut heard = events.clone();
        let ready = heard.wait_for(|events| {
            let is_ready =
                |event: &&Event| matches!(event, Event::Listening { .. } | Event::PcListening { .. });
            events.iter().filter(is_ready).count() == parts
        });
        let is_ready = timeout(PATIENCE, ready).await.expect("in time").is_ok();
        if !is_ready {
            panic!("it is over before it began: {:?}", task.await);
        }
        Self { addresses, events, stop, task }
    }

    /// Where the plan's listener of this number is.
    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        self.addresses[number]
    }

    /// All that was told so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    /// Waits until something was told.
    pub(crate) async fn told(&self, is_it: impl Fn(&Event) -> bool) -> Event {
        let mut events = self.events.clone();
        let told = events.wait_for(|events| events.iter().any(&is_it));
        let told = timeout(PATIENCE, told).await.expect("told in time").expect("it runs");
        told.iter().find(|event| is_it(event)).cloned().expect("just seen")
    }

    /// Stops it and gives its results.
    pub(crate) async fn stop(self) -> Result<Vec<OpResult>, Error> {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(self) -> Result<Vec<OpResult>, Error> {
        timeout(PATIENCE, self.task).await.expect("ended in time").expect("no panic")
    }
}
