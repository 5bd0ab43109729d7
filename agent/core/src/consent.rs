//! How the person at the PC is involved: which scopes are asked for, which are only shown, and
//! what an answer gives. An answer can only narrow.

use distans_proto::ids::SessionId;
use distans_proto::inner::{Denied, DeniedBy, Request};
use distans_proto::local::{Ask, Nonce};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::Untrusted;
use distans_trust::policy::ConsentMode;

use crate::rights::{Caller, Place, Rights, denied};

/// What must be asked and what goes without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// To be asked.
    pub ask: ScopeSet,
    /// Allowed by policy; shown to whoever is there.
    pub announced: ScopeSet,
    /// Silence means no after so many seconds.
    pub timeout_s: u16,
}

/// How `scope` may be used: with a question, with a notice, or not.
fn mode(
    place: &Place<'_>,
    rights: &Rights<'_>,
    caller: &Caller,
    scope: Scope,
    unattended: bool,
) -> Result<ConsentMode, Denied> {
    if let Some(refusal) = rights.refusal(scope) {
        return Err(refusal);
    }
    let (group, version) = (place.group, rights.policy.head.version);
    let mode = rights.policy.consent_mode(group, scope);
    if mode == ConsentMode::Deny {
        return Err(denied(
            DeniedBy::Policy,
            format!("policy version {version} denies {scope} on PCs of group {group}"),
        ));
    }
    if !unattended {
        return Ok(mode);
    }
    if let Some(refusal) = needs_strong(scope) {
        return Err(refusal);
    }
    if let Some(reason) = rights.attended_only {
        return Err(denied(
            DeniedBy::State,
            format!("{scope} without a person at the PC is not allowed now: {reason}"),
        ));
    }
    if !rights.policy.unattended(group, &caller.id, place.now).contains(scope) {
        let text = format!(
            "policy version {version} has no rule that allows {} {scope} unattended on PCs of group {group} now",
            caller.id
        );
        return Err(denied(DeniedBy::Policy, text));
    }
    Ok(ConsentMode::Unattended)
}

/// Why a scope is not done without a person at the PC, whatever the rules say: it would need a
/// request signed with the technician's long-term key, and there are none yet.
fn needs_strong(scope: Scope) -> Option<Denied> {
    matches!(scope, Scope::CommandSystem | Scope::Shell | Scope::ShellSystem).then(|| {
        let text = format!(
            "{scope} without a person at the PC needs a request signed with a long-term key, which this version does not know; come when somebody is there"
        );
        denied(DeniedBy::State, text)
    })
}

/// Sorts the scopes of a request. `somebody` is true if a person can be asked and shown things.
///
/// Scopes that role or policy refuse are left out; a request of which nothing is left is denied
/// with the first reason. If something must be asked and nobody can be, all of it is denied:
/// a session with less than its purpose needs helps nobody.
///
/// # Errors
/// [`Denied`].
pub fn plan(
    place: &Place<'_>,
    rights: &Rights<'_>,
    caller: &Caller,
    request: &Request,
    somebody: bool,
) -> Result<Plan, Denied> {
    let (mut ask, mut announced, mut refusal) = (ScopeSet::EMPTY, ScopeSet::EMPTY, None);
    for scope in request.scopes.iter() {
        match mode(place, rights, caller, scope, request.unattended) {
            Ok(ConsentMode::Ask | ConsentMode::Deny) => ask = ask.with(scope),
            Ok(ConsentMode::Announce | ConsentMode::Unattended) => match rights.attended_only {
                Some(reason) if !somebody => {
                    let text = format!(
                        "nobody is at the PC, and {scope} without a person there is not allowed now: {reason}"
                    );
                    refusal.get_or_insert(denied(DeniedBy::State, text));
                }
                _ => match needs_strong(scope).filter(|_| !somebody) {
                    Some(reason) => _ = refusal.get_or_insert(reason),
                    None => announced = announced.with(scope),
                },
            },
            Err(reason) => {
                refusal.get_or_insert(reason);
            }
        }
    }
    if !ask.is_empty() && !somebody {
        let text = format!(
            "{ask} must be allowed by a person at the PC; call them, or come when somebody is signed in"
        );
        return Err(denied(DeniedBy::NobodyToAsk, text));
    }
    if ask.is_empty() && announced.is_empty() {
        return Err(refusal.unwrap_or_else(|| denied(DeniedBy::Role, "the request asks for nothing")));
    }
    Ok(Plan { ask, announced, timeout_s: rights.policy.consent.timeout_s })
}

