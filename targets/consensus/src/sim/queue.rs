//! The queue of events, by virtual time; at one moment, in the order in which they were put in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events wait in a slab, so that the heap moves only small keys.
#[derive(Debug)]
pub(super) struct EventQueue<E> {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    put: u64,
}

impl<E> EventQueue<E> {
    pub(super) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slab: Vec::new(),
            free: Vec::new(),
            put: 0,
        }
    }

    pub(super) fn put(&mut self, at_us: u64, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slab.push(Some(event));
                u32::try_from(self.slab.len() - 1).expect("fewer than four billion events wait")
            }
        };
        self.put += 1;
        self.heap.push(Reverse((at_us, self.put, slot)));
    }

    pub(super) fn next(&mut self) -> Option<(u64, E)> {
        let Reverse((at_us, _, slot)) = self.heap.pop()?;
        let event = self.slab[slot as usize]
            .take()
            .expect("each slot is in the heap once");
        self.free.push(slot);
        Some((at_us, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_moment_come_in_the_order_of_their_arrival() {
        let mut queue = EventQueue::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.put(at, event);
        }
        let events: String = std::iter::from_fn(|| queue.next())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(events, "abcd");
    }
}
