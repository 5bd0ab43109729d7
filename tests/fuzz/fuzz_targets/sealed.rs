//! Prefaces and sealed records from a hostile relay: nothing opens that was not sealed.
#![no_main]

use distans_e2e::preface::Preface;
use distans_e2e::sealed::{Direction, Opener};
use distans_e2e::session::SessionKeys;
use distans_proto::ids::SessionId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(Ok(preface)) = bytes.first_chunk().map(Preface::parse) {
        assert_eq!(Preface::parse(&preface.encode()), Ok(preface));
    }
    let keys = SessionKeys::from_master(SessionId::from_bytes([7; 16]), [3; 32], [4; 32]);
    let mut opener = keys.opener(2, Direction::ToAgent).expect("keys");
    let mut record = bytes.to_vec();
    if let Some(header) = record.first_chunk() {
        let _ = Opener::body_length(*header);
    }
    assert!(opener.open(&mut record).is_err(), "a record opened that nobody sealed");
    assert!(opener.at_transport_end().is_err());
});
