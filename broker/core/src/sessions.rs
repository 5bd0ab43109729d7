//! Sessions that have streams through the broker now, and the limits on them.
//!
//! The broker sees who, when and how much. A session's truth is its signed record; here it is
//! only known while it has a live stream, so what a technician can make the broker remember is
//! bounded by the limits. `T` is what the shell hangs on a session, such as its byte counters.

use std::collections::HashMap;

use distans_proto::ids::{DeviceId, SessionId, TechnicianId};

use crate::config::Limits;

/// Why a stream of a session is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// Somebody else has a session with that id, or it is on another PC.
    #[error("this session id is in use by another technician or on another pc; start a new session")]
    Taken,
    /// Too many sessions of that technician.
    #[error("{0} sessions are open already, which is the most one technician may have; end one first")]
    TooManySessions(u32),
    /// Too many streams of that session.
    #[error("{0} streams are open in this session already, which is the most; wait for one to end")]
    TooManyStreams(u32),
}

/// One session with live streams.
#[derive(Debug)]
struct Live<T> {
    technician: TechnicianId,
    device: DeviceId,
    streams: u32,
    attached: T,
}

/// All sessions with live streams.
#[derive(Debug)]
pub struct Sessions<T> {
    live: HashMap<SessionId, Live<T>>,
    per_technician: HashMap<TechnicianId, u32>,
    limits: (u32, u32),
}

/// A stream that was let in.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted<T> {
    /// True for the session's first live stream.
    pub first: bool,
    /// What the shell hung on the session.
    pub attached: T,
}

impl<T: Clone + Default> Sessions<T> {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            live: HashMap::new(),
            per_technician: HashMap::new(),
            limits: (limits.sessions_per_technician, limits.streams_per_session),
        }
    }

    /// One stream more, if it may be. Each stream let in must be taken out with [`Self::close`].
    ///
    /// # Errors
    /// Which limit stands against it.
    pub fn open(
        &mut self,
        session: SessionId,
        technician: &TechnicianId,
        device: DeviceId,
    ) -> Result<Admitted<T>, SessionRefusal> {
        let (sessions, streams) = self.limits;
        if let Some(live) = self.live.get_mut(&session) {
            if live.technician != *technician || live.device != device {
                return Err(SessionRefusal::Taken);
            }
            if live.streams >= streams {
                return Err(SessionRefusal::TooManyStreams(streams));
            }
            live.streams += 1;
            return Ok(Admitted { first: false, attached: live.attached.clone() });
        }
        let count = self.per_technician.entry(technician.clone()).or_default();
        if *count >= sessions {
            return Err(SessionRefusal::TooManySessions(sessions));
        }
        *count += 1;
        let attached = T::default();
        let live = Live { technician: technician.clone(), device, streams: 1, attached: attached.clone() };
        self.live.insert(session, live);
        Ok(Admitted { first: true, attached })
    }

    /// One stream less. True if it was the session's last.
    pub fn close(&mut self, session: SessionId) -> bool {
        let Some(live) = self.live.get_mut(&session) else { return false };
        live.streams -= 1;
        if live.streams > 0 {
            return false;
        }
        let Some(live) = self.live.remove(&session) else { return false };
        if let Some(count) = self.per_technician.get_mut(&live.technician) {
            *count -= 1;
            if *count == 0 {
                self.per_technician.remove(&live.technician);
            }
        }
        true
    }

    /// What the shell hung on each session.
    pub fn attached(&self) -> impl Iterator<Item = (SessionId, &T)> {
        self.live.iter().map(|(session, live)| (*session, &live.attached))
    }

    /// How many sessions have live streams.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// True if nothing is relayed.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId::from_bytes([number; 16])
    }

    fn pc() -> DeviceId {
        DeviceId::from_bytes([7; 16])
    }

    fn technician(name: &str) -> TechnicianId {
        name.parse().expect("a label")
    }

    fn sessions() -> Sessions<()> {
        let limits = Limits { sessions_per_technician: 2, streams_per_session: 3, ..Limits::default() };
        Sessions::new(&limits)
    }

    #[test]
    fn the_limits_hold_per_technician_and_per_session() {
        let mut sessions = sessions();
        let anna = technician("anna");
        assert!(sessions.open(session(1), &anna, pc()).expect("first").first);
        for _ in 0..2 {
            assert!(!sessions.open(session(1), &anna, pc()).expect("within the limit").first);
        }
        assert_eq!(sessions.open(session(1), &anna, pc()), Err(SessionRefusal::TooManyStreams(3)));
        sessions.open(session(2), &anna, pc()).expect("second session");
        assert_eq!(sessions.open(session(3), &anna, pc()), Err(SessionRefusal::TooManySessions(2)));
        sessions.open(session(3), &technician("bo"), pc()).expect("another technician");
        assert!(sessions.close(session(2)));
        sessions.open(session(4), &anna, pc()).expect("room again");
    }

    #[test]
    fn nobody_joins_anothers_session() {
        let mut sessions = sessions();
        sessions.open(session(1), &technician("anna"), pc()).expect("first");
        assert_eq!(sessions.open(session(1), &technician("bo"), pc()), Err(SessionRefusal::Taken));
        let other = DeviceId::from_bytes([8; 16]);
        assert_eq!(sessions.open(session(1), &technician("anna"), other), Err(SessionRefusal::Taken));
    }

    #[test]
    fn nothing_is_left_when_the_last_stream_has_closed() {
        let mut sessions = sessions();
        let anna = technician("anna");
        sessions.open(session(1), &anna, pc()).expect("first");
        sessions.open(session(1), &anna, pc()).expect("second");
        assert!(!sessions.close(session(1)));
        assert!(sessions.close(session(1)));
        assert!(!sessions.close(session(1)), "closing once too often does nothing");
        assert!(sessions.is_empty() && sessions.per_technician.is_empty());
    }
}
