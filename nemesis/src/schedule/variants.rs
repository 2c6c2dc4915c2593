//! Kinds of fault with what they strike.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FaultKind;
use super::links::{DelayVariant, LinksVariant};
use crate::grudge::{CutShape, PartitionShape};
use crate::node::NodeSet;

/// A kind of fault with what it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "variant", rename_all = "kebab-case")]
pub enum FaultVariant {
    /// A partition of this shape.
    Partition(PartitionShape),
    /// Kill these nodes.
    Kill(NodeSet),
    /// Pause these nodes.
    Pause(NodeSet),
    /// Lose packets.
    Loss(LossVariant),
    /// Let clocks run at a wrong rate.
    Drift(DriftVariant),
    /// Let clocks jump.
    Clock(ClockVariant),
    /// Cut off nodes or clients in this shape.
    Cut(CutShape),
    /// Delay packets.
    Delay(DelayVariant),
    /// Let packets overtake each other.
    Reorder(LinksVariant),
    /// Let packets come twice.
    Duplicate(LinksVariant),
    /// Flip bits in packets.
    Corrupt(LinksVariant),
    /// Let links carry little.
    Slow(LinksVariant),
    /// Ask these nodes to end.
    Terminate(NodeSet),
    /// Kill these nodes soon after each start.
    CrashLoop(NodeSet),
    /// Give these nodes little time.
    SlowCpu(NodeSet),
    /// Deny these nodes more memory.
    Memory(NodeSet),
    /// Let power fail at these nodes.
    Power(NodeSet),
    /// The same, and tear what they wrote last.
    TornWrite(NodeSet),
    /// Let the disks of these nodes be full.
    DiskFull(NodeSet),
    /// Let the disks of these nodes fail.
    DiskError(NodeSet),
    /// Let the disks of these nodes take long.
    SlowDisk(NodeSet),
    /// Corrupt a file.
    CorruptFile(FileCorruption),
}

impl FaultVariant {
    /// The kind.
    #[must_use]
    pub fn kind(self) -> FaultKind {
        match self {
            Self::Partition(_) => FaultKind::Partition,
            Self::Kill(_) => FaultKind::Kill,
            Self::Pause(_) => FaultKind::Pause,
            Self::Loss(_) => FaultKind::Loss,
            Self::Drift(_) => FaultKind::Drift,
            Self::Clock(_) => FaultKind::Clock,
            Self::Cut(_) => FaultKind::Cut,
            Self::Delay(_) => FaultKind::Delay,
            Self::Reorder(_) => FaultKind::Reorder,
            Self::Duplicate(_) => FaultKind::Duplicate,
            Self::Corrupt(_) => FaultKind::Corrupt,
            Self::Slow(_) => FaultKind::Slow,
            Self::Terminate(_) => FaultKind::Terminate,
            Self::CrashLoop(_) => FaultKind::CrashLoop,
            Self::SlowCpu(_) => FaultKind::SlowCpu,
            Self::Memory(_) => FaultKind::Memory,
            Self::Power(_) => FaultKind::Power,
            Self::TornWrite(_) => FaultKind::TornWrite,
            Self::DiskFull(_) => FaultKind::DiskFull,
            Self::DiskError(_) => FaultKind::DiskError,
            Self::SlowDisk(_) => FaultKind::SlowDisk,
            Self::CorruptFile(_) => FaultKind::CorruptFile,
        }
    }

