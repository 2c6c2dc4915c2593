//! The register workload: read, write and compare-and-set on many independent keys.

use std::collections::HashMap;

use splitbrain_checker::history::{Action, Key, Outcome, Value};

use super::{Completion, Generator, KeyDistribution, Mix, Random, Request, Thread};

/// Generates register requests. Every value it writes is new in the whole run, which is what lets the checker
/// tell every write from every other and stay polynomial (Gibbons and Korach 1997, section 4).
#[derive(Debug)]
pub struct Register {
    mix: Mix,
    random: Random,
    /// The keys in use. A slot keeps its place, and so its popularity, when its key is replaced.
    live: Vec<LiveKey>,
    /// Where each live key is. Only looked up, never iterated.
    slot_of: HashMap<Key, usize>,
    /// The summed popularity of slots up to and including each, for a choice by bisection.
    popularity: Vec<f64>,
    next_key: u64,
    next_value: i64,
}

#[derive(Debug)]
struct LiveKey {
    key: Key,
    requests: u64,
    /// A value that the key held not long ago, if any is known.
    seen: Option<Value>,
}

impl Register {
    /// A generator for one run.
    ///
    /// # Panics
    /// If the mix does not pass [`Mix::validate`].
    #[must_use]
    pub fn new(mix: Mix, seed: u64) -> Self {
        assert_eq!(mix.validate(), Ok(()), "an unchecked mix");
        let live: Vec<_> = (0..mix.keys as u64).map(LiveKey::fresh).collect();
        Self {
            random: Random::new(seed, "workload"),
            slot_of: live
                .iter()
                .enumerate()
                .map(|(slot, live)| (live.key, slot))
                .collect(),
            popularity: popularity(mix.keys, mix.key_distribution),
            next_key: mix.keys as u64,
            next_value: 1,
            live,
            mix,
        }
    }

    fn choose_slot(&mut self) -> usize {
        let total = self.popularity[self.popularity.len() - 1];
        let point = self.random.unit() * total;
        self.popularity
            .partition_point(|&sum| sum < point)
            .min(self.live.len() - 1)
    }

    fn choose_action(&mut self, seen: Option<Value>) -> Action {
        let weights = self.mix.weights;
        let total = u64::from(weights.read) + u64::from(weights.write) + u64::from(weights.cas);
        let point = self.random.below(total);
        if point < u64::from(weights.read) {
            return Action::Read;
        }
        let value = Value(self.next_value);
        self.next_value += 1;
        match seen {
            Some(from) if point >= u64::from(weights.read) + u64::from(weights.write) => {
                Action::Cas { from, to: value }
            }
            // A compare-and-set of a key whose value nobody has seen could only fail: it becomes a write, which
            // gives the next one something to compare with.
            _ => Action::Write { value },
        }
    }

    fn replace_if_spent(&mut self, slot: usize) {
        if self.live[slot].requests >= self.mix.ops_per_key {
            self.slot_of.remove(&self.live[slot].key);
            self.live[slot] = LiveKey::fresh(self.next_key);
            self.slot_of.insert(self.live[slot].key, slot);
            self.next_key += 1;
        }
    }
}

impl LiveKey {
    fn fresh(key: u64) -> Self {
        Self {
            key: Key(key),
            requests: 0,
            seen: None,
        }
    }
}

impl Generator for Register {
    fn next(&mut self, _thread: Thread, reader: bool, _now_ns: u64) -> Request {
        let slot = self.choose_slot();
        let (key, seen) = (self.live[slot].key, self.live[slot].seen);
        let action = if reader {
            Action::Read
        } else {
            self.choose_action(seen)
        };
        self.live[slot].requests += 1;
        self.replace_if_spent(slot);
        Request { key, action }
    }

    fn observe(&mut self, _thread: Thread, completion: &Completion) {
        let seen = match (completion.outcome, completion.request.action, completion.observed) {
            (_, _, Some(Some(value))) => value,
            (Outcome::Ok, Action::Write { value } | Action::Cas { to: value, .. }, _) => value,
            _ => return,
        };
        // The key may have been retired meanwhile.
        if let Some(&slot) = self.slot_of.get(&completion.request.key) {
            self.live[slot].seen = Some(seen);
        }
    }
}

