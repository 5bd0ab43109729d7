//! Certificates and certificate requests from anywhere: no chain, no identity.
#![no_main]

use std::time::Duration;

use distans_trust::certs::{self, CheckTime};
use distans_trust::issue;
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::{CertificateDer, UnixTime};

fuzz_target!(|bytes: &[u8]| {
    let org = "mora".parse().expect("a label");
    let leaf = CertificateDer::from(bytes);
    let time = CheckTime::from_unix(UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)));
    let span = Duration::from_secs(12 * 3600);
    assert!(certs::verify_technician(&leaf, &[], &org, time, span).is_err());
    assert!(certs::verify_device(&leaf, &[], &org, time).is_err());
    let _ = certs::inspect(bytes);
    let _ = certs::anchor(bytes);
    let _ = issue::read_request(bytes);
});
