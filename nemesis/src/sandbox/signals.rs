//! The signals that pass through supervisor and world.

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use super::{SandboxError, failure};

/// Passed on to the process inside. SIGTSTP stops it like any other job; see the supervisor.
const FORWARDED: [Signal; 9] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGWINCH,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// All signals that supervisor and world wait for: those to be passed on, and the end of a child.
pub(super) fn awaited() -> SigSet {
    let mut set: SigSet = FORWARDED.into_iter().collect();
    set.add(Signal::SIGCHLD);
    set
}

/// Blocks them, so that none is lost before somebody waits for it. Returns the mask as it was.
pub(super) fn block() -> Result<SigSet, SandboxError> {
    awaited()
        .thread_swap_mask(SigmaskHow::SIG_BLOCK)
        .map_err(|errno| failure("blocking signals", errno))
}
