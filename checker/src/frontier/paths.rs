//! How each configuration came to be: the ops that were linearized, in their order, as a tree that grows from its
//! root. Configurations share what they have in common.

/// Marks an op that was hidden: see [`Paths::hide`].
const HIDDEN: u32 = 1 << 31;
/// Ops are numbered below this.
pub(super) const OPS_MAX: usize = HIDDEN as usize;

/// The path without ops.
pub(super) const START: u32 = u32::MAX;
/// Garbage is collected no sooner than the tree has so many nodes.
const GARBAGE_MIN: usize = 1 << 18;

/// A tree of orders, each known by its last node. A node is younger than its parent.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    is_kept: bool,
    collect_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    op: u32,
}

impl Paths {
    /// Keeps orders, or forgets them all at once.
    pub(super) fn new(is_kept: bool) -> Self {
        Self {
            nodes: Vec::new(),
            is_kept,
            collect_at: GARBAGE_MIN,
        }
    }

    /// The path of `parent`, and then `op`.
    pub(super) fn extend(&mut self, parent: u32, op: u32) -> u32 {
        if !self.is_kept {
            return START;
        }
        let number = u32::try_from(self.nodes.len()).expect("the memory budget ends a search long before");
        self.nodes.push(Node { parent, op });
        number
    }

    /// The path of `parent`, in which `op` was hidden by the last op that overwrote, right before it.
    pub(super) fn hide(&mut self, parent: u32, op: u32) -> u32 {
        self.extend(parent, op | HIDDEN)
    }

    /// The ops of a path, first to last.
    pub(super) fn order(&self, mut path: u32, overwrites: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut order = Vec::new();
        // Backward: those that the next op that overwrites has hidden.
        let mut hidden = Vec::new();
        while path != START {
            let node = self.nodes[path as usize];
            if node.op & HIDDEN != 0 {
                hidden.push(node.op ^ HIDDEN);
            } else {
                order.push(node.op);
                if overwrites(node.op) {
                    order.append(&mut hidden);
                }
            }
            path = node.parent;
        }
        assert!(hidden.is_empty(), "an op is hidden by one before it in the path");
        order.reverse();
        order
    }

    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// Forgets what leads to none of `alive`, if the tree has grown enough for that to pay. Those are renumbered.
    pub(super) fn collect_garbage(&mut self, alive: &mut [u32]) {
        if self.nodes.len() < self.collect_at {
            return;
        }
        let mut numbers = vec![START; self.nodes.len()];
        for path in alive.iter().filter(|path| **path != START) {
            numbers[*path as usize] = 0;
        }
        for at in (0..self.nodes.len()).rev() {
            let parent = self.nodes[at].parent;
            if numbers[at] != START && parent != START {
                numbers[parent as usize] = 0;
            }
        }
        let mut kept = 0_u32;
        for at in 0..self.nodes.len() {
            if numbers[at] == START {
                continue;
            }
            let Node { parent, op } = self.nodes[at];
            let parent = if parent == START {
                START
            } else {
                numbers[parent as usize]
            };
            self.nodes[kept as usize] = Node { parent, op };
            numbers[at] = kept;
            kept += 1;
        }
        self.nodes.truncate(kept as usize);
        for path in alive.iter_mut().filter(|path| **path != START) {
            *path = numbers[*path as usize];
        }
        self.collect_at = GARBAGE_MIN.max(2 * self.nodes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::{GARBAGE_MIN, Paths, START};

    #[test]
    fn a_hidden_op_comes_right_before_what_hides_it() {
        let mut paths = Paths::new(true);
        let path = [1, 2, 3].iter().fold(START, |path, op| paths.extend(path, *op));
        let path = paths.hide(path, 4);
        let path = paths.extend(path, 5);
        assert_eq!(paths.order(path, |op| op == 2), [1, 4, 2, 3, 5]);
    }

    #[test]
    fn orders_survive_the_collection_of_garbage() {
        let mut paths = Paths::new(true);
        let mut alive = [START, START];
        for op in 0..GARBAGE_MIN as u32 {
            let which = (op % 2) as usize;
            alive[which] = paths.extend(alive[which], op);
            paths.extend(alive[which], u32::MAX);
        }
        let before = [paths.order(alive[0], |_| false), paths.order(alive[1], |_| false)];
        let nodes = paths.nodes.len();
        paths.collect_garbage(&mut alive);
        assert_eq!(paths.nodes.len() * 2, nodes);
        assert_eq!(
            [paths.order(alive[0], |_| false), paths.order(alive[1], |_| false)],
            before
        );
    }
}
