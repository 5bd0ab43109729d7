//! `distans run` from the outside: what was typed arrives, several PCs side by side, and the
//! shell's completions.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use distans_proto::scope::Scope;
use distans_tests::pc::{Pc, Person, Says, until};
use distans_tests::programs::program;
use serde_json::Value;

use crate::session::{Office, wanted};

/// The program with this technician's folder.
fn distans(office: &Office) -> Command {
    let mut command = program("distans").expect("built");
    command.env("DISTANS_HOME", office.desk.home().dir()).stdin(Stdio::null());
    command
}

/// Runs it to its end, beside the broker and the agents of this process.
async fn ended(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.expect("ran").expect("started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_arrives_exactly() {
    let office = Office::open().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Command])).await.expect("a session");
    session.kept().await.expect("kept");
    let long = "30 kB: å\"\\ ".repeat(2500);
    let awkward = [
        "",
        " ",
        "a b",
        "\"",
        "\\",
        "\\\"",
        "c:\\x y\\",
        "%PATH%",
        "^&|<>",
        "$HOME",
        "`id`",
        "$(id)",
        "*",
        "~",
        "'",
        "one\ntwo\r\n",
        "\t",
        "å ä ö ÅÄÖ",
        "👩‍🚀",
        "--",
        "-n",
        "--json",
        "\u{1b}[2J",
        &long,
    ];
    let mut command = distans(&office);
    command.args(["run", &office.pc.id.to_string(), "--", "sh", "-c", "printf '%s\\0' \"$@\"", "sh"]);
    let output = ended({
        command.args(awkward);
        command
    })
    .await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let arrived = text(&output.stdout);
    let arrived: Vec<&str> = arrived.split_terminator('\0').collect();
    assert_eq!(arrived, awkward);
}

/// An office with a second PC, and a person at each who says yes.
async fn two_pcs() -> (Office, Pc, [Person; 2]) {
    let office = Office::open().await;
    let second = Pc::online(&office.world, &office.desk, "pc2").await.expect("a second PC");
    let people = [
        Person::at(&office.pc, Says::Yes).await.expect("a person"),
        Person::at(&second, Says::Yes).await.expect("a person"),
    ];
    (office, second, people)
}

