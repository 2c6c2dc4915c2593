//! The kinds of fault: names, needs, and which variants of them exist for how many nodes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::links::{DelayVariant, LinksVariant};
use super::variants::{ClockVariant, DriftVariant, FaultVariant, FileCorruption, LossVariant};
use crate::facility::Facility;
use crate::grudge::{CutShape, PartitionShape};
use crate::node::NodeSet;

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Nodes drop packets from other nodes.
    Partition,
    /// Processes are killed by SIGKILL, and started again.
    Kill,
    /// Processes are stopped by SIGSTOP, and continued.
    Pause,
    /// A share of the packets between nodes is lost.
    Loss,
    /// Clocks run too fast or too slow, by less than protocols that trust clocks must bear.
    Drift,
    /// Clocks jump.
    Clock,
    /// Nodes, or their clients, are cut off by other means than those of a partition.
    Cut,
    /// Packets between nodes come later.
    Delay,
    /// Packets between nodes overtake each other.
    Reorder,
    /// Packets between nodes come twice.
    Duplicate,
    /// Packets between nodes come with a flipped bit.
    Corrupt,
    /// Links between nodes carry little in a time.
    Slow,
    /// Processes are asked to end by SIGTERM, and started again.
    Terminate,
    /// Processes are killed again and again, soon after each start.
    CrashLoop,
    /// Processes get a fifth of the processor's time.
    SlowCpu,
    /// Processes get no more memory.
    Memory,
    /// Power fails: processes are killed, and what was not synced is lost.
    Power,
    /// The same, and a part of what was not synced is kept.
    TornWrite,
    /// Disks are full.
    DiskFull,
    /// Disks fail.
    DiskError,
    /// Disks take long to sync.
    SlowDisk,
    /// Processes are killed, and find a file corrupted.
    CorruptFile,
}

/// A name that is no kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault `{0}`: known are {known}", known = known())]
pub struct FaultKindError(String);

