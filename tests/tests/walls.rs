//! Walls that Cargo cannot see: arrows between packages that must not be, and what cores never do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Decides, and never waits, reads a clock or opens anything.
const CORES: [&str; 5] =
    ["distans-proto", "distans-trust", "distans-e2e", "distans-agent-core", "distans-broker-core"];

/// What a core may not reach: runtimes, sockets, databases, and other ways to wait.
const NOT_IN_CORES: [&str; 8] =
    ["tokio", "quinn", "mio", "socket2", "sea-orm", "sqlx-core", "axum", "distans-platform"];

/// The platform these tests were built on: what other platforms need may not be on this disk.
fn host() -> String {
    let told = std::process::Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let told = String::from_utf8(told).expect("text");
    told.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let options = ["--offline", "--locked", "--filter-platform", &host()].map(ToOwned::to_owned);
    MetadataCommand::new()
        .manifest_path(manifest)
        .other_options(options)
        .exec()
        .expect("cargo metadata of this workspace")
}

/// Names of everything each of our packages reaches through normal and build dependencies.
fn reach(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let name: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let edges: BTreeMap<&PackageId, Vec<&PackageId>> = resolve
        .nodes
        .iter()
        .map(|node| {
            let real = |kind: &DependencyKind| !matches!(kind, DependencyKind::Development);
            let used = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|info| real(&info.kind)));
            (&node.id, used.map(|dep| &dep.pkg).collect())
        })
        .collect();
    metadata
        .workspace_members
        .iter()
        .map(|member| {
            let (mut seen, mut left) = (BTreeSet::new(), vec![member]);
            while let Some(package) = left.pop() {
                for next in edges.get(package).into_iter().flatten() {
                    if seen.insert(name[next].to_owned()) {
                        left.push(next);
                    }
                }
            }
            (name[member].to_owned(), seen)
        })
        .collect()
}

/// All Rust files of a package, without those of packages inside its folder.
fn sources(metadata: &Metadata, package: &str) -> Vec<PathBuf> {
    let package =
        metadata.packages.iter().find(|one| one.name.as_str() == package).expect("a package of ours");
    let folder = package.manifest_path.parent().expect("a folder").as_std_path();
    let mut files = Vec::new();
    let mut folders = vec![folder.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "no sources in {}", folder.display());
    files
}

/// A file's code without its tests, and without comments, where a word would only be talked about.
fn code(path: &Path) -> String {
    if path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing") {
        return String::new();
    }
    let text = std::fs::read_to_string(path).expect("a source file");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_broker_cannot_reach_the_end_to_end_session() {
    let reach = reach(&metadata());
    for package in ["distans-broker", "distans-broker-core", "distans-broker-store", "distans-link"] {
        for forbidden in ["distans-e2e", "distans-e2e-io", "distans-agent-core"] {
            assert!(!reach[package].contains(forbidden), "{package} reaches {forbidden}");
        }
    }
}

#[test]
fn cores_reach_no_runtime_and_no_platform() {
    let reach = reach(&metadata());
    for core in CORES {
        for forbidden in NOT_IN_CORES {
            assert!(!reach[core].contains(forbidden), "{core} reaches {forbidden}");
        }
    }
}

#[test]
fn arrows_point_one_way() {
    let reach = reach(&metadata());
    for (package, reached) in &reach {
        assert!(!reached.contains("distans-tests"), "{package} depends on the tests");
    }
    let ours = |package: &str| reach[package].iter().filter(|name| name.starts_with("distans-")).count();
    assert_eq!(ours("distans-proto"), 0, "proto stands on nothing of ours");
    assert_eq!(ours("distans-platform"), 0, "the platform room knows no type of ours");
    for program in ["distans-agent", "distans-broker", "distans-cli"] {
        for other in ["distans-agent", "distans-broker", "distans-cli"] {
            assert!(program == other || !reach[program].contains(other), "{program} reaches {other}");
        }
    }
}

#[test]
fn cores_never_look_at_a_clock_a_file_or_the_environment() {
    let metadata = metadata();
    for core in CORES {
        for path in sources(&metadata, core) {
            let code = code(&path);
            for word in [
                "SystemTime::now",
                "Instant::now",
                "std::fs::",
                "std::env::",
                "std::thread::",
                "UdpSocket",
                "TcpStream",
            ] {
                assert!(!code.contains(word), "{} mentions {word}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_lives_in_the_platform_room_alone() {
    let metadata = metadata();
    for member in metadata.workspace_packages() {
        if member.name.as_str() == "distans-platform" {
            continue;
        }
        for path in sources(&metadata, member.name.as_str()) {
            let code = code(&path);
            let mentions =
                code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
            assert!(!mentions, "{} has unsafe code", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_has_one_subject() {
    let metadata = metadata();
    for member in metadata.workspace_packages() {
        for path in sources(&metadata, member.name.as_str()) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            assert!(text.starts_with("//!"), "{} does not open with what it is for", path.display());
            assert!(text.lines().count() <= 500, "{} is longer than 500 lines", path.display());
        }
    }
}

#[test]
fn broker_and_agent_of_other_systems_stay_in_the_platform_room() {
    let metadata = metadata();
    // The helper and the programs choose nothing by system: what differs is behind one facade.
    for package in ["distans-agent", "distans-agent-core", "distans-helper"] {
        for path in sources(&metadata, package) {
            let code = code(&path);
            assert!(!code.contains("cfg(target_os") && !code.contains("cfg(windows"), "{}", path.display());
        }
    }
}
