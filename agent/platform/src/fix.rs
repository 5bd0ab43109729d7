//! Small repairs: each one fixed call, with nothing in it that could be another.

use std::io;

use crate::imp;

/// Removes all jobs of a print queue; how many.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for what is no queue's name, [`io::ErrorKind::NotFound`] if there
/// is no such queue or no print service, else what the system said.
pub async fn clear_print_queue(name: &str) -> io::Result<u32> {
    let sane = |character: char| character.is_alphanumeric() || " _.-+@()".contains(character);
    if name.is_empty() || name.len() > 127 || name.starts_with(['-', '.']) || !name.chars().all(sane) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no name of a print queue"));
    }
    imp::fix::clear_print_queue(name).await
}

/// Forgets names that were looked up.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if this system keeps no such cache, else what the system said.
pub async fn flush_names() -> io::Result<()> {
    imp::fix::flush_names().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_names_of_queues_are_taken() {
        for name in ["", "-a", "a;b", "a\nb", "../x", "a/b", "\u{1b}[2J", &"x".repeat(200)] {
            let error = clear_print_queue(name).await.expect_err("no name");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
