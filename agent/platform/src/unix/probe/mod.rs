//! Probes on Linux: `/proc`, `/sys` and the system's own tools.

pub(crate) mod caches;
pub(crate) mod echo;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod system;

use std::path::{Path, PathBuf};

use crate::probe::{Answer, NoAnswer};

/// Longest text file read for a fact, in bytes.
const TEXT_LIMIT: u64 = 256 * 1024;

/// The beginning of a text file.
fn text(path: impl AsRef<Path>) -> Answer<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(NoAnswer::of)?;
    file.take(TEXT_LIMIT).read_to_end(&mut bytes).map_err(NoAnswer::of)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line of a text file, if it is there and says something.
fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = text(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// A number in a file.
fn number<T: std::str::FromStr>(path: impl AsRef<Path>) -> Option<T> {
    line(path)?.parse().ok()
}

/// The entries of a folder in order of their names, at most 256; none if it is not there.
fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        listing.filter_map(Result::ok).map(|entry| entry.path()).take(256).collect();
    paths.sort();
    paths
}

/// The last part of a path.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
