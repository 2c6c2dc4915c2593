//! The thread that reads a node's queue, and lets packets go on when it is time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
};
use nix::sys::time::TimeSpec;

use super::effect::decide;
use super::packet::Kind;
use super::queue::{Queue, Queued};
use super::{Effects, QUEUE, lock};
use crate::network::Namespace;

/// How long it takes at most until the thread sees that it is to stop.
const STOP_POLL: Duration = Duration::from_millis(10);
/// How many packets are read before those are let go that are due.
const BATCH: usize = 64;

/// The thread.
#[derive(Debug)]
pub(super) struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Worker {
    /// Binds the queue of the namespace and reads it from now on.
    pub(super) fn start(namespace: &Namespace, effects: Effects) -> io::Result<Self> {
        let (queue, raw) = namespace.run(|| Ok((Queue::bind(QUEUE)?, raw_socket()?)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let requested = Arc::clone(&stop);
        let mut line = Line {
            queue,
            raw,
            effects,
            held: BinaryHeap::new(),
            count: 0,
        };
        let thread = thread::Builder::new().name("impairer".to_owned());
        let thread = thread.spawn(move || line.run(&requested))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Lets go what is held, and ends the thread. No rule must fill the queue any more. Tells if it had failed.
    pub(super) fn stop(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A packet that waits for its time. Of two with one time the one that came first goes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    release: Instant,
    count: u64,
    id: u32,
    /// What it carries in place of its own, if anything.
    payload: Option<Vec<u8>>,
    /// What comes after it.
    copy: Option<Vec<u8>>,
}

struct Line {
    queue: Queue,
    /// From which copies are sent.
    raw: OwnedFd,
    effects: Effects,
    held: BinaryHeap<Reverse<Held>>,
    /// How many packets came.
    count: u64,
}

impl Line {
    fn run(&mut self, stop: &AtomicBool) -> io::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.wait()?;
            for _ in 0..BATCH {
                let Some(queued) = self.queue.next()? else { break };
                self.take(queued);
            }
            self.release(Some(Instant::now()))?;
        }
        // No rule fills the queue any more: what is left are those that we hold, and those not read yet.
        self.release(None)?;
        while let Some(queued) = self.queue.next()? {
            self.queue.accept(queued.id, None)?;
        }
        Ok(())
    }

    /// Waits for a packet, or until one is due.
    fn wait(&self) -> io::Result<()> {
        let due = self.held.peek().map(|Reverse(held)| held.release);
        let patience = due.map_or(STOP_POLL, |due| {
            due.saturating_duration_since(Instant::now()).min(STOP_POLL)
        });
        let mut fds = [PollFd::new(self.queue.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, Some(TimeSpec::from_duration(patience)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn take(&mut self, Queued { id, mut payload }: Queued) {
        let now = Instant::now();
        self.count += 1;
        let mut held = Held {
            release: now,
            count: self.count,
            id,
            payload: None,
            copy: None,
        };
        // What is no IPv4 packet is none of ours.
        if let Some(kind) = Kind::of(&payload) {
            let decision = decide(&mut lock(&self.effects), kind, now);
            held.release = decision.release;
            let flipped = decision
                .flip
                .is_some_and(|draw| kind.flip_bit(&mut payload, draw));
            held.payload = flipped.then(|| payload.clone());
            held.copy = decision.copy.then_some(payload);
        }
        self.held.push(Reverse(held));
    }

    /// Lets go what is due at `now`, or all.
    fn release(&mut self, now: Option<Instant>) -> io::Result<()> {
        while let Some(Reverse(held)) = self.held.peek()
            && now.is_none_or(|now| held.release <= now)
        {
            let Some(Reverse(held)) = self.held.pop() else {
                break;
            };
            self.queue.accept(held.id, held.payload.as_deref())?;
            if let Some(copy) = &held.copy {
                self.send_copy(copy);
            }
        }
        Ok(())
    }

    fn send_copy(&self, packet: &[u8]) {
        if let Some(kind) = Kind::of(packet) {
            let to = SockaddrIn::from(SocketAddrV4::new(kind.destination, 0));
            // A copy that does not get through is one that nobody counts on; the probes tell how many do.
            let _ = sendto(self.raw.as_raw_fd(), packet, &to, MsgFlags::MSG_DONTWAIT);
        }
    }
}

/// A socket that sends packets as they are, with their IP header (raw(7)).
fn raw_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (family, kind) = (AddressFamily::Inet, SockType::Raw);
    Ok(socket(family, kind, flags, SockProtocol::Raw)?)
}
