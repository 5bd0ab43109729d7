//! Relayed streams: what goes through unharmed, what is passed on, what is refused, what is held.

use std::time::Duration;

use distans_proto::desk::{DeskReply, DeskRequest, SessionFilter};
use distans_proto::ending as code;
use distans_proto::enrol::RefusalCode;
use distans_proto::ids::DeviceId;
use quinn::{ReadError, ReadToEndError, SendStream, VarInt, WriteError};
use tokio::time::timeout;

use crate::organisation::random16;
use crate::peers::{Agent, Pc, Technician, refusal, session};
use crate::world::{SOON, World, until};

async fn pair(world: &World) -> (Pc, Agent, Technician) {
    let pc = Pc::enrolled(world, "PC-1").await;
    let agent = pc.connect(world).await;
    (pc, agent, Technician::connect(world, "anna").await)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from((index * 7 + index / 251) % 256).expect("a byte")).collect()
}

#[tokio::test]
async fn bytes_go_through_unharmed_both_ways_and_are_counted() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let session = session();
    let (reply, mut to_pc, mut from_pc) = anna.open(pc.id, session).await;
    assert!(matches!(reply, DeskReply::Opened(_)), "{reply:?}");
    let (header, mut to_technician, mut from_technician) = agent.accept().await;
    assert_eq!((header.session, header.device), (session, pc.id));
    let (up, down) = (pattern(3_000_000), pattern(5_000_001));
    let (sent_up, sent_down, got_up, got_down) = tokio::join!(
        async { to_pc.write_all(&up).await.map(|()| to_pc.finish()) },
        async { to_technician.write_all(&down).await.map(|()| to_technician.finish()) },
        from_technician.read_to_end(up.len()),
        from_pc.read_to_end(down.len()),
    );
    sent_up.expect("sent").expect("finished");
    sent_down.expect("sent").expect("finished");
    assert!(got_up.expect("read") == up && got_down.expect("read") == down);
    until("the session is recorded with its bytes", async || {
        let filter = SessionFilter { device: Some(pc.id), ..SessionFilter::default() };
        match anna.ask(DeskRequest::Sessions(filter)).await.swap_remove(0) {
            DeskReply::Session(row) => {
                (row.id, row.bytes_to_agent, row.bytes_to_technician) == (session, 3_000_000, 5_000_001)
            }
            _ => false,
        }
    })
    .await;
}

#[tokio::test]
async fn each_direction_ends_for_itself() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let (_, mut to_pc, mut from_pc) = anna.open(pc.id, session()).await;
    let (_, mut to_technician, mut from_technician) = agent.accept().await;
    to_pc.write_all(b"question").await.expect("sent");
    to_pc.finish().expect("finished");
    assert_eq!(from_technician.read_to_end(100).await.expect("the end arrives"), b"question");
    to_technician.write_all(b"answer").await.expect("still open");
    to_technician.finish().expect("finished");
    assert_eq!(from_pc.read_to_end(100).await.expect("the end arrives"), b"answer");
}

#[tokio::test]
async fn resets_and_stops_are_passed_on_with_their_codes() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let (_, mut to_pc, mut from_pc) = anna.open(pc.id, session()).await;
    let (_, to_technician, mut from_technician) = agent.accept().await;
    to_pc.write_all(b"x").await.expect("sent");
    to_pc.reset(VarInt::from_u32(77)).expect("open");
    let reset = ReadToEndError::Read(ReadError::Reset(VarInt::from_u32(77)));
    assert_eq!(from_technician.read_to_end(100).await, Err(reset));
    from_pc.stop(VarInt::from_u32(78)).expect("open");
    assert_eq!(to_technician.stopped().await, Ok(Some(VarInt::from_u32(78))));
}

#[tokio::test]
async fn a_technician_can_give_up_a_stream_that_nobody_reads() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let (_, mut to_pc, _from_pc) = anna.open(pc.id, session()).await;
    let (_, _to_technician, mut from_technician) = agent.accept().await;
    fill(&mut to_pc).await;
    to_pc.reset(VarInt::from_u32(79)).expect("open");
    let reset = async {
        loop {
            match from_technician.read_chunk(usize::MAX, true).await {
                Ok(Some(_)) => {}
                ended => return ended,
            }
        }
    };
    let ended = timeout(SOON, reset).await.expect("in time");
    assert!(matches!(ended, Err(ReadError::Reset(code)) if code == VarInt::from_u32(79)), "{ended:?}");
}

