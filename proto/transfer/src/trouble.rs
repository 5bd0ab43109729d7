//! From what the system says to a cause that can be told in any language.

use std::io::{self, ErrorKind};

use distans_proto::ops::files::{Cause, Problem, Why};

/// The cause of an error, with the system's own words where the cause alone says too little.
pub fn why(error: &io::Error) -> Why {
    let cause = match error.kind() {
        ErrorKind::NotFound => Cause::NotFound,
        ErrorKind::PermissionDenied => Cause::Permission,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Cause::Full,
        ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
        ErrorKind::InvalidFilename => Cause::NameTooLong,
        ErrorKind::FileTooLarge => Cause::TooLarge,
        ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::AlreadyExists
        | ErrorKind::DirectoryNotEmpty => Cause::InTheWay,
        _ => Cause::Other,
    };
    let tells = matches!(cause, Cause::Other | Cause::InTheWay);
    Why { cause, text: tells.then(|| error.to_string().into()) }
}

/// A cause that needs no more words.
pub const fn plain(cause: Cause) -> Why {
    Why { cause, text: None }
}

/// A cause and more about it.
pub fn told(cause: Cause, text: impl Into<String>) -> Why {
    Why { cause, text: Some(text.into().into()) }
}

/// A problem with a path.
pub fn problem(path: impl Into<String>, why: Why) -> Problem {
    Problem { path: path.into().into(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_errors_have_causes() {
        for (kind, cause) in [
            (ErrorKind::NotFound, Cause::NotFound),
            (ErrorKind::PermissionDenied, Cause::Permission),
            (ErrorKind::StorageFull, Cause::Full),
            (ErrorKind::QuotaExceeded, Cause::Full),
            (ErrorKind::ReadOnlyFilesystem, Cause::ReadOnly),
            (ErrorKind::InvalidFilename, Cause::NameTooLong),
            (ErrorKind::IsADirectory, Cause::InTheWay),
            (ErrorKind::TimedOut, Cause::Other),
        ] {
            let why = why(&kind.into());
            assert_eq!(why.cause, cause, "{kind}");
            assert_eq!(why.text.is_some(), matches!(cause, Cause::Other | Cause::InTheWay), "{kind}");
        }
    }
}
