//! From a path that somebody typed to an open folder, inside the roots the policy gives.
//!
//! A path is first cleared of `.` and `..` by its text alone and must then lie below a root by its
//! text; after that it is followed from the root's handle, and a symbolic link on the way that
//! leads out of the root is refused by the handle. So neither text nor links lead out.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use distans_platform::files::{Names, name_from_bytes, names};
use distans_proto::ops::files::{Cause, Why};

use crate::trouble::{told, why};

/// Where an account's files may be: what [`crate::job`] carries, opened as they are needed.
#[derive(Debug, Clone)]
pub struct Roots {
    /// As the policy says them, for refusals.
    words: Vec<String>,
    paths: Vec<PathBuf>,
    home: Option<PathBuf>,
}

/// A place below a root: the root's handle and a path inside it that names no parent.
#[derive(Debug)]
pub struct Spot {
    /// The root.
    pub root: Dir,
    /// Inside it; empty = the root itself.
    pub path: PathBuf,
    /// The last name of the whole path, if it has one.
    pub name: OsString,
}

impl Roots {
    /// Roots as policy writes them; `~` is the home of the account this program runs as.
    pub fn new(words: &[String]) -> Self {
        Self::with_home(words, std::env::home_dir())
    }

    fn with_home(words: &[String], home: Option<PathBuf>) -> Self {
        let home = home.filter(|home| home.is_absolute());
        let paths = words.iter().filter_map(|word| expanded(Path::new(word), home.as_deref()));
        Self { words: words.to_vec(), paths: paths.collect(), home }
    }

    /// The whole path that `bytes` mean, free of `.` and `..`.
    ///
    /// # Errors
    /// If it cannot be a path here.
    pub fn whole(&self, bytes: &[u8]) -> Result<PathBuf, Why> {
        if bytes.contains(&0) {
            return Err(told(Cause::NameNotAllowed, "a path has no zero byte"));
        }
        let typed = name_from_bytes(bytes)
            .map(PathBuf::from)
            .ok_or_else(|| told(Cause::NameNotAllowed, "it is not Unicode"))?;
        let whole = expanded(&typed, self.home.as_deref())
            .ok_or_else(|| told(Cause::NotFound, "this account has no home; give a whole path"))?;
        cleared(&whole).ok_or_else(|| self.outside())
    }

    /// Opens the root that a whole path lies in.
    ///
    /// # Errors
    /// [`Cause::OutsideRoots`], or the root cannot be opened.
    pub fn spot(&self, whole: &Path) -> Result<Spot, Why> {
        let inside = |root: &&PathBuf| below(whole, root).is_some();
        let root = self.paths.iter().filter(inside).max_by_key(|root| root.components().count());
        let root = root.ok_or_else(|| self.outside())?;
        let path = below(whole, root).unwrap_or_default();
        let root = Dir::open_ambient_dir(root, ambient_authority()).map_err(|error| why(&error))?;
        let name = whole.file_name().map_or_else(|| OsString::from("root"), OsStr::to_owned);
        Ok(Spot { root, path, name })
    }

    fn outside(&self) -> Why {
        let rule = match self.words.as_slice() {
            [] => "the policy's rule `files` gives no folders on this PC".to_owned(),
            words => format!("the policy's rule `files` allows only {}", words.join(", ")),
        };
        told(Cause::OutsideRoots, rule)
    }
}

impl Spot {
    /// Opens the folder at it.
    ///
    /// # Errors
    /// What the system says; also if a link leads out of the root.
    pub fn open(&self) -> io::Result<Dir> {
        if self.path.as_os_str().is_empty() { self.root.try_clone() } else { self.root.open_dir(&self.path) }
    }

    /// Where it is when links inside the root have been followed; the same root.
    ///
    /// # Errors
    /// If nothing is there, or a link leads out of the root.
    pub fn followed(&self) -> io::Result<PathBuf> {
        if self.path.as_os_str().is_empty() {
            return Ok(PathBuf::new());
        }
        self.root.canonicalize(&self.path)
    }
}

/// The whole path of one that may begin at the home.
fn expanded(path: &Path, home: Option<&Path>) -> Option<PathBuf> {
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let rest = path.strip_prefix("~").unwrap_or(path);
    Some(home?.join(rest))
}

