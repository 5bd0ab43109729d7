//! What benchmarks share: real programs under measurement, a bare one to compare with, and one
//! table of figures.

pub mod bare;
pub mod house;
pub mod process;
pub mod report;