    /// The variant's name within its kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition(shape) => shape.name(),
            Self::Kill(nodes) | Self::Pause(nodes) => nodes.name(),
            Self::Loss(variant) => variant.name(),
            Self::Drift(variant) => variant.name(),
            Self::Clock(variant) => variant.name(),
            Self::Cut(shape) => shape.name(),
            Self::Delay(variant) => variant.name(),
            Self::Reorder(variant)
            | Self::Duplicate(variant)
            | Self::Corrupt(variant)
            | Self::Slow(variant) => variant.name(),
            Self::Terminate(nodes) | Self::CrashLoop(nodes) | Self::SlowCpu(nodes) => nodes.name(),
            Self::Memory(nodes) => nodes.name(),
            Self::Power(nodes) | Self::TornWrite(nodes) | Self::SlowDisk(nodes) => nodes.name(),
            Self::DiskFull(nodes) | Self::DiskError(nodes) => nodes.name(),
            Self::CorruptFile(variant) => variant.name(),
        }
    }

    /// Whether a schedule may name whom it strikes.
    #[must_use]
    pub fn takes_names(self) -> Naming {
        match self {
            _ if self.node_set() == Some(NodeSet::Named) => Naming::Must,
            Self::Partition(shape) if !shape.takes_names() => Naming::MustNot,
            Self::Loss(LossVariant::All10Percent | LossVariant::All30Percent) => Naming::MustNot,
            Self::Cut(shape) if !shape.takes_names() => Naming::MustNot,
            Self::Delay(_) | Self::Reorder(_) | Self::Duplicate(_) | Self::Corrupt(_) | Self::Slow(_)
                if !self.aims_at_leader() =>
            {
                Naming::MustNot
            }
            _ => Naming::May,
        }
    }

    /// Whether whom it strikes is only known when it does: it does not follow from the schedule alone.
    #[must_use]
    pub fn chooses_when_it_strikes(self) -> bool {
        match self {
            Self::Partition(shape) => shape == PartitionShape::IsolatedLeader,
            Self::Loss(variant) => variant == LossVariant::Leader30Percent,
            Self::Cut(_) => false,
            Self::Delay(_) | Self::Reorder(_) | Self::Duplicate(_) | Self::Corrupt(_) | Self::Slow(_) => {
                self.aims_at_leader()
            }
            _ => true,
        }
    }

    /// The set that the nodes which it strikes are chosen by, for kinds that are all about nodes.
    fn node_set(self) -> Option<NodeSet> {
        match self {
            Self::Kill(set) | Self::Pause(set) | Self::Terminate(set) | Self::CrashLoop(set) => Some(set),
            Self::SlowCpu(set) | Self::Memory(set) | Self::Power(set) | Self::TornWrite(set) => Some(set),
            Self::DiskFull(set) | Self::DiskError(set) | Self::SlowDisk(set) => Some(set),
            _ => None,
        }
    }

    /// The same fault of other nodes, for one that has a [set](Self::node_set) of them.
    pub(super) fn with_set(self, set: NodeSet) -> Self {
        match self {
            Self::Kill(_) => Self::Kill(set),
            Self::Pause(_) => Self::Pause(set),
            Self::Terminate(_) => Self::Terminate(set),
            Self::CrashLoop(_) => Self::CrashLoop(set),
            Self::SlowCpu(_) => Self::SlowCpu(set),
            Self::Memory(_) => Self::Memory(set),
            Self::Power(_) => Self::Power(set),
            Self::TornWrite(_) => Self::TornWrite(set),
            Self::DiskFull(_) => Self::DiskFull(set),
            Self::DiskError(_) => Self::DiskError(set),
            Self::SlowDisk(_) => Self::SlowDisk(set),
            other => other,
        }
    }

    /// Whose processes it stops or ends, for all of its time or a part, if it does.
    #[must_use]
    pub fn stops(self) -> Option<NodeSet> {
        match self {
            Self::SlowCpu(_) | Self::SlowDisk(_) => None,
            Self::CorruptFile(_) => Some(NodeSet::One),
            _ => self.node_set(),
        }
    }

    /// Whether those processes are stopped or dead all the while that it is in force.
    #[must_use]
    pub fn stops_all_the_while(self) -> bool {
        matches!(
            self,
            Self::Kill(_) | Self::Pause(_) | Self::Terminate(_) | Self::Power(_) | Self::TornWrite(_)
        )
    }

    /// Every variant of a kind, whatever the cluster; also those that only a schedule can ask for.
    #[must_use]
    pub fn all(kind: FaultKind) -> Vec<Self> {
        // Of a large cluster all of them exist.
        let mut variants = kind.variants(usize::MAX);
        let of_nodes = variants.iter().find(|variant| variant.node_set().is_some());
        variants.extend(of_nodes.map(|variant| variant.with_set(NodeSet::Named)));
        variants
    }

    /// Whether it strikes at whoever leads. Such variants come early: they are what most bugs wait for.
    #[must_use]
    pub fn aims_at_leader(self) -> bool {
        match self {
            Self::Partition(shape) => shape == PartitionShape::IsolatedLeader,
            Self::Cut(_) => false,
            Self::Loss(variant) => variant == LossVariant::Leader30Percent,
            Self::Drift(variant) => variant == DriftVariant::LeaderSlow,
            Self::Clock(variant) => variant == ClockVariant::LeaderBack,
            Self::Delay(variant) => variant == DelayVariant::LeaderLinks,
            Self::Reorder(variant) | Self::Duplicate(variant) => variant == LinksVariant::LeaderLinks,
            Self::Corrupt(variant) | Self::Slow(variant) => variant == LinksVariant::LeaderLinks,
            Self::CorruptFile(variant) => variant == FileCorruption::LeaderBitFlip,
            _ => self.node_set() == Some(NodeSet::Primaries),
        }
    }
}

