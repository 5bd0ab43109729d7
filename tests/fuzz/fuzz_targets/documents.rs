//! Signed documents, bundles and tokens from anywhere: refused or read, never believed unsigned.
#![no_main]

use distans_trust::bundle::Bundle;
use distans_trust::envelope::Envelope;
use distans_trust::store::Trust;
use distans_trust::token::EnrolToken;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let again = Envelope::parse(&envelope.to_json()).expect("what was read can be written and read");
        assert_eq!(again.signing_input(), envelope.signing_input());
        // A root that vouches for itself may be read; its signatures must then hold.
        let _ = Trust::first_use(std::slice::from_ref(&envelope));
    }
    let _ = Trust::restore(bytes);
    let _ = Bundle::parse(bytes);
    if let Some(token) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<EnrolToken>().ok()) {
        assert_eq!(token.to_string().parse::<EnrolToken>().expect("a token").id, token.id);
    }
});
