//! Scenarios about the network, processes, and each fault by itself: a probe from the outside fails while it is in
//! force, and works before and after.

use std::fs;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use splitbrain_nemesis::disk::Disk;
use splitbrain_nemesis::faults::{self, Arena, Evidence, Fault};
use splitbrain_nemesis::grudge::PartitionShape;
use splitbrain_nemesis::network::{Channel, Endpoint, Network};
use splitbrain_nemesis::node::{Node, NodeSet};
use splitbrain_nemesis::process::{
    ClockControl, ClockOrder, ClockReading, Killed, Memory, NodeProcesses, NodeState, Nodes, ProcessError,
    ThreadStates, Throttle,
};
use splitbrain_nemesis::schedule::{FaultKind, FaultVariant, LossVariant, ScheduledFault};

use crate::cluster::Cluster;
use crate::node::THREADS;
use crate::{Outcome, ensure};

pub(crate) const LEADER: Node = Node(2);

pub(crate) fn leader() -> Vec<Node> {
    vec![LEADER]
}

pub(crate) fn build(variant: FaultVariant, seed: u64) -> Box<dyn Fault> {
    faults::build(&ScheduledFault {
        id: 0,
        variant,
        start_ms: 0,
        stop_ms: 1,
        when: None,
        nodes: Vec::new(),
        seed,
    })
}

pub(crate) fn ensure_proven(evidence: &Evidence) -> Outcome {
    ensure!(evidence.is_proof(), "not proven: {evidence:?}");
    Ok(())
}

pub(crate) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

pub(crate) fn network(count: u16) -> Outcome {
    let start = Instant::now();
    let network = Network::new(count)?;
    println!("network of {count} nodes: {:.1} ms", milliseconds(start));
    let start = Instant::now();
    let missing = network
        .probe(Channel::Ways)?
        .wait(|_, _| true, std::time::Duration::from_secs(2))?;
    ensure!(missing.is_empty(), "lost: {missing:?}");
    println!("first probes between all: {:.1} ms", milliseconds(start));
    ensure!(
        Network::new(0).is_err() && Network::new(101).is_err(),
        "an impossible size was accepted"
    );
    Ok(())
}

pub(crate) fn process() -> Outcome {
    let cluster = Cluster::start(2)?;
    let (node, nodes) = (Node(1), &cluster.processes);
    let pid = cluster.wait_until_answers(node)?;
    ensure!(
        nodes.state(node)? == NodeState::Running { pid },
        "another process answers"
    );
    ensure!(
        matches!(nodes.start(node), Err(ProcessError::Running(_))),
        "it was started twice"
    );
    nodes.pause(node)?;
    ensure!(
        nodes.state(node)? == NodeState::Paused { pid },
        "it is not paused"
    );
    let killed = nodes.kill(node)?;
    ensure!(
        killed.pid == pid && fs::metadata(format!("/proc/{pid}")).is_err(),
        "it was not killed"
    );
    ensure!(
        matches!(nodes.kill(node), Err(ProcessError::NotRunning(_))),
        "it was killed twice"
    );
    ensure!(
        matches!(nodes.resume(node), Err(ProcessError::NotRunning(_))),
        "a dead process was resumed"
    );
    let again = nodes.start(node)?;
    ensure!(
        cluster.wait_until_answers(node)? == again && again != pid,
        "it was not started again"
    );
    ensure!(
        matches!(nodes.kill(Node(9)), Err(ProcessError::Unknown(_))),
        "an unknown node was killed"
    );

    crate::node::ask(cluster.network.address(node), "die 101");
    let deadline = Instant::now() + std::time::Duration::from_secs(5);
    while nodes.deaths()?.is_empty() {
        ensure!(Instant::now() < deadline, "the death was not noticed");
    }
    let death = nodes.deaths()?.remove(0).to_string();
    let expected = "n1 exited by itself with status 101; its last lines: told to die with 101";
    ensure!(death == expected, "{death}");
    ensure!(
        matches!(nodes.pause(node), Err(ProcessError::Died(_))),
        "a dead process was paused"
    );
    ensure!(
        fs::read_to_string(cluster.logs.join("n1.stdout"))?
            .lines()
            .count()
            == 2,
        "a log was not appended to"
    );
    let (deaths, killed) = nodes.kill_all();
    killed?;
    ensure!(deaths.len() == 1, "a death was forgotten");
    Ok(())
}

