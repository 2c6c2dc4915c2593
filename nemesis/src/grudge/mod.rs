//! Grudges: who drops packets from whom. Pure data and pure generators; the firewall comes elsewhere.

mod cut;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use cut::CutShape;
pub(crate) use cut::{flapping_links, without_clients};

use crate::node::{Node, majority};
use crate::rng;

/// For each node the nodes whose packets it drops. A link is cut where either end drops the other's packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grudge {
    drops: BTreeMap<Node, BTreeSet<Node>>,
}

impl Grudge {
    /// Lets `by` drop the packets that come from `from`. A node holds no grudge against itself.
    pub fn drop_packets(&mut self, by: Node, from: Node) {
        if by != from {
            self.drops.entry(by).or_default().insert(from);
        }
    }

    /// Cuts the link between `a` and `b` in both directions.
    pub fn cut(&mut self, a: Node, b: Node) {
        self.drop_packets(a, b);
        self.drop_packets(b, a);
    }

    /// Whether `by` drops packets from `from`.
    #[must_use]
    pub fn drops(&self, by: Node, from: Node) -> bool {
        self.drops.get(&by).is_some_and(|sources| sources.contains(&from))
    }

    /// Whether packets pass both ways between `a` and `b`.
    #[must_use]
    pub fn connects(&self, a: Node, b: Node) -> bool {
        !self.drops(a, b) && !self.drops(b, a)
    }

    /// The nodes that drop something, each with the nodes whose packets it drops, in order.
    pub fn by_node(&self) -> impl Iterator<Item = (Node, &BTreeSet<Node>)> {
        self.drops.iter().map(|(by, sources)| (*by, sources))
    }

    /// All `(by, from)` such that `by` drops packets from `from`, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (Node, Node)> {
        self.drops
            .iter()
            .flat_map(|(by, sources)| sources.iter().map(move |from| (*by, *from)))
    }

    /// Whether nobody drops anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drops.is_empty()
    }

    /// The nodes that `node` exchanges packets with, itself among them.
    #[must_use]
    pub fn visible(&self, node: Node, all: &[Node]) -> BTreeSet<Node> {
        all.iter()
            .copied()
            .filter(|other| *other == node || self.connects(node, *other))
            .collect()
    }

    /// Cuts every link between nodes of different `components`.
    #[must_use]
    pub fn between(components: &[Vec<Node>]) -> Self {
        let mut grudge = Self::default();
        for (index, component) in components.iter().enumerate() {
            for other in &components[index + 1..] {
                for a in component {
                    for b in other {
                        grudge.cut(*a, *b);
                    }
                }
            }
        }
        grudge
    }
}

/// The shapes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionShape {
    /// One random node is alone.
    One,
    /// Two random halves; of an odd number one has a majority.
    Halves,
    /// Every node that leads is alone, the rest are together.
    IsolatedLeader,
    /// Every node sees a majority, and no two see the same.
    MajoritiesRing,
    /// Two halves that both see one node between them, but not each other.
    Bridge,
    /// Packets from one random half to the other are dropped, those back are not.
    OneWay,
}

impl PartitionShape {
    /// Every shape.
    pub const ALL: [Self; 6] = [
        Self::One,
        Self::Halves,
        Self::IsolatedLeader,
        Self::MajoritiesRing,
        Self::Bridge,
        Self::OneWay,
    ];

    /// Its name in schedules and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Halves => "halves",
            Self::IsolatedLeader => "isolated-leader",
            Self::MajoritiesRing => "majorities-ring",
            Self::Bridge => "bridge",
            Self::OneWay => "one-way",
        }
    }

    /// Whether a cluster of `count` nodes can be cut in this shape.
    #[must_use]
    pub fn exists(self, count: usize) -> bool {
        match self {
            Self::MajoritiesRing | Self::Bridge => count >= 3,
            _ => count >= 2,
        }
    }

    /// Whether a schedule may name whom it cuts off.
    #[must_use]
    pub fn takes_names(self) -> bool {
        matches!(self, Self::One | Self::Halves | Self::IsolatedLeader)
    }

    /// A grudge of this shape against the nodes `named`: each of them alone, or all together against the rest, as the
    /// two halves of a cluster are. Empty for shapes that take no names.
    #[must_use]
    pub fn grudge_against(self, named: &[Node], nodes: &[Node]) -> Grudge {
        match self {
            Self::One | Self::IsolatedLeader => isolated(nodes, named),
            Self::Halves => {
                let rest = nodes.iter().copied().filter(|node| !named.contains(node));
                Grudge::between(&[named.to_vec(), rest.collect()])
            }
            Self::MajoritiesRing | Self::Bridge | Self::OneWay => Grudge::default(),
        }
    }

    /// A grudge of this shape. `primaries` are the nodes that lead, or believe that they do. Where the shape does
    /// not exist for so few nodes, the grudge is empty.
    #[must_use]
    pub fn grudge(self, nodes: &[Node], primaries: &[Node], rng: &mut ChaCha8Rng) -> Grudge {
        if !self.exists(nodes.len()) {
            return Grudge::default();
        }
        let mut shuffled = nodes.to_vec();
        rng::shuffle(&mut shuffled, rng);
        match self {
            Self::One => isolated(&shuffled, &shuffled[..1]),
            Self::Halves => {
                let (a, b) = halves(&shuffled);
                Grudge::between(&[a, b])
            }
            Self::IsolatedLeader => {
                let leading: Vec<Node> = nodes
                    .iter()
                    .copied()
                    .filter(|node| primaries.contains(node))
                    .collect();
                isolated(
                    &shuffled,
                    if leading.is_empty() {
                        &shuffled[..1]
                    } else {
                        &leading
                    },
                )
            }
            Self::MajoritiesRing => majorities_ring(&shuffled),
            Self::Bridge => {
                let (a, b) = halves(&shuffled[1..]);
                Grudge::between(&[a, b])
            }
            Self::OneWay => one_way(&shuffled, rng),
        }
    }
}

