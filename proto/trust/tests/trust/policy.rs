//! What a policy says about one technician, one group and one scope.

use distans_proto::ids::GroupId;
use distans_proto::scope::{Scope, ScopeSet};
use distans_trust::policy::{ConsentMode, ConsentRule, NoRight, UnattendedRule};

use crate::sample::{Mora, NOW, label};

fn rule(scope: &str, mode: ConsentMode) -> ConsentRule {
    ConsentRule { group: label("kontor"), scope: scope.into(), mode }
}

#[test]
fn consent_is_the_first_rule_or_never_wider_than_the_scopes_default() {
    let mut policy = Mora::found().policy;
    let kontor: GroupId = label("kontor");
    assert_eq!(policy.consent_mode(&kontor, Scope::Diagnose), ConsentMode::Announce);
    assert_eq!(policy.consent_mode(&kontor, Scope::Command), ConsentMode::Ask);

    policy.consent.default = Some(ConsentMode::Unattended);
    assert_eq!(policy.consent_mode(&kontor, Scope::Diagnose), ConsentMode::Announce);
    assert_eq!(policy.consent_mode(&kontor, Scope::CommandSystem), ConsentMode::Ask);
    policy.consent.default = Some(ConsentMode::Deny);
    assert_eq!(policy.consent_mode(&kontor, Scope::Diagnose), ConsentMode::Deny);

    policy.consent.rules = vec![
        rule("fly", ConsentMode::Unattended),
        rule("command", ConsentMode::Announce),
        rule("command", ConsentMode::Deny),
    ];
    assert_eq!(policy.consent_mode(&kontor, Scope::Command), ConsentMode::Announce);
    assert_eq!(policy.consent_mode(&kontor, Scope::CommandSystem), ConsentMode::Deny);
    assert_eq!(policy.consent_mode(&label("skola"), Scope::Command), ConsentMode::Deny);
    policy.consent.rules = vec![rule("records", ConsentMode::Unattended)];
    assert_eq!(
        policy.consent_mode(&kontor, Scope::Records),
        ConsentMode::Deny,
        "records give nothing on a PC"
    );
}

#[test]
fn unattended_needs_a_rule_for_group_scope_and_technician() {
    let mut policy = Mora::found().policy;
    let (kontor, skola): (GroupId, GroupId) = (label("kontor"), label("skola"));
    assert_eq!(policy.unattended(&kontor, &label("anna"), NOW), ScopeSet::EMPTY);
    policy.unattended = vec![UnattendedRule {
        group: kontor.clone(),
        scopes: ScopeSet::EMPTY.with(Scope::Diagnose).with(Scope::Records),
        technicians: vec![label("anna")],
        hours: None,
    }];
    assert_eq!(policy.unattended(&kontor, &label("anna"), NOW), ScopeSet::EMPTY.with(Scope::Diagnose));
    assert_eq!(policy.unattended(&kontor, &label("bo"), NOW), ScopeSet::EMPTY);
    assert_eq!(policy.unattended(&skola, &label("anna"), NOW), ScopeSet::EMPTY);
    policy.unattended[0].technicians.clear();
    assert_eq!(policy.unattended(&kontor, &label("bo"), NOW), ScopeSet::EMPTY.with(Scope::Diagnose));
    // NOW is Friday 2027-01-15 09:00 in Sweden.
    policy.unattended[0].hours = serde_json::from_str(r#"{"from":"18:00","to":"06:00"}"#).expect("hours");
    assert_eq!(policy.unattended(&kontor, &label("bo"), NOW), ScopeSet::EMPTY);
}

#[test]
fn a_technician_works_in_own_groups_and_hours_only() {
    let mut policy = Mora::found().policy;
    let kontor: GroupId = label("kontor");
    assert_eq!(policy.may_work(&label("anna"), &kontor, NOW).map(|anna| anna.name.raw()), Ok("Anna Berg"));
    assert_eq!(policy.may_work(&label("bo"), &kontor, NOW), Err(NoRight::NotInRoster));
    assert_eq!(policy.may_work(&label("anna"), &label("skola"), NOW), Err(NoRight::OtherGroup));
    policy.technicians[0].hours = serde_json::from_str(r#"{"from":"10:00","to":"17:00"}"#).expect("hours");
    assert_eq!(policy.may_work(&label("anna"), &kontor, NOW), Err(NoRight::OutsideHours));
}
