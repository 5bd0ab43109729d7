//! A byte stream in arbitrary pieces through the frame cutter, and operation units' headers.
#![no_main]

use distans_proto::frame::{CONTROL_LIMIT, FrameBuffer};
use distans_proto::inner::op_frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<&[u8]>| {
    let mut buffer = FrameBuffer::new(CONTROL_LIMIT);
    for piece in pieces {
        buffer.push(piece);
        loop {
            match buffer.next_body() {
                Ok(Some(body)) => assert!(body.len() <= CONTROL_LIMIT),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        if let Some(header) = piece.first_chunk() {
            if let Ok((kind, length)) = op_frame::parse_header(*header) {
                assert_eq!(op_frame::header(kind, length).ok(), Some(*header));
            }
        }
    }
});
