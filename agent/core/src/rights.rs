//! What a technician may do on this PC at this moment at most: certificate ∩ roster ∩ group ∩
//! hours ∩ state of the policy, with a reason for every refusal.
//!
//! Whether the person at the PC is asked besides is [`crate::consent`]'s matter. The rules that
//! degrade: a policy that has expired allows attended work only, one that expired more than 30
//! days ago allows nothing; as long as no signing service vouches for the time (`time:
//! "signer"`), nothing is done unattended.

use std::time::Duration;

use distans_proto::ids::{DeviceId, GroupId, TechnicianId};
use distans_proto::inner::{Denied, DeniedBy};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;
use distans_trust::policy::{Policy, Technician, TimeSource};
use distans_trust::store::{Standing, Trust};

/// How far the PC's clock may be behind the policy's date of issue before the clock is
/// considered wrong.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(48 * 3600);

/// Who calls, as the end-to-end handshake has proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Id in the certificate.
    pub id: TechnicianId,
    /// SHA-256 of the certificate, DER.
    pub certificate: Sha256,
    /// SHA-256 of its key's SPKI.
    pub key: Sha256,
    /// When the certificate ends.
    pub expires: Timestamp,
}

/// Where and when, and the documents in force.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The verified documents.
    pub trust: &'a Trust,
    /// This PC.
    pub device: DeviceId,
    /// Its group.
    pub group: &'a GroupId,
    /// The PC's clock.
    pub now: Timestamp,
    /// This agent's version, as `1.2.3`.
    pub agent: &'a str,
}

/// What a technician may do here and now at most.
#[derive(Debug, Clone)]
pub struct Rights<'a> {
    /// The policy they come from.
    pub policy: &'a Policy,
    /// The roster's entry.
    pub technician: &'a Technician,
    /// The scopes.
    pub scopes: ScopeSet,
    /// Why nothing may be done without a person at the PC; `None` if it may.
    pub attended_only: Option<&'static str>,
}

/// A refusal with its reason.
pub(crate) fn denied(by: DeniedBy, text: impl Into<String>) -> Denied {
    Denied { by, text: text.into().into() }
}

impl<'a> Place<'a> {
    /// What `caller` may do here and now.
    ///
    /// # Errors
    /// [`Denied`] with the reason, if nothing.
    pub fn rights(&self, caller: &Caller) -> Result<Rights<'a>, Denied> {
        let policy = self.trust.policy().ok_or_else(|| {
            denied(
                DeniedBy::State,
                "this PC has no policy yet; publish one with distans admin policy publish",
            )
        })?;
        self.state(policy)?;
        self.caller_counts(policy, caller)?;
        let technician = policy
            .may_work(&caller.id, self.group, self.now)
            .map_err(|no| denied(DeniedBy::Role, format!("{no} (policy version {})", policy.head.version)))?;
        let scopes = technician.scopes.iter().filter(|scope| *scope != Scope::Records).collect();
        Ok(Rights { policy, technician, scopes, attended_only: self.attended_only(policy) })
    }

    fn state(&self, policy: &Policy) -> Result<(), Denied> {
        if self.trust.standing(self.now) == Standing::Nothing {
            let text = format!(
                "policy version {} expired more than 30 days ago (or this PC's clock is wrong); publish a new one",
                policy.head.version
            );
            return Err(denied(DeniedBy::State, text));
        }
        if policy.revoked.devices.contains(&self.device) {
            return Err(denied(DeniedBy::Policy, "this PC is revoked; enrol it again with a new token"));
        }
        if policy.min_agent.as_deref().is_some_and(|least| !is_at_least(self.agent, least)) {
            let text =
                format!("the policy demands a newer agent than {}; update the agent on this PC", self.agent);
            return Err(denied(DeniedBy::State, text));
        }
        Ok(())
    }

    fn caller_counts(&self, policy: &Policy, caller: &Caller) -> Result<(), Denied> {
        if caller.expires <= self.now {
            return Err(denied(DeniedBy::Role, "the technician's certificate has expired; log in again"));
        }
        if policy.revoked.certs.contains(&caller.certificate) || policy.revoked.keys.contains(&caller.key) {
            return Err(denied(DeniedBy::Role, "the technician's certificate is revoked"));
        }
        Ok(())
    }

    /// Why nothing may be done without a person at the PC; `None` if it may.
    fn attended_only(&self, policy: &Policy) -> Option<&'static str> {
        if self.trust.standing(self.now) != Standing::Full {
            return Some("the policy has expired");
        }
        if policy.head.issued.since(self.now) > CLOCK_TOLERANCE {
            return Some("this PC's clock is before the policy's date of issue");
        }
        match policy.time {
            TimeSource::Os => None,
            TimeSource::Signer => {
                Some("the policy demands a time signed by the signing service, and there is none")
            }
        }
    }
}

impl Rights<'_> {
    /// Why `scope` is not among the rights; `None` if it is.
    pub fn refusal(&self, scope: Scope) -> Option<Denied> {
        let version = self.policy.head.version;
        if self.policy.strong.contains(scope) {
            let text = format!(
                "policy version {version} demands a request signed by the technician's long-term key for {scope}, \
                 which this version cannot carry"
            );
            return Some(denied(DeniedBy::Policy, text));
        }
        if self.scopes.contains(scope) {
            return None;
        }
        Some(denied(
            DeniedBy::Role,
            format!("the role of {} does not include {scope} (policy version {version})", self.technician.id),
        ))
    }
}

