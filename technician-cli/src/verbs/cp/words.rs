//! What can go wrong with one file, in the technician's language.

use distans_proto::ops::files::{Cause, Problem, Summary};
use distans_proto::text::clean_line;

use crate::format;
use crate::lang::current;
use crate::say;

/// Longest path shown.
const PATH: usize = 300;

/// One line about a problem.
pub(super) fn problem(problem: &Problem) -> String {
    let path = clean_line(problem.path.raw(), PATH);
    let reason = reason(problem.why.cause);
    let colon = if path.is_empty() { "" } else { ": " };
    match &problem.why.text {
        Some(text) => format!("{path}{colon}{reason} ({})", clean_line(text.raw(), PATH)),
        None => format!("{path}{colon}{reason}"),
    }
}

fn reason(cause: Cause) -> &'static str {
    let (english, swedish) = match cause {
        Cause::NotFound => ("nothing of that name is there", "det finns inget med det namnet"),
        Cause::Permission => ("the user may not do that there", "användaren har inte rätt till det"),
        Cause::OutsideRoots => ("outside the allowed folders", "utanför de tillåtna mapparna"),
        Cause::Full => ("the disk is full", "disken är full"),
        Cause::ReadOnly => ("the file system is read-only", "filsystemet går bara att läsa"),
        Cause::NameTooLong => ("the name is too long there", "namnet är för långt där"),
        Cause::NameNotAllowed => ("such a name cannot be there", "ett sådant namn går inte att ha där"),
        Cause::Clash => (
            "differs from another name in capital letters only",
            "skiljer sig bara i stora bokstäver från ett annat",
        ),
        Cause::Changed => {
            ("changed all the time while it was copied", "ändrades hela tiden under kopieringen")
        }
        Cause::Grew => (
            "grew meanwhile; what it was at first is copied",
            "växte under tiden; det som fanns från början är kopierat",
        ),
        Cause::Damaged => ("arrived damaged and was thrown away", "kom fram skadad och kastades"),
        Cause::InTheWay => ("something else is in the way", "något annat är i vägen"),
        Cause::LinkOutside => (
            "a link that leads out of what is copied; left out",
            "en länk som leder ut ur det som kopieras; utelämnad",
        ),
        Cause::Special => ("no file, folder or link; left out", "varken fil, mapp eller länk; utelämnad"),
        Cause::TooMany => ("too much for one copy", "för mycket för en kopiering"),
        Cause::TooLarge => ("too large for that file system", "för stor för filsystemet"),
        Cause::Other => ("could not be copied", "gick inte att kopiera"),
    };
    current().pick(english, swedish)
}

/// A cause's name in JSON.
pub(super) const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::NotFound => "not_found",
        Cause::Permission => "permission",
        Cause::OutsideRoots => "outside_roots",
        Cause::Full => "disk_full",
        Cause::ReadOnly => "read_only",
        Cause::NameTooLong => "name_too_long",
        Cause::NameNotAllowed => "name_not_allowed",
        Cause::Clash => "name_clash",
        Cause::Changed => "changed",
        Cause::Grew => "grew",
        Cause::Damaged => "damaged",
        Cause::InTheWay => "in_the_way",
        Cause::LinkOutside => "link_outside",
        Cause::Special => "special",
        Cause::TooMany => "too_many",
        Cause::TooLarge => "too_large",
        Cause::Other => "other",
    }
}

/// One line about all of it.
pub(super) fn summary(summary: &Summary, dry_run: bool, took: std::time::Duration) -> String {
    let Summary { copied, resumed, same, kept, failures, .. } = *summary;
    let size = format::bytes(summary.bytes);
    let files = match copied {
        1 => say!(en: "1 file", sv: "1 fil"),
        _ => say!(en: "{copied} files", sv: "{copied} filer"),
    };
    let mut text = if dry_run {
        say!(en: "{files}, {size}, would be copied", sv: "{files}, {size}, skulle kopieras")
    } else {
        let seconds = took.as_secs_f64();
        say!(en: "{files}, {size}, copied in {seconds:.1} s", sv: "kopierade {files}, {size}, på {seconds:.1} s")
    };
    if resumed > 0 {
        let there = format::bytes(resumed);
        text += &say!(en: "; {there} of it was there from before", sv: "; {there} av det fanns sedan förut");
    }
    match same {
        0 => {}
        1 => text += &say!(en: "; 1 was there already", sv: "; 1 fanns redan"),
        _ => text += &say!(en: "; {same} were there already", sv: "; {same} fanns redan"),
    }
    match kept {
        0 => {}
        1 => text += &say!(en: "; 1 kept as it is", sv: "; 1 lämnades som den är"),
        _ => text += &say!(en: "; {kept} kept as they are", sv: "; {kept} lämnades som de är"),
    }
    if failures > 0 {
        text += &say!(en: "; {failures} FAILED, see above", sv: "; {failures} MISSLYCKADES, se ovan");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_is_told_as_one_and_more_as_more() {
        let told = |copied, dry_run| {
            let summary = Summary { copied, same: copied, kept: copied, ..Summary::default() };
            super::summary(&summary, dry_run, Duration::from_secs(1))
        };
        for (copied, dry_run, english, swedish) in [
            (1, false, "1 file, ", "1 fil, "),
            (1, true, "1 file, ", "1 fil, "),
            (2, false, "2 files, ", "2 filer, "),
            (0, true, "0 files, ", "0 filer, "),
        ] {
            let told = told(copied, dry_run);
            assert!(told.contains(english) || told.contains(swedish), "{told}");
        }
        assert!(!told(1, false).contains("1 were") && !told(1, false).contains("1 kept as they"));
    }
}
