//! The graph against the algorithms: cycles exactly where a history of unique values is not linearizable, and edges as
//! few as promised.

use super::prove;
use super::walk::Graph;
use crate::certificate::{Certificate, Proof, verify_registers};
use crate::lower::{KeyOps, split};
use crate::testing::generate::{Choices, Shape, linearizable, spoil};
use crate::testing::{brute_force, cases, show};
use crate::zones;

fn positions(key: &KeyOps) -> Vec<u32> {
    (0..key.ops.len() as u32).collect()
}

#[test]
fn unique_values_have_a_proof_without_search_iff_they_are_not_linearizable() {
    let (mut cycles, mut others, mut longest) = (0_u64, 0_u64, 0);
    let total = cases(200_000);
    for seed in 0..total {
        let mut choices = Choices::new(seed + (1 << 44));
        let shape = Shape {
            unique: true,
            silent_failures: false,
            ..Shape::any(&mut choices)
        };
        let mut history = linearizable(&mut choices, shape);
        for _ in 0..seed % 4 {
            spoil(&mut choices, &mut history);
        }
        let Some(key) = split(&history).pop() else {
            continue;
        };
        if matches!(zones::check(&key), zones::Answer::NotApplicable) {
            continue;
        }
        let found = prove(&history, &key, &positions(&key));
        let holds = brute_force::is_linearizable(&history.ops);
        assert_eq!(found.is_none(), holds, "seed {seed}: {found:?}{}", show(&history));
        let Some(proof) = found else { continue };
        match &proof {
            Proof::Cycle(cycle) => {
                cycles += 1;
                longest = longest.max(cycle.cycle.len());
            }
            _ => others += 1,
        }
        let proof = proof.rename(|at| key.ops[at as usize].op);
        let certificate = Certificate::Invalid {
            object: Some(key.key.to_string()),
            proof,
        };
        let verified = verify_registers(&history, &certificate);
        assert_eq!(verified, Ok(()), "seed {seed}: {certificate:?}{}", show(&history));
    }
    assert!(
        cycles * 20 > total && others * 50 > total,
        "{cycles} cycles, {others} others"
    );
    assert!(longest >= 2, "no cycle of more than {longest} steps");
}

#[test]
fn linearizable_histories_have_no_cycle_and_few_edges() {
    let mut choices = Choices::new(7);
    let shape = Shape {
        ops: 2_000,
        processes: 8,
        unique: true,
        silent_failures: false,
        reads: 60,
        info: 0,
    };
    let history = linearizable(&mut choices, shape);
    let key = split(&history).pop().expect("there are ops");
    let graph = Graph::new(&key, &positions(&key));
    // To its barrier, from the barrier before it, and from each barrier to the next.
    assert!(graph.edges() <= 3 * key.ops.len(), "{} edges", graph.edges());
    assert!(graph.is_acyclic());
}
