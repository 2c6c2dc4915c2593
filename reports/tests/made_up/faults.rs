//! The faults of a made-up run, and what became of its nodes.

use splitbrain_reports::results::{Fault, NemesisEvent};

use super::MS;

/// Whether the clients of a node cannot reach a majority: the partitions, the kill and the pause of [`faults`].
pub fn is_cut_off(node: usize, now: u64) -> bool {
    let at = now / MS;
    match node {
        0 => (3_000..5_400).contains(&at) || (14_000..15_000).contains(&at),
        1 => (8_000..10_000).contains(&at) || (14_000..15_000).contains(&at),
        2 => (11_500..12_600).contains(&at),
        4 => (16_500..16_620).contains(&at),
        _ => false,
    }
}

pub fn faults() -> Vec<Fault> {
    let fault =
        |id, kind: &str, variant: &str, nodes: &[&str], start: u64, stop: u64, evidence: &[&str]| Fault {
            id,
            kind: kind.into(),
            variant: variant.into(),
            nodes: nodes.iter().map(|&node| node.into()).collect(),
            start_ns: start * MS,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(stop * MS),
            proven: true,
            evidence: evidence.iter().map(|&line| line.into()).collect(),
        };
    vec![
        fault(
            0,
            "partition",
            "isolated-leader",
            &["n1"],
            3_000,
            5_400,
            &[
                "n1 dropped 131 packets from n2, 128 from n3, 130 from n4, 127 from n5",
                "a probe from n1 to n2 was not answered within 200 ms",
            ],
        ),
        fault(
            1,
            "partition",
            "one-node",
            &["n2"],
            8_000,
            10_000,
            &["n2 dropped 97 packets from n1, n3, n4, n5"],
        ),
        fault(
            2,
            "kill",
            "one",
            &["n3"],
            11_500,
            12_600,
            &["pid 4711 was gone 0.3 ms after SIGKILL"],
        ),
        fault(
            3,
            "partition",
            "halves",
            &["n1", "n2"],
            14_000,
            15_000,
            &["n1 dropped 61 packets from n3, n4, n5"],
        ),
        fault(
            4,
            "pause",
            "one",
            &["n5"],
            16_500,
            16_620,
            &["pid 4802 was in state T for 119 ms"],
        ),
    ]
}

pub fn nemesis(faults: &[Fault]) -> Vec<NemesisEvent> {
    let mut events = Vec::new();
    for fault in faults {
        events.push(NemesisEvent::Start {
            time: fault.start_ns,
            fault: fault.id,
            kind: fault.kind.clone(),
            variant: fault.variant.clone(),
            nodes: fault.nodes.clone(),
        });
        events.push(NemesisEvent::Stop {
            time: fault.stop_ns.unwrap_or(fault.start_ns),
            fault: fault.id,
            proven: fault.proven,
            evidence: fault.evidence.clone(),
        });
    }
    for (at, node, role, term) in ROLES {
        events.push(NemesisEvent::Node {
            time: at * MS,
            node: format!("n{node}"),
            role: role.into(),
            term,
        });
    }
    events.sort_by_key(|event| match event {
        NemesisEvent::Start { time, .. }
        | NemesisEvent::Stop { time, .. }
        | NemesisEvent::Node { time, .. }
        | NemesisEvent::Clock { time, .. } => *time,
    });
    events
}

/// When (ms) which node took which role in which term.
const ROLES: [(u64, u32, &str, u64); 27] = [
    (40, 1, "follower", 0),
    (41, 2, "follower", 0),
    (42, 3, "follower", 0),
    (43, 4, "follower", 0),
    (44, 5, "follower", 0),
    (150, 1, "candidate", 1),
    (190, 1, "leader", 1),
    (192, 2, "follower", 1),
    (192, 3, "follower", 1),
    (193, 4, "follower", 1),
    (193, 5, "follower", 1),
    (3_250, 2, "candidate", 2),
    (3_300, 2, "leader", 2),
    (3_301, 3, "follower", 2),
    (5_410, 1, "follower", 2),
    (8_010, 2, "candidate", 3),
    (8_200, 3, "leader", 3),
    (10_020, 2, "follower", 3),
    (11_500, 3, "down", 3),
    (11_700, 4, "candidate", 4),
    (11_760, 4, "leader", 4),
    (12_600, 3, "follower", 4),
    (14_200, 1, "candidate", 5),
    (15_010, 1, "follower", 4),
    (15_020, 2, "follower", 4),
    (16_500, 5, "paused", 4),
    (16_620, 5, "follower", 4),
];
