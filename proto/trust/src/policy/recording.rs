//! What of a technician's work is recorded at the PC.

use distans_proto::scope::{Scope, ScopeSet};
use serde::{Deserialize, Serialize};

/// What is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Shells. Where they are recorded and cannot be, for instance because the root document
    /// names nobody who may read recordings, there are none.
    #[serde(default)]
    pub shell: When,
}

/// When something is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Never.
    #[default]
    Never,
    /// Each time; the person at the PC and the technician are told.
    Always,
}

impl Recording {
    /// True if something that these scopes allow is recorded.
    pub const fn covers(&self, scopes: ScopeSet) -> bool {
        matches!(self.shell, When::Always)
            && (scopes.contains(Scope::Shell) || scopes.contains(Scope::ShellSystem))
    }

    /// True if a policy need not say it.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
