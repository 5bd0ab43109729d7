//! Operations' streams over a relay: what goes in comes out, at any cut of the pieces.

use distans_e2e::preface::Preface;
use distans_e2e::session::SessionKeys;
use distans_e2e_io::{OpReader, OpWriter, StreamError, Unit, read_preface};
use distans_proto::frame::FrameError;
use distans_proto::ids::OpId;
use distans_proto::inner::{Closed, Op, OpInput, OpOutput, OpRequest, Run};
use distans_proto::ops::diagnose::Diagnose;
use distans_proto::time::Timestamp;
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, duplex, split};

use crate::org::SESSION;
use crate::relay::{Deed, between, honest};

pub(crate) fn keys() -> SessionKeys {
    SessionKeys::from_master(SESSION, [5; 32], [6; 32])
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("runtime")
}

fn request() -> OpRequest {
    OpRequest {
        id: OpId::from_bytes([1; 16]),
        op: Op::Diagnose(Diagnose { now: Timestamp::from_secs(1), only: None }),
        received: 0,
    }
}

#[tokio::test]
async fn an_operation_goes_there_and_back() {
    let (technician, (mut agent_reader, agent_writer)) = honest();
    let keys = keys();
    let mut ask = OpWriter::technician(technician.1, &keys, 3, 2).expect("keys");
    let mut answer = OpReader::technician(technician.0, &keys, 2).expect("keys");
    ask.send(&request()).await.expect("sent");
    ask.write_primary(b"input").await.expect("written");
    ask.send(&OpInput::InputEnd(Closed {})).await.expect("sent");
    ask.finish().await.expect("ended");

    assert_eq!(read_preface(&mut agent_reader).await.expect("preface"), Preface::sealed(SESSION, 3, 2));
    let mut asked = OpReader::agent(agent_reader, &keys, 2).expect("keys");
    let mut reply = OpWriter::agent(agent_writer, &keys, 2).expect("keys");
    assert_eq!(asked.next::<OpRequest>().await.expect("unit"), Some(Unit::Message(request())));
    assert_eq!(asked.next::<OpInput>().await.expect("unit"), Some(Unit::Primary(b"input")));
    let end = OpInput::InputEnd(Closed {});
    assert_eq!(asked.next::<OpInput>().await.expect("unit"), Some(Unit::Message(end)));
    assert_eq!(asked.next::<OpInput>().await.expect("end"), None);
    reply.send(&OpOutput::Started(Closed {})).await.expect("sent");
    reply.write_errors(b"oops").await.expect("written");
    reply.flush().await.expect("sent");
    let started = OpOutput::Started(Closed {});
    assert_eq!(answer.next::<OpOutput>().await.expect("unit"), Some(Unit::Message(started)));
    assert_eq!(answer.next::<OpOutput>().await.expect("unit"), Some(Unit::Errors(b"oops")));
    reply.reset(9).await.expect("given up");
    assert!(matches!(answer.next::<OpOutput>().await, Err(StreamError::Reset(9))));
}

#[tokio::test]
async fn a_message_this_version_does_not_know_can_be_skipped() {
    let (technician, (mut agent_reader, _agent_writer)) = honest();
    let mut ask = OpWriter::technician(technician.1, &keys(), 1, 2).expect("keys");
    // As a later version would write it: variant 99 with one field.
    ask.send(&minicbor::data::Tagged::<0, u8>::new(0)).await.expect("sent");
    ask.send(&(99u8, [1u8])).await.expect("sent");
    ask.send(&OpInput::Cancel(Closed {})).await.expect("sent");
    read_preface(&mut agent_reader).await.expect("preface");
    let mut asked = OpReader::agent(agent_reader, &keys(), 2).expect("keys");
    let malformed = asked.next::<OpInput>().await;
    assert!(matches!(malformed, Err(StreamError::Frame(FrameError::Malformed(_)))), "{malformed:?}");
    let unknown = asked.next::<OpInput>().await;
    assert!(matches!(unknown, Err(StreamError::Frame(FrameError::Unsupported))), "{unknown:?}");
    let cancel = OpInput::Cancel(Closed {});
    assert_eq!(asked.next::<OpInput>().await.expect("unit"), Some(Unit::Message(cancel)));
}

