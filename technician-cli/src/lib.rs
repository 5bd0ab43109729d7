//! The technician's program distans, and distans admin, the offline side.
#![forbid(unsafe_code)]
