//! The conductor: carries out a schedule, and leaves everything healed.
//!
//! However a run of it ends, by the schedule's end, a stop request or an error, every fault in force is stopped
//! first, in the reverse order of their starts, and then the heal is verified.
//!
//! A fault that comes late, since another took long or a leader had to be waited for, still gets half of its time.
//! One that does not, because everything was to stop, is not proven: it hardly was what its schedule says.

mod stop;

use std::time::{Duration, Instant};

pub use stop::StopRequest;

use crate::faults::{self, Arena, Evidence, Fault, FaultError};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError};
use crate::schedule::{FaultKind, FaultVariant, Schedule, ScheduledFault};

/// How often nodes are looked after between faults.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);
/// The same while a fault waits for its moment, which may be over in some milliseconds.
const WATCH_CLOSELY_INTERVAL: Duration = Duration::from_millis(2);

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
        /// When it was asked for: nothing of it was in force before.
        start_asked_ns: u64,
        /// When all of it was in force.
        start_ns: u64,
    },
    /// A fault is healed.
    Stopped {
        /// Its number in the schedule.
        id: u32,
        /// When its healing began: until then all of it was in force.
        stop_asked_ns: u64,
        /// When the last of it was gone.
        stop_ns: u64,
        /// Whether it is proven that it had been in force, and is no longer.
        proven: bool,
        /// What shows it, or speaks against it.
        evidence: Vec<String>,
    },
    /// A node's process ended without being asked to, and no fault of its disk excuses that. It is not started again.
    Died {
        /// When it was noticed.
        time_ns: u64,
        /// What is known of it.
        death: Death,
    },
}

/// How the conducting of a schedule went, where nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conducted {
    /// Whether it ended early, because it was asked to.
    pub interrupted: bool,
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
        moment: None,
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
        watched: None,
    };
    let played = conductor.set_up().and_then(|()| conductor.play());
    let healed = conductor.heal();
    let verified = conductor.verify();
    // The first failure is the cause: the later ones may be its consequences.
    let interrupted = played.and_then(|interrupted| healed.and(verified).map(|()| interrupted))?;
    Ok(Conducted { interrupted })
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
    /// It waits for its moment until `deadline_ns`.
    Armed {
        since: Instant,
        deadline_ns: u64,
    },
    /// Its start failed: some of it may be in force.
    Broken,
    InForce {
        start_ns: u64,
    },
    Healed,
}

struct Part<'a> {
    event: &'a ScheduledFault,
    fault: Box<dyn Fault>,
    state: PartState,
    /// What it is about the moment at which it struck, where it waited for one.
    moment: Option<String>,
}

