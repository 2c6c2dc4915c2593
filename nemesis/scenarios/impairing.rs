//! Scenarios about links that carry packets badly. What is seen from the outside are datagrams to a port of the
//! scenario's own, which are treated like those of any program, and round trips of the nodes' processes.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use splitbrain_nemesis::grudge::PartitionShape;
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::{DelayVariant, FaultKind, FaultVariant, LinksVariant};

use crate::cluster::Cluster;
use crate::faulting::{build, ensure_proven, milliseconds};
use crate::node::ask;
use crate::{Outcome, ensure};

const LEADER: Node = Node(2);
const PORT: u16 = 9_000;
const COUNT: u64 = 200;
const ATTEMPTS: usize = 5;
/// How long nothing must come any more until all has.
const SILENCE: Duration = Duration::from_millis(700);

fn leader() -> Vec<Node> {
    vec![LEADER]
}

/// What came of a stream of numbered datagrams.
#[derive(Debug)]
struct Stream {
    /// How many different ones came.
    arrived: usize,
    copies: usize,
    /// How many came after one that was sent later.
    overtaken: usize,
    /// From the first that was sent to the last that came.
    time: Duration,
}

/// Sends `COUNT` datagrams of so many bytes from `a` to `b`.
fn stream(cluster: &Cluster, a: Node, b: Node, bytes: usize) -> Result<Stream, Box<dyn Error>> {
    let network = &cluster.network;
    let bind = |node| {
        network
            .namespace(node)
            .run(|| UdpSocket::bind((network.address(node), PORT)))
    };
    let (sender, receiver) = (bind(a)?, bind(b)?);
    let start = Instant::now();
    let (mut numbers, mut latest) = (BTreeSet::new(), 0);
    let (mut came, mut overtaken, mut time) = (0, 0, Duration::ZERO);
    let mut receive = || -> Result<(), std::io::Error> {
        let mut buffer = [0; 8];
        loop {
            match receiver.recv_from(&mut buffer) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
            let number = u64::from_le_bytes(buffer);
            numbers.insert(number);
            came += 1;
            overtaken += usize::from(number < latest);
            latest = latest.max(number);
            time = start.elapsed();
        }
    };
    // It reads as it goes: no buffer needs to hold all.
    receiver.set_nonblocking(true)?;
    let mut datagram = vec![0; bytes.max(8)];
    for number in 0..COUNT {
        datagram[..8].copy_from_slice(&number.to_le_bytes());
        sender.send_to(&datagram, (network.address(b), PORT))?;
        receive()?;
    }
    receiver.set_nonblocking(false)?;
    receiver.set_read_timeout(Some(SILENCE))?;
    receive()?;
    Ok(Stream {
        arrived: numbers.len(),
        copies: came - numbers.len(),
        overtaken,
        time,
    })
}

/// How long the process of `a` takes to ask that of `b` over a new connection: two round trips.
fn asked_ms(cluster: &Cluster, a: Node, b: Node) -> Option<f64> {
    let start = Instant::now();
    let request = format!("reach {}", cluster.network.address(b));
    (ask(cluster.network.address(a), &request)? == "yes").then(|| milliseconds(start))
}

/// Whether a stream is what a variant makes of it.
fn is_impaired(variant: FaultVariant, seen: &Stream) -> bool {
    let whole = seen.arrived == COUNT as usize;
    match variant {
        FaultVariant::Delay(variant) => {
            let least_ms = match variant {
                DelayVariant::AllLinks => 40,
                DelayVariant::LeaderLinks => 80,
                DelayVariant::HeavyTail => 5,
            };
            whole && seen.overtaken == 0 && seen.copies == 0 && seen.time >= Duration::from_millis(least_ms)
        }
        FaultVariant::Reorder(_) => whole && seen.overtaken > 0 && seen.copies == 0,
        FaultVariant::Duplicate(_) => whole && (20..90).contains(&seen.copies),
        FaultVariant::Corrupt(_) => (150..COUNT as usize).contains(&seen.arrived) && seen.copies == 0,
        // 200 datagrams of 1,000 bytes, of which what waits for more than a fifth of a second is lost.
        FaultVariant::Slow(_) => seen.arrived < 100 && seen.time >= Duration::from_millis(100),
        _ => false,
    }
}

fn is_whole(seen: &Stream) -> bool {
    seen.arrived == COUNT as usize && seen.overtaken == 0 && seen.copies == 0
}