pub(crate) fn partition() -> Outcome {
    let cluster = Cluster::start(5)?;
    let (nodes, arena) = (cluster.nodes(), cluster.arena(&leader));
    for shape in PartitionShape::ALL {
        for seed in 0..2 {
            let grudge = shape.grudge(&nodes, &leader(), &mut ChaCha8Rng::seed_from_u64(seed));
            let mut fault = build(FaultVariant::Partition(shape), seed);
            fault.set_up(arena)?;
            let start = Instant::now();
            let struck = fault.start(arena)?;
            let (injected_ms, reachable) = (milliseconds(start), cluster.reachable());
            for (a, b) in nodes
                .iter()
                .flat_map(|a| nodes.iter().map(move |b| (*a, *b)))
                .filter(|(a, b)| a != b)
            {
                let connected = grudge.connects(a, b);
                ensure!(
                    reachable.contains(&(a, b)) == connected,
                    "{shape}: {a} to {b} should be {connected}"
                );
            }
            for node in &nodes {
                ensure!(
                    cluster.ping(*node).is_some(),
                    "{shape}: {node} is cut off from the harness"
                );
            }
            if shape == PartitionShape::IsolatedLeader {
                ensure!(struck == leader(), "{struck:?} were isolated, not the leader");
            }
            let start = Instant::now();
            let evidence = fault.evidence_during(arena)?;
            let observed_ms = milliseconds(start);
            ensure_proven(&evidence)?;
            ensure!(evidence.sentences.len() == grudge.pairs().count(), "{evidence:?}");
            ensure!(evidence.sentences[0].contains(" dropped "), "{evidence:?}");
            let start = Instant::now();
            fault.stop(arena)?;
            let healed_ms = milliseconds(start);
            ensure_proven(&fault.evidence_after(arena)?)?;
            ensure!(cluster.reachable().len() == 20, "{shape}: not healed");
            // Healing what is healed does nothing; and without the drops there is no proof.
            fault.stop(arena)?;
            ensure!(
                !fault.evidence_during(arena)?.is_proof(),
                "{shape} is proven without being in force"
            );
            println!(
                "{shape}: in force {injected_ms:.1} ms, observed {observed_ms:.1} ms, healed {healed_ms:.1} ms"
            );
        }
    }
    Ok(())
}

/// How many of 200 datagrams arrive from `a` at `b`, on a channel that only losses touch.
fn arrivals(cluster: &Cluster, a: Node, b: Node) -> Result<u64, Box<dyn std::error::Error>> {
    let mut round = cluster.network.probe_often(Channel::Losses, 200)?;
    round.wait(|_, _| true, std::time::Duration::from_millis(50))?;
    Ok(round.arrivals(Endpoint::Node(a), Endpoint::Node(b)))
}

