//! Carrying out the planned faults, and healing them.

use rand_chacha::rand_core::Rng;

use crate::sim::clients::Clients;
use crate::sim::faults::{FaultKind, FaultRecord, PlannedFault, cut_pairs};
use crate::sim::invariants::Broken;
use crate::sim::network::NetworkConditions;
use crate::sim::world::{Administration, Event, HEALTHY_SYNC_US, Input, Simulated, World};
use crate::{NodeId, StateMachine};

impl<P, S, C> World<'_, P, S, C>
where
    P: Simulated,
    S: StateMachine + Default,
    C: Clients<P::ReadMode>,
{
    pub(super) fn strike(&mut self, fault: PlannedFault) -> Result<(), Broken> {
        let nodes = match fault.kind {
            FaultKind::IsolateOne
            | FaultKind::IsolateLeader
            | FaultKind::Halves
            | FaultKind::MajoritiesRing
            | FaultKind::Bridge
            | FaultKind::MuteOne
            | FaultKind::DeafLeader
            | FaultKind::OneWay => self.cut(fault),
            FaultKind::CrashLeader | FaultKind::CrashOne | FaultKind::CrashMinority | FaultKind::CrashAll => {
                self.crash_some(fault)
            }
            FaultKind::PauseOne | FaultKind::PauseLeader => self.pause(fault),
            FaultKind::IsolateNewLeader | FaultKind::CrashNewLeader | FaultKind::BlinkVoter => {
                unreachable!("these lie in wait for elections, and are in no plan")
            }
            FaultKind::TransferLeadership | FaultKind::ChangeMembers => self.reconfigure(fault)?,
        };
        self.record_fault(fault, nodes);
        Ok(())
    }

    fn record_fault(&mut self, fault: PlannedFault, nodes: Vec<NodeId>) {
        let planned = PlannedFault {
            at_us: self.now_us,
            ..fault
        };
        self.trace.line(
            self.now_us,
            format_args!("fault {:?} strikes {nodes:?}", fault.kind),
        );
        self.faults.push(FaultRecord { planned, nodes });
    }

    /// `node` was elected, or may be about to vote: lets strike within moments what lies in wait for that.
    pub(super) fn spring(&mut self, waits_for_it: impl Fn(FaultKind) -> bool, node: NodeId) {
        const MOMENTS_US: [u64; 3] = [500, 5_000, 50_000];
        const LENGTHS_US: [u64; 3] = [20_000, 300_000, 1_000_000];
        let Some(kind) = self.temper.ambush.filter(|kind| waits_for_it(*kind)) else {
            return;
        };
        let mut below = |bounds: &[u64]| {
            let bound = bounds[self.rng.next_u32() as usize % bounds.len()];
            self.rng.next_u64() % bound
        };
        let (moment_us, lasts_us) = (below(&MOMENTS_US), 1_000 + below(&LENGTHS_US));
        // A cluster whose every leader is struck would do nothing else; votes are struck one by one.
        let spared = kind != FaultKind::BlinkVoter && self.rng.next_u32().is_multiple_of(2);
        if !self.healed && !spared {
            let fault = PlannedFault {
                at_us: self.now_us + moment_us,
                lasts_us,
                kind,
            };
            self.queue.put(fault.at_us, Event::Ambush { fault, node });
        }
    }

    /// A fault that lay in wait for `node` strikes.
    pub(super) fn ambush(&mut self, fault: PlannedFault, node: NodeId) {
        if self.healed {
            return;
        }
        let nodes = match fault.kind {
            FaultKind::IsolateNewLeader => self.cut(fault),
            FaultKind::CrashNewLeader => self.crash_some(fault),
            _ => self.blink(node),
        };
        self.record_fault(fault, nodes);
    }

    /// A node loses power, and has it back at once.
    fn blink(&mut self, node: NodeId) -> Vec<NodeId> {
        const BACK_WITHIN_US: u64 = 1_000;
        self.crash(node);
        let back_us = self.now_us + 1 + self.rng.next_u64() % BACK_WITHIN_US;
        self.queue.put(back_us, Event::Restart { node });
        vec![node]
    }

    fn shuffled(&mut self) -> Vec<NodeId> {
        let mut ids: Vec<_> = self.nodes.iter().map(|node| node.id).collect();
        for place in (1..ids.len()).rev() {
            ids.swap(place, self.rng.next_u32() as usize % (place + 1));
        }
        ids
    }

    fn leader_or_random(&mut self) -> NodeId {
        let random = self.shuffled()[0];
        self.current_leader().unwrap_or(random)
    }

    /// Cuts the network. A new partition takes the place of the one before.
    fn cut(&mut self, fault: PlannedFault) -> Vec<NodeId> {
        let (shuffled, leader) = (self.shuffled(), self.current_leader());
        let (about, pairs) = cut_pairs(fault.kind, &shuffled, leader);
        self.network.heal();
        for (from, to) in pairs {
            self.network.cut(from, to);
        }
        self.partition += 1;
        self.queue.put(
            self.now_us + fault.lasts_us,
            Event::HealPartition {
                partition: self.partition,
            },
        );
        about
    }

    fn crash_some(&mut self, fault: PlannedFault) -> Vec<NodeId> {
        let shuffled = self.shuffled();
        let nodes = match fault.kind {
            FaultKind::CrashLeader | FaultKind::CrashNewLeader => vec![self.leader_or_random()],
            FaultKind::CrashOne => shuffled[..1].to_vec(),
            FaultKind::CrashMinority => shuffled[..(shuffled.len() - 1) / 2].to_vec(),
            _ => shuffled,
        };
        for node in &nodes {
            self.crash(*node);
            // Restarts do not come all at once.
            let apart_us = self.rng.next_u64() % 200_000;
            self.queue.put(
                self.now_us + fault.lasts_us + apart_us,
                Event::Restart { node: *node },
            );
        }
        nodes
    }

    fn pause(&mut self, fault: PlannedFault) -> Vec<NodeId> {
        let id = match fault.kind {
            FaultKind::PauseLeader => self.leader_or_random(),
            _ => self.shuffled()[0],
        };
        self.node(id).paused_until_us = self.now_us + fault.lasts_us;
        vec![id]
    }

    /// Slows one clock and speeds up the others, within the bound.
    pub(super) fn slow_down(&mut self, slow: NodeId) -> Result<(), Broken> {
        let (now_us, drift_ppm) = (self.now_us, self.config.clock_drift_ppm);
        for id in self.nodes.iter().map(|node| node.id).collect::<Vec<_>>() {
            let rate_ppm = if id == slow {
                1_000_000 - drift_ppm
            } else {
                1_000_000 + drift_ppm
            };
            self.node(id).clock.set_rate(now_us, rate_ppm);
            // What was to wake a slower clock comes too late for a faster one.
            if let Some(life) = &mut self.node(id).life {
                life.wake_at_us = u64::MAX;
            }
            self.look_at(id)?;
        }
        Ok(())
    }

    fn reconfigure(&mut self, fault: PlannedFault) -> Result<Vec<NodeId>, Broken> {
        let Some(leader) = self.current_leader() else {
            return Ok(Vec::new());
        };
        let mut nodes = self.shuffled();
        let administration = match fault.kind {
            FaultKind::TransferLeadership => {
                nodes.truncate(1);
                Administration::Transfer(nodes[0])
            }
            _ => {
                // At least three stay, so that a crash is survivable.
                let least = nodes.len().min(3);
                let stay = least + self.rng.next_u32() as usize % (nodes.len() - least + 1);
                nodes.truncate(stay);
                Administration::ChangeMembers(nodes.clone())
            }
        };
        if self.node(leader).paused_until_us <= self.now_us {
            self.step(leader, Input::Admin(administration))?;
        }
        Ok(nodes)
    }

    /// Ends all faults: the liveness phase begins.
    pub(super) fn heal(&mut self) -> Result<(), Broken> {
        self.trace.line(self.now_us, format_args!("everything heals"));
        self.network.heal();
        self.network.conditions = NetworkConditions::HEALTHY;
        self.sync_us_max = HEALTHY_SYNC_US;
        self.healed = true;
        for id in self.shuffled() {
            self.node(id).paused_until_us = 0;
            self.queue.put(self.now_us, Event::Restart { node: id });
        }
        self.queue.put(self.now_us, Event::Administer);
        Ok(())
    }
}
