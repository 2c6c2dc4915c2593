//! Starting a node: its folder, its log, its sockets, its core; and ending it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use splitbrain_consensus::{NodeId, Setup};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::args::NodeArgs;
use crate::clients::accept_clients;
use crate::clock::{ClockRate, ShellClock};
use crate::clock_control::{self, accept_orders};
use crate::data_dir::{DataDir, DataDirError};
use crate::host::{Host, Input};
use crate::peers::{Outbound, accept_peers};
use crate::protocols::{Hosted, run_named};
use crate::wal::{Segment, WalError, Writer};

/// How many inputs may wait for the core before those who bring them have to wait, which the senders feel through
/// TCP.
const MAX_INPUTS: usize = 8192;

/// Why a node did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The command line contradicts itself or names something unknown. A sentence for the user.
    #[error("{0}")]
    Configuration(String),
    /// The data folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log cannot be opened.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The log cannot be written any more. Nothing was acknowledged that depends on it.
    #[error("stopped, since the write-ahead log cannot be written: {0}")]
    Log(Arc<WalError>),
    /// The thread of the log panicked.
    #[error("stopped, since the thread of the write-ahead log died")]
    LogThreadDied,
    /// A snapshot of the log or of a peer is none of this service.
    #[error("stopped, since a snapshot cannot be restored: {0}")]
    Snapshot(String),
    /// No socket.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No socket for orders to the clock.
    #[error("cannot take orders to the clock at {path}: {source}")]
    ClockControl {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No runtime, signal handler or standard output.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// All that a node must know of itself.
#[derive(Clone, Debug)]
pub struct Config<O> {
    /// The node.
    pub id: NodeId,
    /// The voting members of a new cluster.
    pub members: Vec<NodeId>,
    /// Where each node listens for the others, this one included.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// The folder for what must survive a restart.
    pub data: PathBuf,
    /// The seed of the core's own randomness. The incarnation is mixed in, so that each life has its own.
    pub seed: u64,
    /// How fast the node's clock runs.
    pub clock_rate: ClockRate,
    /// The socket at which orders to bend it are taken, if any are.
    pub clock_control: Option<PathBuf>,
    /// The protocol's own settings.
    pub options: O,
}

/// The sockets on which a node listens, already bound.
#[derive(Debug)]
pub struct Sockets {
    /// For clients.
    pub clients: TcpListener,
    /// For other nodes.
    pub peers: TcpListener,
}

/// Runs a node until `stop` is cancelled. `ready` is called once everything persisted was read and restored, just
/// before the first client is served.
///
/// # Errors
/// If its folder or log cannot be used, or it must not go on.
pub async fn serve<P: Hosted + 'static>(
    config: Config<P::Options>,
    sockets: Sockets,
    ready: impl FnOnce() -> io::Result<()>,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    let Config {
        id,
        members,
        peers,
        data,
        seed,
        clock_rate,
        clock_control,
        options,
    } = config;
    let data = DataDir::open(&data)?;
    let incarnation = data.incarnation();
    let (segment, records) = Segment::open(data.path())?;
    tracing::info!(node = %id, incarnation = incarnation.0, records = records.len(), "starting");

    let clock = ShellClock::start(clock_rate);
    let setup = Setup {
        id,
        members,
        incarnation,
        seed: seed_of_life(seed, id, incarnation.0),
        options,
    };
    let core = P::start(setup, records, clock.now());
    let outbound = Outbound::start(id, incarnation, &peers);
    let orders = match &clock_control {
        Some(path) => {
            let listener = clock_control::listen(path).map_err(|source| NodeError::ClockControl {
                path: path.clone(),
                source,
            })?;
            Some(tokio::spawn(accept_orders(listener, clock.clone())))
        }
        None => None,
    };
    let mut host = Host::new(id, incarnation, core, clock, outbound, Writer::start(segment));
    host.begin()?;
    ready()?;

    let (input, inputs) = mpsc::channel::<Input<P>>(MAX_INPUTS);
    let known = peers.into_keys().collect();
    let listeners = [
        tokio::spawn(accept_peers::<P::Message, _>(
            sockets.peers,
            id,
            known,
            input.clone(),
        )),
        tokio::spawn(accept_clients(sockets.clients, id, input)),
    ];
    let result = host.run(inputs, stop).await;
    for listener in listeners.into_iter().chain(orders) {
        listener.abort();
    }
    result
}

/// A seed for each node and life out of the one of the cluster (the finaliser of SplitMix64).
fn seed_of_life(seed: u64, id: NodeId, incarnation: u64) -> u64 {
    let mut mixed = seed ^ (u64::from(id.0) << 48) ^ incarnation.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The node as a process: runs until SIGTERM or SIGINT. Prints a line that begins with `listening` to standard
/// output once clients can connect; everything else goes to standard error.
///
/// The exit code is 0 after a signal, 2 for a command line that makes no sense, and 4 if the node cannot start or
/// must not go on; 101 means that it panicked.
#[must_use]
pub fn main(args: &NodeArgs) -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(args.log)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    exit_on_panic();
    match run_named(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(if matches!(error, NodeError::Configuration(_)) {
                2
            } else {
                4
            })
        }
    }
}

/// Ends the process when any of its threads or tasks panics: a node that lost a part of itself must not go on
/// half alive, deaf to its peers perhaps but still answering reads.
fn exit_on_panic() {
    const EXIT_CODE: i32 = 101;
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(EXIT_CODE);
    }));
}

/// Runs a node of the protocol `P` as this process: what [`main`] does for the protocol that the arguments name.
///
/// # Errors
/// If the arguments make no sense, the node cannot start, or it must not go on.
pub fn run<P: Hosted + 'static>(args: &NodeArgs) -> Result<(), NodeError> {
    let peers = args.peer_addrs().map_err(NodeError::Configuration)?;
    let options = P::options(args.mutant.as_deref(), &args.options).map_err(NodeError::Configuration)?;
    let config = Config {
        id: NodeId(args.id),
        members: args.members.iter().copied().map(NodeId).collect(),
        data: args.data.clone(),
        seed: args.seed,
        clock_rate: args.clock_rate,
        clock_control: args.clock_control.clone(),
        options,
        peers,
    };
    // One thread: several nodes share a machine, and all that is worth doing in parallel is the log's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone())?);
        let sockets = Sockets {
            clients: listen(args.client_addr).await?,
            peers: listen(config.peers[&config.id]).await?,
        };
        let ready = || {
            let mut stdout = io::stdout();
            writeln!(stdout, "listening on {} for clients", args.client_addr)?;
            stdout.flush()
        };
        serve::<P>(config, sockets, ready, stop).await
    })
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| NodeError::Listen { addr, source })
}

/// Installs the handlers at once; the future cancels `stop` at the first signal.
fn stop_on_signal(stop: CancellationToken) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    })
}
