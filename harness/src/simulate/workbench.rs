//! What the clients of one simulated run ask for. It is drawn from the seed, so that over many seeds every read
//! mode is put to the test alone as well as among others, on one hot key as well as on several ("swarm testing",
//! Groce and others, ISSTA 2012).

use splitbrain_checker::consistency::Consistency;
use splitbrain_systems::{Asked, ReadModeInfo};

use super::protocols::SimulatedSystem;
use crate::workload::{Mix, Random, WORKLOADS, Weights, Workload};

/// Client threads for each node: a reader and another for each read mode of the largest system.
const THREADS_PER_NODE: usize = 12;
/// The choices of cluster size: with three nodes, everything hinges on each.
const NODES: [u16; 2] = [3, 5];
/// The choices of a client's patience.
const OP_TIMEOUTS_US: [u64; 3] = [100_000, 300_000, 1_000_000];
/// A key is retired after so many ops.
const OPS_PER_KEY: u64 = 200;
/// The choices of live keys.
const KEYS: [usize; 4] = [1, 2, 5, 5];
/// The choices of weights, beside the default.
const WEIGHTS: [Weights; 3] = [
    Weights {
        read: 75,
        write: 20,
        cas: 5,
    },
    Weights {
        read: 25,
        write: 70,
        cas: 5,
    },
    Weights {
        read: 40,
        write: 20,
        cas: 40,
    },
];

/// The choices of how many observers there are, of a system that has them.
const OBSERVERS: [u16; 3] = [0, 1, 2];
/// One run in so many has clients that move from node to node, of a system whose sessions do.
const MOVES_ONE_IN: usize = 4;

/// What is not drawn from the seed, because somebody asked for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// How many voters.
    pub(super) nodes: Option<u16>,
    /// How many observers.
    pub(super) observers: Option<u16>,
    /// The read modes; drawn where there is none.
    pub(super) read_modes: Vec<&'static ReadModeInfo>,
    /// The model to judge them by, instead of their claims.
    pub(super) claim: Option<Consistency>,
}

/// The clients of one run, before they start.
#[derive(Clone, Debug)]
pub(super) struct Workbench {
    pub(super) nodes: u16,
    pub(super) observers: u16,
    /// Whether clients move from node to node.
    pub(super) moves: bool,
    /// Whether clients have sessions, which go on where they connect anew.
    pub(super) has_sessions: bool,
    pub(super) read_modes: Vec<&'static ReadModeInfo>,
    pub(super) workload: &'static Workload,
    pub(super) mix: Mix,
    pub(super) threads: usize,
    /// How long a client waits for an answer. One that gives up early is soon back to see what a new leader does.
    pub(super) op_timeout_us: u64,
    /// Settings of the system.
    pub(super) options: Vec<(String, String)>,
}

impl Workbench {
    /// Draws one for a run of so many ops a second of virtual time.
    pub(super) fn draw(simulated: &SimulatedSystem, wanted: &Wanted, rate: u32, seed: u64) -> Self {
        let mut random = Random::new(seed, "workbench");
        let options = (simulated.draw_options)(&mut random, rate);
        let mut pick = |count: usize| random.below(count as u64) as usize;
        let system = simulated.system;
        let nodes = wanted.nodes.unwrap_or(NODES[pick(NODES.len())]);
        let mut observers = 0;
        if system.has_observers() {
            observers = wanted.observers.unwrap_or(OBSERVERS[pick(OBSERVERS.len())]);
        }
        let moves = system.has_sessions() && pick(MOVES_ONE_IN) == 0;
        let exists = |mode: &&ReadModeInfo| observers > 0 || mode.asked == Asked::Voters;
        let all: Vec<_> = system.read_modes().iter().filter(exists).collect();
        // Half of the runs have all modes, the others some.
        let read_modes = match pick(2) {
            _ if !wanted.read_modes.is_empty() => wanted.read_modes.clone(),
            0 => all,
            _ => {
                let certain = pick(all.len());
                let chosen = |at: usize, pick: &mut dyn FnMut(usize) -> usize| at == certain || pick(4) == 0;
                let modes = all.iter().enumerate().filter(|(at, _)| chosen(*at, &mut pick));
                modes.map(|(_, mode)| *mode).collect()
            }
        };
        let workload = &WORKLOADS[0];
        let default = (workload.mix)();
        let mix = Mix {
            keys: KEYS[pick(KEYS.len())],
            ops_per_key: OPS_PER_KEY,
            weights: WEIGHTS
                .get(pick(WEIGHTS.len() + 1))
                .copied()
                .unwrap_or(default.weights),
            ..default
        };
        Self {
            nodes,
            observers,
            moves,
            has_sessions: system.has_sessions(),
            read_modes,
            workload,
            mix,
            threads: THREADS_PER_NODE * usize::from(nodes + observers),
            op_timeout_us: OP_TIMEOUTS_US[pick(OP_TIMEOUTS_US.len())],
            options,
        }
    }
}
