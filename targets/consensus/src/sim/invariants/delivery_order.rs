//! Delivery order: in one life a node applies commands in ascending order, and none at or below what a snapshot that it
//! started from stands for (Raft §5.3; DSN paper, §III, "total order").

use super::Broken;
use crate::{NodeId, Version, Words};

#[derive(Debug)]
pub(super) struct DeliveryOrder {
    words: Words,
    /// By node: the last version that its state machine has taken in, in this life.
    last: Vec<Version>,
}

impl DeliveryOrder {
    pub(super) fn new(nodes: u16, words: Words) -> Self {
        Self {
            words,
            last: vec![Version(0); nodes.into()],
        }
    }

    /// The node starts from nothing.
    pub(super) fn crashed(&mut self, node: NodeId) {
        self.last[usize::from(node.0) - 1] = Version(0);
    }

    /// Its state is that of a snapshot.
    pub(super) fn restored(&mut self, node: NodeId, version: Version) {
        self.last[usize::from(node.0) - 1] = version;
    }

    pub(super) fn applied(&mut self, node: NodeId, version: Version) -> Result<(), Broken> {
        let last = std::mem::replace(&mut self.last[usize::from(node.0) - 1], version);
        if version > last {
            return Ok(());
        }
        let place = self.words.place;
        Err(Broken {
            invariant: "delivery-order",
            what: format!(
                "{node} applied what stands at {}, after what stands at {}",
                place(version),
                place(last)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::invariants::WORDS;

    #[test]
    fn a_command_out_of_order_is_noticed_and_a_new_life_starts_anew() {
        let mut invariant = DeliveryOrder::new(2, WORDS);
        let node = NodeId(2);
        assert!(invariant.applied(node, Version(3)).is_ok());
        assert!(invariant.applied(node, Version(7)).is_ok());
        assert!(invariant.applied(node, Version(5)).is_err());
        invariant.crashed(node);
        assert!(invariant.applied(node, Version(1)).is_ok());
        invariant.restored(node, Version(4));
        assert!(invariant.applied(node, Version(4)).is_err());
    }
}
