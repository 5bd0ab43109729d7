//! What is installed on this machine.
//!
//! Linux: the databases of dpkg and rpm, through their own tools. Windows: the keys that
//! installers leave for the list of programs, of both widths.

use std::io;

use crate::imp;

/// Most packages listed.
pub const LIST_LIMIT: usize = 50_000;

/// One installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, in the system's own form.
    pub version: String,
    /// For which processor: `amd64`, `x86_64`; `64-bit` or `32-bit` on Windows.
    pub architecture: Option<String>,
    /// Who made it.
    pub maker: Option<String>,
    /// What it takes on the disk, bytes.
    pub size: Option<u64>,
    /// The day it was installed: `2026-11-24`.
    pub installed: Option<String>,
    /// Who says so: `dpkg`, `rpm`, `windows`.
    pub source: &'static str,
}

/// All packages by name, at most [`LIST_LIMIT`]. Takes up to half a minute on slow machines.
///
/// # Errors
/// If no keeper of packages is known here, or it does not answer.
pub async fn packages() -> io::Result<Vec<Package>> {
    let mut packages = imp::software::packages().await?;
    packages.sort_by_cached_key(|package| package.name.to_lowercase());
    packages.dedup();
    packages.truncate(LIST_LIMIT);
    Ok(packages)
}
