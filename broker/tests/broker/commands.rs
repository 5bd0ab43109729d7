//! The program itself: its commands, its words and its exit codes.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use distans_broker::setup;
use distans_trust::key_file;
use distans_trust::keys::{Ed25519Key, P256Key};

use crate::peers::{Pc, Technician};
use crate::world::{SOON, World};

fn broker(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_distans-broker")).args(arguments).output().expect("runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn init(directory: &str) -> Output {
    let options =
        ["--org", "mora", "--name", "localhost", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    broker(&[["init", "--dir", directory].as_slice(), &options].concat())
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn init_makes_a_directory_once_and_run_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("broker");
    let directory = text(&directory);
    assert!(init(directory).status.success());
    let again = init(directory);
    assert_eq!(again.status.code(), Some(1));
    assert!(complaint(&again).contains("not overwritten"), "{}", complaint(&again));
    let run = broker(&["run", "--dir", directory]);
    assert_eq!(run.status.code(), Some(1));
    assert!(complaint(&run).contains("distans admin broker certify"), "{}", complaint(&run));
    let check = broker(&["check-config", "--dir", directory]);
    assert_eq!(check.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&check.stdout).contains("PROBLEM"));
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("broker");
    assert!(init(text(&directory)).status.success());
    let file = directory.join("broker.toml");
    let right = std::fs::read_to_string(&file).expect("written");
    std::fs::write(&file, right.replace("incoming = 2000", "incomming = 2000")).expect("written");
    let line = 1 + right.lines().position(|line| line.starts_with("incoming")).expect("is there");
    for command in ["run", "check-config"] {
        let run = broker(&[command, "--dir", text(&directory)]);
        assert_eq!(run.status.code(), Some(2));
        let told = complaint(&run);
        assert!(told.contains(&format!("{}:{line}: ", file.display())), "{told}");
        assert!(told.contains("did you mean `incoming`?"), "{told}");
    }
}

#[tokio::test]
async fn the_program_serves_tells_the_service_manager_and_stops_when_asked() {
    let world = World::new().await;
    let mut config = world.config().clone();
    config.settings.broker.listen = world.running.local_addr();
    let socket = world.path("notify");
    world.running.shutdown().await;
    let manager = UnixDatagram::bind(&socket).expect("bound");
    manager.set_read_timeout(Some(SOON)).expect("set");
    let told = || {
        let mut state = [0; 64];
        let length = manager.recv(&mut state).expect("told in time");
        String::from_utf8_lossy(&state[..length]).into_owned()
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_distans-broker"))
        .args(["run", "--dir", text(config.directory.path())])
        .env("NOTIFY_SOCKET", &socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("distans-broker serves mora on udp 127.0.0.1:"), "{line}");
    assert_eq!(told(), "READY=1");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("runs").success());
    assert_eq!(told(), "STOPPING=1");
    assert!(child.wait().expect("ends").success());
}

#[tokio::test]
async fn a_backup_is_made_beside_the_running_broker_and_holds_no_private_key() {
    let world = World::new().await;
    Pc::enrolled(&world, "PC-1").await;
    let copy = world.path("backup.sqlite");
    setup::backup(world.config(), &copy).await.expect("copied");
    let bytes = std::fs::read(&copy).expect("written");
    assert!(bytes.starts_with(b"SQLite format 3"));
    assert!(setup::backup(world.config(), &copy).await.is_err(), "nothing is overwritten");
    for secret in [world.directory.tls_key(), world.directory.device_ca_key()] {
        let pem = std::fs::read_to_string(secret).expect("a key");
        let key = key_file::read_p256(&pem, None).expect("a key");
        let private = &key.to_pkcs8()[36..68];
        assert!(!bytes.windows(private.len()).any(|window| window == private));
    }
    Technician::connect(&world, "anna").await.pcs("pc").await;
}

#[tokio::test]
async fn keys_that_must_not_be_on_a_broker_are_told_loudly() {
    let world = World::new().await;
    let before = setup::check(world.config()).await;
    assert!(before.problems.is_empty() && before.warnings.is_empty(), "{before:?}");
    let strange = P256Key::generate().expect("a key");
    let policy = Ed25519Key::generate().expect("a key");
    let write =
        |name: &str, pem: &str| std::fs::write(world.directory.path().join(name), pem).expect("written");
    write("technician-ca.pem", &key_file::write_p256(&strange, Some("hemligt")).expect("PEM"));
    write("policy.pem", &key_file::write_ed25519(&policy, None).expect("PEM"));
    let after = setup::check(world.config()).await;
    assert_eq!(after.warnings.len(), 2, "{after:?}");
}