/// Running sums of each slot's popularity.
fn popularity(keys: usize, distribution: KeyDistribution) -> Vec<f64> {
    let mut sum = 0.0;
    let mut weigh = |rank: usize| {
        sum += match distribution {
            KeyDistribution::Uniform => 1.0,
            KeyDistribution::Zipf => 1.0 / (rank + 1) as f64,
        };
        sum
    };
    (0..keys).map(&mut weigh).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::workload::Weights;

    /// Runs the generator against a perfect register store that answers at once.
    fn drive(mix: Mix, seed: u64, requests: usize) -> Vec<(Request, Outcome)> {
        let mut generator = Register::new(mix, seed);
        let mut store: BTreeMap<Key, Value> = BTreeMap::new();
        (0..requests)
            .map(|n| {
                let thread = Thread(n % 10);
                let request = generator.next(thread, false, n as u64);
                let held = store.get(&request.key).copied();
                let (outcome, observed, stored) = match request.action {
                    Action::Read => (Outcome::Ok, Some(held), None),
                    Action::Write { value } => (Outcome::Ok, None, Some(value)),
                    Action::Cas { from, to } if held == Some(from) => (Outcome::Ok, None, Some(to)),
                    Action::Cas { .. } => (Outcome::Fail, Some(held), None),
                };
                store.extend(stored.map(|value| (request.key, value)));
                generator.observe(
                    thread,
                    &Completion {
                        request,
                        outcome,
                        observed,
                    },
                );
                (request, outcome)
            })
            .collect()
    }

    #[test]
    fn a_reader_only_reads() {
        let mut generator = Register::new(Mix::default(), 1);
        assert!((0..1000).all(|n| generator.next(Thread(0), true, n).action == Action::Read));
    }

    #[test]
    fn same_seed_same_requests() {
        assert_eq!(drive(Mix::default(), 7, 5_000), drive(Mix::default(), 7, 5_000));
        assert_ne!(drive(Mix::default(), 7, 100), drive(Mix::default(), 8, 100));
    }

    #[test]
    fn every_written_value_is_new() {
        let mut seen = BTreeSet::new();
        for (request, _) in drive(Mix::default(), 1, 20_000) {
            if let Action::Write { value } | Action::Cas { to: value, .. } = request.action {
                assert!(seen.insert(value), "{value} written twice");
            }
        }
    }

    #[test]
    fn the_mix_is_kept_and_cas_mostly_succeed() {
        let done = drive(Mix::default(), 3, 20_000);
        let share = |wanted: fn(&Action) -> bool| {
            done.iter().filter(|(request, _)| wanted(&request.action)).count() as f64 / done.len() as f64
        };
        assert!((share(|a| matches!(a, Action::Read)) - 0.50).abs() < 0.02);
        assert!((share(|a| matches!(a, Action::Write { .. })) - 0.35).abs() < 0.02);
        let cas: Vec<_> = done
            .iter()
            .filter(|(r, _)| matches!(r.action, Action::Cas { .. }))
            .collect();
        let ok = cas.iter().filter(|(_, outcome)| *outcome == Outcome::Ok).count();
        assert!(ok * 10 > cas.len() * 9, "{ok} of {}", cas.len());
    }

    #[test]
    fn keys_are_retired_at_their_bound() {
        let mix = Mix {
            keys: 3,
            ops_per_key: 40,
            ..Mix::default()
        };
        let mut per_key: BTreeMap<Key, u64> = BTreeMap::new();
        for (request, _) in drive(mix, 5, 3_000) {
            *per_key.entry(request.key).or_default() += 1;
        }
        assert!(per_key.values().all(|&n| n <= 40));
        // All but the three live keys are spent.
        assert!(per_key.values().filter(|&&n| n < 40).count() <= 3);
        assert!(per_key.len() >= 3_000 / 40);
    }

    #[test]
    fn zipf_prefers_the_first_keys_and_uniform_none() {
        let count = |key_distribution| {
            let mix = Mix {
                keys: 10,
                ops_per_key: u64::MAX,
                key_distribution,
                ..Mix::default()
            };
            drive(mix, 5, 10_000)
                .iter()
                .filter(|(request, _)| request.key == Key(0))
                .count()
        };
        assert!((900..1100).contains(&count(KeyDistribution::Uniform)));
        // 1 / (1 + 1/2 + ... + 1/10) = 0.341
        assert!((3200..3600).contains(&count(KeyDistribution::Zipf)));
    }

    #[test]
    fn cas_of_an_unseen_key_becomes_a_write() {
        let mix = Mix {
            weights: Weights {
                read: 0,
                write: 0,
                cas: 1,
            },
            ..Mix::default()
        };
        let mut generator = Register::new(mix, 1);
        let request = generator.next(Thread(0), false, 0);
        assert!(matches!(request.action, Action::Write { .. }));
    }
}