/// Without `.` and `..`; `None` if it goes above the top, or is no whole path.
fn cleared(path: &Path) -> Option<PathBuf> {
    let mut clear = PathBuf::new();
    let mut below_top = 0u32;
    for component in path.components() {
        match component {
            Component::Prefix(_) | Component::RootDir => clear.push(component),
            Component::CurDir => {}
            Component::ParentDir => {
                below_top = below_top.checked_sub(1)?;
                clear.pop();
            }
            Component::Normal(name) => {
                // On Windows `a:b` would be a stream of a file.
                if names() == Names::Windows && name.as_encoded_bytes().contains(&b':') {
                    return None;
                }
                below_top += 1;
                clear.push(name);
            }
        }
    }
    clear.is_absolute().then_some(clear)
}

/// What is left of `path` below `root`. Where capital letters do not count, they do not.
fn below(path: &Path, root: &Path) -> Option<PathBuf> {
    let same = |ours: Component<'_>, theirs: Component<'_>| {
        let (ours, theirs) = (ours.as_os_str(), theirs.as_os_str());
        ours == theirs
            || names() == Names::Windows
                && ours.to_string_lossy().to_lowercase() == theirs.to_string_lossy().to_lowercase()
    };
    let mut rest = path.components();
    for component in root.components().filter(|component| *component != Component::CurDir) {
        if !same(rest.next()?, component) {
            return None;
        }
    }
    Some(rest.as_path().to_owned())
}

/// Opens what a path of our own machine means, without any root: its folder and its name in it.
/// A link at its end is followed, as whoever types its name wants.
///
/// # Errors
/// If nothing is there.
pub fn own(path: &Path) -> io::Result<(Dir, OsString, OsString)> {
    let real = std::fs::canonicalize(path)?;
    let real_name = real.file_name().map(OsStr::to_owned);
    let called = match path.components().next_back() {
        Some(Component::Normal(name)) => name.to_owned(),
        _ => real_name.clone().unwrap_or_else(|| OsString::from("root")),
    };
    let (folder, name) = match (real.parent(), real_name) {
        (Some(parent), Some(name)) => (parent, name),
        _ => (real.as_path(), OsString::new()),
    };
    Ok((Dir::open_ambient_dir(folder, ambient_authority())?, name, called))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn roots(words: &[&str]) -> Roots {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Roots::with_home(&words, Some("/home/anna".into()))
    }

    #[test]
    fn paths_are_cleared_and_begin_at_home() {
        let roots = roots(&["~"]);
        for (typed, whole) in [
            ("", "/home/anna"),
            ("~", "/home/anna"),
            ("~/x", "/home/anna/x"),
            ("x/./y/../z", "/home/anna/x/z"),
            ("../bo", "/home/bo"),
            ("/srv//x/", "/srv/x"),
        ] {
            assert_eq!(roots.whole(typed.as_bytes()), Ok(PathBuf::from(whole)), "{typed}");
        }
        assert!(roots.whole(b"../../../../x").is_err() && roots.whole(b"a\0").is_err());
    }

    #[test]
    fn a_root_holds_what_is_below_it_by_whole_names() {
        for (path, root, rest) in [
            ("/srv/x/y", "/srv/x", Some("y")),
            ("/srv/x", "/srv/x", Some("")),
            ("/srv/xy", "/srv/x", None),
            ("/etc/passwd", "/", Some("etc/passwd")),
            ("/srv", "/srv/x", None),
        ] {
            assert_eq!(below(Path::new(path), Path::new(root)), rest.map(PathBuf::from), "{path} in {root}");
        }
    }

    #[test]
    fn outside_the_roots_is_refused_with_the_rule() {
        let roots = roots(&["~", "/srv/x"]);
        for path in ["/etc/passwd", "/home/bo", "/srv/xy"] {
            let why = roots.spot(Path::new(path)).expect_err("outside");
            assert_eq!(why.cause, Cause::OutsideRoots);
            assert!(why.text.expect("told").to_string().contains("~, /srv/x"));
        }
    }

    #[test]
    fn a_link_out_of_a_root_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let inside = folder.path().join("inside");
        std::fs::create_dir_all(inside.join("deep")).expect("made");
        std::os::unix::fs::symlink("/etc", inside.join("out")).expect("made");
        std::os::unix::fs::symlink("deep", inside.join("in")).expect("made");
        let roots = roots(&[inside.to_str().expect("text")]);
        let open = |name: &str| roots.spot(&inside.join(name)).expect("below").open();
        assert!(open("deep").is_ok() && open("in").is_ok());
        assert!(open("out").is_err() && roots.spot(&inside.join("out")).expect("below").followed().is_err());
    }
}
