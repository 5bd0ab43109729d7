//! All sessions of this PC: every step from one phase to the next is taken here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use distans_e2e::receipt::EndReason;
use distans_proto::ids::SessionId;
use distans_proto::inner::{Denied, DeniedBy, PURPOSE_LIMIT, Request, TICKET_LIMIT};
use distans_proto::local::Nonce;
use distans_proto::scope::ScopeSet;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

use super::restart::Waiting;
use super::{ATTACHMENTS_LIMIT, Next, Offer, Phase, QUESTIONS_LIMIT, SESSIONS_LIMIT, Session};
use crate::consent::{Answer, Plan, plan, still};
use crate::journal::state::SessionEntry;
use crate::rights::{Caller, Place, denied};

/// All sessions of this PC that are not over.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: BTreeMap<SessionId, Session>,
}

impl Sessions {
    /// None yet.
    pub const fn new() -> Self {
        Self { sessions: BTreeMap::new() }
    }

    /// A session that is not over.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// All that are not over.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Decides about a request. `known` is true if the journal has met the id before, `somebody`
    /// if a person can be asked, `nonce` is random.
    ///
    /// # Errors
    /// [`Denied`]; nothing is remembered then.
    pub fn request(
        &mut self,
        place: &Place<'_>,
        caller: &Caller,
        request: &Request,
        known: bool,
        somebody: bool,
        nonce: Nonce,
    ) -> Result<Next, Denied> {
        check_form(request)?;
        if known || self.sessions.contains_key(&request.session) {
            return Err(denied(DeniedBy::Session, "this session id has been used before; choose a new one"));
        }
        if self.sessions.len() >= SESSIONS_LIMIT {
            return Err(denied(
                DeniedBy::Limit,
                format!("{SESSIONS_LIMIT} sessions are open on this PC; end one first"),
            ));
        }
        let rights = place.rights(caller)?;
        let plan = plan(place, &rights, caller, request, somebody)?;
        let asking = self.sessions.values().filter(|session| session.phase == Phase::Asking).count();
        if !plan.ask.is_empty() && asking >= QUESTIONS_LIMIT {
            return Err(denied(
                DeniedBy::Limit,
                "the person at the PC is being asked about other sessions; wait for the answers",
            ));
        }
        let minutes = request.minutes.min(rights.policy.max_session_min);
        let expires = place.now.plus(Duration::from_secs(u64::from(minutes) * 60)).min(caller.expires);
        let mut session = Session {
            id: request.session,
            caller: caller.clone(),
            technician_name: rights.technician.name.clone(),
            organisation: rights.policy.organisation.clone(),
            purpose: request.purpose.clone(),
            unattended: request.unattended,
            phase: Phase::Asking,
            plan,
            scopes: ScopeSet::EMPTY,
            expires,
            life: expires.since(place.now),
            deadline: None,
            epochs: Vec::new(),
            last_epoch: 0,
            waiting_since: None,
            waiting: Waiting::AS_USUAL,
            operations: 0,
        };
        let next = if session.plan.ask.is_empty() {
            Next::Offer(offer(&mut session, place.now, ScopeSet::EMPTY, (None, None))?)
        } else {
            Next::Ask(session.plan.question(nonce, session.id, &rights, request, minutes))
        };
        self.sessions.insert(session.id, session);
        Ok(next)
    }