/// A busy machine may let a connection wait, or its processors take datagrams in another order, but not each time.
fn ensure_healed(cluster: &Cluster, bytes: usize) -> Outcome {
    let mut seen = stream(cluster, LEADER, Node(1), bytes)?;
    for _ in 1..ATTEMPTS {
        if is_whole(&seen) {
            break;
        }
        seen = stream(cluster, LEADER, Node(1), bytes)?;
    }
    ensure!(is_whole(&seen), "not healed: {seen:?}");
    let all_reachable = (0..ATTEMPTS).any(|_| cluster.reachable().len() == 6);
    ensure!(all_reachable, "not healed: not all nodes reach each other");
    Ok(())
}

/// Every variant of a kind has its effect on the links that it should and on no other, together with
/// a partition, and has none afterwards.
pub(crate) fn impair(kind: &str) -> Outcome {
    let kind: FaultKind = kind.parse()?;
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    for variant in kind.variants(3) {
        let mut fault = build(variant, 1);
        fault.set_up(arena)?;
        let start = Instant::now();
        let struck = fault.start(arena)?;
        let injected_ms = milliseconds(start);
        let of_leader = variant.aims_at_leader();
        ensure!(
            struck == if of_leader { leader() } else { cluster.nodes() },
            "{struck:?}"
        );
        let bytes = if kind == FaultKind::Slow { 1_000 } else { 8 };
        let seen = stream(&cluster, LEADER, Node(1), bytes)?;
        ensure!(is_impaired(variant, &seen), "{variant}: {seen:?}");
        if of_leader {
            let seen = stream(&cluster, Node(1), Node(3), bytes)?;
            // A machine that is busy loses no datagrams, and makes no copies.
            ensure!(
                seen.arrived == COUNT as usize && seen.copies == 0,
                "{variant} elsewhere: {seen:?}"
            );
        }
        if variant == FaultVariant::Delay(DelayVariant::AllLinks) {
            // Whether it was asked in time at all depends on the machine.
            let is_short = asked_ms(&cluster, LEADER, Node(1)).is_some_and(|asked_ms| asked_ms < 160.0);
            ensure!(!is_short, "{variant}: two round trips took less than 160 ms");
        }
        ensure!(
            cluster.ping(LEADER).is_some(),
            "{variant}: clients are struck, too"
        );

        let mut cut = build(FaultVariant::Partition(PartitionShape::IsolatedLeader), 1);
        cut.start(arena)?;
        let start = Instant::now();
        let evidence = fault.evidence_during(arena)?;
        let observed_ms = milliseconds(start);
        ensure_proven(&evidence)?;
        ensure_proven(&cut.evidence_during(arena)?)?;
        fault.stop(arena)?;
        ensure_proven(&fault.evidence_after(arena)?)?;
        cut.stop(arena)?;
        ensure_proven(&cut.evidence_after(arena)?)?;
        let whole =
            (0..3).any(|_| stream(&cluster, LEADER, Node(1), bytes).is_ok_and(|seen| is_whole(&seen)));
        ensure!(whole, "{variant}: not healed");
        ensure!(cluster.reachable().len() == 6, "{variant}: not healed");
        fault.stop(arena)?;
        ensure!(
            !fault.evidence_during(arena)?.is_proof(),
            "{variant} is proven without being in force"
        );
        println!(
            "{variant}: in force {injected_ms:.1} ms, observed {observed_ms:.1} ms; {}",
            evidence.sentences[0]
        );
    }
    Ok(())
}

/// All kinds are had together, each is proven by itself, and they are healed in another order.
pub(crate) fn impair_together() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    let mut parts = Vec::new();
    for variant in [
        FaultVariant::Delay(DelayVariant::AllLinks),
        FaultVariant::Duplicate(LinksVariant::AllLinks),
        FaultVariant::Slow(LinksVariant::AllLinks),
        FaultVariant::Corrupt(LinksVariant::LeaderLinks),
        FaultVariant::Reorder(LinksVariant::AllLinks),
    ] {
        let mut fault = build(variant, 1);
        fault.start(arena)?;
        parts.push(fault);
    }
    let seen = stream(&cluster, Node(1), Node(3), 8)?;
    ensure!(
        seen.copies > 0 && seen.overtaken > 0 && seen.time >= Duration::from_millis(40),
        "{seen:?}"
    );
    for index in [1, 0, 4, 2, 3] {
        ensure_proven(&parts[index].evidence_during(arena)?)?;
        parts[index].stop(arena)?;
        ensure_proven(&parts[index].evidence_after(arena)?)?;
    }
    ensure_healed(&cluster, 8)
}
