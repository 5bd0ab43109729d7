//! What benchmarks share: real programs under measurement, and one table of figures.

pub mod house;
pub mod process;
pub mod report;
