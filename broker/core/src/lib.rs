//! What the broker decides: presence, admission, enrolment, ledger; sans-I/O.
//!
//! Everything here is a function of its arguments: no sockets, no files, no clock, no randomness.
//!
//! | module | decides |
//! |---|---|
//! | [`config`] | what the configuration file means, and what is wrong with it |
//! | [`presence`] | which PCs there are, which are connected, and which one a name means |
//! | [`admission`], [`sessions`] | who may have a stream to which PC, and how many |
//! | [`enrolment`] | whether a PC is taken in |
//! | [`receipts`] | whether a session's record is genuine |
//! | [`ledger`], [`needs`], [`roads`], [`factors`], [`dates`], [`pseudonym`] | kilometres: entries, their chain and their figures |
#![forbid(unsafe_code)]

pub mod admission;
pub mod config;
pub mod dates;
pub mod enrolment;
pub mod factors;
pub mod ledger;
pub mod needs;
pub mod neighbours;
pub mod presence;
pub mod pseudonym;
pub mod receipts;
pub mod roads;
pub mod sessions;

#[cfg(test)]
mod testing;
