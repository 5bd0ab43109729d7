//! The kilometres from outside: the road network against the project's own data, and the rules
//! of booking.

mod common;
mod roads;
mod rules;
mod upper_bound;
