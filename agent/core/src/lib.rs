//! What the agent decides: link, enrolment, permit, consent, sessions, journal; sans-I/O.
#![forbid(unsafe_code)]
