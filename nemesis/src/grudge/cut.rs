//! The shapes of the second kind of partitions, `cut`: those that are no clean break of the network for all the time.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Grudge, halves};
use crate::node::Node;
use crate::rng;

/// The least and the greatest chance, in percent, that a link of a random grudge is cut.
const RANDOM_PERCENT: (u64, u64) = (20, 80);

/// The shapes of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutShape {
    /// A random third of the nodes, rounded down but at least one, from the rest.
    MinorityThird,
    /// Each way between two nodes is cut or not, by a draw of its own.
    Random,
    /// The clients from some nodes, a random minority; nodes reach each other.
    Clients,
    /// Random links, which go down and up again and again.
    Flapping,
    /// Two random halves, whose connections are not silent but reset.
    Reset,
}

impl CutShape {
    /// Every shape.
    pub const ALL: [Self; 5] = [
        Self::MinorityThird,
        Self::Random,
        Self::Clients,
        Self::Flapping,
        Self::Reset,
    ];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MinorityThird => "minority-third",
            Self::Random => "random",
            Self::Clients => "clients",
            Self::Flapping => "flapping",
            Self::Reset => "reset",
        }
    }

    /// Whether a cluster of `count` nodes can be cut in this shape.
    #[must_use]
    pub fn exists(self, count: usize) -> bool {
        match self {
            Self::Clients => count >= 1,
            _ => count >= 2,
        }
    }

    /// Whether a schedule may name whom it cuts off.
    #[must_use]
    pub fn takes_names(self) -> bool {
        matches!(self, Self::MinorityThird | Self::Clients | Self::Reset)
    }

    /// Who drops packets from whom all the while, where it strikes the nodes `named`, or those of the draw if it names
    /// none. Empty for [`CutShape::Clients`], which leaves nodes among themselves alone, and for
    /// [`CutShape::Flapping`], which cuts nothing for all of its time.
    #[must_use]
    pub fn grudge(self, named: &[Node], nodes: &[Node], rng: &mut ChaCha8Rng) -> Grudge {
        if !self.exists(nodes.len()) {
            return Grudge::default();
        }
        let against_the_rest = |some: Vec<Node>| {
            let rest = nodes
                .iter()
                .copied()
                .filter(|node| !some.contains(node))
                .collect();
            Grudge::between(&[some, rest])
        };
        match self {
            Self::MinorityThird => against_the_rest(some_of(nodes, nodes.len() / 3, named, rng)),
            Self::Reset => {
                let mut shuffled = nodes.to_vec();
                rng::shuffle(&mut shuffled, rng);
                against_the_rest(if named.is_empty() {
                    halves(&shuffled).0
                } else {
                    named.to_vec()
                })
            }
            Self::Random => random(nodes, rng),
            Self::Clients | Self::Flapping => Grudge::default(),
        }
    }
}

impl fmt::Display for CutShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The nodes that clients are cut off from: those `named`, or else a random minority, at least one.
pub(crate) fn without_clients(named: &[Node], nodes: &[Node], rng: &mut ChaCha8Rng) -> Vec<Node> {
    some_of(nodes, nodes.len().saturating_sub(1) / 2, named, rng)
}

/// The links that flap: each with a chance of one half, at least one.
pub(crate) fn flapping_links(nodes: &[Node], rng: &mut ChaCha8Rng) -> Grudge {
    let mut links: Vec<(Node, Node)> = Vec::new();
    for (index, a) in nodes.iter().enumerate() {
        links.extend(nodes[index + 1..].iter().map(|b| (*a, *b)));
    }
    let mut grudge = Grudge::default();
    for (a, b) in &links {
        if rng::below(2, rng) == 0 {
            grudge.cut(*a, *b);
        }
    }
    if let (true, Some((a, b))) = (grudge.is_empty(), pick(&links, rng)) {
        grudge.cut(a, b);
    }
    grudge
}

/// The nodes `named`, or a random `count` of all, at least one; in ascending order.
fn some_of(nodes: &[Node], count: usize, named: &[Node], rng: &mut ChaCha8Rng) -> Vec<Node> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let mut shuffled = nodes.to_vec();
    rng::shuffle(&mut shuffled, rng);
    shuffled.truncate(count.max(1));
    shuffled.sort();
    shuffled
}

