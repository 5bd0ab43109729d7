//! From an edited text to a policy that means what its author thinks, and from there to the
//! next signed version.
//!
//! Readers of a policy ignore what they do not know, so that old programs live with new
//! policies. Here, where a person writes it, an unknown scope is an error and an unknown field
//! a warning: it is most likely a slip.

use std::path::Path;

use anyhow::Context;
use distans_platform::private;
use distans_proto::ids::{GroupId, OrgId};
use distans_proto::scope::Scope;
use distans_trust::bundle::Bundle;
use distans_trust::documents::Document;
use distans_trust::found::next_head;
use distans_trust::json;
use distans_trust::policy::Policy;
use distans_trust::rfc3339;
use serde_json::Value;

use super::folder::{Folder, policy};
use super::keyring::Keyring;
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::verbs::App;

/// Signs and keeps the next version of the policy after `edit`; gives its version.
pub(super) fn amend(
    app: &App,
    folder: &Folder,
    edit: impl FnOnce(&mut Policy) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let trust = folder.trust()?;
    let held = policy(&trust)?;
    let mut next = held.clone();
    edit(&mut next)?;
    next.head = next_head(&held.head, format::now(), Policy::LIFE);
    let envelope = Keyring::new(folder, app.screen).sign_policy(&next)?;
    let staged = trust.stage(&[], Some(&envelope)).context("the new policy does not hold")?;
    let staged = staged.context("the new policy changes nothing")?;
    folder.keep("policy", next.head.version, &envelope)?;
    Ok(staged.commit().versions().policy)
}

/// The group must be in the policy.
pub(super) fn check_group(policy: &Policy, group: &GroupId) -> Result<(), Stop> {
    if policy.groups.iter().any(|known| &known.id == group) {
        return Ok(());
    }
    let known: Vec<&str> = policy.groups.iter().map(|known| known.id.as_str()).collect();
    let text = format!(
        "no group {group} (there are: {}); make it with distans admin group add {group}",
        known.join(", ")
    );
    Err(Stop::new(Exit::NotFound, text))
}

/// Writes a bundle to `out` and tells `told`, or prints the bundle.
pub(super) fn hand_over(app: &App, bundle: &Bundle, out: Option<&Path>, told: &Value) -> anyhow::Result<()> {
    let bytes = bundle.to_json()?;
    let Some(out) = out else {
        return Ok(app.screen.line(String::from_utf8(bytes).context("a bundle is text")?.trim_end())?);
    };
    private::write(out, &bytes)?;
    if app.screen.json() {
        let mut told = told.clone();
        told["out"] = out.display().to_string().into();
        return Ok(app.screen.object(&told)?);
    }
    Ok(app.screen.line(format!("wrote {}", out.display()))?)
}

/// Reads an edited policy; `name` is the file's, for errors. Gives remarks for its author too.
pub(super) fn parse(name: &str, bytes: &[u8], org: &OrgId) -> anyhow::Result<(Policy, Vec<String>)> {
    let unfit = |cause: &dyn std::fmt::Display| Stop::new(Exit::Usage, format!("{name}: {cause}"));
    let mut value: Value = json::from_slice(bytes, Policy::LIMIT).map_err(|error| unfit(&error))?;
    let Some(fields) = value.as_object_mut() else { return Err(unfit(&"a policy is a JSON object").into()) };
    if let Some(other) = fields.get("org").filter(|other| other.as_str() != Some(org.as_str())) {
        return Err(unfit(&format!("org is {other}, this folder is {org}'s")).into());
    }
    // Set when it is signed; these only make the file complete.
    let now = rfc3339::format(format::now());
    let head = [("org", org.as_str().into()), ("version", 1.into()), ("issued", Value::from(now.as_str()))];
    fields.extend(head.map(|(key, value)| (key.to_owned(), value)));
    fields.insert("expires".into(), rfc3339::format(format::now().plus(Policy::LIFE)).into());
    fields.entry("crit").or_insert_with(|| Value::Array(Vec::new()));
    check_scopes(&value).map_err(|error| unfit(&error))?;
    // Again from text, so that the error says where it is.
    let text = serde_json::to_string_pretty(&value)?;
    let policy: Policy = serde_json::from_str(&text).map_err(|error| unfit(&error))?;
    policy.rules().map_err(|error| unfit(&error))?;
    let remarks = policy
        .extra
        .keys()
        .map(|key| {
            format!("{name}: {key:?} means nothing to this version; a slip? It is signed as it stands")
        })
        .collect();
    Ok((policy, remarks))
}

