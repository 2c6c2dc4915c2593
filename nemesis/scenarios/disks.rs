//! Scenarios about disks that lose, tear, refuse, delay and corrupt. What a node has on its disk is asked of the node.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use splitbrain_nemesis::faults::{self, Fault};
use splitbrain_nemesis::node::{Node, NodeSet};
use splitbrain_nemesis::process::Nodes;
use splitbrain_nemesis::schedule::{FaultVariant, FileCorruption, ScheduledFault};

use crate::cluster::Cluster;
use crate::faulting::{LEADER, build, ensure_proven, leader};
use crate::node::{LOG_BYTES, ask};
use crate::{Outcome, ensure};

/// The length of the node's log, as it says after having done what is asked.
fn log(cluster: &Cluster, node: Node, request: &str) -> Result<usize, Box<dyn Error>> {
    cluster.wait_until_answers(node)?;
    let answer = ask(cluster.network.address(node), &format!("log {request}"));
    Ok(answer.ok_or("the node does not answer")?.parse()?)
}

fn strike_leader(cluster: &Cluster, fault: &mut dyn Fault) -> Outcome {
    let arena = cluster.arena(&leader);
    fault.set_up(arena)?;
    ensure!(fault.start(arena)? == leader(), "the leader was not struck");
    Ok(())
}

fn heal(cluster: &Cluster, fault: &mut dyn Fault) -> Outcome {
    let arena = cluster.arena(&leader);
    ensure_proven(&fault.evidence_during(arena)?)?;
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    cluster.wait_until_all_answer()
}

/// What was not synced survives a kill, and no power failure; what the run leaves is what the nodes had.
pub(crate) fn power() -> Outcome {
    let cluster = Cluster::start_on_disks(3)?;
    log(&cluster, LEADER, "append 1000")?;
    log(&cluster, LEADER, "sync")?;
    let all = log(&cluster, LEADER, "append 500")?;
    ensure!(all == LOG_BYTES + 1500, "{all} bytes were written");
    let mut kill = build(FaultVariant::Kill(NodeSet::Primaries), 1);
    strike_leader(&cluster, kill.as_mut())?;
    heal(&cluster, kill.as_mut())?;
    let after_kill = log(&cluster, LEADER, "length")?;
    ensure!(after_kill == all, "a kill left {after_kill} of {all} bytes");

    let mut power = build(FaultVariant::Power(NodeSet::Primaries), 1);
    strike_leader(&cluster, power.as_mut())?;
    heal(&cluster, power.as_mut())?;
    let kept = log(&cluster, LEADER, "length")?;
    ensure!(
        kept == LOG_BYTES + 1000,
        "power failed, and {kept} bytes were kept"
    );

    // The whole cluster, a node that is down among it.
    log(&cluster, LEADER, "append 7")?;
    let mut kill = build(FaultVariant::Kill(NodeSet::Primaries), 1);
    strike_leader(&cluster, kill.as_mut())?;
    log(&cluster, Node(1), "append 7")?;
    let mut power = build(FaultVariant::Power(NodeSet::All), 1);
    let arena = cluster.arena(&leader);
    ensure!(
        power.start(arena)? == [Node(1), Node(3)],
        "not all that lived were struck"
    );
    ensure_proven(&power.evidence_during(arena)?)?;
    power.stop(arena)?;
    ensure_proven(&power.evidence_after(arena)?)?;
    heal(&cluster, kill.as_mut())?;
    ensure!(
        log(&cluster, LEADER, "length")? == kept,
        "a node that was down lost nothing"
    );
    ensure!(log(&cluster, Node(1), "length")? == LOG_BYTES, "n1 lost nothing");

    let Cluster {
        processes, mounts, ..
    } = cluster;
    processes.kill_all().1?;
    for (number, mount) in (1..).zip(mounts) {
        mount.end(Path::new(&format!("/run/left/{}", Node(number))))?;
    }
    let left = fs::metadata(format!("/run/left/{LEADER}/log"))?.len();
    ensure!(left == kept as u64, "{left} bytes are left of {kept}");
    Ok(())
}

/// Of what was not synced a part survives, and never all.
pub(crate) fn torn_write() -> Outcome {
    let cluster = Cluster::start_on_disks(1)?;
    let everyone = || vec![Node(1)];
    let mut kept = Vec::new();
    for seed in 0..4 {
        let synced = log(&cluster, Node(1), "sync")?;
        let all = log(&cluster, Node(1), "append 1000")?;
        let mut fault = build(FaultVariant::TornWrite(NodeSet::All), seed);
        let arena = cluster.arena(&everyone);
        fault.start(arena)?;
        heal(&cluster, fault.as_mut())?;
        let now = log(&cluster, Node(1), "length")?;
        ensure!((synced..all).contains(&now), "{now} of {synced} to {all} bytes");
        kept.push(now - synced);
        // A torn letter is not to be found before others.
        log(&cluster, Node(1), "length")?;
        if seed < 3 {
            ensure!(repair(&cluster)?, "the log cannot be repaired");
        }
    }
    ensure!(kept.iter().any(|kept| *kept > 0), "nothing was ever kept");
    println!("kept of 1000 bytes: {kept:?}");
    Ok(())
}

