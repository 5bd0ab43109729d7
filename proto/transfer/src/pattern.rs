//! Patterns on the side that has the files: `logs/*.txt`, one folder at a time, no `**`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use distans_proto::ops::files::{Cause, Why};
use globset::{GlobBuilder, GlobMatcher};

use crate::trouble::{told, why};

/// Most paths one pattern may stand for.
pub const MATCHES_LIMIT: usize = 10_000;

/// True if a path holds what only patterns hold.
pub fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[{".contains(byte))
}

/// Paths below `root` that a pattern stands for, sorted. One that exists as it is written stands
/// for itself.
///
/// # Errors
/// If it is no pattern, matches nothing, or far too much.
pub fn expand(root: &Dir, pattern: &Path) -> Result<Vec<PathBuf>, Why> {
    if !is_pattern(pattern) || root.symlink_metadata(pattern).is_ok() {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut found = vec![PathBuf::new()];
    for part in pattern.iter() {
        let mut next = Vec::new();
        if is_pattern(Path::new(part)) {
            let wanted = Wanted::new(part)?;
            for folder in found {
                wanted.below(root, &folder, &mut next)?;
            }
            next.sort_unstable();
        } else {
            next.extend(found.into_iter().map(|folder| folder.join(part)));
            next.retain(|path| root.symlink_metadata(path).is_ok());
        }
        found = next;
    }
    if found.is_empty() { Err(told(Cause::NotFound, "nothing matches this pattern")) } else { Ok(found) }
}

struct Wanted {
    matcher: GlobMatcher,
    /// Names with a dot in front are wanted only if that is written.
    hidden: bool,
}

impl Wanted {
    fn new(part: &OsStr) -> Result<Self, Why> {
        let text = part.to_string_lossy();
        let glob = GlobBuilder::new(&text).literal_separator(true).build();
        let matcher = glob.map_err(|error| told(Cause::NotFound, error.to_string()))?.compile_matcher();
        Ok(Self { matcher, hidden: text.starts_with('.') })
    }

    fn fits(&self, name: &OsString) -> bool {
        (self.hidden || !name.as_encoded_bytes().starts_with(b".")) && self.matcher.is_match(Path::new(name))
    }

    fn below(&self, root: &Dir, folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Why> {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        // What is no folder, or may not be read, holds nothing that matches.
        let Ok(entries) = root.read_dir(here) else { return Ok(()) };
        for entry in entries {
            let name = entry.map_err(|error| why(&error))?.file_name();
            if !self.fits(&name) {
                continue;
            }
            if found.len() >= MATCHES_LIMIT {
                let text = format!("more than {MATCHES_LIMIT} match; copy their folder instead");
                return Err(told(Cause::TooMany, text));
            }
            found.push(folder.join(name));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;

    #[test]
    fn a_pattern_stands_for_what_is_there() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir_all(folder.path().join("logs/old")).expect("made");
        for name in
            ["logs/a.txt", "logs/b.txt", "logs/c.log", "logs/.hidden.txt", "logs/old/d.txt", "x[1].txt"]
        {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("open");
        for (pattern, found) in [
            ("logs/*.txt", vec!["logs/a.txt", "logs/b.txt"]),
            ("*/*.log", vec!["logs/c.log"]),
            ("logs/{a,c}.*", vec!["logs/a.txt", "logs/c.log"]),
            ("logs/.h*", vec!["logs/.hidden.txt"]),
            ("l*/old/?.txt", vec!["logs/old/d.txt"]),
            ("x[1].txt", vec!["x[1].txt"]),
            ("plain", vec!["plain"]),
        ] {
            let expected: Vec<PathBuf> = found.into_iter().map(PathBuf::from).collect();
            assert_eq!(expand(&root, Path::new(pattern)), Ok(expected), "{pattern}");
        }
        for nothing in ["*.zip", "a[", "../*"] {
            assert!(expand(&root, Path::new(nothing)).is_err(), "{nothing}");
        }
    }
}