#[tokio::test(flavor = "multi_thread")]
async fn several_pcs_run_side_by_side_and_success_is_that_of_all() {
    let (office, second, people) = two_pcs().await;
    let ids = [office.pc.id.to_string(), second.id.to_string()];
    let mut command = distans(&office);
    command.args(["run", &ids[0], &ids[1], &ids[0], "--purpose", "look", "--ticket", "T-1"]);
    command.args(["--", "sh", "-c", "echo ett; echo två >&2; printf tre"]);
    let output = ended(command).await;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(out.lines().filter(|line| line.ends_with(" │ ett")).count(), 2, "{out}");
    assert_eq!(out.lines().filter(|line| line.ends_with(" │ tre")).count(), 2, "{out}");
    assert_eq!(out.lines().count(), 4, "a PC that was named twice runs it once: {out}");
    assert_eq!(err.lines().filter(|line| line.ends_with(" ┃ två")).count(), 2, "{err}");
    assert!(err.contains("2 of 2 succeeded"), "{err}");
    assert!(people.iter().all(|person| person.questions().len() == 1), "each was asked once");

    // Only one of two can make the folder; the sessions of before are used.
    let folder = office.file("made-once");
    let mkdir = ["--", "mkdir", folder.to_str().expect("a path")];
    let mut command = distans(&office);
    command.args(["run", "--group", "kontor", "--json"]).args(mkdir);
    let output = ended(command).await;
    assert_eq!(output.status.code(), Some(1), "what all failures share");
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines[..lines.len() - 1].iter().all(|line| line["name"].is_string()), "{lines:?}");
    let summary = lines.last().expect("a summary");
    assert_eq!(
        (&summary["succeeded"], &summary["failed"], &summary["code"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert!(people.iter().all(|person| person.questions().len() == 1), "nobody was asked again");

    // One that cannot be found does not keep the others from it.
    let mut command = distans(&office);
    command.args(["run", &ids[0], "NO-SUCH-PC", "--grouped", "--purpose", "look", "--", "false"]);
    let output = ended(command).await;
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{err}");
    assert!(err.contains("NO-SUCH-PC") && err.contains("exit code 1") && err.contains("0 of 2"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grouped_output_is_one_piece_a_pc_however_much_it_is() {
    let (office, second, _people) = two_pcs().await;
    let ids = [office.pc.id.to_string(), second.id.to_string()];
    let mut command = distans(&office);
    command.args(["run", &ids[0], &ids[1], "--grouped", "--purpose", "look", "--"]);
    // Three MiB each, far more than is kept while the other has its turn.
    command.args(["sh", "-c", "me=$$; yes $me | head -c 3145728; echo; echo end $me"]);
    let output = ended(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    let mut speakers: Vec<&str> =
        out.lines().filter(|line| !line.is_empty() && !line.starts_with("──")).collect();
    let words = |line: &&str| line.split(' ').next_back().unwrap_or_default().to_owned();
    let ends: Vec<String> =
        out.lines().filter(|line| line.starts_with("end ")).map(|line| words(&line)).collect();
    assert_eq!(ends.len(), 2);
    speakers.dedup();
    // The last number may be cut by head: a beginning of the same.
    let first =
        speakers.iter().position(|line| *line == format!("end {}", ends[0])).expect("the first's end");
    assert!(speakers[..first].iter().all(|line| ends[0].starts_with(line)), "{:?}", &speakers[..first]);
    assert!(speakers[first + 1..].iter().all(|line| ends[1].starts_with(line) || line.starts_with("end")));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_it_everywhere() {
    let (office, second, _people) = two_pcs().await;
    let marks = office.file("marks");
    let script = format!("echo $$ >> {}; exec sleep 1000", marks.display());
    let mut command = distans(&office);
    command.args(["run", &office.pc.id.to_string(), &second.id.to_string(), "--purpose", "look", "--"]);
    command.args(["sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let pids = || {
        std::fs::read_to_string(&marks).unwrap_or_default().lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let both =
        until("both commands", || async { Some(pids()).filter(|pids| pids.len() == 2) }).await.expect("run");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupted");
    let waiting = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).map(|_| (child.wait(), said))
    });
    let (status, said) = waiting.await.expect("no panic").expect("read");
    assert_eq!(status.expect("ended").code(), Some(130), "{said}");
    let gone = |pid: &String| !Path::new("/proc").join(pid).exists();
    until("their end", || async { both.iter().all(gone).then_some(()) }).await.expect("both are gone");
}

/// What `shell` offers after a line, by its own means, or `None` where it is not installed.
async fn offers(office: &Office, shell: &str, line: &[&str]) -> Option<Vec<String>> {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(shell).is_file()));
    if !found {
        println!("{shell} is not installed here");
        return None;
    }
    let script: PathBuf = office.file(&format!("completions.{shell}"));
    let mut command = distans(office);
    command.args(["completions", shell]);
    std::fs::write(&script, ended(command).await.stdout).expect("written");
    let quoted = |word: &str| format!("'{word}'");
    let words: Vec<String> = line.iter().map(|word| quoted(word)).collect();
    let ask = match shell {
        "bash" => format!(
            "source \"$1\"; COMP_WORDS=(distans {}); COMP_CWORD={}; _distans; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            line.len()
        ),
        "zsh" => format!(
            "compdef() {{ : }}; _describe() {{ print -rl -- \"${{(@P)2}}\" }}; source \"$1\"; \
             words=(distans {}); CURRENT={}; _distans",
            words.join(" "),
            line.len() + 1
        ),
        _ => format!("source $argv[1]; complete -C 'distans {}'", line.join(" ")),
    };
    let own = program("distans").expect("built").get_program().to_owned();
    let folder = Path::new(&own).parent().expect("a folder").to_owned();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&paths));
    let mut command = Command::new(shell);
    match shell {
        "bash" => command.args(["--norc", "-c", &ask, "bash"]),
        "zsh" => command.args(["-f", "-c", &ask, "zsh"]),
        _ => command.args(["--no-config", "-c", &ask]),
    };
    command.arg(&script).env("PATH", std::env::join_paths(paths).expect("a path")).env("LC_ALL", "C.UTF-8");
    command.env("DISTANS_HOME", office.desk.home().dir()).current_dir(office.world.folder());
    let output = ended(command).await;
    assert!(output.stderr.is_empty(), "{shell}: {}", text(&output.stderr));
    let clean = |line: &str| line.split(['\t', ':']).next().unwrap_or_default().to_owned();
    Some(text(&output.stdout).lines().map(clean).filter(|line| !line.is_empty()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_completed_in_real_shells_and_hostile_ones_never_run() {
    let office = Office::open().await;
    let names = office.desk.home().dir().join("names.txt");
    let owned = office.file("owned");
    let owned = owned.display();
    let hostile = [
        format!("pc $(touch {owned})"),
        format!("pc `touch {owned}`"),
        format!("pc PC;touch {owned}"),
        format!("pc PC\ttouch {owned}"),
        "pc PC-*".to_owned(),
        "pc --help".to_owned(),
        "pc PC\u{1b}[2J".to_owned(),
        "pc PC-IDRE-003".to_owned(),
        "pc PC-ÄLVDALEN-1".to_owned(),
        "site grovelsjon".to_owned(),
    ];
    std::fs::write(&names, hostile.join("\n")).expect("written");
    for shell in ["bash", "zsh", "fish"] {
        let Some(pcs) = offers(&office, shell, &["doctor", "PC"]).await else { continue };
        assert_eq!(pcs, ["PC-IDRE-003", "PC-ÄLVDALEN-1"], "{shell}");
        assert_eq!(offers(&office, shell, &["pcs", "--site", "gro"]).await.expect("there"), ["grovelsjon"]);
        let verbs = offers(&office, shell, &["who"]).await.expect("there");
        assert_eq!(verbs, ["whoami"], "{shell}");
        let options = offers(&office, shell, &["whoami", "--js"]).await.expect("there");
        assert_eq!(options, ["--json"], "{shell}");
    }
    assert!(!office.file("owned").exists(), "a host name became shell code");
    // A real look-up remembers the real name.
    let mut command = distans(&office);
    command.args(["pcs"]);
    assert!(ended(command).await.status.success());
    let kept = office.desk.home().names();
    assert!(!kept.pcs.contains("PC-IDRE-003") && kept.groups.contains("kontor"), "{kept:?}");
}
