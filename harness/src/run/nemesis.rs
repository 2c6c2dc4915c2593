//! The nemesis of a run: conducts its schedule and writes down what it did.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use splitbrain_nemesis::conductor::{ConductError, Conducted, Event, StopRequest, conduct};
use splitbrain_nemesis::faults::Arena;
use splitbrain_nemesis::schedule::Schedule;
use splitbrain_reports::results::{Fault, NemesisEvent};

use super::cluster::Cluster;
use super::watch::View;
use crate::record::Clock;

/// `nemesis.jsonl`, and the faults so far.
#[derive(Debug)]
pub(super) struct NemesisLog {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Whether a write failed; nothing is written thereafter.
    failed: bool,
    /// The failure, told at the end.
    failure: Option<io::Error>,
    faults: BTreeMap<u32, Fault>,
}

impl NemesisLog {
    /// Creates the file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn create(path: &Path) -> io::Result<Arc<Self>> {
        let state = State {
            file: File::create(path)?,
            failed: false,
            failure: None,
            faults: BTreeMap::new(),
        };
        Ok(Arc::new(Self {
            state: Mutex::new(state),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event. There are few: each goes to the file at once.
    pub(super) fn write(&self, event: &NemesisEvent) {
        let mut state = self.state();
        if state.failed {
            // The file may end in half a line, to which nothing must be added.
            return;
        }
        let line = serde_json::to_string(event).map_err(io::Error::from);
        let written = line.and_then(|line| state.file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            state.failed = true;
            state.failure = Some(error);
        }
    }

    /// Takes what the conductor did into account.
    fn take(&self, event: Event) {
        match event {
            Event::Started {
                id,
                variant,
                nodes,
                start_asked_ns,
                start_ns,
            } => {
                let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
                let fault = Fault {
                    id,
                    kind: variant.kind().name().to_owned(),
                    variant: variant.name().to_owned(),
                    nodes,
                    start_asked_ns: Some(start_asked_ns),
                    start_ns,
                    stop_asked_ns: None,
                    stop_ns: None,
                    proven: false,
                    evidence: Vec::new(),
                };
                self.write(&started(&fault));
                self.state().faults.insert(id, fault);
            }
            Event::Stopped {
                id,
                stop_asked_ns,
                stop_ns,
                proven,
                evidence,
            } => {
                if let Some(fault) = self.state().faults.get_mut(&id) {
                    (fault.stop_asked_ns, fault.stop_ns) = (Some(stop_asked_ns), Some(stop_ns));
                    fault.proven = proven;
                    fault.evidence.clone_from(&evidence);
                }
                self.write(&NemesisEvent::Stop {
                    time: stop_ns,
                    fault: id,
                    proven,
                    evidence,
                });
            }
            // Deaths are asked of the cluster at the end, those after the last fault among them.
            Event::Died { death, .. } => tracing::error!("{death}"),
        }
    }

    /// The faults so far, by their numbers.
    #[must_use]
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.state().faults.values().cloned().collect()
    }

    /// The faults that are active now, `partition halves`.
    #[must_use]
    pub(super) fn active(&self) -> Vec<String> {
        let state = self.state();
        let active = state.faults.values().filter(|fault| fault.stop_ns.is_none());
        active
            .map(|fault| format!("{} {}", fault.kind, fault.variant))
            .collect()
    }

    /// The failure to write, if any. It is told once.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.state().failure.take()
    }
}

fn started(fault: &Fault) -> NemesisEvent {
    NemesisEvent::Start {
        time: fault.start_ns,
        fault: fault.id,
        kind: fault.kind.clone(),
        variant: fault.variant.clone(),
        nodes: fault.nodes.clone(),
    }
}

/// A conductor at work on a thread of its own, since faults block for milliseconds.
#[derive(Debug)]
pub(super) struct Nemesis {
    stop: StopRequest,
    thread: JoinHandle<Result<Conducted, ConductError>>,
    failed: Arc<AtomicBool>,
}

impl Nemesis {
    /// Starts to conduct `schedule`, whose times count from `origin_ns`.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(
        schedule: Schedule,
        cluster: Arc<Cluster>,
        view: Arc<View>,
        log: Arc<NemesisLog>,
        clock: Clock,
        origin_ns: u64,
    ) -> io::Result<Self> {
        let stop = StopRequest::new();
        let stopped = stop.clone();
        let failed = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&failed);
        let thread = thread::Builder::new().name("nemesis".to_owned()).spawn(move || {
            let primaries = || view.primaries();
            let arena = Arena {
                network: cluster.network(),
                nodes: cluster.processes(),
                primaries: &primaries,
                moments: &*view,
            };
            let conducted = conduct(
                &schedule,
                arena,
                &|| clock.now_ns(),
                origin_ns,
                &stopped,
                &mut |event| log.take(event),
            );
            failing.store(conducted.is_err(), Ordering::Relaxed);
            conducted
        })?;
        Ok(Self { stop, thread, failed })
    }

    /// Heals at once what is in force, and injects no more.
    pub(super) fn stop(&self) {
        self.stop.request();
    }

    /// Whether every fault of the schedule has come and gone.
    #[must_use]
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Whether the conductor gave up.
    #[must_use]
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// As [`conduct`]; a panic of the conductor is an error too.
    pub(super) fn join(self) -> Result<Conducted, String> {
        match self.thread.join() {
            Ok(conducted) => conducted.map_err(|error| super::cluster::causes(&error)),
            Err(_) => Err("the nemesis panicked".to_owned()),
        }
    }
}
