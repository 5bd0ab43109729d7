//! What was measured, as one table.

use std::time::Duration;

use crate::measure::Table;

/// Rows in the order they were measured.
#[derive(Debug)]
pub struct Report(Table);

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    /// Empty.
    pub fn new() -> Self {
        Self(Table::new(&["what", "Distans", "compared with", "ratio", "aim"]))
    }

    /// A value and what it is compared with, each with its number and its words.
    pub fn compare(&mut self, what: &str, ours: (f64, String), other: (f64, String), aim: &str) {
        let ratio = if other.0 > 0.0 { format!("{:.2}", ours.0 / other.0) } else { String::new() };
        self.0.row(&[what.into(), ours.1, other.1, ratio, aim.into()]);
    }

    /// A value alone.
    pub fn alone(&mut self, what: &str, ours: String, aim: &str) {
        self.0.row(&[what.into(), ours, String::new(), String::new(), aim.into()]);
    }

    /// All of it.
    pub fn print(&self) {
        print!("{}", self.0);
    }
}

/// A time in milliseconds, with a word before it.
pub fn time(word: &str, time: Duration) -> (f64, String) {
    let milliseconds = time.as_secs_f64() * 1000.0;
    (milliseconds, format!("{word}{milliseconds:.2} ms"))
}

/// A rate in MiB a second, with a word before it.
pub fn rate(word: &str, bytes_per_second: f64) -> (f64, String) {
    let mebibytes = bytes_per_second / (1024.0 * 1024.0);
    (mebibytes, format!("{word}{mebibytes:.0} MiB/s"))
}

/// Bytes in kB, with a word before it.
pub fn kilobytes(word: &str, bytes: f64) -> (f64, String) {
    (bytes, format!("{word}{:.1} kB", bytes / 1000.0))
}
