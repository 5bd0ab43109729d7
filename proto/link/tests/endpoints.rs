//! Two real endpoints with our settings: frames cross, nobody resumes, idle costs stay small.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use distans_link::frames::{self, CONTROL_LIMIT, FrameIoError, Limits};
use distans_link::{endpoint, transport};
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::link::RelayHeader;
use quinn::{Connection, Endpoint};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A connection seen from both sides, and what keeps it alive.
struct Pair {
    agent: Connection,
    broker: Connection,
    _endpoints: (Endpoint, Endpoint),
}

async fn pair() -> Result<Pair, Box<dyn std::error::Error>> {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let certificate = certified.cert.der().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = endpoint::server_endpoint(any, endpoint::server_config(tls, transport::broker_side())?)?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate)?;
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let client = endpoint::client_endpoint(endpoint::any_address_for(server.local_addr()?))?;
    let config = endpoint::client_config(tls, transport::agent_side())?;
    let connecting = client.connect_with(config, server.local_addr()?, "localhost")?;
    let accepting =
        async { Ok::<_, Box<dyn std::error::Error>>(server.accept().await.ok_or("closed")?.await?) };
    let (agent, broker) = tokio::try_join!(async { Ok(connecting.await?) }, accepting)?;
    Ok(Pair { agent, broker, _endpoints: (client, server) })
}

#[tokio::test]
async fn frames_cross_in_both_directions_and_leave_what_follows() -> TestResult {
    let pair = pair().await?;
    let header =
        RelayHeader { session: SessionId::from_bytes([1; 16]), device: DeviceId::from_bytes([2; 16]) };
    let (mut send, _recv) = pair.broker.open_bi().await?;
    frames::write_message(&mut send, &header, CONTROL_LIMIT).await?;
    send.write_all(b"opaque").await?;
    send.finish()?;
    let (_send, mut recv) = pair.agent.accept_bi().await?;
    let read: RelayHeader = frames::read_message(&mut recv, Limits::prompt(CONTROL_LIMIT)).await?;
    assert_eq!(read, header);
    assert_eq!(recv.read_to_end(100).await?, b"opaque");
    Ok(())
}

#[tokio::test]
async fn a_stranger_opens_few_streams_until_widened() -> TestResult {
    let pair = pair().await?;
    let mut held = Vec::new();
    for _ in 0..transport::AGENT_STREAMS {
        held.push(pair.agent.open_bi().await?);
    }
    let mut waiting = Box::pin(pair.agent.open_bi());
    assert!(futures_pending(&mut waiting).await, "one stream more than allowed was opened");
    transport::widen_for_technician(&pair.broker);
    // The broker tells of it with its next packet.
    let (mut send, _recv) = pair.broker.open_bi().await?;
    send.write_all(b"x").await?;
    tokio::time::timeout(Duration::from_secs(10), waiting).await??;
    Ok(())
}

#[tokio::test]
async fn a_stranger_fills_little_memory_until_widened() -> TestResult {
    let pair = pair().await?;
    let (mut send, _recv) = pair.agent.open_bi().await?;
    let sending = tokio::spawn(async move { send.write_all(&[7; 1_000_000]).await });
    let received = || pair.broker.stats().udp_rx.bytes;
    let until = async |bytes: u32| {
        while received() < u64::from(bytes) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), until(transport::STRANGER_RECEIVE_WINDOW)).await?;
    // Whatever else was on its way has come when the other direction has been heard.
    for _ in 0..3 {
        let (mut send, _recv) = pair.broker.open_bi().await?;
        send.write_all(b"x").await?;
        pair.agent.accept_bi().await?.1.read_exact(&mut [0]).await?;
    }
    let most = u64::from(transport::STRANGER_RECEIVE_WINDOW) * 3 / 2;
    assert!(received() < most, "{} bytes were taken from a stranger", received());
    transport::widen_for_agent(&pair.broker);
    tokio::time::timeout(Duration::from_secs(10), until(1_000_000)).await?;
    sending.await??;
    Ok(())
}

#[tokio::test]
async fn a_closed_stream_is_reported_as_such() -> TestResult {
    let pair = pair().await?;
    let (mut send, _recv) = pair.agent.open_bi().await?;
    send.write_all(&[0, 0, 0, 9, 1]).await?;
    send.finish()?;
    let (_send, mut recv) = pair.broker.accept_bi().await?;
    let error = frames::read_frame(&mut recv, Limits::prompt(CONTROL_LIMIT)).await;
    assert!(matches!(error, Err(FrameIoError::Truncated { missing: 8 })), "{error:?}");
    Ok(())
}

/// True if `future` does not finish at once.
async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()))
        .await
}

#[tokio::test]
async fn a_server_that_was_killed_and_came_back_says_so_at_once() -> TestResult {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let certificate = certified.cert.der().clone();
    let server_config = || -> Result<_, Box<dyn std::error::Error>> {
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())?;
        Ok(endpoint::server_config(tls, transport::broker_side())?)
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone())?;
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let secret = [7; 32];
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));

    // A first life in a runtime of its own, which is dropped without a word, as a kill does.
    let first_life = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let guard = first_life.enter();
    let server = endpoint::returning_server_endpoint(any, server_config()?, &secret)?;
    drop(guard);
    let address = server.local_addr()?;
    first_life.spawn(async move {
        if let Some(incoming) = server.accept().await {
            let _held = incoming.await;
            std::future::pending::<()>().await;
        }
    });
    let client = endpoint::client_endpoint(endpoint::any_address_for(address))?;
    let config = endpoint::client_config(tls, transport::agent_side())?;
    let connection = client.connect_with(config, address, "localhost")?.await?;
    first_life.shutdown_background();

    let _second_life = loop {
        match endpoint::returning_server_endpoint(address, server_config()?, &secret) {
            Ok(server) => break server,
            Err(_) => tokio::task::yield_now().await, // the first one's socket is still being closed
        }
    };
    let (mut send, _recv) = connection.open_bi().await?;
    send.write_all(b"are you still there?").await?;
    // Far below the idle time; a lost datagram is sent again within it.
    let why = tokio::time::timeout(Duration::from_secs(30), connection.closed()).await?;
    assert!(matches!(why, quinn::ConnectionError::Reset), "{why}");
    Ok(())
}
