//! Which node each thread talks to, and by which read mode it reads.

use std::collections::BTreeSet;

/// The place of one thread for the whole run. A thread stays with its node through every partition, since a
/// deposed leader is only caught by the clients that still believe in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// The node, as an index into the run's nodes.
    pub node: usize,
    /// The read mode, as an index into the run's read modes.
    pub read_mode: usize,
    /// Whether it only ever reads. A client that also writes soon waits for a write that a cut-off node cannot
    /// finish, and then sees nothing of what that node still answers.
    pub reader: bool,
}

/// The nodes and read modes among which threads are placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many voters there are: the first nodes.
    pub voters: usize,
    /// How many observers there are: the nodes after the voters.
    pub observers: usize,
    /// For each read mode, whether its clients ask observers; those of the others ask voters.
    pub on_observers: Vec<bool>,
}

impl Layout {
    /// Voters only.
    #[must_use]
    pub fn of_voters(voters: usize, read_modes: usize) -> Self {
        Self {
            voters,
            observers: 0,
            on_observers: vec![false; read_modes],
        }
    }

    /// Places `threads` threads. Voters and observers have their shares by their numbers of pairs of node and read
    /// mode; of every hundred rounds of those pairs, `readers_percent` only read. Read modes of nodes that do not
    /// exist get no thread.
    #[must_use]
    pub fn place(&self, threads: usize, readers_percent: u8) -> Vec<Placement> {
        let (voting, observing) = (self.group(false), self.group(true));
        let pairs = self.pairs();
        let for_observers = match pairs {
            0 => 0,
            pairs => (threads * observing.pairs()).div_ceil(pairs),
        };
        let mut places = voting.place(threads - for_observers, readers_percent);
        places.extend(observing.place(for_observers, readers_percent));
        places
    }

    /// How many pairs of node and read mode there are.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.group(false).pairs() + self.group(true).pairs()
    }

    /// How many of them no thread covers.
    #[must_use]
    pub fn uncovered(&self, placements: &[Placement]) -> usize {
        let covered: BTreeSet<_> = placements
            .iter()
            .map(|place| (place.node, place.read_mode))
            .collect();
        self.pairs() - covered.len()
    }

    /// The nodes that the clients of a read mode ask.
    #[must_use]
    pub fn nodes_asked(&self, read_mode: usize) -> std::ops::Range<usize> {
        let group = self.group(self.on_observers[read_mode]);
        group.first_node..group.first_node + group.nodes
    }

    fn group(&self, observers: bool) -> Group {
        let modes = self.on_observers.iter().enumerate();
        let (first_node, nodes) = match observers {
            true => (self.voters, self.observers),
            false => (0, self.voters),
        };
        Group {
            first_node,
            nodes,
            read_modes: modes
                .filter(|(_, on_observers)| **on_observers == observers)
                .map(|(index, _)| index)
                .collect(),
        }
    }
}

/// Nodes that serve the same read modes.
struct Group {
    first_node: usize,
    nodes: usize,
    read_modes: Vec<usize>,
}

impl Group {
    fn pairs(&self) -> usize {
        self.nodes * self.read_modes.len()
    }

    /// Thread i talks to node i mod n. Modes go round likewise, shifted by one after every lcm(n, m) threads; so every
    /// n·m consecutive threads hold each pair of node and mode exactly once, and every m of one round hold each mode
    /// once. Node and mode are never correlated, which a plain i mod m would make them wherever n and m share a
    /// factor.
    fn place(&self, threads: usize, readers_percent: u8) -> Vec<Placement> {
        let (nodes, read_modes) = (self.nodes, self.read_modes.len());
        if self.pairs() == 0 {
            return Vec::new();
        }
        let round = nodes / gcd(nodes, read_modes) * read_modes;
        let is_reader = |group: usize| {
            let readers_before = |group: usize| group * usize::from(readers_percent) / 100;
            readers_before(group + 1) > readers_before(group)
        };
        (0..threads)
            .map(|thread| Placement {
                node: self.first_node + thread % nodes,
                read_mode: self.read_modes[(thread + thread / round) % read_modes],
                reader: is_reader(thread / (nodes * read_modes)),
            })
            .collect()
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(threads: usize, nodes: usize, read_modes: usize, readers_percent: u8) -> Vec<Placement> {
        Layout::of_voters(nodes, read_modes).place(threads, readers_percent)
    }

    #[test]
    fn every_pair_is_held_exactly_once_per_full_round() {
        for nodes in 1..=9 {
            for modes in 1..=9 {
                let mut places = place(nodes * modes, nodes, modes, 50);
                let uncovered = Layout::of_voters(nodes, modes).uncovered(&places);
                assert_eq!(uncovered, 0, "{nodes} nodes, {modes} modes");
                places.sort_unstable();
                places.dedup();
                assert_eq!(places.len(), nodes * modes);
            }
        }
    }

    #[test]
    fn modes_are_even_even_with_few_threads() {
        for (nodes, modes, threads) in [(5, 6, 10), (3, 6, 12), (5, 5, 10), (4, 6, 8)] {
            let places = place(threads, nodes, modes, 0);
            let counts: Vec<usize> = (0..modes)
                .map(|mode| places.iter().filter(|place| place.read_mode == mode).count())
                .collect();
            let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
            assert!(
                spread <= 1,
                "{nodes} nodes, {modes} modes, {threads} threads: {counts:?}"
            );
        }
    }

    #[test]
    fn threads_stay_with_node_i_mod_n() {
        for (thread, place) in place(23, 5, 6, 0).iter().enumerate() {
            assert_eq!(place.node, thread % 5);
        }
    }

    #[test]
    fn pairs_without_a_thread_are_counted() {
        assert_eq!(Layout::of_voters(2, 2).uncovered(&place(3, 2, 2, 0)), 1);
    }

    #[test]
    fn observers_serve_their_own_modes_and_voters_theirs() {
        let layout = Layout {
            voters: 3,
            observers: 2,
            on_observers: vec![false, true, false],
        };
        assert_eq!(layout.pairs(), 8);
        for threads in [8, 16, 24] {
            let places = layout.place(threads, 50);
            assert_eq!((places.len(), layout.uncovered(&places)), (threads, 0));
            assert!(
                places
                    .iter()
                    .all(|place| (place.node >= 3) == (place.read_mode == 1))
            );
        }
    }

    #[test]
    fn readers_come_in_whole_groups_as_often_as_asked_for() {
        let readers = |percent, groups: usize| {
            let places = place(6 * groups, 2, 3, percent);
            places
                .chunks(6)
                .map(|group| group.iter().filter(|place| place.reader).count())
                .collect::<Vec<_>>()
        };
        assert_eq!(readers(50, 4), [0, 6, 0, 6]);
        assert_eq!(readers(0, 3), [0, 0, 0]);
        assert_eq!(readers(67, 3), [0, 6, 6]);
    }
}
