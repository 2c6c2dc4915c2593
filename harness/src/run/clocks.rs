//! The clocks of the nodes, read all the while in runs whose faults bend them: for the page to show, and for nobody to
//! judge by. What proves a fault, the fault reads itself.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::process::{ClockOrder, ClockReading, Nodes as _};
use splitbrain_reports::results::NemesisEvent;

use super::cluster::Cluster;
use super::nemesis::NemesisLog;
use crate::record::Clock;

/// How often the clocks are read.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a node may take to answer. One that is paused does not.
const PATIENCE: Duration = Duration::from_millis(20);

/// Reads clocks until it is dropped.
#[derive(Debug)]
pub(super) struct ClockReader {
    /// Closed to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ClockReader {
    /// Begins.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(cluster: Arc<Cluster>, log: Arc<NemesisLog>, clock: Clock) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let read = move || {
            // The first reading of each node's present process.
            let mut first: BTreeMap<Node, ClockReading> = BTreeMap::new();
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                for node in cluster.processes().nodes() {
                    let control = cluster.processes().clock(node);
                    let Some(Ok(reading)) = control.map(|at| at.order(ClockOrder::Show, PATIENCE)) else {
                        continue;
                    };
                    let before = first.entry(node).or_insert(reading);
                    if before.pid != reading.pid {
                        *before = reading;
                    }
                    log.write(&gained(node, before, &reading, clock));
                }
            }
        };
        let thread = thread::Builder::new().name("clocks".to_owned()).spawn(read)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for ClockReader {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic was printed by itself, and takes nothing but a plot.
            let _ = thread.join();
        }
    }
}

fn gained(node: Node, before: &ClockReading, now: &ClockReading, clock: Clock) -> NemesisEvent {
    // A clock has gained nothing on itself.
    let (least_us, most_us) = match before == now {
        true => (0, 0),
        false => {
            let bounds = now.gained_since(before);
            (bounds.least_us.floor() as i64, bounds.most_us.ceil() as i64)
        }
    };
    NemesisEvent::Clock {
        time: clock.now_ns(),
        node: node.to_string(),
        least_us,
        most_us,
    }
}
