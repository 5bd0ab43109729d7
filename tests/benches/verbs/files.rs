//! `cp`: one large file and many small ones, to the PC and from it, by the programs as people start
//! them; beside it in the same run the bare relayed stream, `scp -J` and `rsync -e "ssh -J …"`.
//!
//! The large file is there twice: as bytes that do not compress, and as text. The text, and the
//! small files, are this repository's own sources.

use std::ffi::OsString;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use distans_cli::client::{Desk, Target};
use distans_cli::home::Home;
use distans_tests::bench::bare::{Bare, Dialler, SEND, exchange, found};
use distans_tests::bench::house::{House, technician};
use distans_tests::bench::report::{Report, rate};
use distans_tests::measure::median;
use distans_tests::org::kontor;
use distans_trust::policy::files::FilesRule;

use crate::ssh::Pair;

/// How often each copy is done; the median counts.
const TIMES: usize = 3;

/// Size of a small file.
const SMALL: usize = 4096;

/// What is copied.
struct Shape {
    name: String,
    path: PathBuf,
    bytes: u64,
    /// For how many files the rate is told; 1 = it is told for the bytes.
    files: u32,
}

impl Shape {
    /// A time as a rate, with a word before it.
    fn rate(&self, word: &str, time: Duration) -> (f64, String) {
        let seconds = time.as_secs_f64();
        if self.files == 1 {
            return rate(word, self.bytes as f64 / seconds);
        }
        let each_second = f64::from(self.files) / seconds;
        (each_second, format!("{word}{each_second:.0} files/s"))
    }
}

/// Measures through the house's PC.
pub(crate) async fn measure(
    house: &mut House,
    desk: &Desk,
    pc: &Target,
    is_short: bool,
    report: &mut Report,
) -> Result<()> {
    let rule = FilesRule { group: kontor()?, roots: vec!["/".into()] };
    house.world.org.change_policy(|policy| policy.files.push(rule))?;
    house.world.publish(desk, &[]).await?;
    let folder = house.world.folder().join("cp");
    std::fs::create_dir_all(&folder)?;
    let shapes = material(&folder, is_short)?;
    let home = house.world.login("anna")?;
    let keys = folder.join("bare");
    found(&keys)?;
    let bare = Bare::with_agent(&keys)?;
    let connection = Dialler::new(&keys, bare.address)?.dial().await?;
    // Its forward is not used here; whatever it leads to is as good.
    let ssh = Pair::start(&folder, SocketAddr::from((Ipv4Addr::LOCALHOST, 9))).await?;
    if let Err(why) = &ssh {
        report.alone("cp is not compared with scp and rsync", why.clone(), "");
    }
    let times = if is_short { 1 } else { TIMES };
    let pc = pc.hostname.to_string();
    for shape in &shapes {
        for to_the_pc in [true, false] {
            let here = Copying { folder: &folder, shape, to_the_pc };
            let ours = here.median(times, |from, to| distans(&home, &pc, from, to, to_the_pc))?;
            let way = if to_the_pc { "to the PC" } else { "from the PC" };
            let what = format!("cp {way}, {}", shape.name);
            let mut row = |word: &str, other: Duration, aim: &str| {
                report.compare(&what, shape.rate("", ours), shape.rate(word, other), aim);
            };
            if shape.files == 1 {
                let mut streamed = Vec::new();
                for _ in 0..times {
                    let begun = Instant::now();
                    exchange(&connection, SEND, &shape.bytes.to_be_bytes()).await?;
                    streamed.push(begun.elapsed());
                }
                row("bare relayed stream, no files ", median(&mut streamed), "≥ 0.9 × bare");
            }
            let Ok(pair) = &ssh else { continue };
            row("scp -J ", here.median(times, |from, to| scp(pair.config(), from, to, to_the_pc))?, "> scp");
            if is_installed("rsync") {
                let theirs = here.median(times, |from, to| rsync(pair.config(), from, to, to_the_pc))?;
                row("rsync, ssh -J ", theirs, "> rsync");
            } else {
                report.alone("cp is not compared with rsync", "it is not installed".into(), "");
            }
        }
    }
    Ok(())
}