    /// Takes the answer to a question.
    ///
    /// # Errors
    /// [`Denied`] if it is no, or the session was ended meanwhile; it is forgotten then.
    pub fn answer(&mut self, id: SessionId, now: Timestamp, answer: Answer) -> Result<Offer, Denied> {
        let gone = || denied(DeniedBy::Session, "the session was ended before the person answered");
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Asking)
        else {
            return Err(gone());
        };
        let offered = match answer {
            Answer::Person { allowed, who, account } => offer(session, now, allowed, (who, Some(account))),
            Answer::Silence => {
                let text = format!("no answer within {} s means no", session.plan.timeout_s);
                Err(denied(DeniedBy::Silence, text))
            }
            Answer::NobodyLeft => {
                Err(denied(DeniedBy::NobodyToAsk, "whoever was asked left before answering"))
            }
        };
        if offered.is_err() {
            self.sessions.remove(&id);
        }
        offered
    }

    /// The grant is signed and on disk. From here on a receipt is owed.
    ///
    /// # Errors
    /// [`Denied`] if the session was ended meanwhile.
    pub fn granted(&mut self, id: SessionId, instant: Instant) -> Result<(), Denied> {
        let session = self.phase(id, Phase::Offered)?;
        session.phase = Phase::WaitingAck;
        session.deadline = instant.checked_add(session.life);
        session.epochs.push(session.last_epoch);
        session.waiting_since = Some(instant);
        Ok(())
    }

    /// The technician's signature over the grant was checked. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Denied`] if there is no such granted session.
    pub fn acknowledged(&mut self, id: SessionId, instant: Instant) -> Result<(), Denied> {
        let session = self.granted_session(id)?;
        if session.phase == Phase::WaitingAck {
            session.phase = Phase::Live;
            session.waiting_since = session.epochs.is_empty().then_some(instant);
        }
        Ok(())
    }

    /// The technician comes back, or attaches once more; the epoch of the attachment.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn attach(
        &mut self,
        place: &Place<'_>,
        caller: &Caller,
        id: SessionId,
        instant: Instant,
    ) -> Result<u8, Denied> {
        let session = self.granted_session(id)?;
        if session.caller.certificate != caller.certificate || session.caller.id != caller.id {
            // Not "somebody else's": whose it is is none of the caller's business.
            return Err(unknown());
        }
        if let Some(reason) = session.due(place.now, instant) {
            return Err(denied(DeniedBy::Session, format!("the session is over: {}", reason.words())));
        }
        place.rights(caller)?;
        if session.epochs.len() >= ATTACHMENTS_LIMIT {
            let text =
                format!("the session is open in {ATTACHMENTS_LIMIT} programs already; close one first");
            return Err(denied(DeniedBy::Limit, text));
        }
        let epoch = session.next_epoch();
        session.epochs.push(epoch);
        session.waiting = Waiting::AS_USUAL;
        session.waiting_since = (session.phase == Phase::WaitingAck).then_some(instant);
        Ok(epoch)
    }

    /// An attachment's control stream is gone.
    pub fn detach(&mut self, id: SessionId, epoch: u8, instant: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.epochs.retain(|live| *live != epoch);
            if session.epochs.is_empty() {
                session.waiting_since = Some(instant);
            }
        }
    }

    /// Counts one operation begun.
    pub fn began(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.operations += 1;
        }
    }

    /// Ends a session, once: the phase it was in, or `None` if it is over already. If it was
    /// granted ([`Phase::WaitingAck`], [`Phase::Live`]), its receipt is owed now, and the
    /// session stays until [`Sessions::forget`]; else it is forgotten at once.
    pub fn end(&mut self, id: SessionId, reason: EndReason) -> Option<Phase> {
        let session = self.sessions.get_mut(&id)?;
        let before = session.phase;
        match before {
            Phase::Ended(_) => return None,
            Phase::WaitingAck | Phase::Live => session.phase = Phase::Ended(reason),
            Phase::Asking | Phase::Offered => {
                self.sessions.remove(&id);
            }
        }
        Some(before)
    }

    /// The receipt is on disk.
    pub fn forget(&mut self, id: SessionId) {
        self.sessions.remove(&id);
    }

    /// Sessions that must end now, and why.
    pub fn due(&self, now: Timestamp, instant: Instant) -> Vec<(SessionId, EndReason)> {
        self.sessions.values().filter_map(|session| Some((session.id, session.due(now, instant)?))).collect()
    }

    /// After a new root or policy: sessions whose technician has no right here any more, or none
    /// of whose scopes is left. Questions about such are void too.
    pub fn revoked(&self, place: &Place<'_>) -> Vec<SessionId> {
        let is_revoked = |session: &Session| {
            if matches!(session.phase, Phase::Ended(_)) {
                return false;
            }
            let Ok(rights) = place.rights(&session.caller) else { return true };
            if session.waits_after_restart() && rights.policy.may_resume_after_restart(place.group).is_none()
            {
                return true;
            }
            let wanted = if session.phase == Phase::Asking { session.plan.ask } else { session.scopes };
            wanted
                .iter()
                .all(|scope| still(place, &rights, &session.caller, scope, session.unattended).is_err())
        };
        self.sessions.values().filter(|session| is_revoked(session)).map(|session| session.id).collect()
    }

    /// Takes up a session that the journal says was granted and not ended, after a start of the
    /// agent; [`super::restart`] says whether and for how long.
    pub fn restore(
        &mut self,
        id: SessionId,
        entry: &SessionEntry,
        caller: Caller,
        waiting: Waiting,
        place: &Place<'_>,
        instant: Instant,
    ) {
        let names = place.trust.policy().and_then(|policy| {
            Some((policy.technician(&caller.id)?.name.clone(), policy.organisation.clone()))
        });
        let (technician_name, organisation) = names.unwrap_or_default();
        let acknowledged = entry.papers.as_ref().is_some_and(|papers| papers.grant_ack.is_some());
        // A clock that was set back meanwhile gives no time that was not granted.
        let life = entry.expires.since(place.now.max(entry.at));
        self.sessions.insert(
            id,
            Session {
                id,
                caller,
                technician_name,
                organisation,
                purpose: entry.purpose.clone(),
                unattended: entry.unattended,
                phase: if acknowledged { Phase::Live } else { Phase::WaitingAck },
                plan: Plan { ask: ScopeSet::EMPTY, announced: ScopeSet::EMPTY, timeout_s: 0 },
                scopes: entry.scopes,
                expires: entry.expires,
                life,
                deadline: instant.checked_add(life),
                epochs: Vec::new(),
                last_epoch: 0,
                waiting_since: Some(instant),
                waiting,
                operations: entry.operations.len(),
            },
        );
    }

    fn phase(&mut self, id: SessionId, phase: Phase) -> Result<&mut Session, Denied> {
        self.sessions.get_mut(&id).filter(|session| session.phase == phase).ok_or_else(unknown)
    }

    fn granted_session(&mut self, id: SessionId) -> Result<&mut Session, Denied> {
        match self.sessions.get_mut(&id) {
            Some(session) if session.is_granted() => Ok(session),
            Some(Session { phase: Phase::Ended(reason), .. }) => {
                Err(denied(DeniedBy::Session, format!("the session is over: {}", reason.words())))
            }
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> Denied {
    denied(DeniedBy::Session, "it does not run on this PC; one that nobody uses for five minutes is ended")
}

fn check_form(request: &Request) -> Result<(), Denied> {
    let too_long = |text: &Untrusted, limit| text.raw().chars().count() > limit;
    if too_long(&request.purpose, PURPOSE_LIMIT) {
        return Err(denied(
            DeniedBy::Limit,
            format!("the purpose is longer than {PURPOSE_LIMIT} characters"),
        ));
    }
    if request.ticket.as_ref().is_some_and(|ticket| too_long(ticket, TICKET_LIMIT)) {
        return Err(denied(DeniedBy::Limit, format!("the ticket is longer than {TICKET_LIMIT} characters")));
    }
    if request.minutes == 0 {
        return Err(denied(DeniedBy::Limit, "a session of 0 minutes was asked for"));
    }
    Ok(())
}

/// Moves a session to [`Phase::Offered`] with what the answer gives.
fn offer(
    session: &mut Session,
    now: Timestamp,
    allowed: ScopeSet,
    (who, account): (Option<Untrusted>, Option<String>),
) -> Result<Offer, Denied> {
    session.scopes = session.plan.apply(allowed)?;
    session.phase = Phase::Offered;
    let epoch = session.next_epoch();
    Ok(Offer {
        session: session.id,
        scopes: session.scopes,
        announced: session.plan.announced,
        who,
        account,
        asked: !session.plan.ask.is_empty(),
        unattended: session.unattended,
        start: now,
        expires: session.expires,
        epoch,
    })
}
