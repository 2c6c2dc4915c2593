//! This program as a child of itself: each run is a process of its own, as a person would start it, since a run must
//! enter its sandbox before it has threads.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// How many lines of what a failed child said are passed on.
const LINES_TOLD: usize = 5;

/// The variables of the options of a run.
const VARIABLES: &str = "SPLITBRAIN_";

/// A command of this program, to be given its arguments. Its output is kept. What the user has set by variables for
/// runs of their own does not reach it. It ends with this process, however that ends: nobody would ever read what it
/// finds.
///
/// # Errors
/// [`Failure::Host`] if nobody can tell where this program is.
pub fn this_program() -> Result<Command> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::host(format!("cannot tell where this program is: {error}")))?;
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(VARIABLES)) {
        command.env_remove(name);
    }
    let ask = || set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
    // SAFETY: between fork and exec only prctl(2) is called, which is async-signal-safe; nothing is allocated.
    unsafe { command.pre_exec(ask) };
    Ok(command)
}

/// Waits for a child, and passes the first signal on to it. Returns what it said, and whether a signal was passed on: what it
/// found by then is only a part.
///
/// # Errors
/// If it cannot be waited for.
pub(crate) async fn wait(
    child: tokio::process::Child,
    mut interrupts: watch::Receiver<Option<Exit>>,
) -> (io::Result<Output>, bool) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .map(Pid::from_raw);
    let output = child.wait_with_output();
    tokio::pin!(output);
    tokio::select! {
        output = &mut output => return (output, false),
        signal = interrupts.wait_for(Option::is_some) => {
            let is_end = matches!(signal.map(|exit| *exit), Ok(Some(Exit::Terminated)));
            if let Some(pid) = pid {
                // It may have ended by itself just now.
                let _ = kill(pid, if is_end { Signal::SIGTERM } else { Signal::SIGINT });
            }
        }
    }
    (output.await, true)
}

/// The last lines of what a child said.
#[must_use]
pub fn last_words(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::last_words;

    #[test]
    fn last_words_are_the_last_in_their_order() {
        assert_eq!(last_words(b"1\n2\n3\n4\n5\n6\n7\n"), "3\n4\n5\n6\n7");
        assert_eq!(last_words(b"only"), "only");
        assert_eq!(last_words(b""), "");
    }
}
