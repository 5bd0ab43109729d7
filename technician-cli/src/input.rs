//! Files the technician names on the command line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// If it cannot be read or is larger.
pub fn read_file(path: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    let cannot = |error: std::io::Error| {
        let text = say!(en: "cannot read {}: {error}", sv: "kan inte läsa {}: {error}", path.display());
        Stop::new(Exit::Usage, text)
    };
    let mut bytes = Vec::new();
    let allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(cannot)?.take(allowed).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > limit {
        let path = path.display();
        let text = say!(en: "{path} is larger than {limit} bytes", sv: "{path} är större än {limit} byte");
        return Err(Stop::new(Exit::Usage, text).into());
    }
    Ok(bytes)
}