impl fmt::Display for PartitionShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn halves(nodes: &[Node]) -> (Vec<Node>, Vec<Node>) {
    let (a, b) = nodes.split_at(nodes.len() / 2);
    (a.to_vec(), b.to_vec())
}

/// Each of `alone` by itself, the other nodes together.
fn isolated(nodes: &[Node], alone: &[Node]) -> Grudge {
    let mut components: Vec<Vec<Node>> = alone.iter().map(|node| vec![*node]).collect();
    components.push(
        nodes
            .iter()
            .copied()
            .filter(|node| !alone.contains(node))
            .collect(),
    );
    Grudge::between(&components)
}

fn one_way(shuffled: &[Node], rng: &mut ChaCha8Rng) -> Grudge {
    let (a, b) = halves(shuffled);
    let (senders, receivers) = if rng::below(2, rng) == 0 { (a, b) } else { (b, a) };
    let mut grudge = Grudge::default();
    for by in &receivers {
        for from in &senders {
            grudge.drop_packets(*by, *from);
        }
    }
    grudge
}

/// Links between the places `0..count` of a ring such that each has at least `majority(count) - 1` of them, and
/// no two places have the same closed neighbourhood, for any `count >= 3`.
///
/// The links are those of the Harary graph of that degree (F. Harary, "The maximum connectivity of a graph",
/// PNAS 48, 1962), which has the fewest possible: each place is linked to its nearest neighbours on both sides;
/// an odd degree adds the links across the ring, where for an odd `count` one place gets a link more.
fn majorities_ring_links(count: usize) -> BTreeSet<(usize, usize)> {
    let degree = majority(count) - 1;
    let mut links = BTreeSet::new();
    let mut link = |a: usize, b: usize| {
        let (a, b) = (a % count, b % count);
        links.insert((a.min(b), a.max(b)));
    };
    for place in 0..count {
        for distance in 1..=degree / 2 {
            link(place, place + distance);
        }
    }
    if degree % 2 == 1 {
        for place in 0..count.div_ceil(2) {
            link(place, place + count / 2);
        }
    }
    links
}

