//! The processes of the nodes: spawned into their namespaces, killed, started again, paused and resumed.
//!
//! A process is never signalled after it was reaped, and it is reaped only here, under the same lock: so its id
//! cannot have passed to another process.

mod clock;
mod death;
mod log_tail;
mod memory;
mod nodes;
mod threads;
mod throttle;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub use clock::{Bounds, ClockClaim, ClockControl, ClockOrder, ClockReading};
pub use death::Death;
pub use memory::Memory;
pub use nodes::{NodeProcesses, Nodes};
pub use throttle::{Throttle, Throttled};

use crate::disk::Disk;
use crate::network::Namespace;
use crate::node::Node;
use throttle::Gate;

/// How long a process may take to be stopped, or continued, by a signal. A thread that waits for a disk is late.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);
const SIGNAL_POLL: Duration = Duration::from_micros(200);

/// Why something could not be done to a node's process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such node.
    #[error("there is no node {0}")]
    Unknown(Node),
    /// It runs already.
    #[error("{0} runs already")]
    Running(Node),
    /// It does not run.
    #[error("{0} does not run")]
    NotRunning(Node),
    /// It had ended by itself.
    #[error("{0}")]
    Died(Box<Death>),
    /// It did not follow a signal in time.
    #[error("{node} was not {state} within {} s of the signal", SIGNAL_PATIENCE.as_secs())]
    Late {
        /// The node.
        node: Node,
        /// What it should have become.
        state: &'static str,
    },
    /// The operating system refused.
    #[error("{step} of {node} failed")]
    Io {
        /// The node.
        node: Node,
        /// What was tried.
        step: &'static str,
        /// How it failed.
        #[source]
        source: io::Error,
    },
}

/// What became of a process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed {
    /// The process.
    pub pid: u32,
    /// How it ended, as wait(2) told: by signal 9.
    pub status: ExitStatus,
}

/// A process that was paused or resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStates {
    /// The process.
    pub pid: u32,
    /// Its threads.
    pub threads: usize,
    /// Those of them that are stopped.
    pub stopped: usize,
}

/// What a node's process is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Not started yet, or killed.
    Down,
    /// It runs.
    Running {
        /// The process.
        pid: u32,
    },
    /// It is stopped by SIGSTOP.
    Paused {
        /// The process.
        pid: u32,
    },
    /// It ended by itself.
    Died(Death),
}

/// Where a node's output goes. Files are appended to, so they hold all of the node's lives.
#[derive(Clone, Debug)]
pub struct LogFiles {
    /// Its standard output.
    pub stdout: PathBuf,
    /// Its standard error.
    pub stderr: PathBuf,
}

#[derive(Debug)]
enum State {
    Down,
    Up {
        child: Child,
        paused: bool,
        /// Whether it was asked to end.
        leaving: bool,
        /// What it had when it was denied memory, if it ever was: what it was refused may end it a little later.
        denied: Option<Memory>,
    },
    Died(Death),
}

/// The process of one node. Dropping it kills the process.
#[derive(Debug)]
pub struct NodeProcess {
    node: Node,
    command: Command,
    logs: LogFiles,
    /// How long they were when it was started last.
    logs_before: log_tail::Lengths,
    clock: Option<ClockControl>,
    disk: Option<Disk>,
    gate: Gate,
    state: State,
}

impl NodeProcess {
    /// A process that is not started yet. `command` is spawned, as it is, at each start: in `namespace`, in a
    /// process group of its own, without standard input, and with its output appended to `logs`.
    ///
    /// # Errors
    /// If a log file cannot be opened.
    pub fn new(
        node: Node,
        mut command: Command,
        logs: LogFiles,
        namespace: &Namespace,
    ) -> Result<Self, ProcessError> {
        let open = |path: &Path| {
            open_log(path).map_err(|source| ProcessError::Io {
                node,
                step: "opening a log file",
                source,
            })
        };
        command
            .stdin(Stdio::null())
            .stdout(open(&logs.stdout)?)
            .stderr(open(&logs.stderr)?)
            .process_group(0);
        namespace.attach(&mut command);
        Ok(Self {
            node,
            command,
            logs,
            logs_before: log_tail::Lengths::default(),
            clock: None,
            disk: None,
            gate: Gate::default(),
            state: State::Down,
        })
    }

    /// The same, and its clock takes orders.
    #[must_use]
    pub fn with_clock(mut self, clock: ClockControl) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How to bend its clock, if that is possible.
    #[must_use]
    pub fn clock(&self) -> Option<&ClockControl> {
        self.clock.as_ref()
    }

