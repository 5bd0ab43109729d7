//! What a broken or hostile peer sends: the broker says no, and goes on.

use distans_link::frames::{FrameReader, Limits};
use distans_proto::desk::DeskReply;
use distans_proto::ending as code;
use distans_proto::enrol::RefusalCode;
use distans_proto::frame::RECORD_LIMIT;
use distans_proto::link::{ToAgent, Unsupported};
use quinn::Connection;

use crate::peers::{Pc, Technician, dial, ending, refusal};
use crate::world::World;

/// A frame with that body.
fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short");
    [&length.to_be_bytes(), body].concat()
}

/// Bytes that are no message, however they are read.
fn rubbish() -> Vec<Vec<u8>> {
    let mut nested = vec![0x81; 5000];
    nested.push(0);
    vec![
        frame(&[]),
        frame(&[0xff; 40]),
        frame(&nested),
        frame(&[0x82, 0x00, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        u32::MAX.to_be_bytes().to_vec(),
        frame(b"GET / HTTP/1.1"),
    ]
}

async fn still_serves(world: &World) {
    Technician::connect(world, "anna").await.pcs("pc").await;
}

async fn write_to(connection: &Connection, bytes: &[u8]) -> (quinn::SendStream, quinn::RecvStream) {
    let (mut send, receive) = connection.open_bi().await.expect("a stream");
    send.write_all(bytes).await.expect("sent");
    (send, receive)
}

#[tokio::test]
async fn rubbish_from_strangers_ends_their_connection() {
    let world = World::new().await;
    for bytes in rubbish() {
        let stranger = dial(&world, None).await.expect("connected");
        let _streams = write_to(&stranger, &bytes).await;
        assert_eq!(ending(&stranger).await, u64::from(code::BAD_MESSAGE), "{bytes:02x?}");
    }
    still_serves(&world).await;
}

#[tokio::test]
async fn rubbish_from_a_pc_ends_its_connection() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    for bytes in rubbish() {
        let first = dial(&world, Some(pc.certified())).await.expect("connected");
        let _streams = write_to(&first, &bytes).await;
        assert_eq!(ending(&first).await, u64::from(code::BAD_MESSAGE), "{bytes:02x?}");
        let mut later = pc.connect(&world).await;
        later.send.write_all(&bytes).await.expect("sent");
        assert_eq!(ending(&later.connection).await, u64::from(code::BAD_MESSAGE), "{bytes:02x?}");
    }
    still_serves(&world).await;
}

#[tokio::test]
async fn rubbish_from_a_technician_is_refused_and_the_connection_goes_on() {
    let world = World::new().await;
    let anna = Technician::connect(&world, "anna").await;
    for bytes in rubbish() {
        let (_send, receive) = write_to(&anna.connection, &bytes).await;
        let reply = FrameReader::new(receive, Limits::prompt(RECORD_LIMIT)).next::<DeskReply>().await;
        let reply = reply.expect("an answer").expect("not the end");
        assert_eq!(refusal(&reply), RefusalCode::BadRequest, "{bytes:02x?}");
    }
    anna.pcs("pc").await;
}

#[tokio::test]
async fn a_frame_cut_short_is_no_message() {
    let world = World::new().await;
    let anna = Technician::connect(&world, "anna").await;
    let (mut send, mut receive) = write_to(&anna.connection, &[0, 0, 1, 0, 0x82]).await;
    send.finish().expect("open");
    let ended = receive.read_to_end(100).await;
    assert!(ended.is_err(), "{ended:?}");
    anna.pcs("pc").await;
}

#[tokio::test]
async fn an_unknown_message_of_a_pc_is_answered_and_the_connection_goes_on() {
    let world = World::new().await;
    let mut agent = Pc::enrolled(&world, "PC-1").await.connect(&world).await;
    for number in [23, 42] {
        let head: &[u8] = if number < 24 { &[0x82, 23] } else { &[0x82, 24, 42] };
        agent.send.write_all(&frame(&[head, &[0x81, 0xa0]].concat())).await.expect("sent");
        assert_eq!(agent.next().await, ToAgent::Unsupported(Unsupported { number: Some(number) }));
    }
}

#[tokio::test]
async fn a_second_hello_or_a_record_too_large_ends_the_connection() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let announced = u32::try_from(RECORD_LIMIT + 1).expect("fits").to_be_bytes();
    agent.send.write_all(&announced).await.expect("sent");
    assert_eq!(ending(&agent.connection).await, u64::from(code::BAD_MESSAGE));
}

#[tokio::test]
async fn a_stream_that_a_pc_opens_beside_its_control_stream_is_never_served() {
    let world = World::new().await;
    let agent = Pc::enrolled(&world, "PC-1").await.connect(&world).await;
    let (_send, mut receive) = write_to(&agent.connection, &frame(&[0x82, 12, 0x81, 0xa0])).await;
    let silence =
        tokio::time::timeout(std::time::Duration::from_millis(300), receive.read_chunk(100, true)).await;
    assert!(silence.is_err(), "a pc is no technician: {silence:?}");
}
