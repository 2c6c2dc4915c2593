//! Sets of configurations in flat memory.
//!
//! A configuration is a row of words: the state, and masks over the slots of live ops and over optional ops. Of rows
//! that agree in the state and in the first of the masks only those are kept that are minimal in all others
//! (dominance): which bits each mask has is told by the module's page.

/// How a row is laid out: the state, and then these masks, of so many words each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Live ops that are neither pure nor lazy, and not yet linearized.
    pub(super) eager_words: usize,
    /// Live ops that are pure or lazy, and must yet be linearized.
    pub(super) pending_words: usize,
    /// Live ops that are lazy, and were taken.
    pub(super) taken_words: usize,
    /// Optional ops that were used.
    pub(super) used_words: usize,
}

/// A bit of a row: the word, and the bit in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) word: usize,
    pub(super) bit: u64,
}

impl Spot {
    fn new(first_word: usize, bit: u32) -> Self {
        Self {
            word: first_word + bit as usize / 64,
            bit: 1 << (bit % 64),
        }
    }

    pub(super) fn is_set(self, row: &[u64]) -> bool {
        row[self.word] & self.bit != 0
    }

    pub(super) fn set(self, row: &mut [u64]) {
        row[self.word] |= self.bit;
    }

    pub(super) fn clear(self, row: &mut [u64]) {
        row[self.word] &= !self.bit;
    }
}

impl Layout {
    pub(super) fn stride(self) -> usize {
        self.group_words() + self.pending_words + self.taken_words + self.used_words
    }

    /// The words that two rows must share for one to dominate the other.
    fn group_words(self) -> usize {
        1 + self.eager_words
    }

    pub(super) fn eager(slot: u32) -> Spot {
        Spot::new(1, slot)
    }

    pub(super) fn pending(self, slot: u32) -> Spot {
        Spot::new(self.group_words(), slot)
    }

    pub(super) fn taken(self, slot: u32) -> Spot {
        Spot::new(self.group_words() + self.pending_words, slot)
    }

    pub(super) fn used(self, bit: u32) -> Spot {
        Spot::new(self.group_words() + self.pending_words + self.taken_words, bit)
    }
}

/// Marks the state of a row that was dominated after it was stored. States are `u32`.
const DEAD: u64 = u64::MAX;
const NONE: u32 = u32::MAX;

/// A set of rows, each reachable by its number in the order of insertion. Open addressing over groups; the rows
/// of a group are linked. Clearing costs nothing: buckets carry the generation that they are valid for.
#[derive(Debug)]
pub(super) struct Table {
    layout: Layout,
    rows: Vec<u64>,
    /// The next row of the same group.
    links: Vec<u32>,
    /// What each row carries along, by which no row is told from another: how it came to be.
    paths: Vec<u32>,
    buckets: Vec<Bucket>,
    groups: usize,
    generation: u32,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    generation: u32,
    head: u32,
}

impl Table {
    pub(super) fn new(layout: Layout) -> Self {
        let buckets = vec![
            Bucket {
                generation: 0,
                head: NONE
            };
            64
        ];
        Self {
            layout,
            rows: Vec::new(),
            links: Vec::new(),
            paths: Vec::new(),
            buckets,
            groups: 0,
            generation: 1,
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.links.clear();
        self.paths.clear();
        self.groups = 0;
        if self.generation == u32::MAX {
            self.buckets.fill(Bucket {
                generation: 0,
                head: NONE,
            });
            self.generation = 0;
        }
        self.generation += 1;
    }

    /// Rows ever inserted since the last clearing, dead ones included.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * 8
            + (self.links.capacity() + self.paths.capacity()) * 4
            + self.buckets.capacity() * 8
    }

    /// The row of that number with its path, unless another dominates it.
    pub(super) fn row(&self, number: usize) -> Option<(&[u64], u32)> {
        let stride = self.layout.stride();
        let row = &self.rows[number * stride..(number + 1) * stride];
        (row[0] != DEAD).then_some((row, self.paths[number]))
    }