/// Every scope named must exist: readers would drop an unknown one in silence.
fn check_scopes(policy: &Value) -> Result<(), String> {
    let known = |place: &str, name: &Value| -> Result<(), String> {
        let text = name.as_str().ok_or_else(|| format!("{place} must hold names of scopes"))?;
        text.parse::<Scope>().map(drop).map_err(|error| format!("{place}: {error}"))
    };
    let list = |place: String, value: Option<&Value>| -> Result<(), String> {
        value.and_then(Value::as_array).into_iter().flatten().try_for_each(|name| known(&place, name))
    };
    let items = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    for part in ["technicians", "unattended"] {
        for (index, item) in items(policy.get(part)).iter().enumerate() {
            list(format!("{part}[{index}].scopes"), item.get("scopes"))?;
        }
    }
    list("strong".into(), policy.get("strong"))?;
    let rules = policy.get("consent").and_then(|consent| consent.get("rules"));
    for (index, rule) in items(rules).iter().enumerate() {
        rule.get("scope").map_or(Ok(()), |scope| known(&format!("consent.rules[{index}].scope"), scope))?;
    }
    Ok(())
}

/// Names of the parts that differ, head aside.
pub(super) fn changes(before: &Policy, after: &Policy) -> anyhow::Result<Vec<String>> {
    let (before, after) = (serde_json::to_value(before)?, serde_json::to_value(after)?);
    let head = ["org", "version", "issued", "expires"];
    let keys = |value: &Value| {
        value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
    };
    let mut names = keys(&before);
    names.extend(keys(&after));
    names.sort();
    names.dedup();
    names.retain(|name| !head.contains(&name.as_str()) && before.get(name) != after.get(name));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use distans_trust::policy::doctor::LIMITS;
    use distans_trust::policy::recording::Recording;

    use super::*;

    fn mora() -> OrgId {
        "mora".parse().expect("a label")
    }

    fn read(text: &str) -> Result<(Policy, Vec<String>), String> {
        parse("policy.json", text.as_bytes(), &mora()).map_err(|error| error.to_string())
    }

    #[test]
    fn slips_of_the_pen_are_told_with_their_place() {
        let base = r#"{"organisation":"Mora","groups":[{"id":"kontor","name":"Kontor"}],"technicians":[]"#;
        assert!(read(&format!("{base}}}")).is_ok());
        for (rest, told) in [
            (r#","unattended":[{"group":"kontor","scopes":["diagnos"]}]"#, "unattended[0].scopes"),
            (
                r#","consent":{"rules":[{"group":"kontor","scope":"komando","mode":"ask"}]}"#,
                "consent.rules[0].scope",
            ),
            (r#","strong":["fly"]"#, "strong"),
            (r#","consent":{"rules":[{"group":"skola","scope":"command","mode":"ask"}]}"#, "group skola"),
            (r#","max_cert_hours":24"#, "max_cert_hours"),
            (r#","groups":[]"#, "stands twice"),
            (r#","org":"orsa""#, "this folder is mora's"),
        ] {
            let error = read(&format!("{base}{rest}}}")).expect_err(rest);
            assert!(error.contains(told) && error.starts_with("policy.json: "), "{error}");
        }
        let (policy, remarks) = read(&format!(r#"{base},"unatended":[]}}"#)).expect("taken");
        assert!(policy.extra.contains_key("unatended") && remarks[0].contains("unatended"));
    }

    #[test]
    fn only_what_differs_is_named() {
        let (before, _) = read(r#"{"organisation":"Mora","groups":[],"technicians":[]}"#).expect("a policy");
        let (after, _) =
            read(r#"{"organisation":"Mora","groups":[],"technicians":[],"time":"os"}"#).expect("a policy");
        assert_eq!(changes(&before, &after).expect("JSON"), ["time"]);
    }

    #[test]
    fn the_example_policy_can_be_signed() {
        let example = include_bytes!("../../../deploy/policy.example.json");
        let (policy, remarks) = parse("policy.example.json", example, &mora()).expect("the example holds");
        assert!(remarks.is_empty(), "{remarks:?}");
        assert!(!policy.unattended.is_empty() && !policy.consent.rules.is_empty());
        assert!(policy.files.iter().any(|rule| !rule.roots.is_empty()));
        assert!(policy.forward.iter().any(|rule| !rule.listen.is_empty()));
        assert!(policy.doctor.iter().any(|doctor| !doctor.targets.is_empty() && !doctor.limits.is_empty()));
        assert!(!policy.restart.is_empty() && policy.recording != Recording::default());
        let limits = policy.doctor.iter().flat_map(|doctor| doctor.limits.keys());
        for name in limits {
            assert!(LIMITS.iter().any(|(known, ..)| known == name), "{name} is no limit");
        }
        // What the README's working day needs is anna's.
        let anna = policy.technician(&"anna".parse().expect("a label")).expect("in the roster");
        for scope in Scope::ALL.into_iter().filter(|scope| *scope != Scope::ShellSystem) {
            assert!(anna.scopes.contains(scope), "{scope}");
        }
    }
}
