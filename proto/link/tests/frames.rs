//! Frames against slow, lying and chopping peers.
#![allow(clippy::expect_used, reason = "tests")]

use std::time::Duration;

use distans_link::frames::{FrameIoError, FrameReader, Limits, read_frame, write_frame};
use distans_proto::frame::FrameError;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const LIMIT: usize = 1024 * 1024;

fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("test bodies are short");
    [&length.to_be_bytes(), body].concat()
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    let (_peer, mut stream) = duplex(64);
    let result = read_frame(&mut stream, Limits::prompt(LIMIT)).await;
    assert!(matches!(result, Err(FrameIoError::Slow(_))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dripping_peer_is_given_up_although_it_never_stops() {
    let (mut peer, mut stream) = duplex(64);
    let drip = tokio::spawn(async move {
        let bytes = frame(&[7; 100]);
        for byte in bytes {
            if peer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let result = read_frame(&mut stream, Limits::patient(LIMIT)).await;
    assert!(matches!(result, Err(FrameIoError::Slow(_))), "{result:?}");
    drip.abort();
}

#[tokio::test(start_paused = true)]
async fn a_patient_reader_waits_between_frames_for_ever() {
    let (mut peer, mut stream) = duplex(64);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        peer.write_all(&frame(b"good morning")).await
    });
    let result = read_frame(&mut stream, Limits::patient(LIMIT)).await;
    assert_eq!(result.ok().flatten().as_deref(), Some(&b"good morning"[..]));
}

#[tokio::test]
async fn a_lying_length_is_refused_before_its_bytes() {
    let (mut peer, mut stream) = duplex(64);
    peer.write_all(&u32::MAX.to_be_bytes()).await.expect("room for four bytes");
    let result = read_frame(&mut stream, Limits::prompt(LIMIT)).await;
    assert!(matches!(result, Err(FrameIoError::Frame(FrameError::TooLong { .. }))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_given_up() {
    let (mut stream, _peer) = duplex(64);
    let result = write_frame(&mut stream, &frame(&[0; 1000]), Duration::from_secs(3)).await;
    assert!(matches!(result, Err(FrameIoError::Slow(_))), "{result:?}");
}

#[tokio::test]
async fn what_follows_a_frame_is_left_alone() {
    let (mut peer, mut stream) = duplex(1024);
    peer.write_all(&[frame(b"mine"), b"yours".to_vec()].concat()).await.expect("room");
    drop(peer);
    let body = read_frame(&mut stream, Limits::prompt(LIMIT)).await;
    assert_eq!(body.ok().flatten().as_deref(), Some(&b"mine"[..]));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("the stream is whole");
    assert_eq!(rest, b"yours");
}

proptest! {
    /// However the bytes are chopped, and however often the reader is dropped between them, the
    /// frames come out whole and in order.
    #[test]
    fn any_chopping_gives_the_same_frames(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 1..5),
        cuts in prop::collection::vec(1_usize..20_000, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
        let got = runtime.block_on(async {
            let (mut peer, stream) = duplex(200_000);
            let bytes: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
            let mut reader = FrameReader::new(stream, Limits::patient(LIMIT));
            let mut got = Vec::new();
            let mut rest = bytes.as_slice();
            let mut cuts = cuts.iter().cycle();
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
                peer.write_all(part).await.expect("the pipe is wide enough");
                rest = after;
                // Dropped as soon as it waits, as a lost branch of a select! is.
                while let Ok(read) = tokio::time::timeout(Duration::from_millis(1), reader.next_body()).await {
                    got.push(read.expect("well-formed").expect("the stream goes on"));
                }
            }
            drop(peer);
            while let Some(body) = reader.next_body().await.expect("well-formed") {
                got.push(body);
            }
            got
        });
        prop_assert_eq!(got, bodies);
    }

    /// Bytes that mean nothing never panic and never yield more than came.
    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(any::<u8>(), 0..5_000)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
        runtime.block_on(async {
            let mut reader = FrameReader::new(noise.as_slice(), Limits::prompt(LIMIT));
            while let Ok(Some(body)) = reader.next_body().await {
                assert!(body.len() <= noise.len());
            }
        });
    }
}
