//! Swedish or English: which of them, and texts in both side by side.
//!
//! A text stands in the code in both languages, next to each other ([`crate::say!`]), so that the
//! compiler checks that both use the same values and neither can be forgotten. What machines read
//! (JSON, names of findings and scopes, exit codes) is the same in both.

pub mod help;
#[cfg(test)]
mod literals;
pub mod usage;

use std::str::FromStr;
use std::sync::OnceLock;

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    English,
    /// Swedish.
    Swedish,
}

impl FromStr for Lang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "en" => Ok(Self::English),
            "sv" => Ok(Self::Swedish),
            _ => Err("give sv or en".to_owned()),
        }
    }
}

impl Lang {
    /// Of a locale's name, as `sv_SE.UTF-8`.
    fn of_locale(name: &str) -> Self {
        if name.to_ascii_lowercase().starts_with("sv") { Self::Swedish } else { Self::English }
    }

    /// One of two texts.
    pub const fn pick(self, english: &'static str, swedish: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Swedish => swedish,
        }
    }
}

static CHOSEN: OnceLock<Lang> = OnceLock::new();

/// Chooses the language of this program, once and first of all: the wanted one, or the locale's.
pub fn choose(wanted: Option<Lang>) {
    // A later choice would come after texts in the first.
    let _ = CHOSEN.set(wanted.unwrap_or_else(|| match sys_locale::get_locale() {
        Some(name) => Lang::of_locale(&name),
        None => Lang::English,
    }));
}

/// The language of this program; English until one is chosen.
pub fn current() -> Lang {
    CHOSEN.get().copied().unwrap_or(Lang::English)
}

/// A text in the program's language, with values as in `format!`:
/// `say!(en: "{count} files", sv: "{count} filer")`.
#[macro_export]
macro_rules! say {
    (en: $english:literal, sv: $swedish:literal $(, $($values:tt)*)?) => {
        match $crate::lang::current() {
            $crate::lang::Lang::English => format!($english $(, $($values)*)?),
            $crate::lang::Lang::Swedish => format!($swedish $(, $($values)*)?),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_says_which_language() {
        for (name, lang) in [
            ("sv_SE.UTF-8", Lang::Swedish),
            ("sv-FI", Lang::Swedish),
            ("C.UTF-8", Lang::English),
            ("nb_NO", Lang::English),
            ("en-GB", Lang::English),
        ] {
            assert_eq!(Lang::of_locale(name), lang, "{name}");
        }
    }

    #[test]
    fn a_text_takes_values() {
        let count = 3;
        assert_eq!(say!(en: "{count} files", sv: "{count} filer"), "3 files");
        assert_eq!(say!(en: "{} PCs", sv: "{} datorer", count), "3 PCs");
    }
}
