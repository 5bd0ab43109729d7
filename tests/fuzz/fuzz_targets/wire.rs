//! Any bytes as any message of the wire: refused or read, never a panic; what was read encodes
//! to a frame that reads back the same.
#![no_main]

use distans_proto::desk::{DeskReply, DeskRequest};
use distans_proto::enrol::{EnrolReply, EnrolRequest};
use distans_proto::frame;
use distans_proto::inner::{self, OpInput, OpOutput, OpRequest, ToTechnician};
use distans_proto::link::{RelayHeader, ToAgent, ToBroker};
use distans_proto::local::{FromHelper, ToHelper};
use libfuzzer_sys::fuzz_target;

fn read<M>(bytes: &[u8])
where
    M: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq,
{
    let Ok(message) = frame::decode::<M>(bytes) else { return };
    let Ok(framed) = frame::encode(&message, frame::DOCUMENTS_LIMIT) else { return };
    assert!(frame::decode::<M>(&framed[frame::HEADER..]).is_ok_and(|again| again == message));
}

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 14 {
        0 => read::<EnrolRequest>(bytes),
        1 => read::<EnrolReply>(bytes),
        2 => read::<ToBroker>(bytes),
        3 => read::<ToAgent>(bytes),
        4 => read::<RelayHeader>(bytes),
        5 => read::<DeskRequest>(bytes),
        6 => read::<DeskReply>(bytes),
        7 => read::<inner::ToAgent>(bytes),
        8 => read::<ToTechnician>(bytes),
        9 => read::<OpRequest>(bytes),
        10 => read::<OpInput>(bytes),
        11 => read::<OpOutput>(bytes),
        12 => read::<ToHelper>(bytes),
        _ => read::<FromHelper>(bytes),
    }
});