    /// All rows that no other dominates, with their paths.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u64], u32)> {
        self.rows
            .chunks_exact(self.layout.stride())
            .zip(self.paths.iter().copied())
            .filter(|(row, _)| row[0] != DEAD)
    }

    /// Stores `row` unless one that is stored dominates it; forgets those that it dominates.
    pub(super) fn insert(&mut self, row: &[u64], path: u32) {
        if (self.groups + 1) * 2 > self.buckets.len() {
            self.grow();
        }
        let bucket = self.find(row);
        let head = self.buckets[bucket].head;
        let fresh = self.buckets[bucket].generation != self.generation;
        if !fresh && !self.admit(head, row) {
            return;
        }
        let number = u32::try_from(self.links.len()).expect("the memory budget ends a search long before");
        self.rows.extend_from_slice(row);
        self.links.push(if fresh { NONE } else { head });
        self.paths.push(path);
        self.groups += usize::from(fresh);
        self.buckets[bucket] = Bucket {
            generation: self.generation,
            head: number,
        };
    }

    /// Whether no row of the group dominates `row`; marks dead those that `row` dominates.
    fn admit(&mut self, head: u32, row: &[u64]) -> bool {
        let (stride, group_words) = (self.layout.stride(), self.layout.group_words());
        let used = &row[group_words..];
        let mut at = head;
        while at != NONE {
            let stored = &mut self.rows[at as usize * stride..(at as usize + 1) * stride];
            if stored[0] != DEAD {
                let (mut subset, mut superset) = (true, true);
                for (s, u) in stored[group_words..].iter().zip(used) {
                    subset &= s & !u == 0;
                    superset &= u & !s == 0;
                }
                if subset {
                    return false;
                }
                if superset {
                    stored[0] = DEAD;
                }
            }
            at = self.links[at as usize];
        }
        true
    }

    /// The bucket of the row's group, or the free one where it belongs.
    fn find(&self, row: &[u64]) -> usize {
        let words = self.layout.group_words();
        let mask = self.buckets.len() - 1;
        let mut at = hash(&row[..words]) & mask;
        loop {
            let bucket = self.buckets[at];
            if bucket.generation != self.generation || self.same_group(bucket.head, row) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Dead rows lose their state, so that a group is known by the eager mask and state of its head, which is
    /// its newest row and never dead: a row only dies when a newer one takes its place.
    fn same_group(&self, head: u32, row: &[u64]) -> bool {
        let (stride, words) = (self.layout.stride(), self.layout.group_words());
        let start = head as usize * stride;
        self.rows[start..start + words] == row[..words]
    }

    fn grow(&mut self) {
        let heads: Vec<u32> = self
            .buckets
            .iter()
            .filter(|b| b.generation == self.generation)
            .map(|b| b.head)
            .collect();
        self.buckets = vec![
            Bucket {
                generation: 0,
                head: NONE
            };
            self.buckets.len() * 2
        ];
        self.generation = 1;
        let (stride, mask) = (self.layout.stride(), self.buckets.len() - 1);
        for head in heads {
            let start = head as usize * stride;
            let mut at = hash(&self.rows[start..start + self.layout.group_words()]) & mask;
            while self.buckets[at].generation == self.generation {
                at = (at + 1) & mask;
            }
            self.buckets[at] = Bucket {
                generation: self.generation,
                head,
            };
        }
    }
}

/// Multiply and rotate, as rustc-hash does; the high bits are the good ones.
fn hash(words: &[u64]) -> usize {
    const K: u64 = 0xf135_7aea_2e62_a9c5;
    let mut state = 0_u64;
    for word in words {
        state = (state.rotate_left(26) ^ word).wrapping_mul(K);
    }
    (state >> 20) as usize
}

#[cfg(test)]
mod tests {
    use super::{Layout, Table};

    const LAYOUT: Layout = Layout {
        eager_words: 1,
        pending_words: 0,
        taken_words: 0,
        used_words: 1,
    };

    fn stored(table: &Table) -> Vec<Vec<u64>> {
        let mut rows: Vec<Vec<u64>> = table.rows().map(|(row, _)| row.to_vec()).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn a_row_with_fewer_used_ops_dominates() {
        let mut table = Table::new(LAYOUT);
        table.insert(&[1, 0, 0b011], 0);
        table.insert(&[1, 0, 0b110], 0);
        table.insert(&[1, 0, 0b111], 0);
        assert_eq!(stored(&table), [[1, 0, 0b011], [1, 0, 0b110]]);
        table.insert(&[1, 0, 0b010], 0);
        assert_eq!(stored(&table), [[1, 0, 0b010]]);
        assert!(table.row(0).is_none());
        table.insert(&[1, 1, 0b111], 0);
        table.insert(&[2, 0, 0b111], 0);
        assert_eq!(stored(&table), [[1, 0, 0b010], [1, 1, 0b111], [2, 0, 0b111]]);
    }

    #[test]
    fn a_set_survives_growth_and_forgets_on_clearing() {
        let mut table = Table::new(LAYOUT);
        for round in 0..3_u64 {
            table.clear();
            for state in 0..1000 {
                table.insert(&[state, round, 1], 0);
                table.insert(&[state, round, 1], 0);
            }
            assert_eq!(table.len(), 1000);
            assert_eq!(stored(&table).len(), 1000);
        }
    }
}
