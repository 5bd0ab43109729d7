//! The invariants of the session state machine (security.md §10), tried with random lives of
//! sessions: two technicians, changing policies, time that jumps, a person who answers or not.

use std::collections::{HashMap, HashSet};

use distans_proto::ids::OpId;
use distans_proto::inner::{DeniedBy, Op, OpRequest, PURPOSE_LIMIT, Request, Run, TICKET_LIMIT};
use distans_proto::local::Nonce;
use distans_proto::ops::diagnose::Diagnose;
use distans_proto::scope::Scope;
use distans_proto::text::Untrusted;
use distans_trust::store::Trust;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::consent::Answer;
use crate::permit::permit;
use crate::rights::Place;
use crate::testing::{Organisation, caller, now, place};

fn scopes(bits: u8) -> ScopeSet {
    Scope::ALL.into_iter().filter(|scope| bits & (1 << (*scope as u8 % 8)) != 0).collect()
}

fn id(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn op(system: bool, diagnose: bool) -> OpRequest {
    let op = if diagnose {
        Op::Diagnose(Diagnose { now: now(), only: None })
    } else {
        Op::Run(Run { argv: vec!["id".into()], system, stdin: false, timeout_s: 0 })
    };
    OpRequest { id: OpId::from_bytes([9; 16]), op, received: 0 }
}

fn request(session: u8, bits: u8, minutes: u16, unattended: bool) -> Request {
    Request {
        session: id(session),
        scopes: scopes(bits),
        purpose: "the printer".into(),
        ticket: None,
        minutes,
        unattended,
    }
}

/// Policies a PC may have, by number.
fn policies() -> &'static [Trust] {
    static POLICIES: std::sync::OnceLock<Vec<Trust>> = std::sync::OnceLock::new();
    POLICIES.get_or_init(|| {
        let organisation = Organisation::new();
        let unattended =
            json!([{"group": "kontor", "scopes": ["diagnose", "command"], "technicians": ["anna"]}]);
        vec![
            organisation.trust(|p| p["unattended"] = unattended.clone()),
            organisation.trust(|p| (p["unattended"], p["time"]) = (unattended.clone(), json!("signer"))),
            organisation.trust(|p| p["technicians"][0]["scopes"] = json!(["diagnose"])),
            organisation.trust(|p| {
                p["technicians"].as_array_mut().expect("a list").remove(0);
            }),
            organisation.trust(|p| {
                p["consent"] =
                    json!({"rules": [{"group": "kontor", "scope": "command", "mode": "announce"}]});
            }),
            organisation.trust(|p| {
                p["consent"] = json!({"rules": [{"group": "kontor", "scope": "command", "mode": "deny"}]});
            }),
        ]
    })
}

