//! Signals: the first one heals, drains, judges and reports; the second one stops hard.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;

/// Listens for signals. Must be called within a runtime; what it returns turns to the exit code of the first
/// signal. A second one ends the process on the spot: this heals too, since the kernel drops every node,
/// interface and rule with the sandbox.
///
/// # Errors
/// If signals cannot be listened for.
pub(crate) fn listen() -> io::Result<watch::Receiver<Option<Exit>>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (first, listener) = watch::channel(None);
    tokio::spawn(async move {
        first.send_replace(Some(next(&mut interrupt, &mut terminate).await));
        let exit = next(&mut interrupt, &mut terminate).await;
        process::exit(exit.code().into());
    });
    Ok(listener)
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}