/// Datagrams are lost on the ways that should lose some and on no other, and a partition that overlaps
/// is proven by its own probes, as is the loss by its.
pub(crate) fn loss() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    for variant in LossVariant::ALL {
        let mut fault = build(FaultVariant::Loss(variant), 1);
        fault.set_up(arena)?;
        let start = Instant::now();
        let struck = fault.start(arena)?;
        let injected_ms = milliseconds(start);
        let of_leader = variant == LossVariant::Leader30Percent;
        ensure!(
            struck == if of_leader { leader() } else { cluster.nodes() },
            "{struck:?}"
        );
        // One in ten: that 200 of 200 arrive has a chance of 1 in 10^9, that fewer than half do of less.
        let (lossy, other) = (
            arrivals(&cluster, LEADER, Node(1))?,
            arrivals(&cluster, Node(1), Node(3))?,
        );
        ensure!((100..200).contains(&lossy), "{}: {lossy} arrived", variant.name());
        ensure!(
            (other == 200) == of_leader,
            "{}: {other} arrived elsewhere",
            variant.name()
        );

        let mut cut = build(FaultVariant::Partition(PartitionShape::IsolatedLeader), 1);
        cut.start(arena)?;
        let start = Instant::now();
        let evidence = fault.evidence_during(arena)?;
        let observed_ms = milliseconds(start);
        ensure_proven(&evidence)?;
        ensure!(
            evidence.sentences.len() == if of_leader { 4 } else { 6 },
            "{evidence:?}"
        );
        ensure_proven(&cut.evidence_during(arena)?)?;
        fault.stop(arena)?;
        ensure_proven(&fault.evidence_after(arena)?)?;
        ensure_proven(&cut.evidence_during(arena)?)?;
        cut.stop(arena)?;
        ensure_proven(&cut.evidence_after(arena)?)?;
        ensure!(
            arrivals(&cluster, LEADER, Node(1))? == 200,
            "{}: not healed",
            variant.name()
        );
        fault.stop(arena)?;
        ensure!(
            !fault.evidence_during(arena)?.is_proof(),
            "{} is proven without being in force",
            variant.name()
        );
        println!(
            "{}: in force {injected_ms:.1} ms, observed {observed_ms:.1} ms",
            variant.name()
        );
    }
    Ok(())
}

pub(crate) fn kill() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    for (set, size) in [(NodeSet::Primaries, 1), (NodeSet::Majority, 2), (NodeSet::All, 3)] {
        let before: Vec<Option<u32>> = cluster.nodes().iter().map(|node| cluster.ping(*node)).collect();
        let mut fault = build(FaultVariant::Kill(set), 5);
        fault.set_up(arena)?;
        let struck = fault.start(arena)?;
        ensure!(
            struck.len() == size && (set != NodeSet::Primaries || struck == leader()),
            "{set}: {struck:?}"
        );
        for node in cluster.nodes() {
            ensure!(
                cluster.ping(node).is_some() != struck.contains(&node),
                "{set}: {node} should be dead, or not"
            );
        }
        ensure_proven(&fault.evidence_during(arena)?)?;
        fault.stop(arena)?;
        let evidence = fault.evidence_after(arena)?;
        ensure_proven(&evidence)?;
        for (node, before) in cluster.nodes().into_iter().zip(before) {
            let pid = cluster.wait_until_answers(node)?;
            ensure!(
                (before != Some(pid)) == struck.contains(&node),
                "{set}: {node} is another process, or not"
            );
        }
    }
    // There is nobody to kill.
    for node in cluster.nodes() {
        cluster.processes.kill(node)?;
    }
    let mut fault = build(FaultVariant::Kill(NodeSet::All), 5);
    ensure!(fault.start(arena)?.is_empty(), "the dead were killed");
    ensure!(
        !fault.evidence_during(arena)?.is_proof(),
        "a kill of nobody is proven"
    );
    fault.stop(arena)?;
    ensure!(
        cluster.processes.state(LEADER)? == NodeState::Down,
        "a node was started that the fault had not killed"
    );
    Ok(())
}

pub(crate) fn pause() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    for (set, size) in [(NodeSet::Primaries, 1), (NodeSet::Minority, 1), (NodeSet::All, 3)] {
        let before: Vec<Option<u32>> = cluster.nodes().iter().map(|node| cluster.ping(*node)).collect();
        let mut fault = build(FaultVariant::Pause(set), 6);
        fault.set_up(arena)?;
        let struck = fault.start(arena)?;
        ensure!(
            struck.len() == size && (set != NodeSet::Primaries || struck == leader()),
            "{set}: {struck:?}"
        );
        for node in cluster.nodes() {
            ensure!(
                cluster.ping(node).is_some() != struck.contains(&node),
                "{set}: {node} should answer, or not"
            );
        }
        for node in &struck {
            let states = cluster.processes.thread_states(*node)?;
            ensure!(
                states.stopped == states.threads && states.threads >= THREADS,
                "{states:?}"
            );
        }
        ensure_proven(&fault.evidence_during(arena)?)?;
        fault.stop(arena)?;
        ensure_proven(&fault.evidence_after(arena)?)?;
        for (node, before) in cluster.nodes().into_iter().zip(before) {
            ensure!(
                before == Some(cluster.wait_until_answers(node)?),
                "{set}: {node} is another process"
            );
        }
        ensure!(
            !fault.evidence_during(arena)?.is_proof(),
            "{set} is proven without being in force"
        );
    }
    Ok(())
}

