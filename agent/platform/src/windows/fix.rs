//! Small repairs on Windows: the spooler's call, and `ipconfig /flushdns` by its full path.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::probe::printers;
use super::sys::windows_folder;
use crate::thread::Slots;

/// Longest wait for a program.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn clear_print_queue(name: &str) -> io::Result<u32> {
    static SLOTS: Slots = Slots::new(1);
    let name = name.to_owned();
    SLOTS.run(move || printers::purge(&name)).await?
}

pub(crate) async fn flush_names() -> io::Result<()> {
    let windows = windows_folder().ok_or_else(|| io::Error::other("the system's folder is unknown"))?;
    let mut flushing = Command::new(windows.join(r"System32\ipconfig.exe"))
        .arg("/flushdns")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit");
    let ended = timeout(LIMIT, flushing.wait()).await.map_err(late)??;
    if ended.success() {
        Ok(())
    } else {
        Err(io::Error::other("ipconfig could not flush the cache of names"))
    }
}
