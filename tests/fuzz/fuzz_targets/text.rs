//! Whatever a PC calls itself, what is shown never steers a terminal.
#![no_main]

use distans_proto::text::{Untrusted, clean, is_steering};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    assert!(!clean(text).chars().any(is_steering));
    let shown = Untrusted::new(text).to_string();
    assert!(!shown.contains(['\n', '\t']) && !shown.chars().any(is_steering));
});