struct Conductor<'a> {
    arena: Arena<'a>,
    clock: &'a dyn Fn() -> u64,
    origin_ns: u64,
    stop: &'a StopRequest,
    sink: &'a mut dyn FnMut(Event),
    parts: Vec<Part<'a>>,
    deaths: Vec<Death>,
    /// When the nodes were last looked after.
    watched: Option<Instant>,
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
            let time_ns = self.origin_ns.saturating_add(time_ms.saturating_mul(1_000_000));
            if self.wait_until(time_ns)? {
                return Ok(true);
            }
            match action {
                Action::Start if self.parts[index].event.when.is_some() => self.arm(index),
                Action::Start => self.start_fault(index)?,
                Action::Stop => {
                    if let PartState::Armed { .. } = self.parts[index].state {
                        // What came before it took so long that it was armed too late.
                        self.start_fault(index)?;
                    }
                    let Part { event, state, .. } = &self.parts[index];
                    if let PartState::InForce { start_ns } = *state
                        && self.wait_until(start_ns.saturating_add(least_ns(event)))?
                    {
                        return Ok(true);
                    }
                    self.stop_fault(index)?;
                }
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
            if self.watched.is_none_or(|at| at.elapsed() >= WATCH_INTERVAL) {
                self.watched = Some(Instant::now());
                self.note_deaths()?;
                self.keep_up()?;
            }
            let interval = match self.strike_where_armed()? {
                true => WATCH_CLOSELY_INTERVAL,
                false => WATCH_INTERVAL,
            };
            let left = Duration::from_nanos(deadline_ns.saturating_sub((self.clock)()));
            if self.stop.wait(left.min(interval)) {
                return Ok(true);
            }
            if left <= interval {
                return Ok(false);
            }
        }
    }

    /// Lets a fault wait for its moment, but no longer than it leaves half of its time.
    fn arm(&mut self, index: usize) {
        let now_ns = (self.clock)();
        let Part { event, state, .. } = &mut self.parts[index];
        *state = PartState::Armed {
            since: Instant::now(),
            deadline_ns: now_ns.saturating_add(least_ns(event)),
        };
        self.arena.moments.look_closely(true);
    }

    /// Starts the faults whose moment has come, or whose patience has ended. Returns whether others still wait.
    fn strike_where_armed(&mut self) -> Result<bool, ConductError> {
        let mut waits = false;
        for index in 0..self.parts.len() {
            let Part {
                event, state, moment, ..
            } = &mut self.parts[index];
            let (PartState::Armed { since, deadline_ns }, Some(when)) = (*state, event.when) else {
                continue;
            };
            match self.arena.moments.seen(when, since) {
                Some(seen) => *moment = Some(format!("it struck when {seen}")),
                None if (self.clock)() < deadline_ns => {
                    waits = true;
                    continue;
                }
                None => {
                    let ms = since.elapsed().as_millis();
                    *moment = Some(format!("it waited for {ms} ms, but {}", when.missed()));
                }
            }
            self.start_fault(index)?;
        }
        self.arena.moments.look_closely(waits);
        Ok(waits)
    }

    /// Lets the faults in force do what they do again and again.
    fn keep_up(&mut self) -> Result<(), ConductError> {
        for Part {
            event, fault, state, ..
        } in &mut self.parts
        {
            if matches!(state, PartState::InForce { .. }) {
                fault.keep_up(self.arena).map_err(failed("keeping up", event))?;
            }
        }
        Ok(())
    }

    fn note_deaths(&mut self) -> Result<(), ConductError> {
        for node in self.arena.nodes.nodes() {
            if let NodeState::Died(death) = self.arena.nodes.state(node).map_err(ConductError::Watch)?
                && !self.deaths.contains(&death)
                && !faults::is_excused(self.arena, &death)
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
        let Part {
            event, fault, state, ..
        } = &mut self.parts[index];
        *state = PartState::Broken;
        let start_asked_ns = (self.clock)();
        let nodes = fault.start(self.arena).map_err(failed("starting", event))?;
        let start_ns = (self.clock)();
        *state = PartState::InForce { start_ns };
        (self.sink)(Event::Started {
            id: event.id,
            variant: event.variant,
            nodes,
            start_asked_ns,
            start_ns,
        });
        Ok(())
    }

    /// Heals even where there is no evidence to be had, and tells of it then too.
    fn stop_fault(&mut self, index: usize) -> Result<(), ConductError> {
        let Part {
            event,
            fault,
            state,
            moment,
        } = &mut self.parts[index];
        let during = fault.evidence_during(self.arena);
        let stop_asked_ns = (self.clock)();
        fault.stop(self.arena).map_err(failed("stopping", event))?;
        let stop_ns = (self.clock)();
        let mut evidence = Evidence::default();
        if let PartState::InForce { start_ns } = *state {
            weigh_duration(stop_ns.saturating_sub(start_ns), event, &mut evidence);
        }
        *state = PartState::Healed;
        let mut observed = Ok(());
        for seen in [during, fault.evidence_after(self.arena)] {
            match seen {
                Ok(seen) => evidence.extend(seen),
                Err(error) => {
                    evidence.add(false, format!("it could not be observed: {error}"));
                    observed = observed.and(Err(failed("observing", event)(error)));
                }
            }
        }
        let proven = evidence.is_proof();
        evidence.sentences.extend(moment.take());
        let Evidence {
            sentences,
            objections,
        } = evidence;
        (self.sink)(Event::Stopped {
            id: event.id,
            stop_asked_ns,
            stop_ns,
            proven,
            evidence: objections.into_iter().chain(sentences).collect(),
        });
        observed
    }

    /// Stops what is in force, the last first. Tries everything; returns the first failure.
    fn heal(&mut self) -> Result<(), ConductError> {
        let mut first_error = Ok(());
        for index in (0..self.parts.len()).rev() {
            let Part {
                event, fault, state, ..
            } = &mut self.parts[index];
            let stopped = match state {
                PartState::Waiting | PartState::Armed { .. } | PartState::Healed => Ok(()),
                PartState::Broken => fault.stop(self.arena).map_err(failed("stopping", event)),
                PartState::InForce { .. } => self.stop_fault(index),
            };
            first_error = first_error.and(stopped);
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
        let any = |is: fn(FaultKind) -> bool| self.parts.iter().any(|part| is(part.event.variant.kind()));
        if any(FaultKind::strikes_the_network) {
            let network = faults::check_network_is_whole(self.arena).map_err(ConductError::Verify)?;
            objections.extend(network);
        }
        if any(FaultKind::strikes_clocks) {
            let clocks = faults::check_clocks_are_right(self.arena).map_err(ConductError::Verify)?;
            objections.extend(clocks);
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

/// For how long a fault must be in force at least to count as what was scheduled, in nanoseconds.
fn least_ns(event: &ScheduledFault) -> u64 {
    u64::try_from(event.duration().as_nanos() / 2).unwrap_or(u64::MAX)
}

/// Objects to a fault that was in force for too short a time.
fn weigh_duration(in_force_ns: u64, event: &ScheduledFault, evidence: &mut Evidence) {
    if in_force_ns < least_ns(event) {
        evidence.add(
            false,
            format!(
                "it was in force for {} ms only, of {} ms scheduled",
                in_force_ns / 1_000_000,
                event.duration().as_millis()
            ),
        );
    }
}