    /// The same, and its data folder is on this disk.
    #[must_use]
    pub fn with_disk(mut self, disk: Option<Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// The disk that its data folder is on, if it is one that can fail.
    #[must_use]
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> Node {
        self.node
    }

    /// Starts it and returns its process id. It may be down, or have died by itself.
    ///
    /// # Errors
    /// If it runs already, or cannot be spawned.
    pub fn start(&mut self) -> Result<u32, ProcessError> {
        self.reap_if_dead()?;
        if let State::Up { .. } = self.state {
            return Err(ProcessError::Running(self.node));
        }
        self.logs_before = log_tail::Lengths::of(&self.logs);
        let child = self
            .command
            .spawn()
            .map_err(|source| self.io("starting", source))?;
        let pid = child.id();
        // One that throttled the last process never touches the next.
        self.gate = Gate::default();
        self.state = State::Up {
            child,
            paused: false,
            leaving: false,
            denied: None,
        };
        Ok(pid)
    }

    /// Kills it by SIGKILL with all of its process group, paused or not, and waits until it is dead. Processes that
    /// it put into another group live on until the sandbox ends.
    ///
    /// # Errors
    /// If it does not run, had died by itself before, or cannot be waited for.
    pub fn kill(&mut self) -> Result<Killed, ProcessError> {
        self.signal(Signal::SIGKILL)?;
        self.wait_for_kill()
    }

    /// The same, and its disk, if it has one that can fail, has no power from that moment on: a sync that is under way,
    /// for which even a killed process waits, is in vain.
    ///
    /// # Errors
    /// As [`kill`](Self::kill).
    pub fn cut_power(&mut self) -> Result<Killed, ProcessError> {
        self.signal(Signal::SIGKILL)?;
        if let Some(disk) = &self.disk {
            disk.go_dark();
        }
        self.wait_for_kill()
    }

    fn wait_for_kill(&mut self) -> Result<Killed, ProcessError> {
        let State::Up { child, leaving, .. } = &mut self.state else {
            unreachable!("signal checks that it runs")
        };
        let (pid, leaving) = (child.id(), *leaving);
        let status = child
            .wait()
            .map_err(|source| self.io("waiting for the end", source))?;
        if status.signal() == Some(Signal::SIGKILL as i32) {
            self.state = State::Down;
            return Ok(Killed { pid, status });
        }
        // It was faster than the signal.
        if leaving && left_as_asked(status) {
            self.state = State::Down;
            return Err(ProcessError::NotRunning(self.node));
        }
        Err(self.record_death(pid, status))
    }

    /// Asks it to end, by SIGTERM to its process group, and returns its process id. Once it has ended, by that signal
    /// or with status 0, it is down; any other end is a death all the same.
    ///
    /// # Errors
    /// If it does not run, or has died by itself.
    pub fn ask_to_end(&mut self) -> Result<u32, ProcessError> {
        let pid = self.pid()?;
        self.signal(Signal::SIGTERM)?;
        if let State::Up { leaving, .. } = &mut self.state {
            *leaving = true;
        }
        Ok(pid)
    }

    /// Stops and continues it in turns from now on, so that it gets a fifth of the time.
    ///
    /// # Errors
    /// If it does not run, has died by itself, or there can be no thread that does it.
    pub fn throttle(&mut self) -> Result<Throttle, ProcessError> {
        let pid = self.pid()?;
        Throttle::start(pid, self.gate.clone()).map_err(|source| self.io("throttling", source))
    }

    /// What the kernel says of its memory.
    ///
    /// # Errors
    /// If it does not run, or has died by itself.
    pub fn memory(&mut self) -> Result<Memory, ProcessError> {
        let deadline = Instant::now() + SIGNAL_PATIENCE;
        loop {
            let pid = self.pid()?;
            match Memory::of(pid) {
                Ok(memory) => return Ok(memory),
                Err(source) if Instant::now() >= deadline => {
                    return Err(self.io("reading the memory", source));
                }
                // A process that is about to end has no memory any more, some time before it can be waited for.
                Err(_) => thread::sleep(SIGNAL_POLL),
            }
        }
    }

    /// Denies it more memory than it has, and returns its process id.
    ///
    /// # Errors
    /// If it does not run, has died by itself, or the operating system refuses.
    pub fn deny_memory(&mut self) -> Result<u32, ProcessError> {
        let memory = self.memory()?;
        memory
            .deny()
            .map_err(|source| self.io("denying memory", source))?;
        if let State::Up { denied, .. } = &mut self.state {
            denied.get_or_insert(memory);
        }
        Ok(memory.pid)
    }

    /// Lets it have more memory again, where it was denied that.
    ///
    /// # Errors
    /// If it does not run, has died by itself, or the operating system refuses.
    pub fn give_back_memory(&mut self) -> Result<(), ProcessError> {
        self.pid()?;
        let State::Up {
            denied: Some(memory), ..
        } = &self.state
        else {
            return Ok(());
        };
        memory
            .give_back()
            .map_err(|source| self.io("giving back memory", source))
    }

    /// Stops it by SIGSTOP, and waits until all of its threads are stopped. Pausing a paused process is legal.
    ///
    /// # Errors
    /// If it does not run, has died by itself, or does not stop in time; in the last case it counts as paused.
    pub fn pause(&mut self) -> Result<ThreadStates, ProcessError> {
        self.pid()?;
        // Nobody else may continue it.
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal(Signal::SIGSTOP)?;
        // From here on it must be resumed, however long its threads take to stop.
        self.set_paused(true);
        self.wait_for_threads("paused", |states| states.stopped == states.threads)
    }

    /// Continues it by SIGCONT, and waits until none of its threads is stopped.
    ///
    /// # Errors
    /// If it does not run, has died by itself, or does not continue in time.
    pub fn resume(&mut self) -> Result<ThreadStates, ProcessError> {
        let gate = self.gate.clone();
        // Nobody else may stop it again until it was seen to run.
        let mut held = gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.signal(Signal::SIGCONT)?;
        let states = self.wait_for_threads("resumed", |states| states.stopped == 0)?;
        *held = false;
        self.set_paused(false);
        Ok(states)
    }

    /// How many of its threads are stopped, just now; where it is throttled, in its part of the time.
    ///
    /// # Errors
    /// If it does not run, or has died by itself.
    pub fn thread_states(&mut self) -> Result<ThreadStates, ProcessError> {
        let gate = self.gate.clone();
        let _held = gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.count_threads()
    }

    fn count_threads(&mut self) -> Result<ThreadStates, ProcessError> {
        let pid = self.pid()?;
        threads::read(pid).map_err(|source| self.io("reading the threads", source))
    }

    /// What it is doing. An end that nobody asked for is noticed here.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub fn state(&mut self) -> Result<NodeState, ProcessError> {
        self.reap_if_dead()?;
        Ok(match &self.state {
            State::Down => NodeState::Down,
            State::Up {
                child, paused: false, ..
            } => NodeState::Running { pid: child.id() },
            State::Up {
                child, paused: true, ..
            } => NodeState::Paused { pid: child.id() },
            State::Died(death) => NodeState::Died(death.clone()),
        })
    }

