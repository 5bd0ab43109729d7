//! An agent's journal with any bytes in it: whole records are read, the rest is said to be damage.
#![no_main]

use distans_agent_core::journal::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<&[u8]>| {
    let mut reader = Reader::new();
    let mut given = 0u64;
    for piece in pieces {
        reader.push(piece);
        given += piece.len() as u64;
        loop {
            match reader.next_record() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(reader.good_bytes() <= given);
    }
});
