//! Scenarios about processes that are asked to end, die in a loop, or get little time or memory.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use splitbrain_nemesis::faults;
use splitbrain_nemesis::node::{Node, NodeSet};
use splitbrain_nemesis::process::{NodeState, Nodes};
use splitbrain_nemesis::schedule::{FaultVariant, ScheduledFault};

use crate::cluster::Cluster;
use crate::faulting::{LEADER, build, ensure_proven, leader};
use crate::node::{PATIENCE, PORT, ask};
use crate::{Outcome, ensure};

/// A process that follows SIGTERM ends by it, one that ignores it is killed, and both run again.
pub(crate) fn terminate() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    let stubborn = Node(3);
    for (set, size) in [(NodeSet::Primaries, 1), (NodeSet::All, 3)] {
        if set == NodeSet::All {
            let reply = ask(cluster.network.address(stubborn), "ignore SIGTERM");
            ensure!(reply.as_deref() == Some("ignored"), "{reply:?}");
        }
        let before = cluster
            .nodes()
            .into_iter()
            .map(|node| cluster.wait_until_answers(node))
            .collect::<Result<Vec<u32>, _>>()?;
        let mut fault = faults::build(&ScheduledFault {
            id: 0,
            variant: FaultVariant::Terminate(set),
            start_ms: 0,
            stop_ms: 1_000,
            when: None,
            nodes: Vec::new(),
            seed: 5,
        });
        fault.set_up(arena)?;
        let struck = fault.start(arena)?;
        ensure!(struck.len() == size, "{set}: {struck:?}");
        for node in cluster.nodes() {
            ensure!(
                cluster.ping(node).is_some() != struck.contains(&node),
                "{set}: {node} should have ended, or not"
            );
        }
        let evidence = fault.evidence_during(arena)?;
        ensure_proven(&evidence)?;
        let killed = evidence
            .sentences
            .iter()
            .filter(|said| said.contains("was killed"));
        ensure!(
            killed.count() == usize::from(set == NodeSet::All),
            "{set}: {evidence:?}"
        );
        fault.stop(arena)?;
        ensure_proven(&fault.evidence_after(arena)?)?;
        for (node, before) in cluster.nodes().into_iter().zip(before) {
            let pid = cluster.wait_until_answers(node)?;
            ensure!(
                (before != pid) == struck.contains(&node),
                "{set}: {node} is another process, or not"
            );
        }
    }
    ensure!(
        cluster.processes.deaths()?.is_empty(),
        "an asked-for end is a death"
    );
    Ok(())
}

/// One process of the leader after the other is killed, also where another fault kills it in between.
pub(crate) fn crash_loop() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    let before = cluster.wait_until_answers(LEADER)?;
    let mut fault = build(FaultVariant::CrashLoop(NodeSet::Primaries), 2);
    fault.set_up(arena)?;
    ensure!(fault.start(arena)? == leader(), "the leader was not struck");
    let mut seen = vec![before];
    let deadline = Instant::now() + Duration::from_secs(30);
    while seen.len() < 4 {
        ensure!(Instant::now() < deadline, "only {seen:?} were seen");
        fault.keep_up(arena)?;
        if let NodeState::Running { pid } = cluster.processes.state(LEADER)?
            && !seen.contains(&pid)
        {
            seen.push(pid);
        }
        thread::sleep(Duration::from_millis(1));
    }
    ensure_proven(&fault.evidence_during(arena)?)?;
    let mut kill = build(FaultVariant::Kill(NodeSet::All), 1);
    kill.start(arena)?;
    thread::sleep(Duration::from_millis(250));
    fault.keep_up(arena)?;
    ensure_proven(&kill.evidence_during(arena)?)?;
    kill.stop(arena)?;
    ensure_proven(&kill.evidence_after(arena)?)?;
    fault.stop(arena)?;
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    cluster.wait_until_all_answer()?;
    let after = cluster.wait_until_answers(LEADER)?;
    fault.keep_up(arena)?;
    ensure!(!seen.contains(&after), "the leader is one of {seen:?} still");
    Ok(())
}

