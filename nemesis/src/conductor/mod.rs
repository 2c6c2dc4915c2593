//! The conductor: carries out a schedule, and leaves everything healed.
//!
//! However a run of it ends, by the schedule's end, a stop request or an error, every fault in force is stopped
//! first, in the reverse order of their starts, and then the heal is verified.

mod stop;

use std::time::Duration;

pub use stop::StopRequest;

use crate::faults::{self, Arena, Evidence, Fault, FaultError};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError};
use crate::schedule::{FaultKind, FaultVariant, Schedule, ScheduledFault};

/// How often nodes are looked after between faults.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

/// What happened, in the order in which it did. Times are nanoseconds on the caller's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A fault is in force.
    Started {
        /// Its number in the schedule.
        id: u32,
        /// What it is.
        variant: FaultVariant,
        /// The nodes struck.
        nodes: Vec<Node>,
        /// When it was asked for; nothing of it was in force before.
        asked_ns: u64,
        /// When all of it was in force.
        start_ns: u64,
    },
    /// A fault is healed.
    Stopped {
        /// Its number in the schedule.
        id: u32,
        /// When the last of it was gone.
        stop_ns: u64,
        /// Whether it is proven that it had been in force, and is no longer.
        proven: bool,
        /// What shows it, or speaks against it.
        evidence: Vec<String>,
    },
    /// A node's process ended without being asked to. It is not started again.
    Died {
        /// When it was noticed.
        time_ns: u64,
        /// What is known of it.
        death: Death,
    },
}

/// How the conducting of a schedule went, where nothing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conducted {
    /// Whether it ended early, because it was asked to.
    pub interrupted: bool,
    /// How many faults were started, and stopped.
    pub faults: usize,
    /// How many of them are proven.
    pub proven: usize,
    /// The nodes that died by themselves.
    pub deaths: Vec<Death>,
}

/// A failure of the harness or the host. Everything that could be healed has been.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// A fault could not be set up, started, observed or stopped.
    #[error("{step} fault {id} ({variant}) failed")]
    Fault {
        /// What was tried.
        step: &'static str,
        /// The fault's number in the schedule.
        id: u32,
        /// What it is.
        variant: FaultVariant,
        /// How it failed.
        #[source]
        source: FaultError,
    },
    /// The nodes' processes could not be watched.
    #[error("watching the nodes failed")]
    Watch(#[source] ProcessError),
    /// The heal could not be verified.
    #[error("verifying the heal failed")]
    Verify(#[source] FaultError),
    /// Something is still broken after the heal.
    #[error("not everything was healed: {}", .0.join("; "))]
    NotHealed(Vec<String>),
}

/// Carries out `schedule`, whose times count from `origin_ns` on `clock` (nanoseconds, monotonic). Blocks until the
/// last fault is healed, or until shortly after `stop` is requested. Events go to `sink` as they happen.
///
/// # Errors
/// If a fault fails, as opposed to not being proven; or if something is not healed at the end.
pub fn conduct(
    schedule: &Schedule,
    arena: Arena<'_>,
    clock: &dyn Fn() -> u64,
    origin_ns: u64,
    stop: &StopRequest,
    sink: &mut dyn FnMut(Event),
) -> Result<Conducted, ConductError> {
    let part = |event| Part {
        event,
        fault: faults::build(event),
        state: PartState::Waiting,
    };
    let parts = schedule.events.iter().map(part).collect();
    let mut conductor = Conductor {
        arena,
        clock,
        origin_ns,
        stop,
        sink,
        parts,
        deaths: Vec::new(),
        proven: 0,
    };
    let played = conductor.set_up().and_then(|()| conductor.play());
    let healed = conductor.heal();
    let verified = conductor.verify();
    // The first failure is the cause: the later ones may be its consequences.
    let interrupted = played.and_then(|interrupted| healed.and(verified).map(|()| interrupted))?;
    let Conductor {
        parts,
        deaths,
        proven,
        ..
    } = conductor;
    let faults = parts
        .iter()
        .filter(|part| part.state == PartState::Healed)
        .count();
    Ok(Conducted {
        interrupted,
        faults,
        proven,
        deaths,
    })
}

#[derive(Clone, Copy)]
enum Action {
    // In this order where both are due: a fault may follow another of its kind at once.
    Stop,
    Start,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartState {
    Waiting,
    /// Its start failed: some of it may be in force.
    Broken,
    InForce,
    Healed,
}

struct Part<'a> {
    event: &'a ScheduledFault,
    fault: Box<dyn Fault>,
    state: PartState,
}

struct Conductor<'a> {
    arena: Arena<'a>,
    clock: &'a dyn Fn() -> u64,
    origin_ns: u64,
    stop: &'a StopRequest,
    sink: &'a mut dyn FnMut(Event),
    parts: Vec<Part<'a>>,
    deaths: Vec<Death>,
    proven: usize,
}

