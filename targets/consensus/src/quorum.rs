//! Quorum arithmetic, pure. A joint quorum needs a majority of both of its halves (Raft §6); a simple one has an
//! empty `outgoing` half.

use crate::NodeId;

/// The voters whose agreement decides.
#[derive(Clone, Copy, Debug)]
pub struct Quorum<'a> {
    /// The voters; of the configuration to come, while it is joint.
    pub incoming: &'a [NodeId],
    /// The voters of the configuration that is being left; empty unless it is joint.
    pub outgoing: &'a [NodeId],
}

/// The least number of voters that is a majority of `voters`: any two majorities share a voter.
#[must_use]
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

impl Quorum<'_> {
    /// Whether the voters that `agrees` holds for are a quorum.
    pub fn is_reached(&self, agrees: impl Fn(NodeId) -> bool) -> bool {
        self.is_reached_by(majority, agrees)
    }

    /// The greatest value that a quorum has reached, if each voter stands at `value(voter)`: for match indices,
    /// the highest index that is stored by a quorum.
    pub fn highest_reached<T: Ord + Copy + Default>(&self, value: impl Fn(NodeId) -> T) -> T {
        self.highest_reached_by(majority, value)
    }

    /// As [`Self::is_reached`], with `enough` in place of the majority: planted bugs count wrongly.
    pub fn is_reached_by(&self, enough: impl Fn(usize) -> usize, agrees: impl Fn(NodeId) -> bool) -> bool {
        self.halves()
            .all(|half| half.iter().filter(|id| agrees(**id)).count() >= enough(half.len()))
    }

    /// As [`Self::highest_reached`], with `enough` in place of the majority.
    pub fn highest_reached_by<T: Ord + Copy + Default>(
        &self,
        enough: impl Fn(usize) -> usize,
        value: impl Fn(NodeId) -> T,
    ) -> T {
        self.halves()
            .map(|half| kth_greatest(half, enough(half.len()), &value))
            .min()
            .unwrap_or_default()
    }

    fn halves(&self) -> impl Iterator<Item = &[NodeId]> {
        let outgoing = (!self.outgoing.is_empty()).then_some(self.outgoing);
        std::iter::once(self.incoming).chain(outgoing)
    }
}

/// The `k`-th greatest value over `voters`, from 1; the default if there are fewer.
fn kth_greatest<T: Ord + Copy + Default>(voters: &[NodeId], k: usize, value: impl Fn(NodeId) -> T) -> T {
    // Clusters are small: for each value, counting those at least as great needs no allocation.
    voters
        .iter()
        .map(|id| value(*id))
        .filter(|candidate| voters.iter().filter(|id| value(**id) >= *candidate).count() >= k)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(range: std::ops::RangeInclusive<u16>) -> Vec<NodeId> {
        range.map(NodeId).collect()
    }

    #[test]
    fn two_majorities_always_share_a_voter() {
        for voters in 1..=9 {
            assert!(2 * majority(voters) > voters);
            assert!(
                2 * (majority(voters) - 1) <= voters,
                "one voter less could be outvoted"
            );
        }
    }

    #[test]
    fn a_joint_quorum_needs_both_halves() {
        let (old, new) = (ids(1..=3), ids(3..=5));
        let quorum = Quorum {
            incoming: &new,
            outgoing: &old,
        };
        assert!(
            !quorum.is_reached(|id| id.0 <= 3),
            "a majority of the old voters alone"
        );
        assert!(
            !quorum.is_reached(|id| id.0 >= 4),
            "a majority of the new voters alone"
        );
        assert!(quorum.is_reached(|id| [2, 3, 4].contains(&id.0)));
    }

    proptest! {
        #[test]
        fn highest_reached_is_the_greatest_value_that_a_quorum_has(
            values in prop::collection::vec(0_u64..6, 9),
            incoming in 1_u16..=9,
            outgoing_from in 1_u16..=9,
            joint: bool,
        ) {
            let incoming = ids(1..=incoming);
            let outgoing = if joint { ids(outgoing_from..=9) } else { Vec::new() };
            let quorum = Quorum { incoming: &incoming, outgoing: &outgoing };
            let value = |id: NodeId| values[usize::from(id.0) - 1];
            let naive = (0..6).rev().find(|v| quorum.is_reached(|id| value(id) >= *v)).unwrap();
            prop_assert_eq!(quorum.highest_reached(value), naive);
        }
    }
}
