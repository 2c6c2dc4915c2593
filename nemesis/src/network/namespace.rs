//! A network namespace, held by a descriptor: no name, no bind mount, nothing to clean up.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use super::loopback;

/// A network namespace. It lives as long as this value, a copy of it, or a process in it.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
}

impl Namespace {
    /// Creates an empty namespace with `lo` up.
    pub(super) fn create() -> io::Result<Self> {
        // A namespace is made for a thread, so one that has nothing else to do makes it.
        on_thread_of_its_own(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            loopback::bring_up()?;
            let file = File::open("/proc/thread-self/ns/net")?;
            Ok(Self { file: Arc::new(file) })
        })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Moves the calling thread into this namespace.
    pub(super) fn enter(&self) -> io::Result<()> {
        Ok(setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET)?)
    }

    /// Runs `work` on a thread in this namespace and waits for it. Sockets that it opens stay in this namespace
    /// wherever they are used.
    ///
    /// # Errors
    /// If the thread cannot enter, or `work` fails.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        on_thread_of_its_own(|| {
            self.enter()?;
            work()
        })
    }

    /// Lets `command` run in this namespace, each time it is spawned.
    pub fn attach(&self, command: &mut Command) {
        let namespace = self.clone();
        // SAFETY: between fork and exec only async-signal-safe calls are allowed. setns(2) is a bare system call,
        // and turning its error number into an `io::Error` does not allocate.
        unsafe { command.pre_exec(move || namespace.enter()) };
    }
}

fn on_thread_of_its_own<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, work)?;
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
