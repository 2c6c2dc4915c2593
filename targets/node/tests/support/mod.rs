//! Whole nodes over loopback, each on a thread of its own, and a plain client.

pub(crate) mod single_leader;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread::{JoinHandle, spawn};

use splitbrain_consensus::NodeId;
use splitbrain_node::{ClockRate, Config, NodeError, Sockets, serve};
use splitbrain_service::wire::{Reply, Request, RequestBody, decode_reply, encode_request};
use tokio_util::sync::CancellationToken;

use self::single_leader::{Options, SingleLeader};

/// A cluster whose nodes are started and stopped one by one. Their addresses and folders stay.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    addrs: BTreeMap<NodeId, [SocketAddr; 2]>,
    running: BTreeMap<NodeId, Running>,
    snapshot_every: u64,
    /// Whether connections are sessions.
    sessions: bool,
}

struct Running {
    stop: CancellationToken,
    thread: JoinHandle<Result<(), NodeError>>,
}

impl Cluster {
    /// A cluster of nodes `1..=size`, none of them started.
    pub(crate) fn new(size: u16, snapshot_every: u64) -> Self {
        // All sockets are bound before the first is let go, so that the ports differ.
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let bound: Vec<_> = (1..=size).map(|id| (NodeId(id), [bind(), bind()])).collect();
        let addrs = bound
            .iter()
            .map(|(id, sockets)| (*id, sockets.each_ref().map(|s| s.local_addr().unwrap())));
        let addrs = addrs.collect();
        Self {
            folder: tempfile::tempdir().unwrap(),
            addrs,
            running: BTreeMap::new(),
            snapshot_every,
            sessions: false,
        }
    }

    /// The same, with connections that are sessions.
    pub(crate) fn with_sessions(size: u16) -> Self {
        let mut cluster = Self::new(size, u64::MAX / 2);
        cluster.sessions = true;
        cluster.start_all();
        cluster
    }

    pub(crate) fn started(size: u16, snapshot_every: u64) -> Self {
        let mut cluster = Self::new(size, snapshot_every);
        cluster.start_all();
        cluster
    }

    pub(crate) fn start_all(&mut self) {
        for id in self.addrs.keys().copied().collect::<Vec<_>>() {
            self.start(id);
        }
    }

    /// Starts a node and waits until it is ready, or has ended.
    pub(crate) fn start(&mut self, id: NodeId) {
        let config = Config {
            id,
            members: self.addrs.keys().copied().collect(),
            peers: self.addrs.iter().map(|(id, [_, peer])| (*id, *peer)).collect(),
            data: self.data(id),
            seed: 1,
            clock_rate: ClockRate::default(),
            clock_control: None,
            options: Options {
                snapshot_every: self.snapshot_every,
            },
        };
        let (stop, addrs, sessions) = (CancellationToken::new(), self.addrs[&id], self.sessions);
        let (ready, is_ready) = mpsc::channel();
        let stopped = stop.clone();
        let thread = spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let [clients, peers] =
                    addrs.map(|addr| async move { tokio::net::TcpListener::bind(addr).await });
                let sockets = Sockets {
                    clients: clients.await?,
                    peers: peers.await?,
                };
                let ready = move || ready.send(()).map_err(io::Error::other);
                match sessions {
                    true => serve::<SingleLeader<true>>(config, sockets, ready, stopped).await,
                    false => serve::<SingleLeader<false>>(config, sockets, ready, stopped).await,
                }
            })
        });
        // An error says that the node ended first, which `stop` reports.
        let _ = is_ready.recv();
        self.running.insert(id, Running { stop, thread });
    }

    pub(crate) fn stop(&mut self, id: NodeId) -> Result<(), NodeError> {
        let Running { stop, thread } = self.running.remove(&id).unwrap();
        stop.cancel();
        thread.join().unwrap()
    }

    /// Waits until a node ends by itself.
    pub(crate) fn ended(&mut self, id: NodeId) -> Result<(), NodeError> {
        self.running.remove(&id).unwrap().thread.join().unwrap()
    }

    pub(crate) fn stop_all(&mut self) {
        for id in self.running.keys().copied().collect::<Vec<_>>() {
            self.stop(id).unwrap();
        }
    }

    pub(crate) fn data(&self, id: NodeId) -> std::path::PathBuf {
        self.folder.path().join(id.to_string())
    }

    pub(crate) fn client(&self, id: NodeId) -> Client {
        let stream = TcpStream::connect(self.addrs[&id][0]).unwrap();
        Client {
            node: id,
            last: 0,
            stream: BufReader::new(stream),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
    }
}

/// The one file of the log of a node.
pub(crate) fn log_file(data: &Path) -> std::path::PathBuf {
    let names = std::fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = names
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
        .collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs.remove(0)
}

/// A client that writes and reads lines.
pub(crate) struct Client {
    node: NodeId,
    last: u64,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Sends a request and returns its number.
    pub(crate) fn send(&mut self, body: RequestBody<'_>) -> u64 {
        self.last += 1;
        let dest = self.node.to_string();
        let request = Request {
            src: "c1".into(),
            dest: dest.into(),
            msg_id: self.last,
            body,
        };
        let mut line = Vec::new();
        encode_request(&mut line, &request);
        self.send_raw(&line);
        self.last
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// The next reply, whichever request it answers; `None` where the node closed the connection.
    pub(crate) fn receive(&mut self) -> Option<Reply> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(decode_reply(line.trim_end().as_bytes()).unwrap()),
        }
    }

    pub(crate) fn call(&mut self, body: RequestBody<'_>) -> Reply {
        let id = self.send(body);
        let reply = self.receive().expect("the node answers");
        assert_eq!(reply.in_reply_to, Some(id));
        reply
    }
}
