//! From the words of the command line to what is copied which way. Pure.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The PC as it was called.
    pub pc: String,
    /// Which way.
    pub way: Way,
}

/// Which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// From the PC.
    Get {
        /// Paths and patterns there.
        paths: Vec<Vec<u8>>,
        /// Where to here.
        target: PathBuf,
    },
    /// To the PC.
    Put {
        /// Paths here.
        sources: Vec<PathBuf>,
        /// Where to there.
        target: Vec<u8>,
        /// The target is a folder.
        into: bool,
    },
}

/// One word: here, or on a PC.
enum Place<'a> {
    Here(&'a OsStr),
    There { pc: &'a str, path: &'a [u8] },
}

/// A colon makes a PC of what stands before it, unless a slash comes first (`./a:b`) or one letter
/// alone is there (`C:\x`). The path may hold more colons: `PC:C:\Users`.
fn place(word: &OsStr) -> Place<'_> {
    let bytes = word.as_encoded_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':');
    let Some((before, after)) = colon.map(|at| (&bytes[..at], &bytes[at + 1..])) else {
        return Place::Here(word);
    };
    let is_drive = before.len() == 1 && before[0].is_ascii_alphabetic() && after.starts_with(b"\\");
    match std::str::from_utf8(before) {
        Ok(pc) if !is_drive && !pc.is_empty() && !pc.contains(['/', '\\']) => {
            Place::There { pc, path: after }
        }
        _ => Place::Here(word),
    }
}

/// True if a path says that it means a folder.
pub fn names_folder(path: &[u8]) -> bool {
    matches!(path.last(), Some(b'/' | b'\\'))
}

