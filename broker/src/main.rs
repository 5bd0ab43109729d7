//! The broker: QUIC listener, relay, enrolment, records, metrics.

fn main() {}