impl Conductor<'_> {
    fn set_up(&mut self) -> Result<(), ConductError> {
        for Part { event, fault, .. } in &mut self.parts {
            fault.set_up(self.arena).map_err(failed("setting up", event))?;
        }
        Ok(())
    }

    /// Returns whether it was interrupted.
    fn play(&mut self) -> Result<bool, ConductError> {
        for (time_ms, action, index) in self.agenda() {
            if self.wait_until(self.origin_ns.saturating_add(time_ms.saturating_mul(1_000_000)))? {
                return Ok(true);
            }
            match action {
                Action::Start => self.start_fault(index)?,
                Action::Stop => self.stop_fault(index)?,
            }
        }
        Ok(false)
    }

    fn agenda(&self) -> Vec<(u64, Action, usize)> {
        let mut agenda: Vec<(u64, Action, usize)> = Vec::new();
        for (index, Part { event, .. }) in self.parts.iter().enumerate() {
            agenda.push((event.start_ms, Action::Start, index));
            agenda.push((event.stop_ms, Action::Stop, index));
        }
        agenda.sort_by_key(|(time_ms, action, index)| (*time_ms, *action as u8, *index));
        agenda
    }

    /// Watches the nodes meanwhile. Returns whether a stop was requested.
    fn wait_until(&mut self, deadline_ns: u64) -> Result<bool, ConductError> {
        loop {
            self.note_deaths()?;
            let left = Duration::from_nanos(deadline_ns.saturating_sub((self.clock)()));
            if self.stop.wait(left.min(WATCH_INTERVAL)) {
                return Ok(true);
            }
            if left <= WATCH_INTERVAL {
                return Ok(false);
            }
        }
    }

    fn note_deaths(&mut self) -> Result<(), ConductError> {
        for node in self.arena.nodes.nodes() {
            if let NodeState::Died(death) = self.arena.nodes.state(node).map_err(ConductError::Watch)?
                && !self.deaths.contains(&death)
            {
                self.deaths.push(death.clone());
                (self.sink)(Event::Died {
                    time_ns: (self.clock)(),
                    death,
                });
            }
        }
        Ok(())
    }

    fn start_fault(&mut self, index: usize) -> Result<(), ConductError> {
        let Part { event, fault, state } = &mut self.parts[index];
        let asked_ns = (self.clock)();
        *state = PartState::Broken;
        let nodes = fault.start(self.arena).map_err(failed("starting", event))?;
        *state = PartState::InForce;
        let start_ns = (self.clock)();
        (self.sink)(Event::Started {
            id: event.id,
            variant: event.variant,
            nodes,
            asked_ns,
            start_ns,
        });
        Ok(())
    }

    /// Heals even where there is no evidence to be had.
    fn stop_fault(&mut self, index: usize) -> Result<(), ConductError> {
        let Part { event, fault, state } = &mut self.parts[index];
        let during = fault
            .evidence_during(self.arena)
            .map_err(failed("observing", event));
        fault.stop(self.arena).map_err(failed("stopping", event))?;
        let stop_ns = (self.clock)();
        *state = PartState::Healed;
        let mut evidence = during?;
        evidence.extend(
            fault
                .evidence_after(self.arena)
                .map_err(failed("observing", event))?,
        );
        let proven = evidence.is_proof();
        self.proven += usize::from(proven);
        let Evidence {
            sentences,
            objections,
        } = evidence;
        let evidence = objections.into_iter().chain(sentences).collect();
        (self.sink)(Event::Stopped {
            id: event.id,
            stop_ns,
            proven,
            evidence,
        });
        Ok(())
    }

    /// Stops what is in force, the last first, and tears all down. Tries everything; returns the first failure.
    fn heal(&mut self) -> Result<(), ConductError> {
        let mut first_error = Ok(());
        for index in (0..self.parts.len()).rev() {
            let Part { event, fault, state } = &mut self.parts[index];
            let stopped = match state {
                PartState::Waiting | PartState::Healed => Ok(()),
                PartState::Broken => fault.stop(self.arena).map_err(failed("stopping", event)),
                PartState::InForce => self.stop_fault(index),
            };
            first_error = first_error.and(stopped);
        }
        for Part { event, fault, .. } in &mut self.parts {
            first_error = first_error.and(fault.tear_down(self.arena).map_err(failed("tearing down", event)));
        }
        first_error
    }

    fn verify(&mut self) -> Result<(), ConductError> {
        self.note_deaths()?;
        let mut objections = Vec::new();
        for node in self.arena.nodes.nodes() {
            match self.arena.nodes.state(node).map_err(ConductError::Watch)? {
                NodeState::Running { .. } | NodeState::Died(_) => {}
                NodeState::Paused { .. } => objections.push(format!("{node} is still paused")),
                NodeState::Down => objections.push(format!("{node} is still down")),
            }
        }
        if self
            .parts
            .iter()
            .any(|part| part.event.variant.kind() == FaultKind::Partition)
        {
            let network = faults::check_network_is_whole(self.arena).map_err(ConductError::Verify)?;
            objections.extend(network);
        }
        if objections.is_empty() {
            Ok(())
        } else {
            Err(ConductError::NotHealed(objections))
        }
    }
}

fn failed(step: &'static str, event: &ScheduledFault) -> impl FnOnce(FaultError) -> ConductError {
    let ScheduledFault { id, variant, .. } = *event;
    move |source| ConductError::Fault {
        step,
        id,
        variant,
        source,
    }
}
