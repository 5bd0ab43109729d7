//! Probes on Windows, by the system's plain calls.

pub(crate) mod caches;
pub(crate) mod echo;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod printers;
pub(crate) mod system;
