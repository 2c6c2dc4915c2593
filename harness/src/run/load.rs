//! The load of a run: its clients, from the first op to the last answer.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use splitbrain_systems::NodeAddrs;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use crate::catalog;
use crate::client::{Client, Latencies, Load, Movement, NodeSession, Pace, SessionSetup};
use crate::failure::{Failure, Result};
use crate::record::Pen;
use crate::test_file::Test;
use crate::workload::{Arrivals, Thread};

/// How long, beyond its op timeouts, a client may take to come to its end.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Clients at work.
pub(super) struct Clients {
    load: Arc<Load>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<io::Result<()>>,
    op_timeout: Duration,
}

impl Clients {
    /// Starts all clients of `test`. Must be called within a runtime.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is no such workload.
    pub(super) fn start(test: &Test, addrs: &[NodeAddrs], pen: Pen) -> Result<Self> {
        let workload = catalog::workload(&test.workload)?;
        let pace = match test.rate {
            Some(rate) => Pace::open(Arrivals::new(rate, test.arrivals, test.seed), pen.clock()),
            None => Pace::Closed {
                reader_interval: test.mix.reader_interval.0,
            },
        };
        let load = Arc::new(Load {
            pen,
            generator: Mutex::new(workload.generator(&test.mix, test.seed)),
            pace,
            latencies: Mutex::new(Latencies::new(test.read_modes.len())),
            concurrency: test.concurrency,
        });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let has_sessions = catalog::system(&test.system)?.has_sessions();
        for (thread, place) in test.placements().into_iter().enumerate() {
            let asked = test.layout().nodes_asked(place.read_mode);
            let session = NodeSession::new(SessionSetup {
                client: format!("c{thread}"),
                nodes: addrs.iter().map(|at| (at.id, at.client)).collect(),
                first: place.node,
                movement: test.move_every.map(|every| Movement {
                    every: every.0,
                    among: asked,
                }),
                read_mode: test.read_modes[place.read_mode].name.clone(),
                timeout: test.op_timeout.0,
                has_sessions,
            });
            let client = Client::new(Thread(thread), place, session, Arc::clone(&load));
            tasks.spawn(client.run(stopped.clone()));
        }
        Ok(Self {
            load,
            stop,
            tasks,
            op_timeout: test.op_timeout.0,
        })
    }

    /// What the clients share.
    #[must_use]
    pub(super) fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// Waits until a client ends before it is told to, which only a failure makes it do.
    pub(super) async fn failed(&mut self) -> Failure {
        match self.tasks.join_next().await {
            Some(ended) => failure(ended).unwrap_or_else(|| Failure::host("a client ended early")),
            // A run has at least one client, and this is only awaited while all of them run.
            None => std::future::pending().await,
        }
    }

    /// Asks no more, and waits for the answers that are still to come. An op that even then has none stays open:
    /// its outcome is unknown.
    ///
    /// # Errors
    /// If a client failed.
    pub(super) async fn drain(mut self) -> Result<()> {
        self.stop.send_replace(true);
        // A call may have to connect first, and to take its session along: each has the same time limit as the op.
        let patience = self.op_timeout * 3 + DRAIN_GRACE;
        let mut first = Ok(());
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Some(failure) = failure(ended) {
                    first = std::mem::replace(&mut first, Ok(())).and(Err(failure));
                }
            }
        };
        let _ = time::timeout(patience, all).await;
        first
    }
}

fn failure(ended: std::result::Result<io::Result<()>, tokio::task::JoinError>) -> Option<Failure> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Failure::host(format!("the history cannot be written: {error}"))),
        Err(error) => Some(Failure::host(format!("a client failed: {error}"))),
    }
}
