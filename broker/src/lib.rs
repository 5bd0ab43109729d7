//! The broker: QUIC listener, relay, enrolment, records, metrics.
#![forbid(unsafe_code)]