#[tokio::test]
async fn a_message_over_its_limit_is_refused_before_it_is_gathered() {
    let (technician, (mut agent_reader, _agent_writer)) = honest();
    let keys = keys();
    let sealer = keys.sealer(2, distans_e2e::sealed::Direction::ToAgent).expect("keys");
    let mut raw = distans_e2e_io::SealedWriter::new(technician.1, sealer, None);
    raw.write(&[0, 2, 0, 0, 0]).await.expect("written"); // a message unit of 128 KiB
    raw.flush().await.expect("sent");
    let mut asked = OpReader::agent(&mut agent_reader, &keys, 2).expect("keys");
    let refused = asked.next::<OpInput>().await;
    assert!(matches!(refused, Err(StreamError::Frame(FrameError::TooLong { .. }))), "{refused:?}");
}

#[tokio::test]
async fn bulk_of_any_size_comes_through_whole() {
    let (reader, mut writer) = split_pair();
    let keys = keys();
    let total = 3 * 1024 * 1024 + 17;
    let sending = tokio::spawn({
        let keys = keys.clone();
        async move {
            let mut out = OpWriter::agent(&mut writer, &keys, 4).expect("keys");
            let bulk: Vec<u8> = (0..total).map(|at| u8::try_from(at % 251).expect("small")).collect();
            for piece in bulk.chunks(300_001) {
                out.write_primary(piece).await.expect("written");
            }
            out.finish().await.expect("ended");
        }
    });
    let mut input = OpReader::technician(reader, &keys, 4).expect("keys");
    let mut received = 0usize;
    while let Some(unit) = input.next::<OpOutput>().await.expect("unit") {
        let Unit::Primary(bytes) = unit else { panic!("only standard output was sent") };
        assert!(bytes.iter().enumerate().all(|(at, byte)| usize::from(*byte) == (received + at) % 251));
        received += bytes.len();
    }
    assert_eq!(received, total);
    sending.await.expect("sent");
}

fn split_pair()
-> (tokio::io::ReadHalf<tokio::io::DuplexStream>, tokio::io::WriteHalf<tokio::io::DuplexStream>) {
    let (near, far) = duplex(64 * 1024);
    (split(near).0, split(far).1)
}

/// What a test writes on a stream.
#[derive(Debug, Clone)]
enum Piece {
    Message(Vec<String>),
    Output(Vec<u8>),
    Errors(Vec<u8>),
    Flush,
}

fn piece() -> impl Strategy<Value = Piece> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40_000);
    prop_oneof![
        proptest::collection::vec(".{0,30}", 0..4).prop_map(Piece::Message),
        bytes().prop_map(Piece::Output),
        bytes().prop_map(Piece::Errors),
        Just(Piece::Flush),
    ]
}

fn run(argv: &[String]) -> OpRequest {
    let run = Run { argv: argv.to_vec(), system: false, stdin: false, timeout_s: 0 };
    OpRequest { op: Op::Run(run), ..request() }
}

/// All of a stream, reading dropped at every wait: messages in order, and the bytes of each kind
/// with the number of messages before them.
async fn gather<R: tokio::io::AsyncRead + Unpin>(
    mut reader: OpReader<R>,
) -> (Vec<OpRequest>, Vec<(usize, u8)>, Vec<(usize, u8)>, Result<(), StreamError>) {
    let (mut messages, mut output, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let unit = tokio::select! {
            biased;
            unit = reader.next::<OpRequest>() => unit,
            () = tokio::task::yield_now() => continue,
        };
        let place = messages.len();
        match unit {
            Ok(Some(Unit::Message(message))) => messages.push(message),
            Ok(Some(Unit::Primary(bytes))) => output.extend(bytes.iter().map(|byte| (place, *byte))),
            Ok(Some(Unit::Errors(bytes))) => errors.extend(bytes.iter().map(|byte| (place, *byte))),
            Ok(None) => return (messages, output, errors, Ok(())),
            Err(error) => return (messages, output, errors, Err(error)),
        }
    }
}

