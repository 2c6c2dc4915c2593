//! Which links between nodes a fault of packets strikes.

use serde::{Deserialize, Serialize};

/// Which links are struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinksVariant {
    /// Those between any two nodes.
    AllLinks,
    /// Those of whoever leads just then.
    LeaderLinks,
}

impl LinksVariant {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::AllLinks, Self::LeaderLinks];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllLinks => "all-links",
            Self::LeaderLinks => "leader-links",
        }
    }
}

/// By how much packets are delayed, and which. A delay is one way: a round trip takes twice as much longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayVariant {
    /// All between any two nodes, by 40 to 60 ms.
    AllLinks,
    /// All between any two nodes, by 5 ms or more: the delay has the Pareto distribution of shape 2, cut off at 500 ms.
    HeavyTail,
    /// All from and to whoever leads just then, by 80 to 120 ms.
    LeaderLinks,
}

impl DelayVariant {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::AllLinks, Self::HeavyTail, Self::LeaderLinks];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllLinks => "all-links",
            Self::HeavyTail => "heavy-tail",
            Self::LeaderLinks => "leader-links",
        }
    }
}
