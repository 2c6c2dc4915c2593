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
}

/// Places `threads` threads. Thread i talks to node i mod n. Modes go round likewise, shifted by one after every
/// lcm(n, m) threads; so every n·m consecutive threads hold each pair of node and mode exactly once, and every m
/// of one round hold each mode once. Node and mode are never correlated, which a plain i mod m would make them
/// wherever n and m share a factor.
///
/// # Panics
/// If there is no node or no mode.
#[must_use]
pub fn place(threads: usize, nodes: usize, read_modes: usize) -> Vec<Placement> {
    let round = nodes / gcd(nodes, read_modes) * read_modes;
    (0..threads)
        .map(|thread| Placement {
            node: thread % nodes,
            read_mode: (thread + thread / round) % read_modes,
        })
        .collect()
}

/// The pairs of node and read mode that no thread covers.
#[must_use]
pub fn uncovered(placements: &[Placement], nodes: usize, read_modes: usize) -> Vec<Placement> {
    let covered: BTreeSet<_> = placements.iter().copied().collect();
    let all = (0..nodes).flat_map(|node| (0..read_modes).map(move |read_mode| Placement { node, read_mode }));
    all.filter(|place| !covered.contains(place)).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_held_exactly_once_per_full_round() {
        for nodes in 1..=9 {
            for modes in 1..=9 {
                let mut places = place(nodes * modes, nodes, modes);
                assert!(
                    uncovered(&places, nodes, modes).is_empty(),
                    "{nodes} nodes, {modes} modes"
                );
                places.sort_unstable();
                places.dedup();
                assert_eq!(places.len(), nodes * modes);
            }
        }
    }

    #[test]
    fn modes_are_even_even_with_few_threads() {
        for (nodes, modes, threads) in [(5, 6, 10), (3, 6, 12), (5, 5, 10), (4, 6, 8)] {
            let places = place(threads, nodes, modes);
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
        for (thread, place) in place(23, 5, 6).iter().enumerate() {
            assert_eq!(place.node, thread % 5);
        }
    }

    #[test]
    fn uncovered_names_the_missing_pairs() {
        let missing = uncovered(&place(3, 2, 2), 2, 2);
        assert_eq!(
            missing,
            [Placement {
                node: 1,
                read_mode: 0
            }]
        );
    }
}
