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

/// Places `threads` threads. Thread i talks to node i mod n. Modes go round likewise, shifted by one after every
/// lcm(n, m) threads; so every n·m consecutive threads hold each pair of node and mode exactly once, and every m
/// of one round hold each mode once. Node and mode are never correlated, which a plain i mod m would make them
/// wherever n and m share a factor. Of every hundred runs of n·m threads, `readers_percent` only read.
///
/// # Panics
/// If there is no node or no mode.
#[must_use]
pub fn place(threads: usize, nodes: usize, read_modes: usize, readers_percent: u8) -> Vec<Placement> {
    let round = nodes / gcd(nodes, read_modes) * read_modes;
    let is_reader = |group: usize| {
        let readers_before = |group: usize| group * usize::from(readers_percent) / 100;
        readers_before(group + 1) > readers_before(group)
    };
    (0..threads)
        .map(|thread| Placement {
            node: thread % nodes,
            read_mode: (thread + thread / round) % read_modes,
            reader: is_reader(thread / (nodes * read_modes)),
        })
        .collect()
}

/// The pairs of node and read mode that no thread covers.
#[must_use]
pub fn uncovered(placements: &[Placement], nodes: usize, read_modes: usize) -> Vec<(usize, usize)> {
    let covered: BTreeSet<_> = placements
        .iter()
        .map(|place| (place.node, place.read_mode))
        .collect();
    let all = (0..nodes).flat_map(|node| (0..read_modes).map(move |read_mode| (node, read_mode)));
    all.filter(|pair| !covered.contains(pair)).collect()
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
                let mut places = place(nodes * modes, nodes, modes, 50);
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
    fn uncovered_names_the_missing_pairs() {
        let missing = uncovered(&place(3, 2, 2, 0), 2, 2);
        assert_eq!(missing, [(1, 0)]);
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