fn majorities_ring(shuffled: &[Node]) -> Grudge {
    let links = majorities_ring_links(shuffled.len());
    let mut grudge = Grudge::default();
    for a in 0..shuffled.len() {
        for b in a + 1..shuffled.len() {
            if !links.contains(&(a, b)) {
                grudge.cut(shuffled[a], shuffled[b]);
            }
        }
    }
    grudge
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draw(shape: PartitionShape, count: u16, primaries: &[Node], seed: u64) -> (Vec<Node>, Grudge) {
        let nodes = Node::range(count);
        let grudge = shape.grudge(&nodes, primaries, &mut rng::from_seed(seed));
        (nodes, grudge)
    }

    fn is_symmetric(grudge: &Grudge) -> bool {
        grudge.pairs().all(|(by, from)| grudge.drops(from, by))
    }

    #[test]
    fn majorities_ring_links_are_distinct_majorities_for_any_count() {
        for count in 3..=64 {
            let links = majorities_ring_links(count);
            let neighbourhoods: BTreeSet<Vec<usize>> = (0..count)
                .map(|a| {
                    (0..count)
                        .filter(|b| a == *b || links.contains(&(a.min(*b), a.max(*b))))
                        .collect::<Vec<_>>()
                })
                .inspect(|seen| assert!(seen.len() >= majority(count), "{count}"))
                .collect();
            assert_eq!(neighbourhoods.len(), count, "two nodes of {count} see the same");
        }
    }

    proptest! {
        #[test]
        fn one_isolates_a_single_node(count in 2..10_u16, seed: u64) {
            let (nodes, grudge) = draw(PartitionShape::One, count, &[], seed);
            let alone = nodes.iter().filter(|node| grudge.visible(**node, &nodes).len() == 1).count();
            prop_assert_eq!(alone, if count == 2 { 2 } else { 1 });
            prop_assert_eq!(grudge.pairs().count(), 2 * (nodes.len() - 1));
            prop_assert!(is_symmetric(&grudge));
        }

        #[test]
        fn halves_are_two_components_of_even_size(count in 2..10_u16, seed: u64) {
            let (nodes, grudge) = draw(PartitionShape::Halves, count, &[], seed);
            let components: BTreeSet<_> = nodes.iter().map(|node| grudge.visible(*node, &nodes)).collect();
            let sizes: Vec<usize> = components.iter().map(BTreeSet::len).collect();
            prop_assert_eq!(sizes.len(), 2);
            prop_assert_eq!(sizes.iter().sum::<usize>(), nodes.len());
            prop_assert!(sizes[0].abs_diff(sizes[1]) <= 1);
            prop_assert!(is_symmetric(&grudge));
        }

        #[test]
        fn isolated_leader_leaves_each_leader_alone(count in 2..10_u16, seed: u64, leaders in 1..3_u16) {
            let primaries = Node::range(leaders.min(count - 1));
            let (nodes, grudge) = draw(PartitionShape::IsolatedLeader, count, &primaries, seed);
            for node in &nodes {
                let seen = grudge.visible(*node, &nodes).len();
                let expected = if primaries.contains(node) { 1 } else { nodes.len() - primaries.len() };
                prop_assert_eq!(seen, expected);
            }
        }

        #[test]
        fn named_nodes_are_cut_off_as_the_shape_says(count in 3..10_u16, named in 1..3_u16) {
            let (nodes, named) = (Node::range(count), Node::range(named));
            for shape in PartitionShape::ALL.into_iter().filter(|shape| shape.takes_names()) {
                let grudge = shape.grudge_against(&named, &nodes);
                for node in &nodes {
                    let expected = match named.contains(node) {
                        true if shape == PartitionShape::Halves => named.len(),
                        true => 1,
                        false => nodes.len() - named.len(),
                    };
                    prop_assert_eq!(grudge.visible(*node, &nodes).len(), expected);
                }
            }
        }

        #[test]
        fn isolated_leader_without_a_leader_isolates_someone(count in 3..10_u16, seed: u64) {
            let (nodes, grudge) = draw(PartitionShape::IsolatedLeader, count, &[Node(99)], seed);
            let alone = nodes.iter().filter(|node| grudge.visible(**node, &nodes).len() == 1).count();
            prop_assert_eq!(alone, 1);
        }

        #[test]
        fn majorities_ring_shows_each_node_another_majority(count in 3..10_u16, seed: u64) {
            let (nodes, grudge) = draw(PartitionShape::MajoritiesRing, count, &[], seed);
            let seen: BTreeSet<_> = nodes.iter().map(|node| grudge.visible(*node, &nodes)).collect();
            prop_assert_eq!(seen.len(), nodes.len());
            prop_assert!(seen.iter().all(|visible| visible.len() >= majority(nodes.len())));
            prop_assert!(seen.iter().filter(|visible| visible.len() > majority(nodes.len())).count() <= 1);
            prop_assert!(is_symmetric(&grudge));
        }

        #[test]
        fn bridge_joins_two_halves_by_one_node(count in 3..10_u16, seed: u64) {
            let (nodes, grudge) = draw(PartitionShape::Bridge, count, &[], seed);
            let whole: Vec<Node> =
                nodes.iter().copied().filter(|node| grudge.visible(*node, &nodes).len() == nodes.len()).collect();
            prop_assert_eq!(whole.len(), 1);
            let rest: Vec<Node> = nodes.iter().copied().filter(|node| *node != whole[0]).collect();
            let components: BTreeSet<_> = rest.iter().map(|node| grudge.visible(*node, &rest)).collect();
            prop_assert_eq!(components.len(), 2);
            prop_assert_eq!(components.iter().map(BTreeSet::len).sum::<usize>(), rest.len());
        }

        #[test]
        fn one_way_never_cuts_back(count in 2..10_u16, seed: u64) {
            let (nodes, grudge) = draw(PartitionShape::OneWay, count, &[], seed);
            prop_assert!(grudge.pairs().all(|(by, from)| !grudge.drops(from, by)));
            let receivers = grudge.by_node().count();
            prop_assert_eq!(grudge.pairs().count(), receivers * (nodes.len() - receivers));
            prop_assert!(receivers.abs_diff(nodes.len() - receivers) <= 1);
        }

        #[test]
        fn no_shape_is_empty_or_about_unknown_nodes(count in 1..10_u16, seed: u64) {
            for shape in PartitionShape::ALL {
                let (nodes, grudge) = draw(shape, count, &[Node(1)], seed);
                prop_assert_eq!(grudge.is_empty(), !shape.exists(nodes.len()), "{}", shape);
                prop_assert!(grudge.pairs().all(|(by, from)| by != from && nodes.contains(&by) && nodes.contains(&from)));
            }
        }
    }
}
