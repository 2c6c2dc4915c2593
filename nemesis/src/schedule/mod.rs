//! Schedules: which fault strikes when. Pure data, drawn from a seed.
//!
//! A schedule opens with a quiet head and closes with a quiet tail, so that ops before and after all faults exist.
//! Between them each kind of fault has a timeline of its own, on which faults and gaps alternate: two faults of
//! one kind never overlap, faults of different kinds may. Every fault stops before the tail begins.

mod generate;
mod kinds;
mod links;
mod moment;
mod variants;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use generate::Intervals;
pub use kinds::{FaultKind, FaultKindError};
pub use links::{DelayVariant, LinksVariant};
pub use moment::{Moment, Moments, NoMoments};
pub use variants::{
    ClockVariant, DRIFT, DRIFT_PPM, DriftVariant, FaultVariant, FileCorruption, LossVariant, Naming,
};

use crate::grudge::Grudge;
use crate::node::Node;
use crate::rng;

/// One fault of a schedule. Times are milliseconds since the start of the load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledFault {
    /// Its number, from 0, in the order of the starts.
    pub id: u32,
    /// What strikes.
    #[serde(flatten)]
    pub variant: FaultVariant,
    /// When it starts.
    pub start_ms: u64,
    /// When it stops.
    pub stop_ms: u64,
    /// The moment that it waits for from its start on, if any. Where that does not come before half of its time is over,
    /// it strikes all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Moment>,
    /// Whom it strikes, where a schedule names them. Else its variant and its seed choose at the moment of the strike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// Decides what is left to chance at the moment of the strike: which nodes.
    pub seed: u64,
}

impl ScheduledFault {
    /// How long it is to be in force; 0 where it stops before it starts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.stop_ms.saturating_sub(self.start_ms))
    }

    /// When it starts at the latest: where it waits for a moment, when half of its time is over.
    fn latest_start_ms(&self) -> u64 {
        match self.when {
            None => self.start_ms,
            Some(_) => self.start_ms.midpoint(self.stop_ms),
        }
    }

    /// Who dropped packets from whom all the while, for a partition or a cut of `nodes` that struck `struck`; empty for
    /// other kinds, and for cuts that part no nodes, or not all the while. What is left to chance follows from
    /// the seed, except who led: those that a partition isolated are the ones struck.
    #[must_use]
    pub fn grudge(&self, nodes: &[Node], struck: &[Node]) -> Grudge {
        match self.variant {
            FaultVariant::Partition(shape) if self.nodes.is_empty() => {
                shape.grudge(nodes, struck, &mut rng::from_seed(self.seed))
            }
            FaultVariant::Partition(shape) => shape.grudge_against(&self.nodes, nodes),
            FaultVariant::Cut(shape) => shape.grudge(&self.nodes, nodes, &mut rng::from_seed(self.seed)),
            _ => Grudge::default(),
        }
    }
}

impl ScheduledFault {
    /// Checks it alone.
    fn validate(&self, count: usize) -> Result<(), ScheduleError> {
        let Self {
            id,
            variant,
            start_ms,
            stop_ms,
            ..
        } = *self;
        if stop_ms <= start_ms {
            return Err(ScheduleError::StopBeforeStart {
                id,
                start_ms,
                stop_ms,
            });
        }
        if let Some(node) = self.nodes.iter().find(|node| usize::from(node.0) > count) {
            return Err(ScheduleError::UnknownNode {
                id,
                node: *node,
                nodes: count,
            });
        }
        let kind = variant.kind();
        match (variant.takes_names(), self.nodes.is_empty()) {
            (Naming::Must, true) => Err(ScheduleError::NamesNobody { id, variant }),
            (Naming::MustNot, false) => Err(ScheduleError::TakesNoNames { id, variant }),
            (Naming::Must, false) => Ok(()),
            _ if !kind.variants(count).contains(&variant) => {
                Err(ScheduleError::TooFewNodes { kind, nodes: count })
            }
            _ => Ok(()),
        }
    }
}

/// The faults of a run, by start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The faults.
    pub events: Vec<ScheduledFault>,
}