fn random(nodes: &[Node], rng: &mut ChaCha8Rng) -> Grudge {
    let percent = rng::between(RANDOM_PERCENT.0, RANDOM_PERCENT.1, rng);
    let mut ways = Vec::new();
    for by in nodes {
        ways.extend(nodes.iter().filter(|from| *from != by).map(|from| (*by, *from)));
    }
    let mut grudge = Grudge::default();
    for (by, from) in &ways {
        if rng::below(100, rng) < percent {
            grudge.drop_packets(*by, *from);
        }
    }
    if let (true, Some((by, from))) = (grudge.is_empty(), pick(&ways, rng)) {
        grudge.drop_packets(by, from);
    }
    grudge
}

fn pick<T: Copy>(items: &[T], rng: &mut ChaCha8Rng) -> Option<T> {
    let count = items.len() as u64;
    (count > 0).then(|| items[rng::below(count, rng) as usize])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn minority_third_is_a_third_against_the_rest(count in 2..12_u16, seed: u64) {
            let nodes = Node::range(count);
            let grudge = CutShape::MinorityThird.grudge(&[], &nodes, &mut rng::from_seed(seed));
            let components: BTreeSet<_> = nodes.iter().map(|node| grudge.visible(*node, &nodes)).collect();
            prop_assert_eq!(components.len(), 2);
            let least = components.iter().map(BTreeSet::len).min();
            prop_assert_eq!(least, Some((nodes.len() / 3).max(1)));
        }

        #[test]
        fn named_nodes_are_cut_off_together(count in 3..10_u16, named in 1..3_u16, seed: u64) {
            let (nodes, named) = (Node::range(count), Node::range(named));
            for shape in [CutShape::MinorityThird, CutShape::Reset] {
                let grudge = shape.grudge(&named, &nodes, &mut rng::from_seed(seed));
                let expected: BTreeSet<Node> = named.iter().copied().collect();
                prop_assert_eq!(grudge.visible(named[0], &nodes), expected);
            }
            prop_assert_eq!(without_clients(&named, &nodes, &mut rng::from_seed(seed)), named);
        }

        #[test]
        fn reset_parts_halves(count in 2..10_u16, seed: u64) {
            let nodes = Node::range(count);
            let grudge = CutShape::Reset.grudge(&[], &nodes, &mut rng::from_seed(seed));
            let side = grudge.visible(nodes[0], &nodes).len();
            prop_assert!(side.abs_diff(nodes.len() - side) <= 1);
        }

        #[test]
        fn what_follows_from_a_draw_is_never_empty_nor_about_others(count in 2..10_u16, seed: u64) {
            let nodes = Node::range(count);
            let random = CutShape::Random.grudge(&[], &nodes, &mut rng::from_seed(seed));
            let flapping = flapping_links(&nodes, &mut rng::from_seed(seed));
            prop_assert!(flapping.pairs().all(|(by, from)| flapping.drops(from, by)));
            for grudge in [random, flapping] {
                prop_assert!(!grudge.is_empty());
                prop_assert!(grudge.pairs().all(|(by, from)| nodes.contains(&by) && nodes.contains(&from)));
            }
            let clients = without_clients(&[], &nodes, &mut rng::from_seed(seed));
            prop_assert_eq!(clients.len(), ((nodes.len() - 1) / 2).max(1));
            prop_assert!(clients.is_sorted());
        }

        #[test]
        fn what_cuts_no_nodes_apart_has_no_grudge(count in 1..10_u16, seed: u64) {
            let nodes = Node::range(count);
            for shape in [CutShape::Clients, CutShape::Flapping] {
                prop_assert!(shape.grudge(&[], &nodes, &mut rng::from_seed(seed)).is_empty());
            }
        }
    }

    /// A random grudge is not always the same, nor always all or nothing.
    #[test]
    fn random_grudges_differ_in_density() {
        let nodes = Node::range(5);
        let sizes: BTreeSet<usize> = (0..200)
            .map(|seed| {
                CutShape::Random
                    .grudge(&[], &nodes, &mut rng::from_seed(seed))
                    .pairs()
                    .count()
            })
            .collect();
        assert!(sizes.len() > 10 && sizes.iter().all(|size| (1..=20).contains(size)));
    }
}