/// True if version `ours` (`1.2.3`) is not below `least`. Anything unreadable in `least` is a
/// demand we cannot meet.
fn is_at_least(ours: &str, least: &str) -> bool {
    fn numbers(text: &str) -> Option<Vec<u64>> {
        let core = text.split(['-', '+']).next()?;
        core.split('.').map(|part| part.parse().ok()).collect()
    }
    match (numbers(ours), numbers(least)) {
        (Some(ours), Some(least)) => ours >= least,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DEVICE, Organisation, at, caller, now, place};
    use serde_json::{Value, json};

    /// Name, who, group, change of the policy, time, what comes of it: scopes and whether
    /// attended only, or a word of the refusal.
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        fn(&mut Value),
        &'static str,
        Result<(&'static str, bool), &'static str>,
    );

    const NOON: &str = "2026-03-04T11:00:00Z";
    const CASES: &[Case] = &[
        ("in order", "anna", "kontor", |_| {}, NOON, Ok(("diagnose, command", false))),
        ("other group", "anna", "skola", |_| {}, NOON, Err("group")),
        ("not in the roster", "eva", "kontor", |_| {}, NOON, Err("roster")),
        (
            "inside hours",
            "anna",
            "kontor",
            |p| p["technicians"][0]["hours"] = json!({"from": "08:00", "to": "17:00"}),
            NOON,
            Ok(("diagnose, command", false)),
        ),
        (
            "outside hours",
            "anna",
            "kontor",
            |p| p["technicians"][0]["hours"] = json!({"from": "08:00", "to": "11:00"}),
            NOON,
            Err("time of day"),
        ),
        (
            "policy expired yesterday",
            "anna",
            "kontor",
            |_| {},
            "2026-03-30T00:00:00Z",
            Ok(("diagnose, command", true)),
        ),
        (
            "policy expired 30 days ago",
            "anna",
            "kontor",
            |_| {},
            "2026-04-27T23:59:59Z",
            Ok(("diagnose, command", true)),
        ),
        ("policy expired 31 days ago", "anna", "kontor", |_| {}, "2026-04-29T00:00:00Z", Err("expired")),
        (
            "clock a week behind the policy",
            "anna",
            "kontor",
            |_| {},
            "2026-02-20T00:00:00Z",
            Ok(("diagnose, command", true)),
        ),
        (
            "time from the signer",
            "anna",
            "kontor",
            |p| p["time"] = json!("signer"),
            NOON,
            Ok(("diagnose, command", true)),
        ),
        (
            "no word about time",
            "anna",
            "kontor",
            |p| {
                p.as_object_mut().expect("object").remove("time");
            },
            NOON,
            Ok(("diagnose, command", true)),
        ),
        (
            "device revoked",
            "anna",
            "kontor",
            |p| p["revoked"] = json!({"devices": [DEVICE]}),
            NOON,
            Err("revoked"),
        ),
        (
            "certificate revoked",
            "anna",
            "kontor",
            |p| p["revoked"] = json!({"certs": [Sha256::of(b"anna")]}),
            NOON,
            Err("revoked"),
        ),
        (
            "key revoked",
            "anna",
            "kontor",
            |p| p["revoked"] = json!({"keys": [Sha256::of(b"key")]}),
            NOON,
            Err("revoked"),
        ),
        (
            "newer agent demanded",
            "anna",
            "kontor",
            |p| p["min_agent"] = json!("0.2"),
            NOON,
            Err("newer agent"),
        ),
        (
            "this agent suffices",
            "anna",
            "kontor",
            |p| p["min_agent"] = json!("0.1.0"),
            NOON,
            Ok(("diagnose, command", false)),
        ),
        ("unreadable demand", "anna", "kontor", |p| p["min_agent"] = json!("new"), NOON, Err("newer agent")),
    ];

    #[test]
    fn every_case_is_decided_as_the_table_says() {
        let organisation = Organisation::new();
        for (name, who, group, change, time, expected) in CASES {
            let trust = organisation.trust(change);
            let group = group.parse().expect("a label");
            let caller = Caller { expires: at("2030-01-01T00:00:00Z"), ..caller(who) };
            let got = place(&trust, &group, at(time)).rights(&caller);
            match (got, expected) {
                (Ok(rights), Ok((scopes, attended_only))) => {
                    assert_eq!(rights.scopes.to_string(), *scopes, "{name}");
                    assert_eq!(rights.attended_only.is_some(), *attended_only, "{name}");
                }
                (Err(denied), Err(word)) => {
                    assert!(denied.text.raw().contains(word), "{name}: {}", denied.text);
                }
                (got, _) => panic!("{name}: got {got:?}"),
            }
        }
    }

    #[test]
    fn an_expired_certificate_and_a_missing_policy_give_nothing() {
        let organisation = Organisation::new();
        let (trust, group) = (organisation.trust(|_| {}), "kontor".parse().expect("a label"));
        let late = Caller { expires: now(), ..caller("anna") };
        assert_eq!(place(&trust, &group, now()).rights(&late).expect_err("expired").by, DeniedBy::Role);
        let bare = organisation.trust_without_policy();
        assert_eq!(
            place(&bare, &group, now()).rights(&caller("anna")).expect_err("no policy").by,
            DeniedBy::State
        );
    }

    #[test]
    fn refusals_name_role_or_rule() {
        let group = "kontor".parse().expect("a label");
        let trust = Organisation::new().trust(|p| p["strong"] = json!(["command"]));
        let rights = place(&trust, &group, now()).rights(&caller("anna")).expect("has rights");
        assert_eq!(rights.refusal(Scope::Diagnose), None);
        assert_eq!(rights.refusal(Scope::CommandSystem).expect("refused").by, DeniedBy::Role);
        assert_eq!(rights.refusal(Scope::Command).expect("refused").by, DeniedBy::Policy);
        assert_eq!(rights.refusal(Scope::Records).expect("refused").by, DeniedBy::Role);
    }
}
