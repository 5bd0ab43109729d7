//! Names for the shell's completions: PCs, sites, groups as last seen, in one small file.
//!
//! Host names are chosen by PCs. Only names that are plain words in every shell are kept, and the
//! same is asked again when the file is read: what is completed can never become shell code.

use std::collections::BTreeSet;

use distans_platform::private;
use distans_proto::desk::Device;
use distans_proto::trips::Site;

use super::{Home, HomeError};

const FILE: &str = "names.txt";

/// Largest file read, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Most names kept of a kind, and longest name, in characters.
const LIMIT: (usize, usize) = (10_000, 64);

/// What is known by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Host names of PCs.
    pub pcs: BTreeSet<String>,
    /// Sites, by id and by name.
    pub sites: BTreeSet<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
}

impl Names {
    /// Names of PCs as the broker told, with their sites and groups.
    pub fn of_devices(devices: &[Device]) -> Self {
        let mut names = Self::default();
        for device in devices {
            add(&mut names.pcs, device.hostname.raw());
            add(&mut names.groups, &device.group.to_string());
            if let Some(site) = &device.site {
                add(&mut names.sites, &site.to_string());
            }
        }
        names
    }

    /// Names of sites.
    pub fn of_sites(sites: &[Site]) -> Self {
        let mut names = Self::default();
        for site in sites {
            add(&mut names.sites, site.id.as_str());
            add(&mut names.sites, site.name.raw());
        }
        names
    }

    fn kinds(&self) -> [(&'static str, &BTreeSet<String>); 3] {
        [("pc", &self.pcs), ("site", &self.sites), ("group", &self.groups)]
    }

    fn take(&mut self, other: Self) {
        let kinds =
            [(&mut self.pcs, other.pcs), (&mut self.sites, other.sites), (&mut self.groups, other.groups)];
        for (ours, theirs) in kinds {
            theirs.iter().for_each(|name| add(ours, name));
        }
    }

    fn to_text(&self) -> String {
        let lines = self
            .kinds()
            .into_iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind} {name}\n")));
        lines.collect()
    }

    fn of_text(text: &str) -> Self {
        let mut names = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("pc", name)) => add(&mut names.pcs, name),
                Some(("site", name)) => add(&mut names.sites, name),
                Some(("group", name)) => add(&mut names.groups, name),
                _ => {}
            }
        }
        names
    }
}

fn add(names: &mut BTreeSet<String>, name: &str) {
    if is_plain(name) && names.len() < LIMIT.0 {
        names.insert(name.to_owned());
    }
}

/// True for a name that every shell takes as it stands: letters, digits, `-`, `_` and `.`, the
/// first of them a letter or digit.
pub fn is_plain(name: &str) -> bool {
    let letters = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.chars().next().is_some_and(char::is_alphanumeric)
        && name.chars().all(letters)
        && name.chars().count() <= LIMIT.1
}

impl Home {
    /// The names kept here; none if there are none or they cannot be read.
    pub fn names(&self) -> Names {
        let text = private::read(&self.dir.join(FILE), FILE_LIMIT).unwrap_or_default();
        Names::of_text(&String::from_utf8_lossy(&text))
    }

    /// Adds names; `whole` says that no other PCs, sites and groups exist than those. Only written
    /// if something changes.
    ///
    /// # Errors
    /// [`HomeError`] if the file cannot be written.
    pub fn remember(&self, names: Names, whole: bool) -> Result<(), HomeError> {
        let before = self.names();
        let mut after = before.clone();
        if whole {
            // Sites without a PC stay known.
            (after.pcs, after.groups) = Default::default();
        }
        after.take(names);
        if after == before {
            return Ok(());
        }
        let guard = self.lock()?;
        self.write(&guard, FILE, after.to_text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pcs: &[&str]) -> Names {
        let mut names = Names::default();
        pcs.iter().for_each(|name| add(&mut names.pcs, name));
        names
    }

    #[test]
    fn only_plain_words_are_kept() {
        let hostile = [
            "$(reboot)",
            "`x`",
            "a;b",
            "a b",
            "a\nb",
            "-rf",
            "*",
            "~",
            "a'b",
            "a\"b",
            "\u{1b}[2J",
            "a:b",
            "",
            ".",
            "\u{202e}x",
            "a\\b",
            "{a,b}",
            "!x",
            "a|b",
            "a&b",
            "<x",
            "é\u{301}",
        ];
        assert_eq!(names(&hostile), Names::default());
        assert!(["PC-IDRE-003", "grovelsjon", "Älvdalen", "pc.example.se", "a_b"].into_iter().all(is_plain));
    }

    #[test]
    fn names_add_up_and_a_whole_list_replaces_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("home"));
        assert_eq!(home.names(), Names::default());
        home.remember(names(&["PC-1"]), false).expect("kept");
        home.remember(names(&["PC-2"]), false).expect("kept");
        assert_eq!(home.names(), names(&["PC-1", "PC-2"]));
        home.remember(names(&["PC-3"]), true).expect("kept");
        assert_eq!(home.names(), names(&["PC-3"]));
        std::fs::write(home.dir().join(FILE), "pc $(reboot)\npc PC-4\nsite x y\n\u{1b}").expect("written");
        assert_eq!(home.names(), names(&["PC-4"]), "a file is not believed either");
    }
}
