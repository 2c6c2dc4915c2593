//! Scenarios about the cuts: a connection or a datagram from the outside fails while one is in force, and
//! passes before and after.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use splitbrain_nemesis::faults;
use splitbrain_nemesis::grudge::{CutShape, PartitionShape};
use splitbrain_nemesis::network::{Channel, Endpoint};
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::{FaultVariant, ScheduledFault};

use crate::cluster::Cluster;
use crate::faulting::{build, ensure_proven, milliseconds};
use crate::{Outcome, ensure};

const NOBODY: fn() -> Vec<Node> = Vec::new;

fn scheduled(shape: CutShape, seed: u64, nodes: Vec<Node>) -> ScheduledFault {
    ScheduledFault {
        id: 0,
        variant: FaultVariant::Cut(shape),
        start_ms: 0,
        stop_ms: 1,
        when: None,
        nodes,
        seed,
    }
}

/// Cuts that hold all the while: who reaches whom is what the grudge says, as the nodes' processes see it.
pub(crate) fn cut() -> Outcome {
    let cluster = Cluster::start(5)?;
    let (nodes, arena) = (cluster.nodes(), cluster.arena(&NOBODY));
    for (shape, seed, named) in [
        (CutShape::MinorityThird, 1, vec![]),
        (CutShape::MinorityThird, 1, vec![Node(2), Node(4)]),
        (CutShape::Random, 1, vec![]),
        (CutShape::Random, 2, vec![]),
        (CutShape::Reset, 1, vec![]),
        (CutShape::Reset, 1, vec![Node(3)]),
    ] {
        let scheduled = scheduled(shape, seed, named);
        let mut fault = faults::build(&scheduled);
        fault.set_up(arena)?;
        let start = Instant::now();
        let struck = fault.start(arena)?;
        let injected_ms = milliseconds(start);
        let grudge = scheduled.grudge(&nodes, &struck);
        let reachable = cluster.reachable();
        for (a, b) in nodes.iter().flat_map(|a| nodes.iter().map(move |b| (*a, *b))) {
            ensure!(
                a == b || reachable.contains(&(a, b)) == grudge.connects(a, b),
                "{shape}: {a} to {b} should be {}",
                grudge.connects(a, b)
            );
        }
        for node in &nodes {
            ensure!(
                cluster.ping(*node).is_some(),
                "{shape}: {node} is cut off from its clients"
            );
        }
        let partition = FaultVariant::Partition(PartitionShape::Halves);
        overlapping_partition(&cluster, partition, || {
            ensure_proven(&fault.evidence_during(arena)?)
        })?;
        fault.stop(arena)?;
        ensure_proven(&fault.evidence_after(arena)?)?;
        ensure!(cluster.reachable().len() == 20, "{shape}: not healed");
        fault.stop(arena)?;
        ensure!(
            !fault.evidence_during(arena)?.is_proof(),
            "{shape} is proven without being in force"
        );
        println!("{shape}: in force {injected_ms:.1} ms");
    }
    Ok(())
}

/// Does `work` while a partition is in force too, which is proven as well.
fn overlapping_partition(
    cluster: &Cluster,
    variant: FaultVariant,
    work: impl FnOnce() -> Outcome,
) -> Outcome {
    let arena = cluster.arena(&NOBODY);
    let mut partition = build(variant, 3);
    partition.start(arena)?;
    let outcome = work();
    let evidence = partition.evidence_during(arena)?;
    partition.stop(arena)?;
    outcome?;
    ensure_proven(&evidence)?;
    ensure_proven(&partition.evidence_after(arena)?)
}

/// Clients do not reach the nodes that they are cut off from, which reach each other all the same.
pub(crate) fn clients() -> Outcome {
    let cluster = Cluster::start(3)?;
    let (nodes, arena) = (cluster.nodes(), cluster.arena(&NOBODY));
    for named in [vec![], vec![Node(1), Node(3)]] {
        let scheduled = scheduled(CutShape::Clients, 1, named.clone());
        let mut fault = faults::build(&scheduled);
        fault.set_up(arena)?;
        let struck = fault.start(arena)?;
        ensure!(struck.len() == named.len().max(1), "{struck:?} were struck");
        for node in &nodes {
            ensure!(
                cluster.ping(*node).is_some() != struck.contains(node),
                "{node} should answer its clients, or not"
            );
        }
        // Asked by way of a node that clients do reach.
        let mut round = cluster.network.probe(Channel::Ways)?;
        let missing = round.wait(|_, _| true, Duration::from_secs(2))?;
        ensure!(
            missing.is_empty(),
            "a cut of clients is seen by partitions: {missing:?}"
        );
        let mut round = cluster.network.probe(Channel::Cuts)?;
        let between_nodes = |from, to| from != Endpoint::Harness && to != Endpoint::Harness;
        let missing = round.wait(between_nodes, Duration::from_secs(2))?;
        ensure!(
            missing.is_empty(),
            "nodes are cut off from each other: {missing:?}"
        );
        ensure_proven(&fault.evidence_during(arena)?)?;
        fault.stop(arena)?;
        ensure_proven(&fault.evidence_after(arena)?)?;
        cluster.wait_until_all_answer()?;
        fault.stop(arena)?;
        ensure!(
            !fault.evidence_during(arena)?.is_proof(),
            "a cut of clients is proven without being in force"
        );
    }
    Ok(())
}

/// Links that flap are seen down and up from the outside, and those that do not are up.
pub(crate) fn flapping() -> Outcome {
    let cluster = Cluster::start(3)?;
    let (nodes, arena) = (cluster.nodes(), cluster.arena(&NOBODY));
    let mut fault = build(FaultVariant::Cut(CutShape::Flapping), 4);
    fault.set_up(arena)?;
    let struck = fault.start(arena)?;
    let (mut down, mut up) = (BTreeSet::new(), BTreeSet::new());
    // Until each of them was down and up; a busy machine takes longer.
    let deadline = Instant::now() + Duration::from_secs(20);
    let flaps = |down: &BTreeSet<_>, up: &BTreeSet<_>| !down.is_empty() && down.is_subset(up);
    while !flaps(&down, &up) && Instant::now() < deadline {
        let reachable = cluster.reachable();
        for (a, b) in nodes.iter().flat_map(|a| nodes.iter().map(move |b| (*a, *b))) {
            if a != b {
                let seen = if reachable.contains(&(a, b)) {
                    &mut up
                } else {
                    &mut down
                };
                seen.insert((a, b));
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    ensure!(flaps(&down, &up), "down were {down:?}, up were {up:?}");
    ensure!(!struck.is_empty(), "nobody was struck");
    let evidence = fault.evidence_during(arena)?;
    ensure_proven(&evidence)?;
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    ensure!(cluster.reachable().len() == 6, "not healed");
    ensure!(
        !fault.evidence_during(arena)?.is_proof(),
        "it is proven without being in force"
    );
    println!("{}", evidence.sentences.join("; "));
    Ok(())
}
