//! Small repairs on Linux: CUPS and the resolver's own tools, by absolute path.

use std::io;
use std::time::Duration;

use super::tool;

/// Longest wait for one of them.
const LIMIT: Duration = Duration::from_secs(20);
/// Most bytes of what one says.
const SAID: u64 = 512 * 1024;

async fn call(program: &str, arguments: &[&str]) -> io::Result<String> {
    let found = tool::find(program);
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("this system has no {program}"));
    let said = tool::run(&found.ok_or_else(missing)?, arguments, LIMIT, SAID).await?;
    if said.code == Some(0) {
        return Ok(said.out);
    }
    let reason = said.errors.lines().next().unwrap_or("it failed without a word");
    Err(io::Error::other(format!("{program}: {reason}")))
}

pub(crate) async fn clear_print_queue(name: &str) -> io::Result<u32> {
    let waiting = |said: String| u32::try_from(said.lines().count()).unwrap_or(u32::MAX);
    let before = waiting(call("lpstat", &["-o", name]).await?);
    call("cancel", &["-a", name]).await?;
    Ok(before.saturating_sub(waiting(call("lpstat", &["-o", name]).await?)))
}

pub(crate) async fn flush_names() -> io::Result<()> {
    let calls: [(&str, &[&str]); 2] = [("resolvectl", &["flush-caches"]), ("nscd", &["-i", "hosts"])];
    for (program, arguments) in calls {
        if tool::find(program).is_some() {
            return call(program, arguments).await.map(drop);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "this system keeps no cache of names"))
}