/// A slow process answers still, is stopped most of the time, can be paused like any other, and is fast again afterwards.
pub(crate) fn slow_cpu() -> Outcome {
    let cluster = Cluster::start(3)?;
    let arena = cluster.arena(&leader);
    let pid = cluster.wait_until_answers(LEADER)?;
    let mut fault = build(FaultVariant::SlowCpu(NodeSet::Primaries), 2);
    fault.set_up(arena)?;
    ensure!(fault.start(arena)? == leader(), "the leader was not struck");
    // Looked at by others than the fault: the letter of the state in the kernel's own words.
    let mut stopped = 0;
    for _ in 0..200 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        stopped += usize::from(stat.contains(") T "));
        thread::sleep(Duration::from_millis(5));
    }
    ensure!((50..200).contains(&stopped), "stopped in {stopped} of 200 looks");
    ensure_proven(&fault.evidence_during(arena)?)?;

    let mut pause = build(FaultVariant::Pause(NodeSet::Primaries), 1);
    ensure!(pause.start(arena)? == leader(), "the leader was not paused");
    thread::sleep(Duration::from_millis(300));
    ensure_proven(&pause.evidence_during(arena)?)?;
    pause.stop(arena)?;
    ensure_proven(&pause.evidence_after(arena)?)?;

    ensure_proven(&fault.evidence_during(arena)?)?;
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    ensure!(
        cluster.wait_until_answers(LEADER)? == pid,
        "it is another process"
    );
    ensure!(
        !fault.evidence_during(arena)?.is_proof(),
        "it is proven without being in force"
    );
    Ok(())
}

/// A process that asks for more memory than it has ends and says so; one that does not ask lives on.
pub(crate) fn memory() -> Outcome {
    let cluster = Cluster::start(3)?;
    let (arena, address) = (cluster.arena(&leader), cluster.network.address(LEADER));
    let pid = cluster.wait_until_answers(LEADER)?;
    // Held open, so that the process needs no thread for it.
    let take = |stream: &mut TcpStream| -> std::io::Result<String> {
        let mut reply = String::new();
        stream.write_all(b"take 50000000\n")?;
        BufReader::new(stream).read_line(&mut reply)?;
        Ok(reply)
    };
    let connect = || -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect((address, PORT))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        take(&mut stream).map(|_| stream)
    };

    let mut spared = connect()?;
    let mut fault = build(FaultVariant::Memory(NodeSet::Primaries), 2);
    fault.set_up(arena)?;
    ensure!(fault.start(arena)? == leader(), "the leader was not struck");
    ensure_proven(&fault.evidence_during(arena)?)?;
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    ensure!(
        take(&mut spared)? == "100000000 bytes\n",
        "it got no memory afterwards"
    );
    ensure!(cluster.ping(LEADER) == Some(pid), "it did not live on");

    let mut stream = connect()?;
    let mut fault = build(FaultVariant::Memory(NodeSet::Primaries), 2);
    fault.start(arena)?;
    ensure!(
        take(&mut stream).map_or(true, |reply| reply.is_empty()),
        "it got memory that was denied"
    );
    cluster.wait_for_death(LEADER)?;
    let evidence = fault.evidence_during(arena)?;
    ensure_proven(&evidence)?;
    ensure!(
        evidence
            .sentences
            .iter()
            .any(|said| said.contains("memory allocation of")),
        "{evidence:?}"
    );
    fault.stop(arena)?;
    ensure_proven(&fault.evidence_after(arena)?)?;
    ensure!(
        cluster.wait_until_answers(LEADER)? != pid,
        "it is the same process"
    );
    take(&mut connect()?)?;

    // A death that does not name the want of memory is a finding.
    let mut fault = build(FaultVariant::Memory(NodeSet::Primaries), 2);
    let mut stream = connect()?;
    fault.start(arena)?;
    stream.write_all(b"die 3\n")?;
    cluster.wait_for_death(LEADER)?;
    ensure!(
        !fault.evidence_during(arena)?.is_proof(),
        "a death of its own is taken for want of memory"
    );
    fault.stop(arena)?;
    ensure!(cluster.processes.deaths()?.len() == 1, "a death was forgotten");
    Ok(())
}