/// Whether a fault of a schedule names the nodes that it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// It must: nothing else chooses them.
    Must,
    /// It may, in place of a choice.
    May,
    /// It must not: they follow from its variant.
    MustNot,
}

impl fmt::Display for FaultVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// How many packets are lost, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LossVariant {
    /// One in ten, between any two nodes: a bad cable, an overloaded switch.
    #[serde(rename = "10-percent")]
    All10Percent,
    /// Three in ten, between any two nodes: hardly a network any more.
    #[serde(rename = "30-percent")]
    All30Percent,
    /// Three in ten of those from and to whoever leads just then.
    #[serde(rename = "leader-30-percent")]
    Leader30Percent,
}

impl LossVariant {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::All10Percent, Self::All30Percent, Self::Leader30Percent];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All10Percent => "10-percent",
            Self::All30Percent => "30-percent",
            Self::Leader30Percent => "leader-30-percent",
        }
    }

    /// The share of packets that is lost, in percent.
    #[must_use]
    pub fn percent(self) -> u8 {
        match self {
            Self::All10Percent => 10,
            Self::All30Percent | Self::Leader30Percent => 30,
        }
    }
}

/// How far a drifting clock is off its right rate, parts per million: less than the 10 % that bundled systems which
/// trust clocks bear by default, so that every claim stands.
pub const DRIFT_PPM: u64 = 80_000;
/// The same as a share.
pub const DRIFT: f64 = DRIFT_PPM as f64 / 1e6;

/// Whose clock runs at a wrong rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftVariant {
    /// That of a random node is too fast.
    OneFast,
    /// That of whoever leads is too slow: its leases last longer than it thinks.
    LeaderSlow,
}

impl DriftVariant {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::OneFast, Self::LeaderSlow];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OneFast => "one-fast",
            Self::LeaderSlow => "leader-slow",
        }
    }
}

/// Whose clock jumps, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockVariant {
    /// That of a random node is set ahead by half a second.
    OneAhead,
    /// That of whoever leads is set back by half a second, and so stands still for as long.
    LeaderBack,
    /// That of a random node is set ahead and back by a fifth of a second, four times a second.
    OneStrobes,
}

impl ClockVariant {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::OneAhead, Self::LeaderBack, Self::OneStrobes];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OneAhead => "one-ahead",
            Self::LeaderBack => "leader-back",
            Self::OneStrobes => "one-strobes",
        }
    }
}

/// Whose file is corrupted, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileCorruption {
    /// One bit of the log of whoever leads is flipped.
    LeaderBitFlip,
    /// The log of a random node is emptied.
    OneTruncated,
}

impl FileCorruption {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::LeaderBitFlip, Self::OneTruncated];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaderBitFlip => "leader-bit-flip",
            Self::OneTruncated => "one-truncated",
        }
    }
}
