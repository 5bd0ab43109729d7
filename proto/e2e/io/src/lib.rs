//! The end-to-end session over asynchronous streams.
#![forbid(unsafe_code)]
