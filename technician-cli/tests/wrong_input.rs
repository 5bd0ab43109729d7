//! The program itself, given wrong input: what it says and how it exits.

// The helpers are test code too, though not inside a test function.
#![allow(clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn distans(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_distans"))
        .args(arguments)
        .env("DISTANS_HOME", home)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn empty_home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_wrong_command_line_is_240_and_says_what_would_be_right() {
    let folder = empty_home();
    let cases: [(&[&str], &str); 12] = [
        (&["fly"], "unrecognized subcommand"),
        (&["run", "PC"], "<CMD>"),
        (&["run", "PC", "ls"], "-- <CMD>..."),
        (&["run", "PC", "--timeout", "0", "--", "ls"], "--timeout"),
        (&["run", "--", "ls"], "<PC>"),
        (&["session", "open", "PC", "--purpose", "x", "--scopes", "fly"], "known are diagnose, command"),
        (&["session", "open", "PC", "--purpose", "x", "--scopes", "records"], "not on a PC"),
        (&["session", "end", "--avoided"], "--reason"),
        (&["visit", "avoided", "--reason", "no-other-way-in"], "--pc"),
        (&["visit", "avoided", "--site", "idre", "--reason", "because"], "booked-visit-cancelled"),
        (&["trips", "--from", "2026-02-30"], "a date looks like"),
        (&["login", "--id", "anna", "--broker", "nowhere"], "an address looks like"),
    ];
    for (arguments, expected) in cases {
        let output = distans(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(240), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?} said {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn without_a_login_every_verb_says_how_to_begin() {
    let folder = empty_home();
    let verbs: [&[&str]; 8] = [
        &["whoami"],
        &["pcs"],
        &["pc", "X"],
        &["doctor", "X", "--purpose", "x"],
        &["run", "X", "--purpose", "x", "--", "ls"],
        &["session", "list"],
        &["trips"],
        &["visit", "reverse", "30313233343536373839616263646566"],
    ];
    for arguments in verbs {
        let output = distans(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(241), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("distans login --id"), "{arguments:?}");
    }
}

#[test]
fn failures_are_json_on_standard_output_when_json_is_wanted() {
    let folder = empty_home();
    for (arguments, code, exit) in [
        (&["pcs", "--json"][..], "login", 241),
        (&["fly", "--json"], "usage", 240),
        (&["session", "end", "--json"], "not_found", 244),
        (&["login", "--bundle", "/nonexistent/bundle", "--json"], "usage", 240),
    ] {
        let output = distans(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}");
        let failure: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(failure["error"]["code"], code, "{arguments:?}");
        assert_eq!(failure["error"]["exit"], exit, "{arguments:?}");
        assert!(!failure["error"]["text"].as_str().expect("a text").is_empty());
    }
}

#[test]
fn help_lists_the_exit_codes_and_shows_examples() {
    let folder = empty_home();
    let output = distans(folder.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for part in ["distans doctor PC-IDRE-003", "  241  login", "  130  cancelled"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
    assert_eq!(distans(folder.path(), &[]).status.code(), Some(240));
}

#[test]
fn rubbish_in_files_is_named_and_changes_nothing() {
    let folder = empty_home();
    let home = folder.path().join("home");
    let bundle = folder.path().join("bundle.json");
    for rubbish in [
        "",
        "{}",
        "[1,2",
        "{\"format\":\"distans-bundle/9\"}",
        "{\"format\":\"distans-bundle/1\",\"roots\":[]}",
    ] {
        std::fs::write(&bundle, rubbish).expect("written");
        let output = distans(&home, &["login", "--bundle", bundle.to_str().expect("UTF-8")]);
        assert!(!output.status.success(), "{rubbish:?} was taken");
        assert!(!text(&output.stderr).is_empty());
    }
    assert!(!home.join("login.json").exists() && !home.join("documents.json").exists());
}

#[test]
fn a_login_begins_with_a_request_and_the_key_stays_here() {
    let folder = empty_home();
    let home = folder.path().join("home");
    let request = folder.path().join("request.json");
    let path = request.to_str().expect("UTF-8");
    let output =
        distans(&home, &["login", "--id", "anna", "--broker", "localhost:4433", "--request-out", path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("technician certify"));
    let request: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&request).expect("written")).expect("JSON");
    assert_eq!(request["format"], "distans-login-request/1");
    assert_eq!(request["technician"], "anna");
    let names: Vec<&String> = request.as_object().expect("an object").keys().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    // Not logged in yet: the certificate is missing.
    assert_eq!(distans(&home, &["pcs"]).status.code(), Some(241));
    // Printed, the request stands alone on standard output.
    let printed = distans(&home, &["login", "--id", "anna"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&printed.stdout).is_ok());
}

#[cfg(unix)]
#[test]
fn a_folder_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = empty_home();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).expect("made");
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).expect("set");
    let output = distans(&home, &["login", "--id", "anna"]);
    assert_eq!(output.status.code(), Some(125), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("read or changed by others"), "{}", text(&output.stderr));
}
