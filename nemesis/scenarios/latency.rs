//! How long it takes until a fault of the network is in force, and until it is gone.

use std::time::Instant;

use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::FaultKind;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::faulting::{build, milliseconds};

const ROUNDS: u64 = 20;

/// Prints a table of every variant in a cluster of `count` nodes: the median and the greatest of 20 rounds.
pub(crate) fn latency(count: u16) -> Outcome {
    let cluster = Cluster::start(count)?;
    let leader = || vec![Node(1)];
    let arena = cluster.arena(&leader);
    println!("| {count} nodes | in force, median | most | gone, median | most |\n|---|---|---|---|---|");
    for kind in FaultKind::ALL
        .into_iter()
        .filter(|kind| kind.strikes_the_network())
    {
        for variant in kind.variants(usize::from(count)) {
            let (mut started, mut stopped) = (Vec::new(), Vec::new());
            for seed in 0..ROUNDS {
                let mut fault = build(variant, seed);
                fault.set_up(arena)?;
                let start = Instant::now();
                fault.start(arena)?;
                started.push(milliseconds(start));
                let start = Instant::now();
                fault.stop(arena)?;
                stopped.push(milliseconds(start));
            }
            let [(median, most), (gone, gone_most)] = [started, stopped].map(|mut times| {
                times.sort_by(f64::total_cmp);
                (times[times.len() / 2], times[times.len() - 1])
            });
            println!("| {variant} | {median:.0} ms | {most:.0} ms | {gone:.0} ms | {gone_most:.0} ms |");
        }
    }
    Ok(())
}
