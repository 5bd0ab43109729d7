//! Any bytes as any message of the wire: refused or read, never a panic; what was read encodes
//! to a frame that reads back the same.
#![no_main]

use distans_proto::desk::{DeskReply, DeskRequest};
use distans_proto::enrol::{EnrolReply, EnrolRequest};
use distans_proto::frame;
use distans_proto::inner::{self, OpInput, OpOutput, OpRequest, ToTechnician};
use distans_proto::link::{RelayHeader, ToAgent, ToBroker};
use distans_proto::local::{FromHelper, ToHelper};
use distans_proto::ops::diagnose::Told;
use distans_proto::ops::files::{FromReceiver, FromSender};
use distans_proto::ops::forward::{Flow, ForwardEvent};
use distans_proto::ops::look::{LogEntry, Seen, Snapshot, TopChange};
use distans_proto::ops::people::{ChatNews, Reply, Say};
use distans_proto::ops::power::{PowerNews, Woken};
use distans_proto::ops::shell::Recording;
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
    match kind % 29 {
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
        13 => read::<FromHelper>(bytes),
        14 => read::<Told>(bytes),
        15 => read::<FromSender>(bytes),
        16 => read::<FromReceiver>(bytes),
        17 => read::<ForwardEvent>(bytes),
        18 => read::<Flow>(bytes),
        19 => read::<Seen>(bytes),
        20 => read::<Snapshot>(bytes),
        21 => read::<TopChange>(bytes),
        22 => read::<LogEntry>(bytes),
        23 => read::<Reply>(bytes),
        24 => read::<Say>(bytes),
        25 => read::<ChatNews>(bytes),
        26 => read::<PowerNews>(bytes),
        27 => read::<Woken>(bytes),
        _ => read::<Recording>(bytes),
    }
});
