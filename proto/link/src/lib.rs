//! The outer QUIC link: transport tuning, congestion control and frames on streams.
#![forbid(unsafe_code)]