/// Cuts the last letter of the log off, which may be torn.
fn repair(cluster: &Cluster) -> Result<bool, Box<dyn Error>> {
    cluster.processes.kill(Node(1))?;
    let disk = cluster.processes.disk(Node(1)).ok_or("there is no disk")?;
    let log = fs::OpenOptions::new().write(true).open(disk.data().join("log"))?;
    let len = log.metadata()?.len() - 1;
    log.set_len(len)?;
    log.sync_all()?;
    cluster.processes.start(Node(1))?;
    Ok(cluster.wait_until_answers(Node(1)).is_ok())
}

/// A node that ends with a last word on a full or a failing disk is started again. One that panics is not.
pub(crate) fn refusing() -> Outcome {
    let cluster = Cluster::start_on_disks(3)?;
    let arena = cluster.arena(&leader);
    for (variant, words) in [
        (FaultVariant::DiskFull(NodeSet::Primaries), "No space left"),
        (FaultVariant::DiskError(NodeSet::Primaries), "Input/output error"),
    ] {
        // A node that is refused nothing is not touched.
        let pid = cluster.wait_until_answers(LEADER)?;
        let mut fault = build(variant, 1);
        strike_leader(&cluster, fault.as_mut())?;
        heal(&cluster, fault.as_mut())?;
        ensure!(
            cluster.ping(LEADER) == Some(pid),
            "{variant}: it was started again for nothing"
        );

        let mut fault = build(variant, 1);
        strike_leader(&cluster, fault.as_mut())?;
        log(&cluster, Node(1), "append 10")?;
        ensure!(
            log(&cluster, LEADER, "append 10").is_err(),
            "{variant}: it can write"
        );
        cluster.wait_for_death(LEADER)?;
        let evidence = fault.evidence_during(arena)?;
        ensure_proven(&evidence)?;
        ensure!(
            evidence
                .sentences
                .iter()
                .filter(|said| said.contains(words))
                .count()
                == 2,
            "{evidence:?}"
        );
        // A node that another fault starts meanwhile ends again, and that is no finding either.
        cluster.processes.start(LEADER)?;
        heal(&cluster, fault.as_mut())?;
        ensure!(
            cluster.processes.deaths()?.is_empty(),
            "{variant}: it is dead still"
        );
        log(&cluster, LEADER, "append 10")?;

        let mut fault = build(variant, 1);
        strike_leader(&cluster, fault.as_mut())?;
        ask(cluster.network.address(LEADER), "die 101");
        cluster.wait_for_death(LEADER)?;
        ensure!(
            !fault.evidence_during(arena)?.is_proof(),
            "{variant}: a panic is taken for the disk's doing"
        );
        fault.stop(arena)?;
        ensure!(
            cluster.processes.deaths()?.len() == 1,
            "{variant}: a panic was forgotten"
        );
        cluster.processes.start(LEADER)?;
        cluster.wait_until_answers(LEADER)?;
    }
    Ok(())
}

/// A node's own sync takes the time that it should, while others' do not wait for it.
pub(crate) fn slow_disk() -> Outcome {
    let cluster = Cluster::start_on_disks(3)?;
    let mut fault = build(FaultVariant::SlowDisk(NodeSet::Primaries), 1);
    strike_leader(&cluster, fault.as_mut())?;
    log(&cluster, LEADER, "append 10")?;
    let since = Instant::now();
    log(&cluster, LEADER, "sync")?;
    ensure!(
        since.elapsed() >= Duration::from_millis(100),
        "the sync was not slow"
    );
    // Power fails while a sync is under way: what it was to sync is lost, unless a busy machine let it end before.
    let before = log(&cluster, LEADER, "length")?;
    log(&cluster, LEADER, "append 10")?;
    let address = cluster.network.address(LEADER);
    let syncing = std::thread::spawn(move || ask(address, "log sync"));
    std::thread::sleep(Duration::from_millis(20));
    let disk = cluster.processes.disk(LEADER).ok_or("there is no disk")?;
    cluster.processes.cut_power(LEADER)?;
    disk.lose_power(splitbrain_nemesis::disk::Tail::Lost, 1)?;
    let _ = syncing.join();
    cluster.processes.start(LEADER)?;
    let after = log(&cluster, LEADER, "length")?;
    ensure!(
        after == before || after == before + 10,
        "{after} bytes are neither {before} nor 10 more"
    );
    println!("of a sync under way {} bytes were kept", after - before);
    heal(&cluster, fault.as_mut())
}

/// A node that finds its log corrupted ends, and has it back in the end.
pub(crate) fn corrupt_file() -> Outcome {
    let cluster = Cluster::start_on_disks(3)?;
    for variant in FileCorruption::ALL {
        let node = LEADER;
        let before = cluster.wait_until_answers(node)?;
        let mut fault = faults::build(&ScheduledFault {
            id: 0,
            variant: FaultVariant::CorruptFile(variant),
            start_ms: 0,
            stop_ms: 1,
            when: None,
            nodes: vec![node],
            seed: 3,
        });
        strike_leader(&cluster, fault.as_mut())?;
        let death = cluster.processes.deaths()?.pop().ok_or("it did not notice")?;
        ensure!(death.to_string().contains("the log is corrupt"), "{death}");
        heal(&cluster, fault.as_mut())?;
        ensure!(
            cluster.wait_until_answers(node)? != before,
            "it is the same process"
        );
        let len = log(&cluster, node, "length")?;
        ensure!(len == LOG_BYTES, "{len} of {LOG_BYTES} bytes are there");
    }
    Ok(())
}