    /// The process id.
    ///
    /// # Errors
    /// If it does not run, or has died by itself.
    pub fn pid(&mut self) -> Result<u32, ProcessError> {
        self.reap_if_dead()?;
        match &self.state {
            State::Up { child, .. } => Ok(child.id()),
            State::Down => Err(ProcessError::NotRunning(self.node)),
            State::Died(death) => Err(ProcessError::Died(Box::new(death.clone()))),
        }
    }

    /// Signals the whole group, whose id cannot be another's: its leader is not reaped.
    fn signal(&mut self, signal: Signal) -> Result<(), ProcessError> {
        let group = Pid::from_raw(self.pid()?.cast_signed());
        match killpg(group, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(self.io("signalling", errno.into())),
        }
    }

    fn wait_for_threads(
        &mut self,
        state: &'static str,
        done: impl Fn(ThreadStates) -> bool,
    ) -> Result<ThreadStates, ProcessError> {
        let deadline = Instant::now() + SIGNAL_PATIENCE;
        loop {
            let states = self.count_threads()?;
            if done(states) {
                return Ok(states);
            }
            if Instant::now() >= deadline {
                return Err(ProcessError::Late {
                    node: self.node,
                    state,
                });
            }
            thread::sleep(SIGNAL_POLL);
        }
    }

    fn set_paused(&mut self, now: bool) {
        if let State::Up { paused, .. } = &mut self.state {
            *paused = now;
        }
    }

    fn reap_if_dead(&mut self) -> Result<(), ProcessError> {
        let State::Up { child, leaving, .. } = &mut self.state else {
            return Ok(());
        };
        let (pid, leaving) = (child.id(), *leaving);
        match child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) if leaving && left_as_asked(status) => {
                self.state = State::Down;
                Ok(())
            }
            Ok(Some(status)) => {
                self.record_death(pid, status);
                Ok(())
            }
            Err(source) => Err(self.io("waiting for the end", source)),
        }
    }

    fn record_death(&mut self, pid: u32, status: ExitStatus) -> ProcessError {
        let last_lines = self.logs_before.last_lines(&self.logs);
        let death = Death {
            node: self.node,
            pid,
            status,
            last_lines,
            had_no_memory: matches!(self.state, State::Up { denied: Some(_), .. }),
        };
        self.state = State::Died(death.clone());
        ProcessError::Died(Box::new(death))
    }

    fn io(&self, step: &'static str, source: io::Error) -> ProcessError {
        ProcessError::Io {
            node: self.node,
            step,
            source,
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Not running is the usual case, and nobody is left to be told of another.
        let _ = self.kill();
    }
}

/// Whether this is how a process ends that was asked to.
fn left_as_asked(status: ExitStatus) -> bool {
    status.success() || status.signal() == Some(Signal::SIGTERM as i32)
}

fn open_log(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}
