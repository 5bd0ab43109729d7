//! A PC in the hands of an attacker: whatever it says on a connection's stream ends that
//! connection at worst.

use std::sync::Arc;

use distans_cli::client::{NewSession, Session};
use distans_cli::tunnel::event::Event;
use distans_e2e_io::{OpReader, OpWriter};
use distans_proto::frame;
use distans_proto::inner::{Closed, Op, OpOutput, OpResult, Outcome};
use distans_proto::ops::ITEM_LIMIT;
use distans_proto::ops::forward::{Datagram, FIRST_WINDOW, Flow, ForwardEvent, Ready};
use distans_proto::scope::{Scope, ScopeSet};
use distans_tests::fake_pc::FakePc;
use distans_tests::world::World;
use quinn::{RecvStream, SendStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::{Forwarding, loopback, place, through};

/// What the PC does on a connection's stream once it stands.
#[derive(Debug, Clone, Copy)]
enum Trick {
    MoreThanAllowed,
    EndTwice,
    BytesAfterTheEnd,
    DatagramAmongBytes,
    StandardError,
    Finished,
    Garbage,
    GoneWithoutAWord,
    ResetAtOnce,
}

const TRICKS: [Trick; 9] = [
    Trick::MoreThanAllowed,
    Trick::EndTwice,
    Trick::BytesAfterTheEnd,
    Trick::DatagramAmongBytes,
    Trick::StandardError,
    Trick::Finished,
    Trick::Garbage,
    Trick::GoneWithoutAWord,
    Trick::ResetAtOnce,
];

async fn play(trick: Trick, mut reader: OpReader<RecvStream>, mut writer: OpWriter<SendStream>) {
    writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
    let end = Flow::End(Closed {});
    // The technician's program may hang up at any point of this.
    let _ = match trick {
        Trick::MoreThanAllowed => {
            // More than the system's own buffers take, which count as drained.
            let much = vec![1; usize::try_from(FIRST_WINDOW).expect("small") * 640];
            let _ = writer.write_primary(&much).await;
            writer.flush().await
        }
        Trick::EndTwice => {
            let _ = writer.send(&end).await;
            writer.send(&end).await
        }
        Trick::BytesAfterTheEnd => {
            let _ = writer.send(&end).await;
            let _ = writer.write_primary(b"more").await;
            writer.flush().await
        }
        Trick::DatagramAmongBytes => writer.send(&Flow::Datagram(Datagram { bytes: vec![1; 60_000] })).await,
        Trick::StandardError => {
            let _ = writer.write_errors(b"oops").await;
            writer.flush().await
        }
        Trick::Finished => {
            let text = Some("\u{1b}[2J".into());
            let result = OpResult { outcome: Outcome::Completed, exit: None, bytes: 0, text };
            let _ = writer.send(&OpOutput::Finished(result)).await;
            writer.finish().await
        }
        Trick::Garbage => {
            let _ = writer.send(&"no message of this conversation").await;
            writer.finish().await
        }
        Trick::GoneWithoutAWord => writer.finish().await,
        Trick::ResetAtOnce => writer.reset(7).await,
    };
    while let Ok(Some(_)) = reader.next::<Flow>().await {}
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_pc_says_on_a_connection_ends_that_one_alone() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = Arc::new(FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC"));
    let target = desk.find("PC-ORSA-014").await.expect("found");
    let wanted = NewSession {
        scopes: ScopeSet::EMPTY.with(Scope::Forward),
        purpose: "test".into(),
        ticket: None,
        minutes: 10,
        unattended: false,
    };
    let (session, control) = tokio::join!(Session::open(&desk, &target, &wanted), pc.session());
    let (session, (control, _)) = (session.expect("a session"), control.expect("granted"));

    let playing = tokio::spawn(async move {
        let (request, (mut reader, mut writer)) = pc.operation(&control).await.expect("an operation");
        assert!(matches!(request.op, Op::Forward(_)));
        writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
        let ready = ForwardEvent::Ready(Ready { listening: None });
        let item = frame::encode(&ready, ITEM_LIMIT).expect("short");
        // It says so twice; once counts.
        writer.write_primary(&item).await.expect("sent");
        writer.write_primary(&item).await.expect("sent");
        writer.flush().await.expect("sent");
        for trick in TRICKS {
            let (request, (reader, writer)) = pc.operation(&control).await.expect("a connection");
            assert!(matches!(request.op, Op::Connect(_)));
            tokio::spawn(play(trick, reader, writer));
        }
        while let Ok(Some(_)) = reader.next::<distans_proto::inner::OpInput>().await {}
    });
    let nowhere = loopback().await.local_addr().expect("bound");
    let forwarding = Forwarding::begin(session, through(&[place(nowhere)]).await).await;
    for (number, trick) in TRICKS.into_iter().enumerate() {
        let mut client = TcpStream::connect(forwarding.address(0)).await.expect("taken");
        let _ = client.write_all(b"hello").await;
        let closed =
            |events: &[Event]| events.iter().filter(|event| matches!(event, Event::Closed { .. })).count();
        distans_tests::pc::until("its end to be told", || async {
            (closed(&forwarding.events()) > number).then_some(())
        })
        .await
        .expect("told");
        let last = forwarding.events().into_iter().rev().find(|event| matches!(event, Event::Closed { .. }));
        let Some(Event::Closed { error, .. }) = last else { panic!("{trick:?}: no end") };
        assert!(error.is_some(), "{trick:?} passes for an orderly end");
        // It is closed here too, whatever had come.
        let _ = client.read_to_end(&mut Vec::new()).await;
    }
    drop(forwarding);
    playing.abort();
}
