//! A disk that loses what was not synced. What was is safe.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// One batch of records on its way to the disk.
#[derive(Debug)]
struct Write<R> {
    position: u64,
    records: Vec<R>,
    replace: bool,
}

#[derive(Debug)]
pub(super) struct Disk<R> {
    durable: Vec<R>,
    on_their_way: VecDeque<Write<R>>,
    /// When the last of them will be synced, virtual microseconds.
    busy_until_us: u64,
}

impl<R: Clone> Disk<R> {
    pub(super) fn new() -> Self {
        Self {
            durable: Vec::new(),
            on_their_way: VecDeque::new(),
            busy_until_us: 0,
        }
    }

    /// Starts a write, and tells when it will be synced.
    pub(super) fn write(
        &mut self,
        now_us: u64,
        takes_us: u64,
        position: u64,
        records: Vec<R>,
        replace: bool,
    ) -> u64 {
        self.on_their_way.push_back(Write {
            position,
            records,
            replace,
        });
        self.busy_until_us = self.busy_until_us.max(now_us + takes_us);
        self.busy_until_us
    }

    /// Everything up to `position` is synced.
    pub(super) fn synced(&mut self, position: u64) {
        while let Some(write) = self.on_their_way.pop_front_if(|write| write.position <= position) {
            if write.replace {
                self.durable.clear();
            }
            self.durable.extend(write.records);
        }
    }

    /// The power fails. Of what was on its way some prefix may have reached the disk; a replacement of the whole
    /// is atomic.
    pub(super) fn crash(&mut self, rng: &mut ChaCha8Rng, now_us: u64) {
        let mut reached = match self.on_their_way.len() {
            0 => 0,
            writes => rng.next_u32() as usize % (writes + 1),
        };
        while let Some(write) = self.on_their_way.pop_front() {
            if reached > 0 {
                reached -= 1;
                if write.replace {
                    self.durable.clear();
                }
                self.durable.extend(write.records);
            } else {
                // The write that was cut off: a torn record is dropped at the next start, so a prefix stays.
                if !write.replace {
                    let whole = rng.next_u32() as usize % (write.records.len() + 1);
                    self.durable.extend(write.records.into_iter().take(whole));
                }
                break;
            }
        }
        self.on_their_way.clear();
        self.busy_until_us = now_us;
    }

    pub(super) fn contents(&self) -> Vec<R> {
        self.durable.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn a_crash_keeps_what_was_synced_and_a_prefix_of_the_rest() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut disk = Disk::new();
            disk.write(0, 10, 1, vec![1, 2], false);
            disk.write(0, 10, 2, vec![3, 4], false);
            disk.write(0, 10, 3, vec![5, 6], false);
            disk.synced(1);
            disk.crash(&mut ChaCha8Rng::seed_from_u64(seed), 5);
            let contents = disk.contents();
            assert!(contents.len() >= 2, "synced records stay");
            assert_eq!(contents, [1, 2, 3, 4, 5, 6][..contents.len()]);
            lengths.insert(contents.len());
        }
        assert_eq!(lengths, (2..=6).collect(), "every prefix happens");
    }

    #[test]
    fn a_replacement_happens_wholly_or_not_at_all() {
        for seed in 0..50 {
            let mut disk = Disk::new();
            disk.write(0, 10, 1, vec![1, 2, 3], false);
            disk.synced(1);
            disk.write(0, 10, 2, vec![9, 9], true);
            disk.crash(&mut ChaCha8Rng::seed_from_u64(seed), 5);
            assert!(disk.contents() == [1, 2, 3] || disk.contents() == [9, 9]);
        }
    }
}
