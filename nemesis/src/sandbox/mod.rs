//! The sandbox: a process tree with a network, mounts and process ids of its own.
//!
//! ```text
//! supervisor            the program as it was started; stays outside, passes on signals and the exit code
//! └─ world (PID 1)      new user (where needed), mount, network and PID namespaces; reaps, passes on signals
//!    └─ inside          returns from `enter` and is the rest of the program
//!       └─ ...          nodes, tools
//! ```
//!
//! **Nothing outlives the supervisor.** The world asks the kernel for SIGKILL at its parent's death
//! (`PR_SET_PDEATHSIG`, prctl(2)); when the first process of a PID namespace dies, the kernel kills all others in
//! it, `setsid` or not (pid_namespaces(7)); and when the last process of a namespace is gone, so are its
//! interfaces, firewall rules and mounts. None of this needs code of ours to run at the end.
//!
//! **Signals.** The world and all in it are in a process group of their own. A terminal sends Ctrl-C to the
//! foreground group, which is the supervisor's alone, and the supervisor passes it on: so each signal arrives
//! inside exactly once, whether it came from a terminal or from kill(1). The price is that programs inside are in
//! the background for the terminal: they may write to it but not read from it.
//!
//! **Mounts.** Inside, `/proc` shows the new PID namespace, and `/run` is an empty tmpfs (for the lock of
//! iptables); all else is the host's. What is written below `/run` is therefore lost.

mod diagnosis;
mod probe;
mod signals;
mod supervisor;
mod world;

use std::process::ExitCode;

use nix::errno::Errno;

pub use diagnosis::SandboxError;
pub use probe::{Probe, probe};

/// Who returns from [`enter`].
#[derive(Debug)]
pub enum Entered {
    /// The process inside, which carries on.
    Inside,
    /// The supervisor, after the world has ended. It should leave `main` with this code.
    Finished(ExitCode),
}

/// Creates the world and carries on inside it. Returns twice: at once as [`Entered::Inside`] in a new process, and
/// as [`Entered::Finished`] in the calling one, when that process has ended and everything in the world with it.
///
/// Must be called before the program starts a thread, buffers output or changes its signal mask.
///
/// # Errors
/// If the program already has threads, or the host forbids a step; [`SandboxError::mend`] then says what helps.
pub fn enter() -> Result<Entered, SandboxError> {
    diagnosis::require_single_thread()?;
    let mask = signals::block()?;
    let code = match world::create() {
        Ok(world::Created::Init(init)) => {
            // The mask is the caller's again in the process inside, which alone returns from here.
            init.start_inside(&mask);
            return Ok(Entered::Inside);
        }
        Ok(world::Created::Supervisor(world)) => supervisor::supervise(world),
        Err(error) => Err(error),
    };
    mask.thread_set_mask()
        .map_err(|errno| failure("restoring the signal mask", errno))?;
    code.map(|code| Entered::Finished(ExitCode::from(code)))
}

fn failure(step: &'static str, errno: Errno) -> SandboxError {
    SandboxError::System { step, errno }
}
