//! Which folders files may be copied from and to.

use distans_proto::ids::GroupId;
use serde::{Deserialize, Serialize};

use super::Policy;

/// Where no rule says otherwise: the signed-in user's home.
const USUAL: &str = "~";

/// Most roots of one rule, and most bytes of each.
const ROOTS_LIMIT: (usize, usize) = (64, 1024);

/// Folders on the PCs of one group. What the user may there is still the system's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRule {
    /// Which PCs.
    pub group: GroupId,
    /// Whole paths, or such as begin at the user's home with `~`; empty = nothing is copied.
    pub roots: Vec<String>,
}

impl Policy {
    /// The folders that files on PCs of `group` may be copied from and to.
    pub fn file_roots(&self, group: &GroupId) -> Vec<String> {
        let rule = self.files.iter().find(|rule| &rule.group == group);
        rule.map_or_else(|| vec![USUAL.to_owned()], |rule| rule.roots.clone())
    }
}

/// What is wrong with a rule, if anything.
pub(super) fn check(rule: &FilesRule) -> Result<(), String> {
    let (count, length) = ROOTS_LIMIT;
    if rule.roots.len() > count {
        return Err(format!("files of group {}: at most {count} roots", rule.group));
    }
    for root in &rule.roots {
        let begins = root == USUAL || root.starts_with("~/") || root.starts_with('/') || is_drive(root);
        let climbs = root.split(['/', '\\']).any(|part| part == "..");
        if !begins || climbs || root.len() > length || root.contains('\0') {
            return Err(format!(
                "files of group {}: {root:?} must be ~, ~/FOLDER, /FOLDER or C:\\FOLDER, without ..",
                rule.group
            ));
        }
    }
    Ok(())
}

/// True for `C:\…`.
fn is_drive(root: &str) -> bool {
    let mut characters = root.chars();
    characters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && characters.next() == Some(':')
        && matches!(characters.next(), Some('\\' | '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_whole_paths() {
        for (root, holds) in [
            ("~", true),
            ("~/Dokument", true),
            ("/srv/x", true),
            ("/", true),
            ("C:\\Temp", true),
            ("D:/Temp", true),
            ("srv", false),
            ("", false),
            ("~anna", false),
            ("/srv/../etc", false),
            ("C:\\..\\x", false),
            ("C:x", false),
        ] {
            let group = "kontor".parse().expect("a label");
            let rule = FilesRule { group, roots: vec![root.to_owned()] };
            assert_eq!(check(&rule).is_ok(), holds, "{root}");
        }
    }
}