/// Reads the words: sources, and the target last.
///
/// # Errors
/// With what is wrong and how it is written.
pub fn read(words: &[OsString]) -> Result<Spec, Stop> {
    let usage = |text: String| Stop::new(Exit::Usage, text);
    let Some((target, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        return Err(usage(say!(
            en: "name what to copy and where to: distans cp PC:report.txt .",
            sv: "ange vad som ska kopieras och vart: distans cp PC:rapport.txt ."
        )));
    };
    let (mut here, mut there, mut pcs) = (Vec::new(), Vec::new(), Vec::new());
    for word in sources {
        match place(word) {
            Place::Here(path) => here.push(PathBuf::from(path)),
            Place::There { pc, path } => {
                there.push(path.to_vec());
                pcs.push(pc.to_owned());
            }
        }
    }
    if let Some(other) = pcs.iter().find(|pc| **pc != pcs[0]) {
        return Err(usage(say!(
            en: "{} and {other} are two PCs; copy from one at a time",
            sv: "{} och {other} är två datorer; kopiera från en i taget",
            pcs[0]
        )));
    }
    match (place(target), pcs.into_iter().next()) {
        (Place::Here(target), Some(pc)) if here.is_empty() => {
            Ok(Spec { pc, way: Way::Get { paths: there, target: PathBuf::from(target) } })
        }
        (Place::There { pc, path }, None) => {
            let into = here.len() > 1 || names_folder(path);
            let way = Way::Put { sources: here, target: path.to_vec(), into };
            Ok(Spec { pc: pc.to_owned(), way })
        }
        (Place::There { .. }, Some(_)) => Err(usage(say!(
            en: "both sides are on a PC; copy here first, then there",
            sv: "båda sidor ligger på en dator långt bort; kopiera först hit och sedan dit"
        ))),
        (Place::Here(_), None) => Err(usage(say!(
            en: "neither side is on a PC; write PC:path on one of them",
            sv: "ingen sida ligger på en dator långt bort; skriv PC:sökväg på en av dem"
        ))),
        (Place::Here(_), Some(_)) => Err(usage(say!(
            en: "sources lie here and on a PC; copy them one side at a time",
            sv: "källorna ligger både här och på datorn; kopiera från en sida i taget"
        ))),
    }
}

/// Where what comes is put here: a folder, and a new name if one thing gets one.
///
/// # Errors
/// If several things would have to get one name, or the target's folder is missing.
pub fn local_target(target: &Path, one: bool, dry_run: bool) -> Result<(PathBuf, Option<OsString>), Stop> {
    if target.is_dir() {
        return Ok((target.to_owned(), None));
    }
    let shown = target.display();
    if names_folder(target.as_os_str().as_encoded_bytes()) {
        if dry_run {
            return Err(Stop::new(
                Exit::Failed,
                say!(
                    en: "{shown} is not there and --dry-run makes nothing; name its parent",
                    sv: "{shown} finns inte och --dry-run skapar inget; ange mappen ovanför"
                ),
            ));
        }
        std::fs::create_dir(target).map_err(|error| {
            let text = say!(en: "{shown} cannot be made: {error}", sv: "{shown} kan inte skapas: {error}");
            Stop::new(Exit::Failed, text)
        })?;
        return Ok((target.to_owned(), None));
    }
    let (Some(name), true) = (target.file_name(), one) else {
        return Err(Stop::new(
            Exit::Usage,
            say!(
                en: "{shown} is no folder here, and several things cannot get one name; write {shown}/ to make one",
                sv: "{shown} är ingen mapp här, och flera saker kan inte få ett namn; skriv {shown}/ för att skapa en"
            ),
        ));
    };
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let folder = folder.display();
        let text = say!(en: "there is no folder {folder} here", sv: "det finns ingen mapp {folder} här");
        return Err(Stop::new(Exit::Failed, text));
    }
    Ok((folder.to_owned(), Some(name.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Result<Spec, String> {
        let words: Vec<OsString> = list.iter().map(OsString::from).collect();
        read(&words).map_err(|stop| stop.to_string())
    }

    #[test]
    fn words_become_a_way() {
        let get = |paths: &[&str], target: &str| Way::Get {
            paths: paths.iter().map(|path| path.as_bytes().to_vec()).collect(),
            target: target.into(),
        };
        let put = |sources: &[&str], target: &str, into| Way::Put {
            sources: sources.iter().map(PathBuf::from).collect(),
            target: target.as_bytes().to_vec(),
            into,
        };
        for (list, pc, way) in [
            (&["PC:a.txt", "."][..], "PC", get(&["a.txt"], ".")),
            (&["PC:", "x"], "PC", get(&[""], "x")),
            (&["PC:C:\\Users\\x", "."], "PC", get(&["C:\\Users\\x"], ".")),
            (&["PC:a", "PC:logs/*.txt", "out/"], "PC", get(&["a", "logs/*.txt"], "out/")),
            (&["a", "PC:"], "PC", put(&["a"], "", false)),
            (&["./a:b", "C:\\x", "PC:d"], "PC", put(&["./a:b", "C:\\x"], "d", true)),
            (&["a", "PC:d/"], "PC", put(&["a"], "d/", true)),
            (&["a", "PC:D:\\"], "PC", put(&["a"], "D:\\", true)),
        ] {
            assert_eq!(words(list), Ok(Spec { pc: pc.into(), way }), "{list:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (list, told) in [
            (&["PC:a"][..], "where to"),
            (&["a", "b"], "neither"),
            (&["PC:a", "PC:b"], "both sides"),
            (&["PC:a", "OTHER:b", "."], "two PCs"),
            (&["PC:a", "b", "."], "one side"),
        ] {
            let error = words(list).expect_err("wrong");
            assert!(error.contains(told), "{list:?}: {error}");
        }
    }

    #[test]
    fn a_target_here_is_a_folder_or_a_new_name() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(local_target(folder.path(), false, false).expect("a folder").1, None);
        let (parent, name) = local_target(&at("new"), true, false).expect("a name");
        assert_eq!((parent.as_path(), name), (folder.path(), Some("new".into())));
        assert!(local_target(&at("new"), false, false).is_err());
        assert!(local_target(&at("missing/new"), true, false).is_err());
        assert!(local_target(&at("made/"), false, true).is_err() && !at("made").exists());
        assert!(local_target(&at("made/"), false, false).is_ok() && at("made").is_dir());
    }
}