/// True if `scope` may still be used in a session that was granted earlier: the policy may have
/// changed since, but nobody is asked twice.
///
/// # Errors
/// [`Denied`] with the reason why not.
pub(crate) fn still(
    place: &Place<'_>,
    rights: &Rights<'_>,
    caller: &Caller,
    scope: Scope,
    unattended: bool,
) -> Result<(), Denied> {
    mode(place, rights, caller, scope, unattended).map(|_| ())
}

impl Plan {
    /// The question to the person. Names come from the signed policy, never from the wire.
    pub fn question(
        &self,
        nonce: Nonce,
        session: SessionId,
        rights: &Rights<'_>,
        request: &Request,
        minutes: u16,
    ) -> Ask {
        Ask {
            nonce,
            session,
            technician_name: rights.technician.name.clone(),
            technician: rights.technician.id.clone(),
            organisation: rights.policy.organisation.clone(),
            ticket: request.ticket.clone(),
            purpose: request.purpose.clone(),
            scopes: self.ask,
            announced: self.announced,
            minutes,
            timeout_s: self.timeout_s,
            recorded: rights.policy.recording.covers(request.scopes).then_some(true),
        }
    }

    /// What an answer gives: what was announced and of what was asked the allowed part.
    ///
    /// # Errors
    /// [`Denied`] if the person allowed nothing of it: then what would only be announced is
    /// not done either.
    pub fn apply(&self, allowed: ScopeSet) -> Result<ScopeSet, Denied> {
        let allowed = allowed.intersect(self.ask);
        if allowed.is_empty() && !self.ask.is_empty() {
            return Err(denied(DeniedBy::Person, format!("nothing of {} was allowed", self.ask)));
        }
        Ok(allowed.iter().chain(self.announced.iter()).collect())
    }
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A person answered.
    Person {
        /// The scopes allowed.
        allowed: ScopeSet,
        /// The name of the account that answered.
        who: Option<Untrusted>,
        /// The account as the system numbers it (uid, SID): what was allowed holds for it alone.
        account: String,
    },
    /// Nobody answered in time.
    Silence,
    /// Everybody who could answer has left.
    NobodyLeft,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Organisation, at, caller, now, place};
    use distans_proto::time::Timestamp;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn scopes(names: &str) -> ScopeSet {
        names
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(|name| name.parse::<Scope>().expect("a scope"))
            .collect()
    }

    fn request(names: &str, unattended: bool) -> Request {
        Request {
            session: SessionId::from_bytes([1; 16]),
            scopes: scopes(names),
            purpose: "the printer".into(),
            ticket: None,
            minutes: 30,
            unattended,
        }
    }

    fn decide(
        change: impl FnOnce(&mut Value),
        who: &str,
        request: &Request,
        somebody: bool,
        now: Timestamp,
    ) -> Result<Plan, Denied> {
        let (trust, group) = (Organisation::new().trust(change), "kontor".parse().expect("a label"));
        let place = place(&trust, &group, now);
        let caller = caller(who);
        plan(&place, &place.rights(&caller)?, &caller, request, somebody)
    }

    fn rule(mode: &str) -> impl FnOnce(&mut Value) {
        move |p| p["consent"] = json!({"rules": [{"group": "kontor", "scope": "command", "mode": mode}]})
    }

    #[test]
    fn without_rules_commands_are_asked_for_and_a_diagnosis_is_announced() {
        let plan = decide(|_| {}, "anna", &request("diagnose command command:system", false), true, now())
            .expect("a plan");
        assert_eq!((plan.ask, plan.announced, plan.timeout_s), (scopes("command"), scopes("diagnose"), 60));
    }

    #[test]
    fn each_mode_of_a_rule_is_obeyed() {
        let both = request("diagnose command", false);
        let table = [
            ("ask", "command", "diagnose"),
            ("announce", "", "diagnose command"),
            ("unattended", "", "diagnose command"),
            ("deny", "", "diagnose"),
        ];
        for (mode, ask, announced) in table {
            let plan = decide(rule(mode), "anna", &both, true, now()).expect("a plan");
            assert_eq!((plan.ask, plan.announced), (scopes(ask), scopes(announced)), "{mode}");
        }
        let denied =
            decide(rule("deny"), "anna", &request("command", false), true, now()).expect_err("denied");
        assert_eq!(denied.by, DeniedBy::Policy);
    }

    #[test]
    fn with_nobody_there_what_must_be_asked_is_denied_and_a_notice_is_not() {
        let denied =
            decide(|_| {}, "anna", &request("diagnose command", false), false, now()).expect_err("denied");
        assert_eq!(denied.by, DeniedBy::NobodyToAsk);
        let plan = decide(|_| {}, "anna", &request("diagnose", false), false, now()).expect("a plan");
        assert_eq!(plan.announced, scopes("diagnose"));
    }

    #[test]
    fn an_expired_policy_gives_even_a_notice_only_with_somebody_there() {
        let late = at("2026-03-30T00:00:00Z");
        let long = |somebody| {
            let (trust, group) = (Organisation::new().trust(|_| {}), "kontor".parse().expect("a label"));
            let place = place(&trust, &group, late);
            let caller = Caller { expires: late.plus(std::time::Duration::from_secs(60)), ..caller("anna") };
            plan(&place, &place.rights(&caller)?, &caller, &request("diagnose", false), somebody)
        };
        assert_eq!(long(false).expect_err("denied").by, DeniedBy::State);
        assert!(long(true).is_ok());
    }

    #[test]
    fn unattended_work_needs_a_rule_and_a_trusted_time() {
        let unattended = request("command", true);
        let rules = json!([{"group": "kontor", "scopes": ["command"], "technicians": ["anna"]}]);
        assert_eq!(
            decide(|_| {}, "anna", &unattended, false, now()).expect_err("no rule").by,
            DeniedBy::Policy
        );
        let plan =
            decide(|p| p["unattended"] = rules.clone(), "anna", &unattended, false, now()).expect("a plan");
        assert_eq!((plan.ask, plan.announced), (ScopeSet::EMPTY, scopes("command")));
        let other = decide(|p| p["unattended"] = rules.clone(), "bo", &unattended, false, now())
            .expect_err("not bo's");
        assert_eq!(other.by, DeniedBy::Policy);
        let untrusted = |p: &mut Value| (p["unattended"], p["time"]) = (rules, json!("signer"));
        assert_eq!(
            decide(untrusted, "anna", &unattended, true, now()).expect_err("no signer").by,
            DeniedBy::State
        );
    }

    #[test]
    fn no_rule_gives_system_commands_with_nobody_there() {
        let unattended = json!([{"group": "kontor", "scopes": ["command", "command:system"]}]);
        let denied = decide(
            |p| p["unattended"] = unattended.clone(),
            "bo",
            &request("command:system", true),
            true,
            now(),
        );
        assert_eq!(denied.expect_err("needs a strong signature").by, DeniedBy::State);
        let both = request("command command:system", true);
        let plan = decide(|p| p["unattended"] = unattended, "bo", &both, false, now()).expect("a plan");
        assert_eq!(plan.announced, scopes("command"));
        for (mode, somebody) in
            [("announce", false), ("announce", true), ("unattended", false), ("unattended", true)]
        {
            let rule = json!({"rules": [{"group": "kontor", "scope": "command:system", "mode": mode}]});
            let asked = request("command:system", false);
            let decided = decide(|p| p["consent"] = rule, "bo", &asked, somebody, now());
            assert_eq!(decided.is_ok(), somebody, "{mode}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_only_narrows(ask in 0u32..8, announced in 0u32..8, answer in any::<u32>()) {
            let set = |bits: u32| Scope::ALL.into_iter().filter(|scope| bits & (1 << (*scope as u8)) != 0).collect::<ScopeSet>();
            let plan = Plan { ask: set(ask), announced: set(announced).minus(set(ask)), timeout_s: 60 };
            let planned: ScopeSet = plan.ask.iter().chain(plan.announced.iter()).collect();
            match plan.apply(set(answer)) {
                Ok(given) => {
                    prop_assert!(given.is_subset(planned));
                    prop_assert!(given.minus(plan.announced).is_subset(set(answer)));
                }
                Err(denied) => {
                    prop_assert!(set(answer).intersect(plan.ask).is_empty());
                    prop_assert_eq!(denied.by, DeniedBy::Person);
                }
            }
        }
    }
}
