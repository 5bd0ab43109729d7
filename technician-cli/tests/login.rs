//! Logging in with the real administrator's side: what is installed, and what is refused.

// The helpers are test code too, though not inside a test function.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with organisations and technicians in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `distans` in the folder as the technician whose home is `home`.
    fn distans(&self, home: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_distans"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DISTANS_HOME", self.path(home))
            .stdin(Stdio::null())
            .output()
            .expect("the program starts")
    }

    fn must(&self, home: &str, arguments: &[&str]) -> Output {
        let output = self.distans(home, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Founds an organisation with anna in it.
    fn found(&self, org: &str) {
        let broker = "localhost:4433";
        self.must(
            "x",
            &[
                "admin",
                "init",
                "--dir",
                org,
                "--org",
                org,
                "--name",
                org,
                "--broker",
                broker,
                "--unencrypted-demo-keys",
            ],
        );
        self.must(
            "x",
            &[
                "admin",
                "technician",
                "add",
                "anna",
                "--name",
                "Anna Berg",
                "--scopes",
                "diagnose",
                "--groups",
                "kontor",
                "--dir",
                org,
            ],
        );
    }

    /// A request from `home`, certified by `org`; the bundle's name.
    fn certified(&self, home: &str, org: &str, bundle: &'static str) -> &'static str {
        self.must(home, &["login", "--id", "anna", "--request-out", "request.json"]);
        self.must("x", &["admin", "technician", "certify", "request.json", "--dir", org, "--out", bundle]);
        bundle
    }

    fn refused(&self, home: &str, bundle: &str) -> String {
        let output = self.distans(home, &["login", "--bundle", bundle, "--json"]);
        assert_eq!(output.status.code(), Some(247), "{}", String::from_utf8_lossy(&output.stdout));
        let failure: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(failure["error"]["code"], "untrusted");
        failure["error"]["text"].as_str().expect("a text").to_owned()
    }
}

fn login_file(home: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(home.join("login.json")).expect("a login")).expect("JSON")
}

#[test]
fn the_first_bundle_pins_the_root_and_logs_in() {
    let place = Place::new();
    place.found("mora");
    let bundle = place.certified("anna", "mora", "c.json");
    let output = place.must("anna", &["login", "--bundle", bundle, "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&said["technician"], &said["organisation"]), (&"anna".into(), &"mora".into()));
    assert_eq!(said["root_pinned_now"], true);
    assert_eq!(said["root_sha256"].as_str().expect("a hash").len(), 64);
    let login = login_file(&place.path("anna"));
    assert_eq!(login["broker"], "localhost:4433", "the bundle names the broker");
    assert!(!place.path("anna").join("next-login.json").exists());
    // The second time nothing is pinned, and the same bundle changes nothing.
    let again = place.must("anna", &["login", "--bundle", bundle, "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(again["root_pinned_now"], false);
    assert_eq!(login_file(&place.path("anna")), login);
}

#[test]
fn a_certificate_for_another_key_is_refused() {
    let place = Place::new();
    place.found("mora");
    let bundle = place.certified("thief", "mora", "c.json");
    place.must("anna", &["login", "--id", "anna", "--request-out", "own.json"]);
    let text = place.refused("anna", bundle);
    assert!(text.contains("was not made here"), "{text}");
    assert!(!place.path("anna").join("login.json").exists());
}

#[test]
fn another_organisation_is_refused_and_the_login_stands() {
    let place = Place::new();
    place.found("mora");
    place.found("falun");
    let bundle = place.certified("anna", "mora", "c.json");
    place.must("anna", &["login", "--bundle", bundle]);
    let before = login_file(&place.path("anna"));
    let foreign = place.certified("anna", "falun", "f.json");
    let text = place.refused("anna", foreign);
    assert!(text.contains("falun") && text.contains("mora"), "{text}");
    assert_eq!(login_file(&place.path("anna")), before);
}

#[test]
fn a_forged_organisation_of_the_same_name_is_refused() {
    let place = Place::new();
    place.found("mora");
    let bundle = place.certified("anna", "mora", "c.json");
    place.must("anna", &["login", "--bundle", bundle]);
    std::fs::rename(place.path("mora"), place.path("genuine")).expect("moved");
    place.found("mora");
    let forged = place.certified("anna", "mora", "f.json");
    let text = place.refused("anna", forged);
    assert!(text.contains("documents were refused"), "{text}");
}

#[test]
fn an_older_policy_is_refused() {
    let place = Place::new();
    place.found("mora");
    let old = place.certified("anna", "mora", "old.json");
    place.must("anna", &["login", "--bundle", old]);
    place.must("x", &["admin", "policy", "sign", "--dir", "mora"]);
    let new = place.certified("anna", "mora", "new.json");
    place.must("anna", &["login", "--bundle", new]);
    let before = login_file(&place.path("anna"));
    let text = place.refused("anna", old);
    assert!(text.contains("older than version"), "{text}");
    assert_eq!(login_file(&place.path("anna")), before);
}

#[test]
fn somebody_who_left_the_roster_is_refused() {
    let place = Place::new();
    place.found("mora");
    let bundle = place.certified("anna", "mora", "c.json");
    place.must("x", &["admin", "technician", "remove", "anna", "--dir", "mora"]);
    // The same certificate, with the newer policy beside it.
    place.must("x", &["admin", "policy", "publish", "--dir", "mora", "--out", "p.json"]);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(place.path(name)).expect("written")).expect("JSON")
    };
    let (mut certified, policy) = (read(bundle), read("p.json"));
    certified["policy"] = policy["policy"].clone();
    std::fs::write(place.path("mixed.json"), certified.to_string()).expect("written");
    let text = place.refused("anna", "mixed.json");
    assert!(text.contains("roster"), "{text}");
}

#[test]
fn an_expired_certificate_says_when_and_what_to_do() {
    let place = Place::new();
    place.found("mora");
    let bundle = place.certified("anna", "mora", "c.json");
    place.must("anna", &["login", "--bundle", bundle]);
    let path = place.path("anna").join("login.json");
    let mut login = login_file(&place.path("anna"));
    login["certificate_ends"] = 1_772_350_200_000_000_i64.into();
    std::fs::write(&path, login.to_string()).expect("written");
    let output = place.distans("anna", &["pcs", "--json"]);
    assert_eq!(output.status.code(), Some(241));
    let failure: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(failure["error"]["details"]["ended"], "2026-03-01T07:30:00Z");
    assert!(failure["error"]["text"].as_str().expect("a text").contains("distans login --id anna"));
}
