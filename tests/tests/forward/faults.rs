//! Lines that break, sessions that end, policies that change, targets that do not answer or read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distans_cli::client::Error;
use distans_cli::tunnel::event::Event;
use distans_proto::inner::{DeniedBy, Outcome};
use distans_proto::ops::forward::CONNECTIONS_LIMIT;
use distans_tests::pc::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::site::{Site, echo, lists, loopback, place, through};

/// Says something and hears it back.
async fn talks(client: &mut TcpStream) -> std::io::Result<()> {
    client.write_all(b"hello").await?;
    let mut back = [0; 5];
    client.read_exact(&mut back).await?;
    assert_eq!(&back, b"hello");
    Ok(())
}

/// The connection is over, in order or not.
async fn is_closed(client: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset says the same as an end.
    let _ = client.read_to_end(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_end_closes_every_connection_on_both_sides() {
    let listener = loopback().await;
    let target = listener.local_addr().expect("bound");
    let site = Site::listing(&[&target.to_string()]).await;
    let (session, forward) = site.opened().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let tunnel = session.tunnel(forward.id, Some(place(target))).await.expect("connected");
        let (there, _) = listener.accept().await.expect("a connection");
        let (here, socket) = tokio::io::duplex(1024);
        let carried = tokio::spawn(async move {
            let budget = Default::default();
            tunnel.carry(tokio::io::split(socket), &budget, &Default::default()).await
        });
        open.push((there, here, carried));
    }
    session.end().await.expect("ended");
    for (mut there, here, carried) in open {
        is_closed(&mut there).await;
        assert!(carried.await.expect("no panic").is_err(), "it did not end by itself");
        drop(here);
    }
    let result = forward.task.await.expect("no panic");
    match result {
        Ok(result) => {
            assert_eq!(result.outcome, Outcome::SessionEnded);
            assert!(result.text.expect("a summary").raw().starts_with("10 connections"));
        }
        Err(error) => assert!(matches!(error, Error::SessionOver { .. }), "{error}"),
    }
    let refused = session.tunnel(forward.id, Some(place(target))).await;
    assert!(refused.is_err(), "nothing after the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_counts_from_the_next_connection_on() {
    let (kept, lost) = (echo().await, echo().await);
    let mut site = Site::listing(&[&kept.to_string(), &lost.to_string()]).await;
    let forwarding = site.forward(through(&[place(kept), place(lost)]).await).await;
    let mut before = TcpStream::connect(forwarding.address(1)).await.expect("connected");
    talks(&mut before).await.expect("listed");

    site.office.world.org.change_policy(|policy| lists(policy, &[&kept.to_string()])).expect("signed");
    site.office.world.publish(&site.office.desk, &[]).await.expect("published");
    until("the new policy at the PC", || async {
        let mut client = TcpStream::connect(forwarding.address(1)).await.expect("connected");
        talks(&mut client).await.is_err().then_some(())
    })
    .await
    .expect("refused");
    let told = forwarding.told(|event| matches!(event, Event::Refused { .. })).await;
    assert!(matches!(&told, Event::Refused { by: Some(DeniedBy::Policy), .. }), "{told:?}");
    let mut client = TcpStream::connect(forwarding.address(0)).await.expect("connected");
    talks(&mut client).await.expect("still listed");
    forwarding.stop().await.expect("ended in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_broker_restart_new_connections_work_by_themselves() {
    let target = echo().await;
    let mut site = Site::listing(&[&target.to_string()]).await;
    let forwarding = site.forward(through(&[place(target)]).await).await;
    let mut before = TcpStream::connect(forwarding.address(0)).await.expect("connected");
    talks(&mut before).await.expect("connected");
    site.office.world.stop_broker().await.expect("stopped");
    is_closed(&mut before).await;
    // Comes while there is no line, and waits for it.
    let mut during = TcpStream::connect(forwarding.address(0)).await.expect("taken");
    let (started, talked) = tokio::join!(site.office.world.start_broker(), talks(&mut during));
    started.expect("started");
    talked.expect("it got through in the end");
    let mut after = TcpStream::connect(forwarding.address(0)).await.expect("connected");
    talks(&mut after).await.expect("as before");
    let results = forwarding.stop().await.expect("ended in order");
    assert_eq!(results[0].outcome, Outcome::Completed, "one operation all the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_that_goes_takes_the_forward_with_it() {
    let target = echo().await;
    let mut site = Site::listing(&[&target.to_string()]).await;
    let forwarding = site.forward(through(&[place(target)]).await).await;
    let mut client = TcpStream::connect(forwarding.address(0)).await.expect("connected");
    talks(&mut client).await.expect("connected");
    site.office.pc.stop().await;
    is_closed(&mut client).await;
    let address = forwarding.address(0);
    match forwarding.ended().await {
        Ok(results) => assert_eq!(results[0].outcome, Outcome::SessionEnded),
        Err(error) => assert!(matches!(error, Error::SessionOver { .. }), "{error}"),
    }
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_do_not_read_hold_back_their_clients_and_nobody_else() {
    /// More than all windows of the transport together could stall.
    const STALLED: usize = 40;
    /// What one client would send if nobody held it back.
    const MUCH: usize = 64 * 1024 * 1024;
    let deaf = loopback().await;
    let (target, other) = (deaf.local_addr().expect("bound"), echo().await);
    let site = Site::listing(&[&target.to_string(), &other.to_string()]).await;
    let forwarding = site.forward(through(&[place(target), place(other)]).await).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let mut held = Vec::new();
    for _ in 0..STALLED {
        let mut client = TcpStream::connect(forwarding.address(0)).await.expect("connected");
        let (there, _) = deaf.accept().await.expect("a connection");
        let count = Arc::clone(&sent);
        let writing = tokio::spawn(async move {
            let piece = vec![1; 64 * 1024];
            for _ in 0..MUCH / piece.len() {
                client.write_all(&piece).await.expect("taken or held back");
                count.fetch_add(piece.len(), Ordering::Relaxed);
            }
        });
        held.push((there, writing));
    }
    // They stand still: nothing moves while another connection answers again and again.
    let mut client = TcpStream::connect(forwarding.address(1)).await.expect("connected");
    until("all of them to be held back", || async {
        let before = sent.load(Ordering::Relaxed);
        for _ in 0..200 {
            talks(&mut TcpStream::connect(forwarding.address(1)).await.ok()?).await.expect("it goes on");
        }
        (before > 0 && sent.load(Ordering::Relaxed) == before).then_some(())
    })
    .await
    .expect("held back");
    let total = sent.load(Ordering::Relaxed);
    // Most of it lies in the system's own buffers of the sockets here and there.
    assert!(total < STALLED * 16 * 1024 * 1024, "{total} bytes were taken from {STALLED} clients");
    talks(&mut client).await.expect("another connection does not notice");
    for (there, writing) in held {
        assert!(!writing.is_finished());
        writing.abort();
        drop(there);
    }
    forwarding.stop().await.expect("ended in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_never_answer_are_given_up_with_their_clients() {
    // A listener whose queue is full lets nobody in and says nothing.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let silent = socket.listen(1).expect("listens");
    let (target, other) = (silent.local_addr().expect("bound"), echo().await);
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(std::time::Duration::from_millis(300), TcpStream::connect(target)).await
    {
        queue.push(stream);
    }
    let site = Site::listing(&[&target.to_string(), &other.to_string()]).await;
    let (session, forward) = site.opened().await;
    let waiting: Vec<_> = (0..CONNECTIONS_LIMIT)
        .map(|_| {
            let session = Arc::clone(&session);
            tokio::spawn(async move {
                // Whoever was given up by the PC, or refused a place just now, comes again; and one that
                // the system let in after all keeps its place.
                loop {
                    if let Ok(_kept) = session.tunnel(forward.id, Some(place(target))).await {
                        std::future::pending::<()>().await;
                    }
                }
            })
        })
        .collect();
    until("every place to be taken", || async {
        match session.tunnel(forward.id, Some(place(other))).await {
            Err(Error::Denied(denied)) => (denied.by == DeniedBy::Limit).then_some(()),
            _ => None,
        }
    })
    .await
    .expect("full");
    for one in &waiting {
        one.abort();
    }
    until("a place to be free again", || async { session.tunnel(forward.id, Some(place(other))).await.ok() })
        .await
        .expect("free");
    forward.stop.cancel();
    let result = forward.task.await.expect("no panic").expect("ended in order");
    assert_eq!(result.outcome, Outcome::Completed);
}
