//! Proof that one operation may be done: the only way to a [`Permit`] is through here, and every
//! operation's function demands one. Which scope an operation needs stands in
//! [`OperationKind::scope`].

use std::time::Instant;

use distans_e2e::receipt::OperationKind;
use distans_proto::ids::{OpId, SessionId, TechnicianId};
use distans_proto::inner::{Denied, DeniedBy, OpRequest};
use distans_proto::scope::Scope;
use distans_proto::time::Timestamp;

use crate::consent;
use crate::rights::{Place, denied};
use crate::session::{OPERATIONS_LIMIT, Phase, Session};

/// Proves that verified grant ∩ policy ∩ consent allowed this one operation, in a session that
/// had not expired and not ended. Cannot be made elsewhere, copied or used for another one.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    session: SessionId,
    op: OpId,
    scope: Scope,
    technician: TechnicianId,
    until: Timestamp,
}

impl Permit {
    /// The session.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The operation.
    pub const fn op(&self) -> OpId {
        self.op
    }

    /// The scope it was permitted under.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Who it was permitted to.
    pub const fn technician(&self) -> &TechnicianId {
        &self.technician
    }

    /// When the session's time is up; the operation must be over by then.
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

/// Permits one operation in a session, or says why not. `instant` is now on the steady clock.
///
/// # Errors
/// [`Denied`].
pub fn permit(
    session: &Session,
    place: &Place<'_>,
    instant: Instant,
    request: &OpRequest,
) -> Result<Permit, Denied> {
    match session.phase() {
        Phase::Live => {}
        Phase::Asking | Phase::Offered | Phase::WaitingAck => {
            return Err(denied(DeniedBy::Session, "the session is not granted and acknowledged yet"));
        }
        Phase::Ended(reason) => {
            return Err(denied(DeniedBy::Session, format!("the session is over: {}", reason.words())));
        }
    }
    if session.is_expired(place.now, instant) {
        return Err(denied(DeniedBy::Session, "the session's time is up"));
    }
    if session.operations() >= OPERATIONS_LIMIT {
        let text = format!(
            "the session has had {OPERATIONS_LIMIT} operations, all its receipt can hold; open a new one"
        );
        return Err(denied(DeniedBy::Limit, text));
    }
    let scope = OperationKind::of(&request.op).scope();
    if !session.scopes().contains(scope) {
        let text = format!("{scope} was not granted in this session; granted are {}", session.scopes());
        return Err(denied(DeniedBy::Session, text));
    }
    let caller = session.caller();
    let rights = place.rights(caller)?;
    consent::still(place, &rights, caller, scope, session.is_unattended())?;
    Ok(Permit {
        session: session.id(),
        op: request.id,
        scope,
        technician: caller.id.clone(),
        until: session.expires(),
    })
}