/// Why there is no such schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The load ends too early for a fault with quiet before and after it.
    #[error(
        "a time limit of {time_limit_ms} ms is too short for one fault: at least {needed_ms} ms are needed \
         ({head_ms} quiet, {fault_ms} of fault, {tail_ms} quiet)"
    )]
    TooShort {
        /// What was asked for.
        time_limit_ms: u64,
        /// What would do.
        needed_ms: u64,
        /// The quiet head.
        head_ms: u64,
        /// The shortest fault.
        fault_ms: u64,
        /// The quiet tail.
        tail_ms: u64,
    },
    /// An interval is empty or of no length.
    #[error("the interval of {what} is wrong: {low} to {high} ms")]
    Interval {
        /// Which one.
        what: &'static str,
        /// Its least value.
        low: u64,
        /// Its greatest value.
        high: u64,
    },
    /// No variant of the kind exists for so few nodes.
    #[error("there is no {kind} of a cluster of {nodes} nodes")]
    TooFewNodes {
        /// The kind.
        kind: FaultKind,
        /// The size of the cluster.
        nodes: usize,
    },
    /// A fault stops before it starts.
    #[error("fault {id} stops at {stop_ms} ms, not after its start at {start_ms} ms")]
    StopBeforeStart {
        /// The fault.
        id: u32,
        /// Its start.
        start_ms: u64,
        /// Its stop.
        stop_ms: u64,
    },
    /// Two faults of one kind overlap.
    #[error("faults {first} and {second} overlap, and both are of the kind {kind}")]
    Overlap {
        /// The kind.
        kind: FaultKind,
        /// The one that starts first.
        first: u32,
        /// The one that starts before it has stopped.
        second: u32,
    },
    /// Two faults have one number.
    #[error("there are two faults with the number {0}")]
    DuplicateId(u32),
    /// A fault strikes a node that is not there.
    #[error("fault {id} names {node}, but the nodes are n1 to n{nodes}")]
    UnknownNode {
        /// The fault.
        id: u32,
        /// Whom it names.
        node: Node,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A fault names nodes, but whom it strikes follows from its variant.
    #[error("fault {id} ({variant}) names nodes, but whom it strikes follows from its variant and seed")]
    TakesNoNames {
        /// The fault.
        id: u32,
        /// What it is.
        variant: FaultVariant,
    },
    /// A fault strikes named nodes, and names none.
    #[error("fault {id} ({variant}) names no nodes")]
    NamesNobody {
        /// The fault.
        id: u32,
        /// What it is.
        variant: FaultVariant,
    },
}

impl Schedule {
    /// Puts the faults in the order of their starts, and numbers them.
    fn number(&mut self) {
        self.events
            .sort_by_key(|fault| (fault.start_ms, fault.variant.kind()));
        for (id, fault) in (0..).zip(&mut self.events) {
            fault.id = id;
        }
    }

    /// The kinds of its faults, each once, in order.
    #[must_use]
    pub fn kinds(&self) -> Vec<FaultKind> {
        let kinds: BTreeSet<FaultKind> = self.events.iter().map(|fault| fault.variant.kind()).collect();
        kinds.into_iter().collect()
    }

    /// Checks a schedule that may have been written by hand, for a cluster of `count` nodes.
    ///
    /// # Errors
    /// If a fault stops before it starts, two of a kind overlap, two share a number, a variant does not exist
    /// for so few nodes, or a fault names nodes that it cannot strike.
    pub fn validate(&self, count: usize) -> Result<(), ScheduleError> {
        let mut last_of_kind: BTreeMap<FaultKind, &ScheduledFault> = BTreeMap::new();
        let mut by_start: Vec<&ScheduledFault> = self.events.iter().collect();
        by_start.sort_by_key(|fault| (fault.start_ms, fault.id));
        for (index, fault) in by_start.iter().enumerate() {
            let kind = fault.variant.kind();
            if by_start[..index].iter().any(|earlier| earlier.id == fault.id) {
                return Err(ScheduleError::DuplicateId(fault.id));
            }
            fault.validate(count)?;
            if let Some(earlier) = last_of_kind.insert(kind, fault)
                && fault.start_ms < earlier.stop_ms
            {
                return Err(ScheduleError::Overlap {
                    kind,
                    first: earlier.id,
                    second: fault.id,
                });
            }
        }
        Ok(())
    }
}
