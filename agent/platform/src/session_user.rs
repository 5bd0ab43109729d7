//! Who sits at the machine: the user of the active graphical or console login.

use crate::local::Peer;
use crate::{UserId, imp};

/// A user who is signed in at the machine, and whom a command can be run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Login name, for showing.
    pub name: String,
    /// The account.
    pub id: UserId,
    /// How the system finds the account's login again.
    pub(crate) login: imp::session_user::Login,
}

impl SignedIn {
    /// True for root and LocalSystem: a command *as the signed-in user* must not run as such.
    pub fn is_system(&self) -> bool {
        self.id.is_system()
    }
}

/// The user of the active login at the machine's own screen and keyboard (Linux: the active
/// session of seat0 through `loginctl`, else any active local one; Windows: the active console
/// or remote-desktop session). `None` if nobody is signed in or the system does not tell.
///
/// Asks another program or the system; may take up to two seconds, never more.
pub async fn active() -> Option<SignedIn> {
    imp::session_user::active().await
}

/// The user behind a helper that has connected, as the kernel vouches for it. `None` if the
/// account is unknown to the system, or its directory service does not answer in two seconds.
pub async fn of_peer(peer: &Peer) -> Option<SignedIn> {
    imp::session_user::of_peer(peer).await
}
