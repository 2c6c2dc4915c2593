//! A network that delays, loses, repeats and reorders, and that can be cut.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::NodeId;

/// How bad a network is. Probabilities are in parts per million, times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkConditions {
    /// The least delay of a message.
    pub delay_us_min: u64,
    /// The greatest delay of an ordinary message.
    pub delay_us_max: u64,
    /// How likely a message takes far longer, so that later ones overtake it.
    pub straggler_ppm: u32,
    /// The greatest delay of such a message.
    pub straggler_us_max: u64,
    /// How likely a message is lost.
    pub loss_ppm: u32,
    /// How likely a message arrives twice.
    pub duplication_ppm: u32,
}

impl NetworkConditions {
    /// A network without faults.
    pub(super) const HEALTHY: Self = Self {
        delay_us_min: 100,
        delay_us_max: 1_000,
        straggler_ppm: 0,
        straggler_us_max: 0,
        loss_ppm: 0,
        duplication_ppm: 0,
    };

    /// The same delays, but every message arrives, and once.
    pub(super) fn lossless(self) -> Self {
        Self {
            straggler_ppm: 0,
            loss_ppm: 0,
            duplication_ppm: 0,
            ..self
        }
    }

    /// Conditions drawn for one run: from nearly healthy to dreadful.
    pub(super) fn draw(rng: &mut ChaCha8Rng) -> Self {
        let mut pick = |choices: &[u32]| choices[rng.next_u32() as usize % choices.len()];
        Self {
            delay_us_min: 100,
            delay_us_max: u64::from(pick(&[500, 1_000, 5_000, 20_000])),
            straggler_ppm: pick(&[0, 1_000, 10_000, 50_000]),
            straggler_us_max: u64::from(pick(&[20_000, 100_000, 400_000])),
            loss_ppm: pick(&[0, 0, 1_000, 10_000, 50_000]),
            duplication_ppm: pick(&[0, 0, 1_000, 10_000, 50_000]),
        }
    }
}

/// The network between the nodes.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) conditions: NetworkConditions,
    /// By receiver: the senders, as bits, from which it gets nothing.
    drops: Vec<u64>,
}

impl Network {
    /// At most 64 nodes.
    pub(super) fn new(nodes: u16, conditions: NetworkConditions) -> Self {
        assert!(nodes <= 64, "senders are kept as bits");
        Self {
            conditions,
            drops: vec![0; usize::from(nodes)],
        }
    }

    /// When the copies of a message sent now arrive: none, one or two of them.
    pub(super) fn arrivals(&self, rng: &mut ChaCha8Rng, now_us: u64) -> [Option<u64>; 2] {
        let conditions = &self.conditions;
        let mut chance = |ppm: u32| ppm > 0 && rng.next_u32() % 1_000_000 < ppm;
        if chance(conditions.loss_ppm) {
            return [None, None];
        }
        let twice = chance(conditions.duplication_ppm);
        let straggles = chance(conditions.straggler_ppm);
        let mut delay = |max: u64| {
            let min = conditions.delay_us_min;
            now_us + min + rng.next_u64() % (max.saturating_sub(min) + 1)
        };
        let first = if straggles {
            conditions.straggler_us_max
        } else {
            conditions.delay_us_max
        };
        [
            Some(delay(first)),
            twice.then(|| delay(conditions.straggler_us_max)),
        ]
    }

    pub(super) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.drops[usize::from(to.0) - 1] & bit(from) != 0
    }

    /// From now on `to` gets nothing from `from`.
    pub(super) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.drops[usize::from(to.0) - 1] |= bit(from);
    }

    pub(super) fn heal(&mut self) {
        self.drops.fill(0);
    }
}

fn bit(node: NodeId) -> u64 {
    1 << (node.0 - 1)
}
