//! What the person at the PC sees: the consent question and the running session.

fn main() {}