/// Writes until nothing more is taken for half a second; gives what was taken.
async fn fill(stream: &mut SendStream) -> usize {
    let block = vec![0; 64 * 1024];
    let mut taken = 0;
    while let Ok(written) = timeout(Duration::from_millis(500), stream.write(&block)).await {
        taken += written.expect("open");
        assert!(taken < 64 * 1024 * 1024, "nobody reads and everything is taken");
    }
    taken
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_its_writer_and_nobody_else() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let (_, mut stalled, _from_pc) = anna.open(pc.id, session()).await;
    let _unread = agent.accept().await;
    let taken = fill(&mut stalled).await;
    // The agent's window of 8 MiB, the broker's 1 MiB and what the technician's own side holds.
    assert!(taken < 20 * 1024 * 1024, "{taken} bytes are held for a reader that does not read");
    let (reply, mut to_pc, _) = anna.open(pc.id, session()).await;
    assert!(matches!(reply, DeskReply::Opened(_)));
    let (_, _, mut from_technician) = agent.accept().await;
    to_pc.write_all(b"beside it").await.expect("sent");
    to_pc.finish().expect("finished");
    let read = timeout(SOON, from_technician.read_to_end(100)).await.expect("in time");
    assert_eq!(read.expect("read"), b"beside it");
}

#[tokio::test]
async fn a_lost_pc_ends_the_technicians_streams() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let (_, mut to_pc, mut from_pc) = anna.open(pc.id, session()).await;
    let _stream = agent.accept().await;
    agent.connection.close(0u32.into(), b"");
    let lost = VarInt::from_u32(code::PEER_LOST);
    let read = from_pc.read_chunk(usize::MAX, true).await;
    assert!(matches!(read, Err(ReadError::Reset(code)) if code == lost), "{read:?}");
    let written = async {
        loop {
            if let Err(error) = to_pc.write(b"x").await {
                return error;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(timeout(SOON, written).await.expect("in time"), WriteError::Stopped(lost));
}

#[tokio::test]
async fn a_lost_technician_ends_the_pcs_streams() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let _stream = anna.open(pc.id, session()).await;
    let (_, _to_technician, mut from_technician) = agent.accept().await;
    anna.connection.close(0u32.into(), b"");
    let lost = VarInt::from_u32(code::PEER_LOST);
    let read = from_technician.read_chunk(usize::MAX, true).await;
    assert!(matches!(read, Err(ReadError::Reset(code)) if code == lost), "{read:?}");
}

#[tokio::test]
async fn the_coarse_right_and_the_pcs_presence_decide() {
    let world = World::new().await;
    let (pc, agent, anna) = pair(&world).await;
    let cia = Technician::connect(&world, "cia").await;
    assert_eq!(refusal(&cia.open(pc.id, session()).await.0), RefusalCode::NotAllowed);
    let unknown = DeviceId::from_bytes(random16());
    assert_eq!(refusal(&anna.open(unknown, session()).await.0), RefusalCode::NotFound);
    agent.connection.close(0u32.into(), b"");
    until("offline", async || !anna.pcs("pc-1").await[0].online).await;
    match anna.open(pc.id, session()).await.0 {
        DeskReply::Refused(refusal) => {
            assert_eq!(refusal.refused.code, RefusalCode::Offline);
            assert!(refusal.last_seen.is_some(), "since when");
        }
        reply => panic!("not refused: {reply:?}"),
    }
}

#[tokio::test]
async fn sessions_and_streams_are_limited_and_nobody_joins_anothers() {
    let world = World::with(|config| {
        config.settings.limits.sessions_per_technician = 2;
        config.settings.limits.streams_per_session = 3;
    })
    .await;
    let (pc, _agent, anna) = pair(&world).await;
    let (one, two, three) = (session(), session(), session());
    let mut streams = Vec::new();
    for id in [one, one, one, two] {
        let (reply, send, receive) = anna.open(pc.id, id).await;
        assert!(matches!(reply, DeskReply::Opened(_)), "{reply:?}");
        streams.push((send, receive));
    }
    assert_eq!(refusal(&anna.open(pc.id, one).await.0), RefusalCode::Busy);
    assert_eq!(refusal(&anna.open(pc.id, three).await.0), RefusalCode::Busy);
    let bo = Technician::connect(&world, "bo").await;
    assert_eq!(refusal(&bo.open(pc.id, two).await.0), RefusalCode::Conflict);
    let (mut send, mut receive) = streams.pop().expect("the second session's");
    send.reset(VarInt::from_u32(0)).expect("open");
    receive.stop(VarInt::from_u32(0)).expect("open");
    until("room again", async || matches!(anna.open(pc.id, three).await.0, DeskReply::Opened(_))).await;
}
