//! The connections that this node sends on, each kept up by a task of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use serde::Serialize;
use splitbrain_consensus::{Incarnation, NodeId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::frame::{Hello, append_frame};

/// How many messages may wait for one peer. The newest beyond are dropped.
const QUEUE_MESSAGES: usize = 1024;
/// A message that waited longer than this for its connection is dropped: it is outdated.
const STALE_AFTER: Duration = Duration::from_millis(100);
/// The waits after a refused attempt to connect: the first, and the longest.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_millis(200);
/// How long an attempt may take, and so how long after the end of a partition a connection is back. The kernel
/// repeats a lost SYN only after a second; giving up sooner and trying anew is what makes healing prompt. Longer
/// round trips than this are not supported.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// A connection on which something sent stays unacknowledged for so long is given up (`TCP_USER_TIMEOUT`). Across
/// a partition that drops packets silently, TCP would instead double its retransmission timeout up to minutes and
/// go on waiting long after the partition has healed.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(1);
/// The same for a peer that acknowledges and does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// What this node sends to the others.
pub(crate) struct Outbound<M> {
    links: BTreeMap<NodeId, LinkHandle<M>>,
}

struct LinkHandle<M> {
    queue: mpsc::Sender<Queued<M>>,
    dropped: Arc<AtomicU64>,
}

struct Queued<M> {
    since: Instant,
    message: M,
}

impl<M: Serialize + Send + 'static> Outbound<M> {
    /// Starts a task for every peer but `me`.
    pub(crate) fn start(me: NodeId, incarnation: Incarnation, peers: &BTreeMap<NodeId, SocketAddr>) -> Self {
        let link = |(&peer, &addr)| {
            let (queue, messages) = mpsc::channel(QUEUE_MESSAGES);
            let dropped = Arc::new(AtomicU64::new(0));
            let hello = Hello::new(me, peer, incarnation);
            let link = Link {
                peer,
                addr,
                hello,
                messages,
                dropped: Arc::clone(&dropped),
            };
            tokio::spawn(link.run());
            (peer, LinkHandle { queue, dropped })
        };
        Self {
            links: peers.iter().filter(|(peer, _)| **peer != me).map(link).collect(),
        }
    }

    /// Whether the address of `node` is known.
    pub(crate) fn knows(&self, node: NodeId) -> bool {
        self.links.contains_key(&node)
    }

    /// Sends a message, or drops it: where the peer is unknown, unreachable or slow. Never waits.
    pub(crate) fn send(&self, to: NodeId, message: M, now: Instant) {
        let Some(link) = self.links.get(&to) else {
            tracing::debug!(%to, "dropped a message to a node whose address is not known");
            return;
        };
        if link.queue.try_send(Queued { since: now, message }).is_err() {
            link.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Link<M> {
    peer: NodeId,
    addr: SocketAddr,
    hello: Hello,
    messages: mpsc::Receiver<Queued<M>>,
    dropped: Arc<AtomicU64>,
}

impl<M: Serialize> Link<M> {
    /// Connects, sends, and connects anew, until the node drops its end of the queue.
    async fn run(mut self) {
        let mut backoff = BACKOFF_MIN;
        while !self.messages.is_closed() {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(self.addr)).await {
                Ok(Ok(stream)) => {
                    let connected = Instant::now();
                    let dropped = self.dropped.swap(0, Ordering::Relaxed);
                    tracing::info!(peer = %self.peer, dropped, "connected");
                    match self.send_all(stream).await {
                        Ok(()) => return,
                        Err(error) => tracing::info!(peer = %self.peer, "lost the connection: {error}"),
                    }
                    // A peer that accepts and closes at once is not worth more haste than one that refuses.
                    if connected.elapsed() > BACKOFF_MAX {
                        backoff = BACKOFF_MIN;
                    }
                }
                Ok(Err(error)) => tracing::debug!(peer = %self.peer, "cannot connect: {error}"),
                Err(_) => {
                    // The attempt itself was the wait: a partition that drops silently looks like this.
                    tracing::debug!(peer = %self.peer, "cannot connect: no answer");
                    self.discard();
                    continue;
                }
            }
            self.discard();
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// Sends what is queued until the connection breaks. `Ok` when the node has dropped its end of the queue.
    async fn send_all(&mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let millis = u32::try_from(UNACKNOWLEDGED_MAX.as_millis()).expect("about a second");
        setsockopt(&stream, sockopt::TcpUserTimeout, &millis)?;
        let (mut answers, mut out) = stream.split();
        let (mut batch, mut bytes) = (Vec::with_capacity(QUEUE_MESSAGES), Vec::new());
        append_frame(&mut bytes, &self.hello).expect("a short frame");
        let mut nothing = [0; 1];
        loop {
            match timeout(WRITE_TIMEOUT, out.write_all(&bytes)).await {
                Ok(written) => written?,
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")),
            }
            tokio::select! {
                count = self.messages.recv_many(&mut batch, QUEUE_MESSAGES) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
                // The other end never sends here: this tells at once that it closed, or that TCP gave up.
                read = answers.read(&mut nothing) => {
                    read?;
                    return Err(io::Error::new(io::ErrorKind::ConnectionReset, "closed by the peer"));
                }
            }
            bytes.clear();
            self.encode(&mut batch, &mut bytes);
        }
    }

    fn encode(&self, batch: &mut Vec<Queued<M>>, bytes: &mut Vec<u8>) {
        let now = Instant::now();
        for Queued { since, message } in batch.drain(..) {
            if now.saturating_duration_since(since) > STALE_AFTER {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            } else if let Err(len) = append_frame(bytes, &message) {
                tracing::error!(peer = %self.peer, len, "dropped a message that is too long for a frame");
            }
        }
    }

    /// Drops what is queued for a peer that cannot be reached.
    fn discard(&mut self) {
        while self.messages.try_recv().is_ok() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
