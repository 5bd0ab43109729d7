//! How full the disk under the broker's directory is.

use std::path::Path;

/// Free part of the file system that holds `path`, in thousandths, as an unprivileged program may
/// use it; `None` where the system does not tell.
#[cfg(unix)]
pub(crate) fn free_permille(path: &Path) -> Option<u32> {
    let figures = rustix::fs::statvfs(path).ok()?;
    let permille = figures.f_bavail.saturating_mul(1000).checked_div(figures.f_blocks)?;
    u32::try_from(permille).ok()
}

/// Free part of the file system that holds `path`, in thousandths; this system does not tell.
#[cfg(not(unix))]
pub(crate) fn free_permille(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_disk_has_a_figure_and_a_missing_one_has_none() {
        assert!(free_permille(&std::env::temp_dir()).is_some_and(|free| free <= 1000));
        assert_eq!(free_permille(Path::new("/nowhere/at/all")), None);
    }
}