fn known() -> String {
    FaultKind::ALL.map(FaultKind::name).join(", ")
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::Partition,
        Self::Kill,
        Self::Pause,
        Self::Loss,
        Self::Drift,
        Self::Clock,
        Self::Cut,
        Self::Delay,
        Self::Reorder,
        Self::Duplicate,
        Self::Corrupt,
        Self::Slow,
        Self::Terminate,
        Self::CrashLoop,
        Self::SlowCpu,
        Self::Memory,
        Self::Power,
        Self::TornWrite,
        Self::DiskFull,
        Self::DiskError,
        Self::SlowDisk,
        Self::CorruptFile,
    ];

    /// Its name on the command line, in schedules and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Loss => "loss",
            Self::Drift => "drift",
            Self::Clock => "clock",
            Self::Cut => "cut",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::Duplicate => "duplicate",
            Self::Corrupt => "corrupt",
            Self::Slow => "slow",
            Self::Terminate => "terminate",
            Self::CrashLoop => "crash-loop",
            Self::SlowCpu => "slow-cpu",
            Self::Memory => "memory",
            Self::Power => "power",
            Self::TornWrite => "torn-write",
            Self::DiskFull => "disk-full",
            Self::DiskError => "disk-error",
            Self::SlowDisk => "slow-disk",
            Self::CorruptFile => "corrupt-file",
        }
    }

    /// Which stream of a schedule's seed its faults are drawn from. Never renumber: it is part of what seeds mean.
    pub(super) fn stream(self) -> u64 {
        match self {
            Self::Partition => 0,
            Self::Kill => 1,
            Self::Pause => 2,
            Self::Loss => 3,
            Self::Drift => 4,
            Self::Clock => 5,
            Self::Terminate => 16,
            Self::CrashLoop => 17,
            Self::SlowCpu => 18,
            Self::Memory => 31,
            Self::Power => 19,
            Self::Cut => 20,
            Self::Delay => 21,
            Self::Reorder => 22,
            Self::Duplicate => 23,
            Self::Corrupt => 24,
            Self::Slow => 25,
            Self::TornWrite => 26,
            Self::DiskFull => 27,
            Self::DiskError => 28,
            Self::SlowDisk => 29,
            Self::CorruptFile => 30,
        }
    }

    /// What it does, in a line.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Partition => "nodes drop packets from other nodes, by iptables in their own namespaces",
            Self::Kill => "processes are killed by SIGKILL, and started again",
            Self::Pause => "processes are stopped by SIGSTOP, and continued",
            Self::Loss => {
                "a share of the packets between nodes is lost at random, by iptables in their namespaces"
            }
            Self::Drift => {
                "the clocks of nodes run 8 % too fast or too slow, within what lease reads must bear"
            }
            Self::Clock => "the clocks of nodes jump ahead, stand still, or do both again and again",
            Self::Cut => {
                "nodes or clients are cut off: a third, at random, by links that flap, by resets of connections"
            }
            Self::Delay => "packets between nodes take longer, but keep their order",
            Self::Reorder => "one in four packets between nodes is held back, so that later ones overtake it",
            Self::Duplicate => "one in four packets between nodes comes twice",
            Self::Corrupt => "a bit is flipped in one in ten packets between nodes, which checksums find",
            Self::Slow => "nodes send no more than 1 Mbit/s to other nodes",
            Self::Terminate => {
                "processes are asked to end by SIGTERM, killed if they do not, and started again"
            }
            Self::CrashLoop => "processes are killed by SIGKILL again and again, soon after each start",
            Self::Power => {
                "power fails: processes are killed by SIGKILL, and what they had not synced is gone"
            }
            Self::TornWrite => "power fails, and what was not synced is kept in part, cut at any byte",
            Self::DiskFull => "disks are full: what would let a file grow fails with ENOSPC",
            Self::DiskError => "disks fail: reads, writes and syncs fail with EIO",
            Self::SlowDisk => "disks take a tenth of a second longer for each sync",
            Self::CorruptFile => {
                "a process is killed, and finds its log corrupted: it must notice, and not go on"
            }
            Self::Memory => "processes keep the memory that they have, and get no more",
            Self::SlowCpu => {
                "processes get a fifth of the time: they are stopped and continued, several times a second"
            }
        }
    }

    /// Whether it is between nodes rather than in them.
    #[must_use]
    pub fn strikes_the_network(self) -> bool {
        matches!(
            self,
            Self::Partition
                | Self::Loss
                | Self::Cut
                | Self::Delay
                | Self::Reorder
                | Self::Duplicate
                | Self::Corrupt
                | Self::Slow
        )
    }

    /// Whether some of its variants cut nodes off from each other: see
    /// [`ScheduledFault::grudge`](super::ScheduledFault::grudge).
    #[must_use]
    pub fn parts_nodes(self) -> bool {
        matches!(self, Self::Partition | Self::Cut)
    }

    /// Whether it is one of the first kinds: their faults are never dropped or made smaller for a later kind's sake.
    pub(super) fn is_of_old(self) -> bool {
        self.stream() < 6
    }

    /// Whether it needs a process that runs when it starts.
    pub(super) fn needs_a_process(self) -> bool {
        !self.strikes_the_network() && self != Self::SlowDisk
    }

    /// Whether it bends the clocks of nodes.
    #[must_use]
    pub fn strikes_clocks(self) -> bool {
        matches!(self, Self::Drift | Self::Clock)
    }

    /// What it needs of the host beyond a sandbox.
    #[must_use]
    pub fn needs(self) -> &'static [Facility] {
        match self {
            Self::Partition => &[Facility::Cuts],
            Self::Loss => &[Facility::Losses],
            Self::Cut => &[Facility::Cuts, Facility::Resets],
            Self::Delay | Self::Reorder | Self::Duplicate | Self::Corrupt => &[Facility::Queues],
            Self::Slow => &[Facility::Rates],
            Self::Kill | Self::Pause | Self::Drift | Self::Clock => &[],
            Self::Terminate | Self::CrashLoop | Self::SlowCpu | Self::Memory => &[],
            Self::Power | Self::TornWrite => &[Facility::Disks],
            Self::DiskFull | Self::DiskError | Self::SlowDisk | Self::CorruptFile => &[Facility::Disks],
        }
    }

    /// Its variants that exist for a cluster of `count` nodes.
    #[must_use]
    pub fn variants(self, count: usize) -> Vec<FaultVariant> {
        let shapes = PartitionShape::ALL
            .into_iter()
            .filter(|shape| shape.exists(count));
        let sets = NodeSet::ALL.into_iter().filter(|set| set.exists(count));
        match self {
            Self::Partition => shapes.map(FaultVariant::Partition).collect(),
            Self::Kill => sets.map(FaultVariant::Kill).collect(),
            Self::Pause => sets.map(FaultVariant::Pause).collect(),
            Self::Loss => {
                let variants = LossVariant::ALL.into_iter();
                variants.filter(|_| count >= 2).map(FaultVariant::Loss).collect()
            }
            Self::Drift if count > 0 => DriftVariant::ALL.map(FaultVariant::Drift).into(),
            Self::Clock if count > 0 => ClockVariant::ALL.map(FaultVariant::Clock).into(),
            Self::Drift | Self::Clock => Vec::new(),
            Self::Cut => {
                let shapes = CutShape::ALL.into_iter().filter(|shape| shape.exists(count));
                shapes.map(FaultVariant::Cut).collect()
            }
            Self::Delay | Self::Reorder | Self::Duplicate | Self::Corrupt | Self::Slow if count < 2 => {
                Vec::new()
            }
            Self::Delay => DelayVariant::ALL.map(FaultVariant::Delay).into(),
            Self::Reorder => LinksVariant::ALL.map(FaultVariant::Reorder).into(),
            Self::Duplicate => LinksVariant::ALL.map(FaultVariant::Duplicate).into(),
            Self::Corrupt => LinksVariant::ALL.map(FaultVariant::Corrupt).into(),
            Self::Slow => LinksVariant::ALL.map(FaultVariant::Slow).into(),
            Self::Terminate => sets.map(FaultVariant::Terminate).collect(),
            Self::CrashLoop => few(count).map(FaultVariant::CrashLoop).collect(),
            Self::SlowCpu => few(count).map(FaultVariant::SlowCpu).collect(),
            Self::Memory => some(count).map(FaultVariant::Memory).collect(),
            Self::Power => sets.map(FaultVariant::Power).collect(),
            Self::TornWrite => sets.map(FaultVariant::TornWrite).collect(),
            Self::DiskFull => some(count).map(FaultVariant::DiskFull).collect(),
            Self::DiskError => some(count).map(FaultVariant::DiskError).collect(),
            Self::SlowDisk => sets.map(FaultVariant::SlowDisk).collect(),
            Self::CorruptFile if count > 0 => FileCorruption::ALL.map(FaultVariant::CorruptFile).into(),
            Self::CorruptFile => Vec::new(),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = FaultKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| FaultKindError(text.to_owned()))
    }
}

/// The sets of nodes for what stops a process, and leaves a majority.
fn some(count: usize) -> impl Iterator<Item = NodeSet> {
    let sets = [NodeSet::One, NodeSet::Minority, NodeSet::Primaries];
    sets.into_iter().filter(move |set| set.exists(count))
}

/// The sets of nodes for what hardly happens to many at once, or would leave nobody to serve.
fn few(count: usize) -> impl Iterator<Item = NodeSet> {
    let sets = [NodeSet::One, NodeSet::Primaries];
    sets.into_iter().filter(move |set| set.exists(count))
}
