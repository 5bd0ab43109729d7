//! `distans admin recording`: the audit key, and recordings of shells opened with it.
//!
//! Each audit key is one recipient of every recording made after the next root version is out.
//! Keep it apart from the other keys: whoever holds it reads what technicians saw.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use distans_e2e::recording::{self, Opened, RECIPIENTS_LIMIT, Recipient, RecordingError};
use distans_platform::private;
use distans_trust::found::{ROOT_LIFE, next_head};
use distans_trust::hash::Sha256;
use distans_trust::key_file;
use distans_trust::keys::{P256Key, Signer};
use serde_json::json;

use super::folder::Folder;
use super::keyring::{self, Keyring};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::input;
use crate::say;
use crate::verbs::App;

/// Largest recording read, in bytes.
const LIMIT: usize = 256 * 1024 * 1024;

/// The verbs under `distans admin recording`.
#[derive(Debug, Subcommand)]
pub enum RecordingCommand {
    /// Make an audit key: its holder can read recordings made from the next root version on
    #[command(after_help = "Example:\n  distans admin recording key --dir ORG")]
    Key(Key),
    /// Decrypt a recording with an audit key, and check that it is whole
    #[command(
        after_help = "Example:\n  distans admin recording open shell.distans-recording --out shell.cast --dir ORG"
    )]
    Open(Open),
}

/// Arguments of `distans admin recording key`.
#[derive(Debug, Args)]
pub struct Key {
    /// Do not encrypt the key: for demonstrations only
    #[arg(long)]
    pub unencrypted_demo_key: bool,
}