/// What a node's clock has gained since `earlier`, to the millisecond.
fn gained_ms(cluster: &Cluster, earlier: &ClockReading) -> Result<f64, Box<dyn std::error::Error>> {
    let now = read_clock(cluster, Node(1))?.gained_since(earlier);
    Ok((now.least_us + now.most_us) / 2e3)
}

fn read_clock(cluster: &Cluster, node: Node) -> Result<ClockReading, Box<dyn std::error::Error>> {
    let control = cluster.processes.clock(node).ok_or("no clock")?;
    Ok(control.order(ClockOrder::Show, std::time::Duration::from_secs(1))?)
}

/// The clock of a struck node differs from the harness's by what it should, and runs on with it afterwards, also
/// where the node was paused when it was to be set right.
pub(crate) fn clock() -> Outcome {
    let cluster = Cluster::start(1)?;
    let everyone = || vec![Node(1)];
    let arena = cluster.arena(&everyone);
    let node = Node(1);
    let drift = FaultKind::Drift.variants(1).into_iter();
    for variant in drift.chain(FaultKind::Clock.variants(1)) {
        for paused in [false, true] {
            let before = read_clock(&cluster, node)?;
            let mut fault = build(variant, 1);
            fault.set_up(arena)?;
            ensure!(fault.start(arena)? == [node], "{variant}: it was not struck");
            std::thread::sleep(std::time::Duration::from_millis(700));
            let gained_ms = gained_ms(&cluster, &before)?;
            // A busy machine may sleep for longer.
            let (low, high) = match variant.name() {
                "one-fast" => (50.0, 400.0),
                "leader-slow" => (-400.0, -50.0),
                "one-ahead" => (499.0, 501.0),
                "leader-back" => (-501.0, -499.0),
                _ => (-1.0, 201.0),
            };
            ensure!(
                (low..=high).contains(&gained_ms),
                "{variant}: gained {gained_ms} ms"
            );
            if paused {
                cluster.processes.pause(node)?;
            }
            ensure_proven(&fault.evidence_during(arena)?)?;
            fault.stop(arena)?;
            let after = fault.evidence_after(arena)?;
            ensure!(after.objections.is_empty(), "{variant}: {after:?}");
            if paused {
                cluster.processes.resume(node)?;
            }
            cluster.wait_until_answers(node)?;
            // It may be set right a moment after it goes on, and stands still until it is.
            std::thread::sleep(std::time::Duration::from_millis(300));
            let right = read_clock(&cluster, node)?;
            std::thread::sleep(std::time::Duration::from_millis(300));
            let gained = read_clock(&cluster, node)?.gained_since(&right);
            ensure!(
                gained.least_us < 1.0 && gained.most_us > -1.0,
                "{variant}: not healed, {gained:?}"
            );
            println!("{variant}: gained {gained_ms:.1} ms, healed");
        }
    }
    Ok(())
}

/// Faults of different kinds on the same nodes, started and stopped in either order.
pub(crate) fn overlap() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    let all = [
        FaultVariant::Pause(NodeSet::Primaries),
        FaultVariant::Kill(NodeSet::Primaries),
        FaultVariant::Partition(PartitionShape::IsolatedLeader),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [2, 0, 1]] {
        for reverse in [false, true] {
            let mut parts: Vec<Box<dyn Fault>> = order.iter().map(|index| build(all[*index], 1)).collect();
            for fault in &mut parts {
                ensure!(fault.start(arena)? == leader(), "the leader was not struck");
            }
            if reverse {
                parts.reverse();
            }
            for fault in &mut parts {
                let mut evidence = fault.evidence_during(arena)?;
                fault.stop(arena)?;
                evidence.extend(fault.evidence_after(arena)?);
                ensure_proven(&evidence)?;
            }
            cluster.wait_until_all_answer()?;
            ensure!(cluster.reachable().len() == 6, "not healed");
        }
    }
    // The dead cannot be paused: another node is.
    cluster.processes.kill(LEADER)?;
    let mut fault = build(FaultVariant::Pause(NodeSet::Primaries), 1);
    let struck = fault.start(arena)?;
    ensure!(struck.len() == 1 && struck != leader(), "{struck:?} were paused");
    fault.stop(arena)?;
    Ok(())
}

