//! Giving a process less time: it is stopped and continued in turns, by SIGSTOP and SIGCONT.
//!
//! A control group would do it more finely, but only for root, by a hierarchy that differs between hosts, and it would
//! outlive a run that is killed. The signals need no privilege, and leave nothing.
//!
//! The process is signalled through a pidfd, so that no other process can be hit once this one was reaped. Whoever
//! pauses it, resumes it or looks at its threads holds the gate meanwhile, and so finds it in its part of the time.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;

use super::threads;

/// Held by whoever stops or continues a process; true while it is paused by someone else.
pub(super) type Gate = Arc<Mutex<bool>>;

/// How long the process may run at a time: shorter than any sensible time-out of a protocol.
const RUN: Duration = Duration::from_millis(20);
/// How many times as long it is stopped thereafter.
const STOPPED_PER_RUN: u32 = 4;
/// The longest stop, where a starved machine made the run before it long.
const STOP_MAX: Duration = Duration::from_millis(200);
/// How long its threads may take to stop. One that waits for a disk is late; it is continued then, and told of.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_micros(200);

/// What a throttled process got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// The process.
    pub pid: u32,
    /// How often it was stopped.
    pub stops: u32,
    /// How often all of its threads were seen stopped then.
    pub seen_stopped: u32,
    /// For how long they were, together.
    pub stopped: Duration,
    /// For how long it was throttled.
    pub elapsed: Duration,
    /// For how long it was found paused by somebody else, beside that.
    pub held: Duration,
    /// The processor's time that it used meanwhile.
    pub used: Duration,
    /// Whether it ended meanwhile, by somebody else's doing.
    pub ended: bool,
}

/// A process that is being throttled. Dropping it leaves the process running.
#[derive(Debug)]
pub struct Throttle {
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Throttled>>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    pub(super) fn start(pid: u32, gate: Gate) -> io::Result<Self> {
        let target = Target::open(pid)?;
        let (stop, tally) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Throttled>>::default());
        let (stopped, told) = (Arc::clone(&stop), Arc::clone(&tally));
        let thread = thread::Builder::new()
            .name("throttle".to_owned())
            .spawn(move || alternate(&target, &gate, &stopped, &told))?;
        Ok(Self {
            stop,
            tally,
            thread: Some(thread),
        })
    }

    /// What the process got until now.
    #[must_use]
    pub fn tally(&self) -> Throttled {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it. Returns what the process got, which runs again, unless it is paused or dead.
    pub fn end(mut self) -> Throttled {
        self.join();
        self.tally()
    }

    fn join(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by itself; what it told until then stands.
            let _ = thread.join();
        }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.join();
    }
}

/// A process that stays the same however long it is held on to.
struct Target {
    pid: u32,
    pidfd: OwnedFd,
}

impl Target {
    fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: pidfd_open(2) takes two integers and returns a file descriptor or an error.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0_usize) };
        let fd = Errno::result(fd)?;
        // SAFETY: the descriptor was just returned by the kernel, and nobody else has it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) };
        Ok(Self { pid, pidfd })
    }

    /// Returns whether the process is still there.
    fn signal(&self, signal: Signal) -> bool {
        self.send(signal as libc::c_int)
    }

    /// Whether it has not been waited for.
    fn is_there(&self) -> bool {
        self.send(0)
    }

    fn send(&self, signal: libc::c_int) -> bool {
        // SAFETY: pidfd_send_signal(2) with no siginfo reads nothing of ours.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                0_usize,
                0_usize,
            )
        };
        Errno::result(sent).is_ok()
    }

    /// Waits until all threads are stopped; false if they are not in time, or the process is gone.
    fn is_seen_stopped(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match threads::read(self.pid) {
                Ok(states) if states.threads > 0 && states.stopped == states.threads => return true,
                Ok(_) if Instant::now() < deadline => thread::sleep(POLL),
                _ => return false,
            }
        }
    }
}

/// Runs until `stop`, or until the process has ended.
fn alternate(target: &Target, gate: &Gate, stop: &AtomicBool, told: &Mutex<Throttled>) {
    let used_before = threads::cpu_time(target.pid).unwrap_or_default();
    let mut tally = Throttled {
        pid: target.pid,
        ..Throttled::default()
    };
    let mut run_since = Instant::now();
    while !stop.load(Ordering::Acquire) && !tally.ended {
        let cycle = run_since;
        {
            let paused = gate.lock().unwrap_or_else(PoisonError::into_inner);
            if !*paused && target.signal(Signal::SIGSTOP) {
                let ran = run_since.elapsed().max(RUN);
                tally.stops += 1;
                if target.is_seen_stopped() {
                    let since = Instant::now();
                    thread::sleep((ran * STOPPED_PER_RUN).min(STOP_MAX));
                    tally.seen_stopped += 1;
                    tally.stopped += since.elapsed();
                }
                tally.ended = !target.signal(Signal::SIGCONT);
                // Cycles in which another had it paused do not count.
                tally.elapsed += cycle.elapsed();
            } else {
                tally.ended = !target.is_there();
                tally.held += cycle.elapsed();
            }
        }
        run_since = Instant::now();
        // A process that is gone has no times any more: the last ones stand.
        if let Ok(used) = threads::cpu_time(target.pid)
            && !tally.ended
        {
            tally.used = used.saturating_sub(used_before);
        }
        *told.lock().unwrap_or_else(PoisonError::into_inner) = tally;
        thread::sleep(RUN);
    }
}