/// Arguments of `distans admin recording open`.
#[derive(Debug, Args)]
pub struct Open {
    /// The file that `distans recordings PC --get` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to write the recording (asciicast version 3: asciinema play FILE)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Does it.
///
/// # Errors
/// A key or file that cannot be used.
pub fn perform(app: &App, dir: &Path, command: RecordingCommand) -> anyhow::Result<()> {
    let folder = Folder::open(app, dir)?;
    match command {
        RecordingCommand::Key(key) => make_key(app, &folder, &key),
        RecordingCommand::Open(open) => self::open(app, &folder, &open),
    }
}

fn make_key(app: &App, folder: &Folder, wanted: &Key) -> anyhow::Result<()> {
    let trust = folder.trust()?;
    let mut next = trust.root().clone();
    if next.audit_recipients.len() >= RECIPIENTS_LIMIT {
        bail!(
            "the root document names {RECIPIENTS_LIMIT} audit keys already, which is the most there may be"
        );
    }
    let known = folder.key_names()?;
    let name = (1..).map(|number| format!("audit-{number}")).find(|name| !known.contains(name));
    let name = name.context("there is always a next number")?;
    let key = P256Key::generate()?;
    let recipient = Recipient::of(key.public())?;
    let passphrase =
        if wanted.unencrypted_demo_key { None } else { Some(keyring::new_passphrase(app.screen)?) };
    next.head = next_head(&next.head, format::now(), ROOT_LIFE);
    next.audit_recipients.push(recipient.to_string());
    let envelope = Keyring::new(folder, app.screen).sign_root(&next, &trust)?;
    // As every PC will check it.
    drop(trust.stage(std::slice::from_ref(&envelope), None).context("the new root does not hold")?);
    // The key first: a recipient that nobody can play would lose recordings for good.
    folder.write_key(&name, &key_file::write_p256(&key, passphrase.as_deref().map(String::as_str))?)?;
    folder.keep("root", next.head.version, &envelope)?;
    if app.screen.json() {
        return Ok(app.screen.object(&json!({
            "key": name,
            "recipient": recipient.to_string(),
            "root_version": next.head.version,
        }))?);
    }
    let path = folder.key_path(&name);
    app.screen.line(say!(
        en: "made the audit key {}; root version {} names it",
        sv: "gjorde granskningsnyckeln {}; rotversion {} nämner den",
        path.display(),
        next.head.version
    ))?;
    app.screen.hint(say!(
        en: "next: \"recording\": {{\"shell\": \"always\"}} in the policy, distans admin policy sign FILE, then distans admin policy publish.\n      Keep the key apart from the others: whoever holds it sees what was shown in recorded shells",
        sv: "sedan: \"recording\": {{\"shell\": \"always\"}} i policyn, distans admin policy sign FIL, och distans admin policy publish.\n      Förvara nyckeln skild från de andra: den som har den ser vad som visats i inspelade skal"
    ));
    Ok(())
}

fn open(app: &App, folder: &Folder, wanted: &Open) -> anyhow::Result<()> {
    let file = input::read_file(&wanted.file, LIMIT)?;
    let unfit =
        |error: &RecordingError| Stop::new(Exit::Untrusted, format!("{}: {error}", wanted.file.display()));
    recording::about(&file).map_err(|error| unfit(&error))?;
    let opened = with_any_key(app, folder, &file)?.map_err(|error| unfit(&error))?;
    if wanted.out.exists() {
        bail!("{} exists already; choose another name with --out", wanted.out.display());
    }
    private::write(&wanted.out, &opened.cast)?;
    let (about, hash) = (&opened.about, Sha256::of(&file));
    if app.screen.json() {
        return Ok(app.screen.object(&json!({
            "device": about.device,
            "session": about.session,
            "operation": about.operation,
            "technician": about.technician,
            "started": format::utc(about.started),
            "complete": opened.complete,
            "sha256": hash,
            "out": wanted.out,
        }))?);
    }
    app.screen.pairs(&[
        ("PC", about.device.to_string()),
        ("session", about.session.to_string()),
        ("operation", about.operation.to_string()),
        ("technician", about.technician.to_string()),
        ("started", format::local(about.started)),
        ("SHA-256", hash.to_string()),
        ("written to", wanted.out.display().to_string()),
    ])?;
    if !opened.complete {
        app.screen.warn(say!(
            en: "the recording has no end: the PC or its agent was stopped in the middle, or the file was cut",
            sv: "inspelningen saknar slut: datorn eller agenten stannade mitt i, eller så är filen avkortad"
        ));
    }
    app.screen.hint(say!(
        en: "the session's receipt must name this SHA-256 (distans session log); with several shells, the SHA-256 over all of theirs",
        sv: "sessionens kvitto ska nämna denna SHA-256 (distans session log); vid flera skal, SHA-256 över allas"
    ));
    Ok(())
}

/// Opens it with whichever audit key of the folder it is for.
fn with_any_key(app: &App, folder: &Folder, file: &[u8]) -> anyhow::Result<Result<Opened, RecordingError>> {
    let mut keyring = Keyring::new(folder, app.screen);
    let mut outcome = Err(RecordingError::OtherKey);
    for name in folder.key_names()?.iter().filter(|name| name.starts_with("audit-")) {
        outcome = recording::open(file, &keyring.p256(name)?);
        if outcome != Err(RecordingError::OtherKey) {
            break;
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::init;
    use crate::home::Home;
    use crate::screen::Screen;
    use distans_e2e::recording::About;
    use distans_proto::ids::{DeviceId, OpId, SessionId};

    #[test]
    fn an_audit_key_of_the_folder_opens_what_was_recorded_for_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let org = dir.path().join("org");
        let app = App { screen: Screen::detect(true), home: Home::at(dir.path().join("home")) };
        let founded = init::Init {
            org: "mora".parse().expect("a label"),
            name: "IT".into(),
            broker: "localhost:4433".into(),
            groups: vec!["kontor".parse().expect("a label")],
            unencrypted_demo_keys: true,
        };
        init::perform(&app, &org, &founded).expect("founded");
        for _ in 0..2 {
            perform(&app, &org, RecordingCommand::Key(Key { unencrypted_demo_key: true })).expect("made");
        }
        let folder = Folder::open(&app, &org).expect("opens");
        let recipients = folder.trust().expect("holds").root().audit_recipients.clone();
        assert_eq!(recipients.len(), 2);
        drop(folder);
        let second = recipients[1].parse::<Recipient>().expect("a recipient");
        let about = About {
            device: DeviceId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            operation: OpId::from_bytes([3; 16]),
            technician: "anna".parse().expect("a label"),
            started: format::now(),
        };
        let (mut bytes, mut sealer) = recording::begin(&about, &[second]).expect("begun");
        sealer.data(b"{}\n", &mut bytes).expect("sealed");
        sealer.end(&mut bytes).expect("sealed");
        let (file, out) = (dir.path().join("shell.rec"), dir.path().join("shell.cast"));
        std::fs::write(&file, &bytes).expect("written");
        let open = || RecordingCommand::Open(Open { file: file.clone(), out: out.clone() });
        perform(&app, &org, open()).expect("opens");
        assert_eq!(std::fs::read(&out).expect("there"), b"{}\n");
        assert!(perform(&app, &org, open()).is_err(), "nothing is overwritten");
        std::fs::remove_file(&out).expect("there");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&file, &bytes).expect("written");
        assert!(perform(&app, &org, open()).is_err() && !out.exists(), "an altered one gives nothing");
    }
}