/// Where no leader is known, another node is struck, and the evidence tells.
pub(crate) fn leaderless() -> Outcome {
    let cluster = Cluster::start(3)?;
    let nobody = Vec::new;
    let arena = cluster.arena(&nobody);
    for (variant, done) in [
        (
            FaultVariant::Partition(PartitionShape::IsolatedLeader),
            "isolated",
        ),
        (FaultVariant::Kill(NodeSet::Primaries), "killed"),
        (FaultVariant::Pause(NodeSet::Primaries), "paused"),
    ] {
        let mut fault = build(variant, 3);
        let struck = fault.start(arena)?;
        let evidence = fault.evidence_during(arena)?;
        fault.stop(arena)?;
        ensure!(struck.len() == 1, "{struck:?}");
        ensure_proven(&evidence)?;
        let told = format!(
            "no leader was known that could be {done}; {} was {done} instead",
            struck[0]
        );
        ensure!(evidence.sentences.contains(&told), "{evidence:?}");
        ensure_proven(&fault.evidence_after(arena)?)?;
        cluster.wait_until_all_answer()?;
    }
    Ok(())
}

/// Processes that are late to stop, as if a thread of theirs waited for a disk.
struct Late<'a>(&'a NodeProcesses);

impl Nodes for Late<'_> {
    fn nodes(&self) -> Vec<Node> {
        self.0.nodes()
    }

    fn state(&self, node: Node) -> Result<NodeState, ProcessError> {
        self.0.state(node)
    }

    fn start(&self, node: Node) -> Result<u32, ProcessError> {
        self.0.start(node)
    }

    fn kill(&self, node: Node) -> Result<Killed, ProcessError> {
        self.0.kill(node)
    }

    fn cut_power(&self, node: Node) -> Result<Killed, ProcessError> {
        self.0.cut_power(node)
    }

    fn ask_to_end(&self, node: Node) -> Result<u32, ProcessError> {
        self.0.ask_to_end(node)
    }

    fn throttle(&self, node: Node) -> Result<Throttle, ProcessError> {
        self.0.throttle(node)
    }

    fn pause(&self, node: Node) -> Result<ThreadStates, ProcessError> {
        self.0.pause(node)?;
        Err(ProcessError::Late {
            node,
            state: "paused",
        })
    }

    fn resume(&self, node: Node) -> Result<ThreadStates, ProcessError> {
        self.0.resume(node)
    }

    fn memory(&self, node: Node) -> Result<Memory, ProcessError> {
        self.0.memory(node)
    }

    fn deny_memory(&self, node: Node) -> Result<u32, ProcessError> {
        self.0.deny_memory(node)
    }

    fn give_back_memory(&self, node: Node) -> Result<(), ProcessError> {
        self.0.give_back_memory(node)
    }

    fn thread_states(&self, node: Node) -> Result<ThreadStates, ProcessError> {
        self.0.thread_states(node)
    }

    fn clock(&self, node: Node) -> Option<ClockControl> {
        self.0.clock(node)
    }

    fn disk(&self, node: Node) -> Option<Disk> {
        self.0.disk(node)
    }
}

/// A process that has got SIGSTOP is resumed, also if it was late to follow.
pub(crate) fn late() -> Outcome {
    let cluster = Cluster::start(3)?;
    let nodes = Late(&cluster.processes);
    let arena = Arena {
        nodes: &nodes,
        ..cluster.arena(&leader)
    };
    let mut fault = build(FaultVariant::Pause(NodeSet::Primaries), 1);
    ensure!(fault.start(arena)? == leader(), "the leader was not struck");
    ensure!(
        cluster.ping(LEADER).is_none(),
        "the leader answers though it is paused"
    );
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    cluster.wait_until_all_answer()?;
    Ok(())
}
