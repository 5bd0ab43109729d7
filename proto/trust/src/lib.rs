//! Keys, certificates and signed documents: root, policy, tokens, rosters.
#![forbid(unsafe_code)]
