//! Connections through a PC: only where the policy lists, only as long as the session, and never
//! in each other's way.

mod faults;
mod hostile;
mod site;

use std::net::Ipv4Addr;

use distans_cli::client::Error;
use distans_cli::tunnel::event::Event;
use distans_cli::tunnel::local::Local;
use distans_cli::tunnel::remote::Remote;
use distans_cli::tunnel::{Plan, spec};
use distans_proto::ids::{OpId, SessionId};
use distans_proto::inner::{DeniedBy, Op, OpOutput, Outcome};
use distans_proto::ops::forward::{Connect, Forward, Place};
use distans_proto::scope::Scope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use self::site::{Forwarding, Site, echo, loopback, place, through};
use crate::session::{answer, by_hand};

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_and_either_side_may_end_first() {
    const BYTES: usize = 5_000_000;
    // Hears all of it, then answers.
    let listener = loopback().await;
    let target = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.expect("heard");
        assert!(heard.iter().enumerate().all(|(at, byte)| *byte == (at % 251).to_le_bytes()[0]));
        stream.write_all(heard.len().to_string().as_bytes()).await.expect("answered");
    });
    // Says all it has, then listens.
    let talker = loopback().await;
    let talking = talker.local_addr().expect("bound");
    let (told, heard) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = talker.accept().await.expect("a connection");
        stream.write_all(&vec![7; BYTES]).await.expect("said");
        stream.shutdown().await.expect("ended");
        let mut last = String::new();
        stream.read_to_string(&mut last).await.expect("heard");
        told.send(last).expect("somebody wants to know");
    });
    let site = Site::listing(&[&target.to_string(), &talking.to_string()]).await;
    let forwarding = site.forward(through(&[place(target), place(talking)]).await).await;

    let mut client = TcpStream::connect(forwarding.address(0)).await.expect("connected");
    let bytes: Vec<u8> = (0..BYTES).map(|at| (at % 251).to_le_bytes()[0]).collect();
    client.write_all(&bytes).await.expect("sent");
    client.shutdown().await.expect("ended");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer after our end");
    assert_eq!(answer, BYTES.to_string());

    let mut client = TcpStream::connect(forwarding.address(1)).await.expect("connected");
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.expect("its end comes before ours");
    assert_eq!(all.len(), BYTES);
    client.write_all(b"still here").await.expect("the other direction goes on");
    client.shutdown().await.expect("ended");
    assert_eq!(heard.await.expect("told"), "still here");

    for _ in 0..2 {
        let closed = forwarding.told(|event| matches!(event, Event::Closed { error: None, .. })).await;
        drop(closed);
    }
    let results = forwarding.stop().await.expect("ended in order");
    assert_eq!(results[0].outcome, Outcome::Completed);
    let text = results[0].text.as_ref().expect("a summary").to_string();
    assert!(text.starts_with("2 connections, 5000010 bytes towards the PC, 5000007 "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_does_not_list_is_refused_and_never_connected_to() {
    let listed = echo().await;
    let forbidden = loopback().await;
    let port = forbidden.local_addr().expect("bound").port();
    let site = Site::listing(&[
        &listed.to_string(),
        &format!("10.0.0.0/8:{port}"),
        &format!("printer.mora.se:{port}"),
    ])
    .await;
    let (session, forward) = site.opened().await;
    let reached = |host: &str, port: u16| {
        let place = Place { host: host.into(), port, udp: false };
        let session = &session;
        async move { session.tunnel(forward.id, Some(place)).await.map(|_| ()) }
    };
    assert!(reached("127.0.0.1", listed.port()).await.is_ok());
    assert!(reached("::ffff:127.0.0.1", listed.port()).await.is_ok(), "the same address");
    for (host, port, says) in [
        ("127.0.0.1", port, "127.0.0.1:"),
        ("::ffff:127.0.0.1", port, "is not listed"),
        ("127.0.0.2", listed.port(), "127.0.0.2:"),
        ("::1", listed.port(), "[::1]:"),
        ("0.0.0.0", port, "is not listed"),
        ("127.1", port, "neither an address"),
        ("2130706433", port, "neither an address"),
        // It may be looked up, since it could lead to 10.0.0.0/8; it does not.
        ("localhost", port, "leads to"),
        ("localhost", listed.port() ^ 1, "is not listed"),
    ] {
        match reached(host, port).await {
            Err(Error::Denied(denied)) => {
                assert!(matches!(denied.by, DeniedBy::Policy | DeniedBy::State), "{host}: {denied:?}");
                assert!(denied.text.raw().contains(says), "{host}:{port}: {}", denied.text);
                assert!(
                    denied.by == DeniedBy::State || denied.text.raw().contains("kontor"),
                    "{}",
                    denied.text
                );
            }
            other => panic!("{host}:{port} is not refused: {other:?}"),
        }
    }
    let datagrams = Place { udp: true, ..place(listed) };
    let refused = session.tunnel(forward.id, Some(datagrams)).await;
    assert!(matches!(&refused, Err(Error::Denied(denied)) if denied.text.raw().contains("\"udp\": true")));
    // Nobody came to the forbidden place: the next to come is us.
    let ours = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let (_, peer) = forbidden.accept().await.expect("a connection");
    assert_eq!(peer, ours.local_addr().expect("bound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_nothing_is_forwarded() {
    let site = Site::listing(&[]).await;
    let session = site.session().await;
    let refused = session.forward(OpId::from_bytes([1; 16]), None, Default::default(), |_| {}).await;
    match refused {
        Err(Error::Denied(denied)) => {
            assert_eq!(denied.by, DeniedBy::Policy);
            assert!(denied.text.raw().contains("\"forward\""), "it says what to add: {}", denied.text);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_needs_a_forward_of_its_own_session_that_is_acknowledged() {
    let target = echo().await;
    let site = Site::listing(&[&target.to_string()]).await;
    let (session, forward) = site.opened().await;
    let connect = |forward| Op::Connect(Connect { forward, to: Some(place(target)) });
    assert!(session.tunnel(forward.id, Some(place(target))).await.is_ok());

    let refused = session.tunnel(OpId::from_bytes([9; 16]), Some(place(target))).await;
    assert!(matches!(&refused, Err(Error::Denied(denied)) if denied.by == DeniedBy::Session), "no forward");
    let refused = session.tunnel(forward.id, None).await;
    assert!(matches!(&refused, Err(Error::Denied(_))), "it does not listen: {refused:?}");

    // The forward is another session's.
    let other = SessionId::from_bytes([7; 16]);
    let (technician, control, epoch) = by_hand(&site.office, other, &[Scope::Forward], true).await;
    let told = answer(&site.office, &technician, &control, (epoch, 2), connect(forward.id)).await;
    assert!(matches!(told, Ok(Some(OpOutput::Refused(_)))), "{told:?}");

    // The session may not forward.
    let narrow = SessionId::from_bytes([6; 16]);
    let (technician, control, epoch) = by_hand(&site.office, narrow, &[Scope::Diagnose], true).await;
    let told = answer(&site.office, &technician, &control, (epoch, 2), connect(forward.id)).await;
    assert!(matches!(told, Ok(Some(OpOutput::Refused(_)))), "{told:?}");
    let open = Op::Forward(Forward { listen: None });
    let told = answer(&site.office, &technician, &control, (epoch, 4), open).await;
    assert!(matches!(told, Ok(Some(OpOutput::Refused(_)))), "{told:?}");

    // The grant is not countersigned.
    let early = SessionId::from_bytes([8; 16]);
    let (technician, control, epoch) = by_hand(&site.office, early, &[Scope::Forward], false).await;
    let told = answer(&site.office, &technician, &control, (epoch, 2), connect(forward.id)).await;
    assert!(!matches!(told, Ok(Some(OpOutput::Started(_)))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_keep_their_edges() {
    let target = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bound");
    let address = target.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut buffer = vec![0; 70_000];
        while let Ok((count, peer)) = target.recv_from(&mut buffer).await {
            target.send_to(&buffer[..count], peer).await.expect("echoed");
        }
    });
    let site = Site::listing_datagrams(&[&address.to_string()]).await;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bound");
    let to = Place { udp: true, ..place(address) };
    let plan = Plan { local: vec![Local::Datagrams(socket, to)], remote: Vec::new() };
    let forwarding = site.forward(plan).await;
    // Two peers, each with its own stream.
    for _ in 0..2 {
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bound");
        peer.connect(forwarding.address(0)).await.expect("connected");
        let mut buffer = vec![0; 70_000];
        for size in [1, 1472, 0, 9000, 65_000, 3] {
            let sent = vec![u8::try_from(size % 256).expect("a byte"); size];
            peer.send(&sent).await.expect("sent");
            let count = peer.recv(&mut buffer).await.expect("echoed");
            assert_eq!(&buffer[..count], sent, "{size} bytes");
        }
    }
    let results = forwarding.stop().await.expect("ended in order");
    let text = results[0].text.as_ref().expect("a summary").to_string();
    assert!(text.starts_with("2 connections"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_listens_where_it_may_and_what_comes_there_arrives_here() {
    let here = echo().await;
    let free = loopback().await.local_addr().expect("bound");
    let site = Site::listening(&[&free.to_string()]).await;
    let remote = |listen| Plan { local: Vec::new(), remote: vec![Remote { listen, to: place(here) }] };
    let forwarding = site.forward(remote(place(free))).await;
    let told = forwarding.told(|event| matches!(event, Event::PcListening { .. })).await;
    let Event::PcListening { address, .. } = told else { unreachable!() };
    assert_eq!(address.raw(), free.to_string());
    // More than wait at the PC at any time.
    let mut clients = Vec::new();
    for number in 0..20u8 {
        let mut client = TcpStream::connect(free).await.expect("connected");
        client.write_all(&[number; 1000]).await.expect("sent");
        clients.push(client);
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        client.shutdown().await.expect("ended");
        let mut back = Vec::new();
        client.read_to_end(&mut back).await.expect("echoed");
        assert_eq!(back, vec![u8::try_from(number).expect("a byte"); 1000]);
    }
    forwarding.stop().await.expect("ended in order");
    assert!(TcpStream::connect(free).await.is_err(), "nobody listens any more");

    for listen in [
        Place { port: free.port() ^ 1, ..place(free) },
        Place { host: "0.0.0.0".into(), ..place(free) },
        Place { port: 0, ..place(free) },
        Place { host: "printer".into(), ..place(free) },
    ] {
        let refused = site.run(remote(listen.clone())).await;
        assert!(matches!(&refused, Err(Error::Denied(_))), "{listen:?}: {refused:?}");
    }
    // Listed, and taken by somebody else.
    let _taken = TcpListener::bind(free).await.expect("free again");
    let results = site.run(remote(place(free))).await.expect("an answer");
    assert_eq!(results[0].outcome, Outcome::NotStarted);
}

#[tokio::test(flavor = "multi_thread")]
async fn socks_looks_names_up_at_the_pc_and_refuses_as_the_policy_does() {
    let target = echo().await;
    let site = Site::listing(&[&format!("localhost:{}", target.port())]).await;
    let listen = spec::listen("0").expect("understood");
    let listener = TcpListener::bind(listen).await.expect("bound");
    let forwarding = site.forward(Plan { local: vec![Local::Socks(listener)], remote: Vec::new() }).await;
    let asked = |name: &'static str, port: u16| {
        let address = forwarding.address(0);
        async move {
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(&[5, 1, 0]).await.expect("sent");
            let mut method = [0; 2];
            client.read_exact(&mut method).await.expect("a method");
            assert_eq!(method, [5, 0]);
            let length = u8::try_from(name.len()).expect("short");
            let request = [&[5, 1, 0, 3, length][..], name.as_bytes(), &port.to_be_bytes()].concat();
            client.write_all(&request).await.expect("sent");
            let mut reply = [0; 10];
            client.read_exact(&mut reply).await.expect("a reply");
            (reply[1], client)
        }
    };
    let (code, mut client) = asked("localhost", target.port()).await;
    assert_eq!(code, 0);
    client.write_all(b"through").await.expect("sent");
    client.shutdown().await.expect("ended");
    let mut back = String::new();
    client.read_to_string(&mut back).await.expect("echoed");
    assert_eq!(back, "through");
    assert_eq!(asked("127.0.0.1", target.port()).await.0, 2, "not allowed by the rules");
    assert_eq!(asked("localhost", target.port() ^ 1).await.0, 2);

    // Clients that speak something else or nothing are no hindrance.
    let mut slow = Vec::new();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[4, 1, 0, 80], &[0; 64], &[5, 255, 1], &[5], b""] {
        let mut client = TcpStream::connect(forwarding.address(0)).await.expect("connected");
        client.write_all(garbage).await.expect("sent");
        slow.push(client);
    }
    assert_eq!(asked("localhost", target.port()).await.0, 0);
    let mut told = String::new();
    // What is sent to it unread may cost the last words; the reply came before.
    let _ = slow[0].read_to_string(&mut told).await;
    assert!(told.contains("SOCKS5"), "{told}");
    forwarding.stop().await.expect("ended in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_connections_at_once_all_get_through() {
    let target = echo().await;
    let site = Site::listing(&[&target.to_string()]).await;
    let forwarding = site.forward(through(&[place(target)]).await).await;
    let address = forwarding.address(0);
    let mut clients = Vec::new();
    for number in 0..300u32 {
        clients.push((number, TcpStream::connect(address).await.expect("connected")));
    }
    let talks = clients.into_iter().map(|(number, mut client)| {
        tokio::spawn(async move {
            client.write_all(&number.to_be_bytes()).await.expect("sent");
            client.shutdown().await.expect("ended");
            let mut back = Vec::new();
            client.read_to_end(&mut back).await.expect("echoed");
            assert_eq!(back, number.to_be_bytes());
        })
    });
    for talk in talks.collect::<Vec<_>>() {
        talk.await.expect("it got through");
    }
    let results = Forwarding::stop(forwarding).await.expect("ended in order");
    let text = results[0].text.as_ref().expect("a summary").to_string();
    assert!(text.starts_with("300 connections"), "{text}");
}