/// A shape on its way.
struct Copying<'a> {
    folder: &'a Path,
    shape: &'a Shape,
    to_the_pc: bool,
}

impl Copying<'_> {
    /// Copies into a new folder each time; the middle one of the times.
    fn median(&self, times: usize, command: impl Fn(&Path, &Path) -> Result<Command>) -> Result<Duration> {
        let mut took = Vec::new();
        for round in 0..times {
            let target = self.folder.join("target");
            std::fs::create_dir(&target)?;
            // What was written before is not to be written at this one's cost.
            ensure!(Command::new("sync").status()?.success(), "sync");
            let mut command = command(&self.shape.path, &target)?;
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let begun = Instant::now();
            let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
            took.push(begun.elapsed());
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{command:?} (to the PC: {}): {said}", self.to_the_pc);
            if round == 0 {
                let name = self.shape.path.file_name().context("a name")?;
                let mut diff = Command::new("diff");
                diff.arg("-rq").arg(&self.shape.path).arg(target.join(name)).stdout(Stdio::null());
                ensure!(diff.status()?.success(), "{command:?} copied something else");
            }
            std::fs::remove_dir_all(&target)?;
        }
        Ok(median(&mut took))
    }
}

/// A path with the name of its machine before it, if it is at the other one.
fn at(machine: &str, path: &Path, is_there: bool) -> OsString {
    let mut word = OsString::new();
    if is_there {
        word.push(machine);
        word.push(":");
    }
    word.push(path);
    word
}

fn distans(home: &Home, pc: &str, from: &Path, to: &Path, to_the_pc: bool) -> Result<Command> {
    let mut command = technician(home)?;
    command.args(["cp", "--quiet", "--purpose", "benchmark"]);
    command.arg(at(pc, from, !to_the_pc)).arg(at(pc, to, to_the_pc));
    Ok(command)
}

fn scp(config: &Path, from: &Path, to: &Path, to_the_pc: bool) -> Result<Command> {
    let mut command = Command::new("scp");
    command.arg("-F").arg(config).arg("-rpq").arg(at("end", from, !to_the_pc)).arg(at("end", to, to_the_pc));
    Ok(command)
}

fn rsync(config: &Path, from: &Path, to: &Path, to_the_pc: bool) -> Result<Command> {
    let mut command = Command::new("rsync");
    command.args(["-a", "-e", &format!("ssh -F {}", config.display())]);
    command.arg(at("end", from, !to_the_pc)).arg(at("end", to, to_the_pc));
    Ok(command)
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Makes what is copied.
fn material(folder: &Path, is_short: bool) -> Result<Vec<Shape>> {
    let (large, count) = if is_short { (32 << 20, 500) } else { (1 << 30, 10_000) };
    let from = folder.join("from");
    let small = from.join("small");
    std::fs::create_dir_all(&small)?;
    let sources = sources()?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(1 << 20)
    .flatten()
    .collect();
    let mut shapes = Vec::new();
    for (name, bytes) in [("random", &noise), ("text", &sources)] {
        let path = from.join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        let mut left = large;
        while left > 0 {
            let piece = &bytes[..left.min(bytes.len())];
            file.write_all(piece)?;
            left -= piece.len();
        }
        file.flush()?;
        let name = format!("one file of {} MiB, {name}", large >> 20);
        shapes.push(Shape { name, path, bytes: u64::try_from(large)?, files: 1 });
    }
    for number in 0..count {
        let begin = (number * 977) % (sources.len() - SMALL);
        // Ten folders.
        let folder = small.join(format!("{}", number % 10));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{number}.txt")), &sources[begin..begin + SMALL])?;
    }
    let (bytes, files) = (u64::try_from(count * SMALL)?, u32::try_from(count)?);
    shapes.push(Shape { name: format!("{count} files of 4 KiB"), path: small, bytes, files });
    Ok(shapes)
}

/// All Rust sources of this repository, one after the other.
fn sources() -> Result<Vec<u8>> {
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))];
    let mut bytes = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                bytes.extend(std::fs::read(path)?);
            }
        }
    }
    ensure!(bytes.len() > 1 << 20, "the sources are not there");
    Ok(bytes)
}
