//! Scenarios about whole schedules.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use splitbrain_nemesis::conductor::{ConductError, Conducted, Event, StopRequest, conduct as carry_out};
use splitbrain_nemesis::grudge::PartitionShape;
use splitbrain_nemesis::node::{Node, NodeSet};
use splitbrain_nemesis::process::{NodeState, Nodes};
use splitbrain_nemesis::schedule::{FaultKind, FaultVariant, Intervals, Schedule, ScheduledFault};

use crate::cluster::Cluster;
use crate::node::ask;
use crate::{Outcome, ensure};

const QUICK: Intervals = Intervals {
    head_ms: 50,
    tail_ms: 200,
    fault_ms: (400, 700),
    gap_ms: (200, 400),
};

fn leader() -> Vec<Node> {
    vec![Node(1)]
}

fn fault(id: u32, variant: FaultVariant, start_ms: u64, stop_ms: u64) -> ScheduledFault {
    ScheduledFault {
        id,
        variant,
        start_ms,
        stop_ms,
        when: None,
        nodes: Vec::new(),
        seed: 1,
    }
}

/// Conducts from now on; events go to `sink` and into the list returned.
fn run(
    cluster: &Cluster,
    schedule: &Schedule,
    stop: &StopRequest,
    sink: &mut dyn FnMut(&Event),
) -> (Result<Conducted, ConductError>, Vec<Event>) {
    let origin = Instant::now();
    let clock = || u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut events = Vec::new();
    let mut record = |event: Event| {
        sink(&event);
        events.push(event);
    };
    let result = carry_out(schedule, cluster.arena(&leader), &clock, 0, stop, &mut record);
    (result, events)
}

/// The proven faults, in the order of their ends.
fn proven(events: &[Event]) -> Vec<u32> {
    let proven = events.iter().filter_map(|event| match event {
        Event::Stopped { id, proven: true, .. } => Some(*id),
        _ => None,
    });
    proven.collect()
}

/// The faults that took effect, but not for long enough to be proven, in the order of their ends.
fn cut_short(events: &[Event]) -> Vec<u32> {
    let short = events.iter().filter_map(|event| match event {
        Event::Stopped {
            id,
            proven: false,
            evidence,
            ..
        } => {
            let objections = evidence.iter().filter(|said| said.contains(" ms only, of "));
            (objections.count() == 1 && evidence.len() > 1).then_some(*id)
        }
        _ => None,
    });
    short.collect()
}

/// Kinds that are conducted together: six at once at most, or so, since each fault that is observed makes others late. A
/// clock whose process gets little time, or is killed again and again, can hardly be seen to go wrong in the short time
/// that a fault has here.
const TOGETHER: [&[FaultKind]; 4] = [
    &[
        FaultKind::Partition,
        FaultKind::Kill,
        FaultKind::Pause,
        FaultKind::Loss,
        FaultKind::Drift,
        FaultKind::Clock,
    ],
    &[
        FaultKind::Cut,
        FaultKind::Delay,
        FaultKind::Reorder,
        FaultKind::Duplicate,
        FaultKind::Corrupt,
        FaultKind::Slow,
    ],
    &[
        FaultKind::Kill,
        FaultKind::Pause,
        FaultKind::Terminate,
        FaultKind::CrashLoop,
        FaultKind::SlowCpu,
        FaultKind::Memory,
    ],
    &[
        FaultKind::Kill,
        FaultKind::Power,
        FaultKind::TornWrite,
        FaultKind::DiskFull,
        FaultKind::DiskError,
        FaultKind::SlowDisk,
        FaultKind::CorruptFile,
    ],
];

/// Every fault starts and stops once, near its time, and is proven; all is well afterwards.
pub(crate) fn conduct(group: usize, seed: u64) -> Outcome {
    let kinds = TOGETHER.get(group).ok_or("there is no such group")?;
    let on_disks = kinds.contains(&FaultKind::Power);
    let cluster = if on_disks {
        Cluster::start_on_disks(5)?
    } else {
        Cluster::start(5)?
    };
    let schedule = Schedule::generate(seed, kinds, 6_000, &QUICK, 5)?;
    let (conducted, events) = run(&cluster, &schedule, &StopRequest::new(), &mut |_| {});
    let conducted = conducted?;
    let count = schedule.events.len();
    let unproven = events
        .iter()
        .filter(|event| matches!(event, Event::Stopped { proven: false, .. }));
    let unproven: Vec<&Event> = unproven.collect();
    ensure!(
        conducted == Conducted { interrupted: false } && proven(&events).len() == count,
        "{unproven:#?}"
    );

    let mut starts = BTreeMap::new();
    for event in &events {
        match event {
            Event::Started {
                id, start_ns, nodes, ..
            } => {
                let scheduled = schedule.events[*id as usize].start_ms * 1_000_000;
                ensure!(*start_ns > scheduled && !nodes.is_empty(), "{event:?}");
                ensure!(
                    starts.insert(*id, *start_ns).is_none(),
                    "fault {id} started twice"
                );
            }
            Event::Stopped { id, stop_ns, .. } => {
                let start_ns = starts.get(id).ok_or("a fault stopped before its start")?;
                let half_ns = schedule.events[*id as usize].duration().as_nanos() / 2;
                ensure!(
                    u128::from(stop_ns - start_ns) >= half_ns,
                    "fault {id} was cut short"
                );
            }
            Event::Died { death, .. } => return Err(death.to_string().into()),
        }
    }
    ensure!(
        events.len() == 2 * count,
        "{} events of {count} faults",
        events.len()
    );
    cluster.wait_until_all_answer()?;
    ensure!(cluster.reachable().len() == 20, "not healed");
    println!("{count} faults of {seed}, all proven");
    Ok(())
}