async fn write_all<W: tokio::io::AsyncWrite + Unpin>(mut out: OpWriter<W>, pieces: &[Piece]) {
    // Errors only mean that the reader has left, which a tampering relay brings about.
    for piece in pieces {
        let done = match piece {
            Piece::Message(argv) => out.send(&run(argv)).await,
            Piece::Output(bytes) => out.write_primary(bytes).await,
            Piece::Errors(bytes) => out.write_errors(bytes).await,
            Piece::Flush => out.flush().await,
        };
        if done.is_err() {
            return;
        }
    }
    let _ = out.finish().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_mixture_comes_through_in_order(
        pieces in proptest::collection::vec(piece(), 0..8),
        step in 1usize..9000,
    ) {
        runtime().block_on(async {
            let ((reader, _), (_, writer)) = between(step, Deed::Honest, Deed::Honest);
            let (out, input) = (
                OpWriter::agent(writer, &keys(), 6).expect("keys"),
                OpReader::technician(reader, &keys(), 6).expect("keys"),
            );
            let ((), (messages, output, errors, end)) = tokio::join!(write_all(out, &pieces), gather(input));
            let (mut wanted, mut wanted_output, mut wanted_errors) = (Vec::new(), Vec::new(), Vec::new());
            for piece in &pieces {
                let place = wanted.len();
                match piece {
                    Piece::Message(argv) => wanted.push(run(argv)),
                    Piece::Output(bytes) => wanted_output.extend(bytes.iter().map(|byte| (place, *byte))),
                    Piece::Errors(bytes) => wanted_errors.extend(bytes.iter().map(|byte| (place, *byte))),
                    Piece::Flush => {}
                }
            }
            assert!(end.is_ok(), "{end:?}");
            assert_eq!(messages, wanted);
            assert!(output == wanted_output && errors == wanted_errors);
        });
    }

    #[test]
    fn a_changed_or_cut_stream_gives_a_true_beginning_and_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 1..40_000),
        at in any::<prop::sample::Index>(),
        mask in any::<u8>(),
        step in 1usize..9000,
    ) {
        // Length of the wire: unit header, payload, and what each record adds, the end record too.
        let plain = bytes.len() + 5;
        let wire = plain + (plain.div_ceil(16_384) + 1) * 19;
        let deed = if mask == 0 { Deed::Cut(at.index(wire)) } else { Deed::Flip(at.index(wire), mask) };
        runtime().block_on(async {
            let ((reader, _), (_, writer)) = between(step, Deed::Honest, deed);
            let (out, input) = (
                OpWriter::agent(writer, &keys(), 6).expect("keys"),
                OpReader::technician(reader, &keys(), 6).expect("keys"),
            );
            let pieces = [Piece::Output(bytes.clone())];
            let ((), (messages, output, errors, end)) = tokio::join!(write_all(out, &pieces), gather(input));
            assert!(end.is_err(), "{deed:?} was not noticed");
            assert!(messages.is_empty() && errors.is_empty());
            assert!(output.iter().map(|(_, byte)| byte).eq(bytes.iter().take(output.len())));
        });
    }

    #[test]
    fn noise_is_no_stream(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
        runtime().block_on(async {
            let (reader, mut writer) = split_pair();
            writer.write_all(&noise).await.expect("written");
            writer.shutdown().await.expect("ended");
            let (messages, output, errors, end) =
                gather(OpReader::technician(reader, &keys(), 6).expect("keys")).await;
            assert!(messages.is_empty() && output.is_empty() && errors.is_empty() && end.is_err());
        });
    }
}
