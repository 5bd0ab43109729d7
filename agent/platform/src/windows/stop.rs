//! Console events; a service gets its stop from the service manager besides.

use std::io;

use tokio::signal::windows;

pub(crate) async fn requested() -> io::Result<()> {
    let mut interrupt = windows::ctrl_c()?;
    let mut interrupt_hard = windows::ctrl_break()?;
    let mut close = windows::ctrl_close()?;
    let mut shutdown = windows::ctrl_shutdown()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = interrupt_hard.recv() => {}
        _ = close.recv() => {}
        _ = shutdown.recv() => {}
    }
    Ok(())
}
