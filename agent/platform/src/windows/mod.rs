//! The Windows side of the facade.
