//! Names of nodes, and sets of them.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::rng;

/// A node, numbered from 1; written `n1`, in data as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Node(pub u16);

/// Text that names no node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no node name: expected n1, n2, ...")]
pub struct NodeNameError(String);

impl Node {
    /// The nodes `n1` to `n<count>`.
    #[must_use]
    pub fn range(count: u16) -> Vec<Self> {
        (1..=count).map(Self).collect()
    }

    /// The node's place in a list of all nodes.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0) - 1
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl FromStr for Node {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('n').and_then(|digits| digits.parse().ok());
        match number {
            Some(number) if number > 0 => Ok(Self(number)),
            _ => Err(NodeNameError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Node {
    type Error = NodeNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Node> for String {
    fn from(node: Node) -> Self {
        node.to_string()
    }
}

/// The nodes' names, separated by commas, for sentences.
#[must_use]
pub fn names(nodes: &[Node]) -> String {
    nodes.iter().map(Node::to_string).collect::<Vec<_>>().join(", ")
}

/// The least number of nodes that is more than half of `count`.
#[must_use]
pub fn majority(count: usize) -> usize {
    count / 2 + 1
}

/// How the nodes that a fault strikes are chosen, at the moment it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeSet {
    /// One node at random.
    One,
    /// As many as a cluster survives: one less than half, rounded up.
    Minority,
    /// As few as a cluster does not survive.
    Majority,
    /// Those that lead just then; one at random where none is known to.
    Primaries,
    /// All of them.
    All,
    /// Those that the schedule names.
    Named,
}

impl NodeSet {
    /// Every node set that is chosen at random.
    pub const ALL: [Self; 5] = [
        Self::One,
        Self::Minority,
        Self::Majority,
        Self::Primaries,
        Self::All,
    ];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Minority => "minority",
            Self::Majority => "majority",
            Self::Primaries => "primaries",
            Self::All => "all",
            Self::Named => "named",
        }
    }

    /// Whether such a set can be chosen from a cluster of `count` nodes, with at least one node in it.
    #[must_use]
    pub fn exists(self, count: usize) -> bool {
        match self {
            Self::Minority => count >= 3,
            Self::Named => false,
            _ => count >= 1,
        }
    }

    /// How many of `count` nodes it takes by itself; of the primaries there is mostly one.
    #[must_use]
    pub fn size(self, count: usize) -> usize {
        match self {
            Self::One | Self::Primaries => count.min(1),
            Self::Minority => count.saturating_sub(1) / 2,
            Self::Majority => majority(count),
            Self::All => count,
            Self::Named => 0,
        }
    }

    /// Chooses among the `candidates` (those that can be struck) of a cluster of `count` nodes, in ascending
    /// order. Where too few can be struck, all of them are.
    #[must_use]
    pub fn choose(
        self,
        candidates: &[Node],
        count: usize,
        primaries: &[Node],
        rng: &mut ChaCha8Rng,
    ) -> Vec<Node> {
        let leading: Vec<Node> = candidates
            .iter()
            .copied()
            .filter(|node| primaries.contains(node))
            .collect();
        let mut chosen = match self {
            Self::Primaries if !leading.is_empty() => leading,
            _ => sample(candidates, self.size(count), rng),
        };
        chosen.sort_unstable();
        chosen
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn sample(candidates: &[Node], size: usize, rng: &mut ChaCha8Rng) -> Vec<Node> {
    let mut shuffled = candidates.to_vec();
    rng::shuffle(&mut shuffled, rng);
    shuffled.truncate(size);
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        assert_eq!("n12".parse(), Ok(Node(12)));
        for wrong in ["", "n", "n0", "12", "n-1", "n99999"] {
            assert!(wrong.parse::<Node>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_words() {
        for count in 1..=9_u16 {
            let nodes = Node::range(count);
            let mut rng = rng::from_seed(u64::from(count));
            let mut size = |set: NodeSet| set.choose(&nodes, nodes.len(), &[], &mut rng).len();
            let (minority, majority) = (size(NodeSet::Minority), size(NodeSet::Majority));
            assert!(2 * minority < nodes.len() && 2 * (minority + 1) >= nodes.len());
            assert!(2 * majority > nodes.len() && 2 * (majority - 1) <= nodes.len());
            assert_eq!(size(NodeSet::One), 1);
            assert_eq!(size(NodeSet::All), nodes.len());
            assert_eq!(NodeSet::Minority.exists(nodes.len()), minority > 0);
        }
    }

    #[test]
    fn primaries_are_chosen_only_where_they_can_be_struck() {
        let mut rng = rng::from_seed(1);
        let nodes = Node::range(5);
        assert_eq!(
            NodeSet::Primaries.choose(&nodes, 5, &[Node(4), Node(2)], &mut rng),
            [Node(2), Node(4)]
        );
        let without_leader = [Node(1), Node(3)];
        let chosen = NodeSet::Primaries.choose(&without_leader, 5, &[Node(2)], &mut rng);
        assert_eq!(chosen.len(), 1);
        assert!(without_leader.contains(&chosen[0]));
        assert!(NodeSet::Majority.choose(&[], 5, &[], &mut rng).is_empty());
    }
}
