//! The end-to-end session and its sealed streams, sans-I/O.
#![forbid(unsafe_code)]
