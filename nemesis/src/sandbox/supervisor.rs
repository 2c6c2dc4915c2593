//! The supervisor: waits outside for the world to end, and passes signals on.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::diagnosis::Report;
use super::world::World;
use super::{SandboxError, failure, signals};

/// Waits until the world has ended; its last process is then gone, since the kernel lets go of a PID namespace's
/// first process only after all others. Returns the exit code of the process inside.
pub(super) fn supervise(world: World) -> Result<u8, SandboxError> {
    let World {
        pid,
        report,
        liveline,
    } = world;
    if let Some(report) = Report::receive(report) {
        waitpid(pid, None).map_err(|errno| failure("waiting for the world", errno))?;
        return Err(report.diagnose());
    }
    let code = wait_and_forward(pid);
    drop(liveline);
    code
}

fn wait_and_forward(pid: Pid) -> Result<u8, SandboxError> {
    loop {
        let signal = match signals::awaited().wait() {
            Ok(signal) => signal,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(failure("waiting for a signal", errno)),
        };
        if signal != Signal::SIGCHLD {
            forward(signal, pid)?;
            continue;
        }
        let flags = nix::sys::wait::WaitPidFlag::WNOHANG;
        match waitpid(pid, Some(flags)).map_err(|errno| failure("waiting for the world", errno))? {
            WaitStatus::Exited(_, code) => return Ok(code as u8),
            WaitStatus::Signaled(_, signal, _) => return Ok(128 + signal as u8),
            _ => {}
        }
    }
}

fn forward(signal: Signal, pid: Pid) -> Result<(), SandboxError> {
    match kill(pid, signal) {
        // The world has just ended: its SIGCHLD is on the way.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return Err(failure("passing on a signal", errno)),
    }
    if signal == Signal::SIGTSTP {
        // Ctrl-Z. The world's group was told; stop too, so that the shell sees a stopped job.
        raise(Signal::SIGSTOP).map_err(|errno| failure("stopping", errno))?;
    }
    Ok(())
}
