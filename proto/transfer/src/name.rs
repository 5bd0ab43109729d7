//! Which names can be here: one component, and nothing that this system reads as something else.

use std::ffi::OsString;

use distans_platform::files::{Names, name_from_bytes};
use distans_proto::ops::files::{Cause, NAME_LIMIT, Why};

use crate::trouble::{plain, told};

/// Windows takes these for devices, whatever follows a dot.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The name that `bytes` of the other end are here.
///
/// # Errors
/// [`Cause::NameTooLong`] or [`Cause::NameNotAllowed`], with the reason.
pub fn check(bytes: &[u8], names: Names) -> Result<OsString, Why> {
    if bytes.len() > NAME_LIMIT {
        return Err(plain(Cause::NameTooLong));
    }
    let no = |reason: &str| Err(told(Cause::NameNotAllowed, reason));
    if bytes.is_empty() || bytes == b"." || bytes == b".." {
        return no("it names no file or folder of its own");
    }
    if bytes.iter().any(|byte| matches!(byte, b'/' | 0)) {
        return no("a name has no / and no zero byte");
    }
    if names == Names::Windows
        && let Some(reason) = not_on_windows(bytes)
    {
        return no(reason);
    }
    match name_from_bytes(bytes) {
        Some(name) => Ok(name),
        None => no("it is not Unicode"),
    }
}

/// Why Windows cannot have, or would misread, a name.
fn not_on_windows(bytes: &[u8]) -> Option<&'static str> {
    if std::str::from_utf8(bytes).is_err() {
        return Some("it is not Unicode");
    }
    let forbidden = |byte: &u8| *byte < 0x20 || b"<>:\"\\|?*".contains(byte);
    if bytes.iter().any(forbidden) {
        return Some("Windows allows none of < > : \" \\ | ? * and no control characters in names");
    }
    if matches!(bytes.last(), Some(b'.' | b' ')) {
        return Some("Windows drops a dot or space at the end of a name");
    }
    let stem = bytes.split(|byte| *byte == b'.').next().unwrap_or(bytes);
    let stem = String::from_utf8_lossy(stem).trim_end().to_lowercase();
    // The superscript digits count as digits there.
    let stem = stem.replace('\u{b9}', "1").replace('\u{b2}', "2").replace('\u{b3}', "3");
    let reserved = RESERVED.contains(&stem.as_str()) || stem == "conin$" || stem == "conout$";
    reserved.then_some("Windows keeps that name for a device")
}

/// Two names with the same key are the same file here.
pub fn key(name: &[u8], names: Names) -> Vec<u8> {
    match names {
        Names::Unix => name.to_vec(),
        Names::Windows => String::from_utf8_lossy(name).to_uppercase().into_bytes(),
    }
}

/// True if a link that says `target`, `depth` folders below the top of what is copied, stays
/// inside it: relative, and never above the top on its way. Upwards only at its beginning: after a
/// name, which may be a link itself, `..` leads from wherever that link leads.
pub fn stays_inside(target: &[u8], depth: u32) -> bool {
    if target.is_empty() || target.len() > 4096 || target.contains(&0) {
        return false;
    }
    // Backslashes, drives and streams: what is no link out here may be one elsewhere.
    if target[0] == b'/' || target.contains(&b'\\') || target.contains(&b':') {
        return false;
    }
    let mut parts = target.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let mut up = 0;
    let down = parts.by_ref().find(|part| {
        up += u32::from(*part == b"..");
        *part != b".."
    });
    up <= depth && (down.is_none() || parts.all(|part| part != b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused_everywhere() {
        for bytes in [&b""[..], b".", b"..", b"a/b", b"/etc", b"../x", b"a\0b"] {
            for names in [Names::Unix, Names::Windows] {
                assert_eq!(check(bytes, names).expect_err("bad").cause, Cause::NameNotAllowed, "{bytes:?}");
            }
        }
        let long = vec![b'a'; NAME_LIMIT + 1];
        assert_eq!(check(&long, Names::Unix).expect_err("bad").cause, Cause::NameTooLong);
    }

    #[test]
    fn what_windows_misreads_is_refused_there_alone() {
        for bytes in [
            &b"a:b"[..],
            b"C:",
            b"a\\b",
            b"..\\x",
            b"nul",
            b"NUL.txt",
            b"Com1",
            b"com\xc2\xb9.log",
            b"aux .c",
            b"a.",
            b"a ",
            b"a\x1bb",
            b"a\nb",
            b"what?",
            b"conin$",
        ] {
            assert!(check(bytes, Names::Unix).is_ok(), "{bytes:?}");
            assert!(check(bytes, Names::Windows).is_err(), "{bytes:?}");
        }
        for bytes in ["Grövelsjön.txt", "nulla", "com10", ".profile", "a b"] {
            assert!(check(bytes.as_bytes(), Names::Windows).is_ok(), "{bytes}");
        }
    }

    #[test]
    fn capital_letters_count_on_unix_alone() {
        assert_ne!(key("Åsen".as_bytes(), Names::Unix), key("åsen".as_bytes(), Names::Unix));
        assert_eq!(key("Åsen".as_bytes(), Names::Windows), key("åsen".as_bytes(), Names::Windows));
    }

    #[test]
    fn links_out_of_the_copy_are_known() {
        for (target, depth, inside) in [
            (&b"file"[..], 1, true),
            (b"../other", 1, true),
            (b"../other", 0, false),
            (b"a/../../../x", 1, false),
            (b"a/../../x", 1, false),
            (b"..", 1, true),
            (b".././..//x/y", 2, true),
            (b"../../x", 1, false),
            // `a/b/up` may be a link to `../..`: then this is two folders above the top.
            (b"a/b/up/../../x", 0, false),
            (b"a/..", 1, false),
            (b"/etc/passwd", 5, false),
            (b"C:\\x", 5, false),
            (b"..\\..\\x", 5, false),
            (b"", 5, false),
        ] {
            assert_eq!(stays_inside(target, depth), inside, "{target:?} at {depth}");
        }
    }
}
