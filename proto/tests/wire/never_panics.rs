//! No bytes from the network make a parser of the wire panic or allocate without bound.

use distans_proto::desk::{DeskReply, DeskRequest};
use distans_proto::enrol::{EnrolReply, EnrolRequest};
use distans_proto::frame::{self, FrameBuffer, FrameError};
use distans_proto::inner::{self, OpInput, OpOutput, OpRequest, ToTechnician, op_frame};
use distans_proto::link::{RelayHeader, ToAgent, ToBroker};
use distans_proto::local::{FromHelper, ToHelper};
use distans_proto::ops::diagnose::Told;
use distans_proto::ops::files::{FromReceiver, FromSender};
use distans_proto::ops::forward::{Flow, ForwardEvent};
use distans_proto::ops::look::{LogEntry, Seen, Snapshot, TopChange};
use distans_proto::ops::people::{ChatNews, Reply, Say};
use distans_proto::ops::power::{PowerNews, Woken};
use distans_proto::ops::shell::Recording;
use distans_proto::text::{Untrusted, clean, is_steering};
use proptest::prelude::*;

use crate::samples;

fn decode_as_everything(bytes: &[u8]) {
    let _ = frame::decode::<EnrolRequest>(bytes);
    let _ = frame::decode::<EnrolReply>(bytes);
    let _ = frame::decode::<ToBroker>(bytes);
    let _ = frame::decode::<ToAgent>(bytes);
    let _ = frame::decode::<RelayHeader>(bytes);
    let _ = frame::decode::<DeskRequest>(bytes);
    let _ = frame::decode::<DeskReply>(bytes);
    let _ = frame::decode::<inner::ToAgent>(bytes);
    let _ = frame::decode::<ToTechnician>(bytes);
    let _ = frame::decode::<OpRequest>(bytes);
    let _ = frame::decode::<OpInput>(bytes);
    let _ = frame::decode::<OpOutput>(bytes);
    let _ = frame::decode::<ToHelper>(bytes);
    let _ = frame::decode::<FromHelper>(bytes);
    let _ = frame::decode::<Told>(bytes);
    let _ = frame::decode::<FromSender>(bytes);
    let _ = frame::decode::<FromReceiver>(bytes);
    let _ = frame::decode::<ForwardEvent>(bytes);
    let _ = frame::decode::<Flow>(bytes);
    let _ = frame::decode::<Seen>(bytes);
    let _ = frame::decode::<Snapshot>(bytes);
    let _ = frame::decode::<TopChange>(bytes);
    let _ = frame::decode::<LogEntry>(bytes);
    let _ = frame::decode::<Reply>(bytes);
    let _ = frame::decode::<Say>(bytes);
    let _ = frame::decode::<ChatNews>(bytes);
    let _ = frame::decode::<PowerNews>(bytes);
    let _ = frame::decode::<Woken>(bytes);
    let _ = frame::decode::<Recording>(bytes);
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        decode_as_everything(&bytes);
    }

    #[test]
    fn mutated_messages(which in any::<prop::sample::Index>(), flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let samples = samples::all();
        let mut bytes = samples[which.index(samples.len())].bytes.clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        decode_as_everything(&bytes);
    }

    #[test]
    fn frames_survive_any_cutting(cuts in proptest::collection::vec(1usize..40, 1..60)) {
        let samples = samples::all();
        let mut stream = Vec::new();
        for sample in &samples {
            stream.extend(u32::try_from(sample.bytes.len()).expect("small").to_be_bytes());
            stream.extend(&sample.bytes);
        }
        let mut buffer = FrameBuffer::new(frame::CONTROL_LIMIT);
        let mut bodies = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().copied().cycle() {
            if rest.is_empty() { break; }
            let (now, later) = rest.split_at(cut.min(rest.len()));
            buffer.push(now);
            rest = later;
            while let Some(body) = buffer.next_body().expect("within the limit") { bodies.push(body.to_vec()); }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(bodies, samples.into_iter().map(|sample| sample.bytes).collect::<Vec<_>>());
    }

    #[test]
    fn op_unit_headers(header in any::<[u8; 5]>()) {
        if let Ok((kind, length)) = op_frame::parse_header(header) {
            prop_assert_eq!(op_frame::header(kind, length).expect("within the limit"), header);
        }
    }

    #[test]
    fn shown_text_never_steers(text in any::<String>()) {
        prop_assert!(!clean(&text).chars().any(is_steering));
        let shown = Untrusted::new(text).to_string();
        prop_assert!(!shown.chars().any(|c| is_steering(c) || c == '\n' || c == '\t'));
    }
}

#[test]
fn a_hostile_length_is_refused_before_anything_is_allocated() {
    let mut buffer = FrameBuffer::new(frame::CONTROL_LIMIT);
    buffer.push(&u32::MAX.to_be_bytes());
    assert!(matches!(buffer.next_body(), Err(FrameError::TooLong { .. })));
    // A text of 2^62 bytes, a list of 2^62 items: announced, never there.
    for hostile in [&[0x7b, 0x40, 0, 0, 0, 0, 0, 0, 0][..], &[0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0]] {
        decode_as_everything(hostile);
    }
}
