//! What distans-trust promises, tried from outside with documents and certificates as they
//! really are, and with those an attacker would make.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may stop at a surprise too")]

mod certificates;
mod documents;
mod enrolment;
mod outer;
mod policy;
mod sample;
