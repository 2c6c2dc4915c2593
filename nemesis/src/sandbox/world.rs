//! The world: its creation, and its first process, which sets it up, reaps, and passes signals on.

use std::convert::Infallible;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, pipe2, setpgid};

use super::diagnosis::{Report, Step};
use super::{SandboxError, diagnosis, failure, signals};
use crate::network::loopback;

/// What the supervisor holds of the world.
pub(super) struct World {
    /// The world's first process.
    pub(super) pid: Pid,
    /// Closed without a word when the world is set up; otherwise tells which step failed.
    pub(super) report: OwnedFd,
    /// Never written to: its other end hangs up when the supervisor is dead.
    pub(super) liveline: OwnedFd,
}

/// Who returns from [`create`].
pub(super) enum Created {
    /// The caller.
    Supervisor(World),
    /// The world's first process, all set up.
    Init(Init),
}

/// The world's first process.
pub(super) struct Init {
    report: OwnedFd,
}

/// Creates the world. In its first process this returns only if everything is set up.
pub(super) fn create() -> Result<Created, SandboxError> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|errno| failure("creating a pipe", errno));
    let (report_read, report_write) = pipe()?;
    let (liveline_read, liveline_write) = pipe()?;
    let identity = diagnosis::needs_user_namespace().then(|| (Uid::effective(), Gid::effective()));
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID;
    if identity.is_some() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    // What is still buffered would be written by each copy of this process.
    io::stdout()
        .flush()
        .map_err(|error| failure("flushing stdout", errno_of(&error)))?;
    match clone_process(flags) {
        Err(errno) => Err(Report {
            step: Step::Namespaces,
            errno,
        }
        .diagnose()),
        Ok(Some(pid)) => {
            // The child does the same; whoever comes first, no signal reaches a group that is not there yet.
            let _ = setpgid(pid, pid);
            drop(report_write);
            Ok(Created::Supervisor(World {
                pid,
                report: report_read,
                liveline: liveline_write,
            }))
        }
        Ok(None) => {
            drop((report_read, liveline_write));
            match set_up(identity, &liveline_read) {
                Ok(()) => Ok(Created::Init(Init { report: report_write })),
                Err(report) => {
                    report.send(&report_write);
                    exit_now(1)
                }
            }
        }
    }
}

/// fork(2) into new namespaces: `None` in the child.
fn clone_process(flags: CloneFlags) -> Result<Option<Pid>, Errno> {
    let flags = libc::c_long::from(flags.bits() | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with a null stack this is fork(2): the child gets a copy of the address space
    // and goes on from here. The process has one thread (checked by the callers), so no lock is held by another.
    // All arguments after the flags are zero, so their order, which differs between architectures, is no matter.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    let pid = Errno::result(pid)?;
    Ok((pid != 0).then(|| Pid::from_raw(pid as libc::pid_t)))
}

fn set_up(identity: Option<(Uid, Gid)>, liveline: &OwnedFd) -> Result<(), Report> {
    let at = |step: Step| move |errno: Errno| Report { step, errno };
    let io_at = |step: Step| {
        move |error: io::Error| Report {
            step,
            errno: errno_of(&error),
        }
    };
    setpgid(Pid::this(), Pid::this()).map_err(at(Step::ProcessGroup))?;
    die_with_the_supervisor(liveline).map_err(at(Step::DeathSignal))?;
    if let Some((uid, gid)) = identity {
        // A process without privilege may map its own ids only, and its group only once setgroups(2) is denied
        // (user_namespaces(7)). It is root inside, since tools such as iptables lose their capabilities otherwise.
        fs::write("/proc/self/setgroups", "deny").map_err(io_at(Step::IdMaps))?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(io_at(Step::IdMaps))?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(io_at(Step::IdMaps))?;
    }
    // Private first: no mount from here may spread to the host.
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .map_err(at(Step::PrivateMounts))?;
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        safe | MsFlags::MS_NOEXEC,
        nothing,
    )
    .map_err(at(Step::Proc))?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), safe, Some("mode=0755")).map_err(at(Step::Run))?;
    loopback::bring_up().map_err(at(Step::Loopback))?;
    // Only a name for ps(1).
    let _ = set_name(c"splitbrain-init");
    Ok(())
}

/// The death signal is sent when the parent dies from now on. A parent that is already dead is seen by its end of
/// the liveline, for getppid(2) says 0 in either case: the parent is outside the PID namespace.
fn die_with_the_supervisor(liveline: &OwnedFd) -> Result<(), Errno> {
    set_pdeathsig(Signal::SIGKILL)?;
    let mut fds = [PollFd::new(liveline.as_fd(), PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO)?;
    if fds[0]
        .revents()
        .is_some_and(|events| events.contains(PollFlags::POLLHUP))
    {
        exit_now(1);
    }
    Ok(())
}

impl Init {
    /// Starts the process inside, and returns in it, with the signal mask `mask`. The first process itself stays
    /// here until that process has ended, and then ends with its exit code.
    pub(super) fn start_inside(self, mask: &SigSet) {
        let inside = self.fork_inside();
        match inside {
            ForkResult::Child => {
                if mask.thread_set_mask().is_err() {
                    exit_now(1);
                }
            }
            ForkResult::Parent { child } => {
                let Err(errno) = reap_and_forward(child);
                eprintln!("splitbrain: the first process of the sandbox failed: {errno}");
                exit_now(1);
            }
        }
    }

    /// Runs `work` in the first process itself, and ends with its exit code.
    pub(super) fn run(self, work: impl FnOnce() -> u8) -> ! {
        drop(self.report);
        exit_now(work())
    }

    fn fork_inside(self) -> ForkResult {
        // SAFETY: the process has one thread (checked by `enter`), so the child may do whatever it likes.
        match unsafe { fork() } {
            Ok(result) => result,
            Err(errno) => {
                Report {
                    step: Step::Fork,
                    errno,
                }
                .send(&self.report);
                exit_now(1)
            }
        }
    }
}

/// Waits for signals and children until `inside` has ended, and then ends with its exit code.
fn reap_and_forward(inside: Pid) -> Result<Infallible, Errno> {
    loop {
        let signal = match signals::awaited().wait() {
            Ok(signal) => signal,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        };
        if signal != Signal::SIGCHLD {
            match kill(inside, signal) {
                Ok(()) | Err(Errno::ESRCH) => continue,
                Err(errno) => return Err(errno),
            }
        }
        // One SIGCHLD may stand for many children.
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == inside => exit_now(code as u8),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == inside => exit_now(128 + signal as u8),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Ends this process without running what belongs to the program that it was forked from.
fn exit_now(code: u8) -> ! {
    // SAFETY: _exit(2) is always safe to call.
    unsafe { libc::_exit(i32::from(code)) }
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
