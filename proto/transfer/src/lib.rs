//! Copying files and folders: both ends of a transfer, over any pair of byte streams.
#![forbid(unsafe_code)]