#[derive(Debug, Clone)]
enum Step {
    Request { session: u8, who: bool, bits: u8, minutes: u16, unattended: bool, somebody: bool },
    Answer { session: u8, bits: u8, kind: u8 },
    Sign { session: u8 },
    Acknowledge { session: u8 },
    Attach { session: u8, who: bool },
    Detach { session: u8, which: usize },
    Operate { session: u8, system: bool, diagnose: bool },
    End { session: u8, by_person: bool },
    Policy(usize),
    Wait { seconds: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let session = 0u8..4;
    prop::collection::vec(
        prop_oneof![
            4 => (session.clone(), any::<bool>(), any::<u8>(), 0u16..600, prop::bool::weighted(0.3), prop::bool::weighted(0.8))
                .prop_map(|(session, who, bits, minutes, unattended, somebody)| Step::Request { session, who, bits, minutes, unattended, somebody }),
            4 => (session.clone(), any::<u8>(), 0u8..6).prop_map(|(session, bits, kind)| Step::Answer { session, bits, kind }),
            5 => session.clone().prop_map(|session| Step::Sign { session }),
            5 => session.clone().prop_map(|session| Step::Acknowledge { session }),
            3 => (session.clone(), any::<bool>()).prop_map(|(session, who)| Step::Attach { session, who }),
            3 => (session.clone(), any::<usize>()).prop_map(|(session, which)| Step::Detach { session, which }),
            8 => (session.clone(), any::<bool>(), any::<bool>()).prop_map(|(session, system, diagnose)| Step::Operate { session, system, diagnose }),
            1 => (session, any::<bool>()).prop_map(|(session, by_person)| Step::End { session, by_person }),
            1 => (0usize..6).prop_map(Step::Policy),
            2 => (0u32..4000).prop_map(|seconds| Step::Wait { seconds }),
        ],
        1..120,
    )
}

/// What the test remembers of a session, apart from the state machine.
#[derive(Default)]
struct Seen {
    asked_for: ScopeSet,
    allowed: ScopeSet,
    unattended: bool,
    grants: u32,
    receipts: u32,
    over: bool,
}

struct World {
    sessions: Sessions,
    policy: usize,
    now: Timestamp,
    instant: Instant,
    seen: HashMap<SessionId, Seen>,
    used: HashSet<SessionId>,
}

impl World {
    /// Ends a session and writes its receipt, as the shell does.
    fn end(&mut self, id: SessionId, reason: EndReason) {
        let Some(before) = self.sessions.end(id, reason) else { return };
        let seen = self.seen.entry(id).or_default();
        seen.over = true;
        if matches!(before, Phase::WaitingAck | Phase::Live) {
            seen.receipts += 1;
            self.sessions.forget(id);
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let group = "kontor".parse().expect("a label");
        let trust = &policies()[self.policy];
        let place = place(trust, &group, self.now);
        let who = |anna| caller(if anna { "anna" } else { "bo" });
        match *step {
            Step::Request { session, who: anna, bits, minutes, unattended, somebody } => {
                let request = request(session, bits, minutes, unattended);
                let nonce = Nonce { bytes: [1; 16] };
                let known = self.used.contains(&id(session));
                if let Ok(next) = self.sessions.request(&place, &who(anna), &request, known, somebody, nonce)
                {
                    prop_assert!(!known, "a used session id was taken again");
                    let allowed = match &next {
                        Next::Offer(offer) => offer.scopes,
                        Next::Ask(ask) => ask.announced,
                    };
                    if let Next::Ask(ask) = &next {
                        prop_assert!(somebody && !unattended, "asked nobody");
                        prop_assert!(ask.scopes.is_subset(request.scopes));
                    }
                    let seen = Seen { asked_for: request.scopes, allowed, unattended, ..Seen::default() };
                    self.seen.insert(id(session), seen);
                }
            }
            Step::Answer { session, bits, kind } => {
                let answer = match kind {
                    0 => Answer::Silence,
                    1 => Answer::NobodyLeft,
                    _ => Answer::Person { allowed: scopes(bits), who: None, account: "1000".to_owned() },
                };
                if let Ok(offer) = self.sessions.answer(id(session), self.now, answer) {
                    let seen = self.seen.get_mut(&id(session)).expect("asked before");
                    prop_assert!(kind > 1);
                    prop_assert!(
                        offer.scopes.minus(seen.allowed).is_subset(scopes(bits)),
                        "more than allowed"
                    );
                    seen.allowed = offer.scopes;
                }
            }
            Step::Sign { session } => {
                if self.sessions.granted(id(session), self.instant).is_ok() {
                    self.seen.get_mut(&id(session)).expect("asked before").grants += 1;
                    self.used.insert(id(session));
                }
            }
            Step::Acknowledge { session } => {
                let _ = self.sessions.acknowledged(id(session), self.instant);
            }
            Step::Attach { session, who: anna } => {
                let before = self.sessions.get(id(session)).map(|s| s.epochs().to_vec()).unwrap_or_default();
                if let Ok(epoch) = self.sessions.attach(&place, &who(anna), id(session), self.instant) {
                    prop_assert!(!before.contains(&epoch) && epoch != 0, "an epoch twice");
                    prop_assert!(before.len() < ATTACHMENTS_LIMIT);
                    prop_assert_eq!(
                        &self.sessions.get(id(session)).expect("attached").caller().id,
                        &who(anna).id
                    );
                }
            }
            Step::Detach { session, which } => {
                let epochs = self.sessions.get(id(session)).map(|s| s.epochs().to_vec()).unwrap_or_default();
                if let Some(epoch) = epochs.get(which.checked_rem(epochs.len()).unwrap_or(0)) {
                    self.sessions.detach(id(session), *epoch, self.instant);
                }
            }
            Step::Operate { session, system, diagnose } => {
                let request = op(system, diagnose);
                let Some(found) = self.sessions.get(id(session)) else { return Ok(()) };
                if let Ok(permit) = permit(found, &place, self.instant, &request) {
                    let seen = &self.seen[&id(session)];
                    // I1: a live grant, in its time.
                    prop_assert_eq!(found.phase(), Phase::Live);
                    prop_assert!(self.now < found.expires() && !seen.over && seen.grants == 1);
                    // I2: operation ⊆ grant ⊆ answer ⊆ request, and ⊆ policy now.
                    prop_assert_eq!(
                        permit.scope(),
                        distans_e2e::receipt::OperationKind::of(&request.op).scope()
                    );
                    prop_assert!(
                        seen.allowed.contains(permit.scope()) && seen.asked_for.contains(permit.scope())
                    );
                    let rights = place.rights(found.caller()).expect("has rights");
                    prop_assert!(rights.scopes.contains(permit.scope()));
                    // I7: nothing unattended without a trusted time.
                    prop_assert!(!seen.unattended || rights.attended_only.is_none());
                    self.sessions.began(id(session));
                }
            }
            Step::End { session, by_person } => {
                self.end(id(session), if by_person { EndReason::Person } else { EndReason::Technician });
            }
            Step::Policy(number) => {
                self.policy = number;
                let place = crate::testing::place(&policies()[number], &group, self.now);
                for session in self.sessions.revoked(&place) {
                    self.end(session, EndReason::Revoked);
                }
                if number == 3 {
                    prop_assert!(
                        self.sessions.iter().all(|s| s.caller().id.as_str() != "anna"),
                        "anna is still in"
                    );
                }
            }
            Step::Wait { seconds } => {
                let waited = Duration::from_secs(u64::from(seconds));
                (self.now, self.instant) = (self.now.plus(waited), self.instant + waited);
                for (session, reason) in self.sessions.due(self.now, self.instant) {
                    self.end(session, reason);
                }
                for session in self.sessions.iter().filter(|session| session.is_granted()) {
                    prop_assert!(session.expires() > self.now);
                    if !session.epochs().is_empty() || waited < RESUME_WINDOW {
                        continue;
                    }
                    prop_assert!(false, "a session without attachment outlived its window");
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn invariants_hold_in_every_life(steps in steps()) {
        let mut world = World {
            sessions: Sessions::new(),
            policy: 0,
            now: now(),
            instant: Instant::now(),
            seen: HashMap::new(),
            used: HashSet::new(),
        };
        for step in &steps {
            world.step(step)?;
        }
        // I9: at the end of all days every grant has exactly one receipt.
        for session in 0..4 {
            world.end(id(session), EndReason::AgentStopped);
        }
        for (session, seen) in &world.seen {
            prop_assert_eq!(seen.grants, seen.receipts, "session {}", session);
            prop_assert!(seen.grants <= 1);
        }
        prop_assert_eq!(world.sessions.iter().count(), 0);
    }
}

/// A live session of anna with one attachment, granted `bits`.
fn live(sessions: &mut Sessions, place: &Place<'_>, number: u8, instant: Instant) {
    let request = request(number, 0b1, 60, false);
    let next = sessions.request(place, &caller("anna"), &request, false, true, Nonce { bytes: [1; 16] });
    assert!(matches!(next, Ok(Next::Offer(_))), "{next:?}");
    sessions.granted(id(number), instant).expect("offered");
    sessions.acknowledged(id(number), instant).expect("granted");
}

#[test]
fn epochs_wrap_past_live_ones_and_the_ninth_attachment_is_refused() {
    let (group, instant) = ("kontor".parse().expect("a label"), Instant::now());
    let place = place(&policies()[0], &group, now());
    let mut sessions = Sessions::new();
    live(&mut sessions, &place, 1, instant);
    let mut last = 0;
    for _ in 0..600 {
        last = sessions.attach(&place, &caller("anna"), id(1), instant).expect("attached");
        assert!(last > 1, "epoch 1 is live, 0 stands for control");
        sessions.detach(id(1), last, instant);
    }
    assert!(last > 0);
    for _ in 1..ATTACHMENTS_LIMIT {
        sessions.attach(&place, &caller("anna"), id(1), instant).expect("attached");
    }
    let ninth = sessions.attach(&place, &caller("anna"), id(1), instant).expect_err("too many");
    assert_eq!(ninth.by, DeniedBy::Limit);
}

#[test]
fn only_the_same_technician_with_the_same_key_comes_back_and_only_in_time() {
    let (group, instant) = ("kontor".parse().expect("a label"), Instant::now());
    let place = place(&policies()[0], &group, now());
    let mut sessions = Sessions::new();
    live(&mut sessions, &place, 1, instant);
    sessions.detach(id(1), 1, instant);
    let other_key = Caller { certificate: distans_trust::hash::Sha256::of(b"another"), ..caller("anna") };
    for stranger in [caller("bo"), other_key] {
        assert_eq!(
            sessions.attach(&place, &stranger, id(1), instant).expect_err("not theirs").by,
            DeniedBy::Session
        );
    }
    let in_time = instant + RESUME_WINDOW - Duration::from_secs(1);
    assert_eq!(sessions.attach(&place, &caller("anna"), id(1), in_time), Ok(2));
    sessions.detach(id(1), 2, in_time);
    assert!(sessions.attach(&place, &caller("anna"), id(1), in_time + RESUME_WINDOW).is_err());
    assert_eq!(sessions.due(now(), in_time + RESUME_WINDOW), [(id(1), EndReason::Abandoned)]);
}

#[test]
fn a_grant_nobody_acknowledges_ends() {
    let (group, instant) = ("kontor".parse().expect("a label"), Instant::now());
    let place = place(&policies()[0], &group, now());
    let mut sessions = Sessions::new();
    let request = request(1, 0b1, 60, false);
    sessions
        .request(&place, &caller("anna"), &request, false, true, Nonce { bytes: [1; 16] })
        .expect("offered");
    sessions.granted(id(1), instant).expect("offered");
    assert_eq!(sessions.due(now(), instant + ACK_WINDOW - Duration::from_secs(1)), []);
    assert_eq!(sessions.due(now(), instant + ACK_WINDOW), [(id(1), EndReason::Abandoned)]);
    assert!(
        permit(sessions.get(id(1)).expect("there"), &place, instant, &op(false, true)).is_err(),
        "not acknowledged"
    );
}

#[test]
fn a_clock_that_is_set_back_gives_no_more_time() {
    let (group, instant) = ("kontor".parse().expect("a label"), Instant::now());
    let mut sessions = Sessions::new();
    live(&mut sessions, &place(&policies()[0], &group, now()), 1, instant);
    let set_back = now().minus(Duration::from_secs(86_400));
    let place = place(&policies()[0], &group, set_back);
    let may = |sessions: &Sessions, instant| {
        permit(sessions.get(id(1)).expect("there"), &place, instant, &op(false, true))
    };
    let late = instant + Duration::from_secs(3600);
    let in_time = late - Duration::from_secs(1);
    assert!(sessions.due(set_back, in_time).is_empty() && may(&sessions, in_time).is_ok());
    assert!(may(&sessions, late).is_err());
    assert_eq!(sessions.due(set_back, late), [(id(1), EndReason::Expired)]);
}

#[test]
fn requests_out_of_form_are_refused() {
    let group = "kontor".parse().expect("a label");
    let place = place(&policies()[0], &group, now());
    let mut sessions = Sessions::new();
    let good = request(1, 0b1, 60, false);
    let long = |count| Untrusted::new("å".repeat(count));
    for (name, bad) in [
        ("no minutes", Request { minutes: 0, ..good.clone() }),
        ("no scopes", Request { scopes: ScopeSet::EMPTY, ..good.clone() }),
        ("long purpose", Request { purpose: long(PURPOSE_LIMIT + 1), ..good.clone() }),
        ("long ticket", Request { ticket: Some(long(TICKET_LIMIT + 1)), ..good.clone() }),
    ] {
        let refused = sessions.request(&place, &caller("anna"), &bad, false, true, Nonce { bytes: [1; 16] });
        assert!(refused.is_err(), "{name} was taken");
    }
    let fits = Request { purpose: long(PURPOSE_LIMIT), ticket: Some(long(TICKET_LIMIT)), ..good };
    assert!(sessions.request(&place, &caller("anna"), &fits, false, true, Nonce { bytes: [1; 16] }).is_ok());
}

#[test]
fn sessions_and_questions_are_limited() {
    let (group, instant) = ("kontor".parse().expect("a label"), Instant::now());
    let place = place(&policies()[0], &group, now());
    let mut sessions = Sessions::new();
    for number in 0..2 {
        let asks = request(number, 0b10, 60, false);
        let next =
            sessions.request(&place, &caller("anna"), &asks, false, true, Nonce { bytes: [number; 16] });
        assert!(matches!(next, Ok(Next::Ask(_))), "{next:?}");
    }
    let third = request(9, 0b10, 60, false);
    let refused = sessions.request(&place, &caller("anna"), &third, false, true, Nonce { bytes: [9; 16] });
    assert_eq!(refused.expect_err("too many questions").by, DeniedBy::Limit);
    for number in 10..24 {
        live(&mut sessions, &place, number, instant);
    }
    let more = request(30, 0b1, 60, false);
    let refused = sessions.request(&place, &caller("anna"), &more, false, true, Nonce { bytes: [9; 16] });
    assert_eq!(refused.expect_err("too many sessions").by, DeniedBy::Limit);
}
