//! The kilometres from outside: the road network against the project's own data, and the rules
//! of booking.
#![allow(clippy::expect_used, clippy::panic)] // a helper that cannot go on fails its test

mod common;
mod roads;
mod rules;
mod upper_bound;