/// A stop request in the midst of three faults heals all of them, long before their time, and therefore unproven.
pub(crate) fn interrupt() -> Outcome {
    let cluster = Cluster::start(5)?;
    let minute = 60_000;
    let schedule = Schedule {
        events: vec![
            fault(0, FaultVariant::Partition(PartitionShape::Halves), 0, minute),
            fault(1, FaultVariant::Kill(NodeSet::Minority), 1, minute),
            fault(2, FaultVariant::Pause(NodeSet::One), 2, minute),
            fault(3, FaultVariant::Pause(NodeSet::One), minute, 2 * minute),
        ],
    };
    schedule.validate(5)?;
    let stop = StopRequest::new();
    let (conducted, events) = run(&cluster, &schedule, &stop, &mut |event| {
        if matches!(event, Event::Started { id: 2, .. }) {
            stop.request();
        }
    });
    ensure!(conducted? == Conducted { interrupted: true }, "{events:#?}");
    ensure!(cut_short(&events) == [2, 1, 0], "{events:#?}");
    cluster.wait_until_all_answer()?;
    ensure!(cluster.reachable().len() == 20, "not healed");
    Ok(())
}

/// A node that dies by itself is reported with its last words, and left dead.
pub(crate) fn death() -> Outcome {
    let cluster = Cluster::start(3)?;
    let schedule = Schedule {
        events: vec![
            fault(0, FaultVariant::Partition(PartitionShape::Halves), 0, 400),
            fault(1, FaultVariant::Kill(NodeSet::All), 600, 700),
        ],
    };
    let address = cluster.network.address(Node(3));
    let (conducted, events) = run(&cluster, &schedule, &StopRequest::new(), &mut |event| {
        if matches!(event, Event::Started { id: 0, .. }) {
            ask(address, "die 7");
        }
    });
    let conducted = conducted?;
    let told = events.iter().filter_map(|event| match event {
        Event::Died { death, .. } => Some(death.to_string()),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    ensure!(
        told == ["n3 exited by itself with status 7; its last lines: told to die with 7"],
        "{told:?}"
    );
    ensure!(!conducted.interrupted && proven(&events) == [0, 1], "{events:#?}");
    ensure!(
        matches!(cluster.processes.state(Node(3))?, NodeState::Died(_)),
        "it was started again"
    );
    Ok(())
}

/// A fault that fails is an error of the harness; the others are healed all the same.
pub(crate) fn broken() -> Outcome {
    let cluster = Cluster::start(3)?;
    let schedule = Schedule {
        events: vec![
            fault(0, FaultVariant::Pause(NodeSet::One), 0, 60_000),
            fault(1, FaultVariant::Partition(PartitionShape::Halves), 50, 60_000),
            fault(2, FaultVariant::Kill(NodeSet::One), 100, 200),
        ],
    };
    // A node that cannot be started again: its program is gone.
    let (conducted, events) = run(&cluster, &schedule, &StopRequest::new(), &mut |event| {
        if matches!(event, Event::Started { id: 2, .. }) {
            let hidden = nix::mount::mount(
                Some("/dev/null"),
                &std::env::current_exe().unwrap_or_default(),
                None::<&str>,
                nix::mount::MsFlags::MS_BIND,
                None::<&str>,
            );
            assert_eq!(hidden, Ok(()), "hiding the program in the sandbox's own mounts");
        }
    });
    let Err(ConductError::Fault {
        step: "stopping",
        id: 2,
        source,
        ..
    }) = conducted
    else {
        return Err(format!("expected a failure, but got {conducted:?}, {events:#?}").into());
    };
    let source = source.to_string();
    ensure!(source.starts_with("starting of n"), "{source}");
    ensure!(cut_short(&events) == [1, 0], "{events:#?}");
    Ok(())
}

/// Keeps a cluster under overlapping faults until it is killed from outside.
pub(crate) fn busy() -> Outcome {
    println!("entered");
    let cluster = Cluster::start(3)?;
    // One that tries to get away.
    std::process::Command::new("setsid")
        .args(["sleep", "1000"])
        .spawn()?;
    println!("ready");
    for seed in 0.. {
        let schedule = Schedule::generate(seed, TOGETHER[0], 2_000, &QUICK, 3)?;
        run(&cluster, &schedule, &StopRequest::new(), &mut |_| {}).0?;
        thread::yield_now();
    }
    Ok(())
}
