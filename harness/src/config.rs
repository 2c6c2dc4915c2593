//! From options to a test: names are looked up, gaps filled, contradictions refused.

use std::collections::BTreeMap;

use splitbrain_nemesis::network::NODES_MAX;
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::{DRIFT_PPM, FaultKind, Intervals, Schedule};
use splitbrain_systems::{Asked, ReadModeInfo, System};

use crate::catalog;
use crate::cli::RunOptions;
use crate::failure::{Failure, Result};
use crate::host::HostFacts;
use crate::output;
use crate::rerun;
use crate::schedule_file;
use crate::test_file::{JudgedMode, Test};
use crate::units::{CONCURRENCY_MAX, Concurrency, Span, SpanRange, Timing};
use crate::utc::Utc;
use crate::workload::{Layout, Mix, Placement, Spacing, Weights, mix_seed};

const NODES_DEFAULT: u16 = 5;
const TIME_LIMIT_DEFAULT: Span = Span::seconds(30);
/// About as long as an election takes: an op whose leader was lost seldom gets an answer later, and a client that
/// gives up is back to see what the next leader does.
pub(crate) const OP_TIMEOUT_DEFAULT: Span = Span::millis(500);
pub(crate) const CHECK_TIME_LIMIT_DEFAULT: Span = Span::seconds(60);
/// Where runs are kept.
pub(crate) const STORE_DEFAULT: &str = "store";
/// Threads per node and read mode where no concurrency is asked for: one that does all, and one that only reads.
const THREADS_PER_MODE: usize = 2;
/// The least rate of an open loop: a request in a quarter of an hour, more than any run waits for.
const RATE_MIN: f64 = 0.001;
/// The greatest rate of an open loop: more than the recorder can take.
const RATE_MAX: f64 = 1e7;

/// The test that the options describe.
///
/// # Errors
/// [`Failure::Usage`], which names what is unknown or contradictory.
pub fn resolve(options: RunOptions) -> Result<Test> {
    let system = catalog::system(options.system.as_deref().unwrap_or(catalog::SYSTEM_DEFAULT))?;
    let workload = catalog::workload(options.workload.as_deref().unwrap_or(catalog::WORKLOAD_DEFAULT))?;
    let observers = options.observers.unwrap_or(0);
    let voters = node_count(system, options.nodes.unwrap_or(NODES_DEFAULT), observers)?;
    let time_limit = positive("time limit", options.time_limit.unwrap_or(TIME_LIMIT_DEFAULT))?;
    let seed = options.seed.unwrap_or_else(draw_seed);
    let (nemesis, schedule) = faults(&options, seed, time_limit, voters, observers)?;
    let mut modes = read_modes(system, &options.read_mode, observers)?;
    if options.claim.is_none() && voids_trust_in_clocks(&nemesis, &options.option) {
        modes = without_trust_in_clocks(modes, !options.read_mode.is_empty())?;
    }
    let mutant = options
        .mutant
        .as_deref()
        .map(|text| catalog::mutant(system, text))
        .transpose()?;
    let system_options = system_options(system, &options.option)?;
    let mix = mix(&options, &(workload.mix)())?;
    let read_modes = judged(&modes, options.claim.as_deref())?;
    let layout = Layout {
        voters: voters.into(),
        observers: observers.into(),
        on_observers: read_modes.iter().map(|mode| mode.on_observers).collect(),
    };
    let concurrency = concurrency(options.concurrency, voters + observers, &layout)?;
    let move_every = options
        .move_every
        .map(|every| positive("time after which clients move on", every))
        .transpose()?;
    let (rate, arrivals) = pace(options.rate, options.arrivals)?;
    let op_timeout = positive("op timeout", options.op_timeout.unwrap_or(OP_TIMEOUT_DEFAULT))?;
    let check_time_limit = positive(
        "check time limit",
        options.check_time_limit.unwrap_or(CHECK_TIME_LIMIT_DEFAULT),
    )?;
    let nodes: Vec<String> = Node::range(voters + observers)
        .iter()
        .map(Node::to_string)
        .collect();
    let placements = mix.place(&layout, concurrency);
    every_mode_is_read(&placements, mix.weights, &read_modes)?;
    let mut test = Test {
        splitbrain: env!("CARGO_PKG_VERSION").to_owned(),
        name: name(options.name, system.name(), workload.name)?,
        started: Utc::now().readable(),
        command: String::new(),
        seed,
        system: system.name().to_owned(),
        mutant: mutant.map(|mutant| mutant.name.to_owned()),
        options: system_options,
        threads: Test::name_threads(&placements, &nodes, &read_modes),
        nodes,
        observers: observers.into(),
        read_modes,
        workload: workload.name.to_owned(),
        mix,
        concurrency,
        rate,
        arrivals,
        move_every,
        op_timeout,
        time_limit,
        check_time_limit,
        nemesis,
        fault_time: options.fault_time,
        fault_gap: options.fault_gap,
        timing: options.timing.unwrap_or_default(),
        schedule_file: options.schedule,
        schedule,
        shrunk_from: None,
        store: options.store.unwrap_or_else(|| STORE_DEFAULT.into()),
        host: HostFacts::gather(),
    };
    let possible = all_read_modes(system, observers).count();
    test.command = rerun::command(&test, modes.len() == possible);
    Ok(test)
}

/// The read modes that there are with so many observers.
fn all_read_modes(system: &dyn System, observers: u16) -> impl Iterator<Item = &'static ReadModeInfo> {
    let exists = move |mode: &&ReadModeInfo| observers > 0 || mode.asked == Asked::Voters;
    system.read_modes().iter().filter(exists)
}

/// The read modes of these names; all that there are where none is named.
fn read_modes(system: &dyn System, wanted: &[String], observers: u16) -> Result<Vec<&'static ReadModeInfo>> {
    if wanted.is_empty() {
        return Ok(all_read_modes(system, observers).collect());
    }
    let modes = catalog::read_modes(system, wanted)?;
    match modes
        .iter()
        .find(|mode| observers == 0 && mode.asked == Asked::Observers)
    {
        Some(mode) => Err(contradiction(format!(
            "the read mode {} asks observers, and there are none; give --observers as well",
            mode.name
        ))),
        None => Ok(modes),
    }
}

/// Whether these faults bend clocks further than read modes that trust them must bear: then their claims are void.
fn voids_trust_in_clocks(nemesis: &[FaultKind], options: &[String]) -> bool {
    let bound = options
        .iter()
        .rev()
        .find_map(|option| option.strip_prefix("clock-drift-bound-ppm="));
    let bound = bound.and_then(|ppm| ppm.parse::<u64>().ok()).unwrap_or(DRIFT_PPM);
    nemesis.contains(&FaultKind::Clock) || nemesis.contains(&FaultKind::Drift) && bound < DRIFT_PPM
}

/// The read modes whose claims stand whatever clocks do.
fn without_trust_in_clocks(
    modes: Vec<&'static ReadModeInfo>,
    were_asked_for: bool,
) -> Result<Vec<&'static ReadModeInfo>> {
    let (trusting, others): (Vec<_>, Vec<_>) = modes.into_iter().partition(|mode| mode.trusts_clocks);
    let Some(mode) = trusting.first() else {
        return Ok(others);
    };
    if were_asked_for {
        return Err(contradiction(format!(
            "the read mode {} is {}, and the faults bend them further; leave it out, or say by --claim what it \
             is to be judged against all the same",
            mode.name, mode.promise
        )));
    }
    for mode in &trusting {
        output::note(&format!(
            "note: the read mode {} is left out: it is {}, and the faults bend them further",
            mode.name, mode.promise
        ));
    }
    Ok(others)
}

/// The settings of the system, each once; a later one replaces an earlier.
fn system_options(system: &dyn System, wanted: &[String]) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for text in wanted {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Failure::Usage(format!(
                "`{text}` is no setting; write NAME=VALUE"
            )));
        };
        system.check_option(name, value).map_err(Failure::Usage)?;
        options.insert(name.to_owned(), value.to_owned());
    }
    Ok(options)
}

fn contradiction(text: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("contradiction: {text}"))
}

/// The voters, of whom there must be some, and with the observers not too many.
fn node_count(system: &dyn System, voters: u16, observers: u16) -> Result<u16> {
    if observers > 0 && !system.has_observers() {
        return Err(contradiction(format!(
            "observers in a cluster of {}, which knows none",
            system.name()
        )));
    }
    match (voters, voters.saturating_add(observers)) {
        (0, _) => Err(contradiction("a cluster of 0 nodes; at least 1 is needed")),
        (_, n) if n > NODES_MAX => Err(contradiction(format!(
            "a cluster of {n} nodes; at most {NODES_MAX} fit"
        ))),
        (voters, _) => Ok(voters),
    }
}

fn positive(what: &str, span: Span) -> Result<Span> {
    if span.0.is_zero() {
        Err(contradiction(format!("the {what} is 0")))
    } else {
        Ok(span)
    }
}

fn mix(options: &RunOptions, default: &Mix) -> Result<Mix> {
    if options.writers.is_some() && options.readers.is_some() {
        return Err(contradiction(
            "--writers and --readers both say who writes; give one of them",
        ));
    }
    let mix = Mix {
        weights: options.mix.unwrap_or(default.weights),
        keys: options.keys.unwrap_or(default.keys),
        ops_per_key: options.ops_per_key.unwrap_or(default.ops_per_key),
        key_distribution: options.key_distribution.unwrap_or(default.key_distribution),
        readers_percent: options.readers.unwrap_or(default.readers_percent),
        writers: options.writers,
        reader_interval: options.reader_interval.unwrap_or(default.reader_interval),
    };
    mix.validate().map_err(contradiction)?;
    Ok(mix)
}

/// Where nobody asks for a number: some for each node and read mode, since a mode that is stale on one node only is
/// caught there only.
fn concurrency(wanted: Option<Concurrency>, nodes: u16, layout: &Layout) -> Result<usize> {
    let threads = wanted.map(|wanted| wanted.threads(usize::from(nodes)));
    match threads.unwrap_or(THREADS_PER_MODE * layout.pairs()) {
        0 => Err(contradiction("a concurrency of 0: nobody would ask anything")),
        n if n > CONCURRENCY_MAX => Err(contradiction(format!(
            "a concurrency of {n}; at most {CONCURRENCY_MAX} threads are possible"
        ))),
        n => Ok(n),
    }
}

/// A mode that nobody reads by would keep any claim.
fn every_mode_is_read(placements: &[Placement], weights: Weights, modes: &[JudgedMode]) -> Result<()> {
    for (index, mode) in modes.iter().enumerate() {
        let mut clients = placements
            .iter()
            .filter(|place| place.read_mode == index)
            .peekable();
        if clients.peek().is_none() {
            return Err(contradiction(format!(
                "{} client threads leave the read mode {} without any; at least {} are needed",
                placements.len(),
                mode.name,
                modes.len()
            )));
        }
        if weights.read == 0 && !clients.any(|place| place.reader) {
            return Err(contradiction(format!(
                "the mix has no reads, and no client that only reads uses the read mode {}",
                mode.name
            )));
        }
    }
    Ok(())
}

fn pace(rate: Option<f64>, arrivals: Option<Spacing>) -> Result<(Option<f64>, Spacing)> {
    match (rate, arrivals) {
        (None, Some(_)) => Err(contradiction(
            "--arrivals is for open loops; give a --rate as well",
        )),
        (Some(rate), _) if !(RATE_MIN..=RATE_MAX).contains(&rate) => Err(contradiction(format!(
            "a rate of {rate} ops/s; it must lie between {RATE_MIN} and {RATE_MAX}"
        ))),
        (rate, arrivals) => Ok((rate, arrivals.unwrap_or(Spacing::Poisson))),
    }
}

/// The kinds of fault and when they strike: by a schedule of the user's, or one drawn from the seed.
fn faults(
    options: &RunOptions,
    seed: u64,
    time_limit: Span,
    voters: u16,
    observers: u16,
) -> Result<(Vec<FaultKind>, Schedule)> {
    let has_intervals =
        options.fault_time.is_some() || options.fault_gap.is_some() || options.timing.is_some();
    if let Some(path) = &options.schedule {
        if !options.nemesis.is_empty() || has_intervals {
            return Err(contradiction(
                "a --schedule says which faults there are and when; leave out --nemesis, --fault-time, --fault-gap \
                 and --timing",
            ));
        }
        let schedule = schedule_file::read(path, usize::from(voters + observers), time_limit, seed)?;
        return Ok((schedule.kinds(), schedule));
    }
    let nemesis = catalog::faults(&options.nemesis)?;
    if nemesis.is_empty() && has_intervals {
        return Err(contradiction(
            "--fault-time, --fault-gap and --timing are for faults; give a --nemesis as well",
        ));
    }
    let intervals = intervals(time_limit, options.fault_time, options.fault_gap);
    let seed = mix_seed(seed, "nemesis");
    // Drawn for the voters alone, so that systems with and without observers meet the same faults.
    let schedule = Schedule::generate(
        seed,
        &nemesis,
        time_limit.as_millis(),
        &intervals,
        usize::from(voters),
    );
    let mut schedule = schedule.map_err(contradiction)?;
    if options.timing == Some(Timing::Targeted) {
        schedule.target(seed, usize::from(voters));
    }
    Ok((nemesis, schedule))
}

fn intervals(time_limit: Span, fault_time: Option<SpanRange>, fault_gap: Option<SpanRange>) -> Intervals {
    let mut intervals = Intervals::for_time_limit(time_limit.as_millis());
    if let Some(range) = fault_time {
        intervals.fault_ms = range.millis();
    }
    if let Some(range) = fault_gap {
        intervals.gap_ms = range.millis();
    }
    intervals
}

fn judged(modes: &[&ReadModeInfo], claim: Option<&str>) -> Result<Vec<JudgedMode>> {
    let overriding = claim.map(catalog::model).transpose()?;
    Ok(modes
        .iter()
        .map(|mode| JudgedMode {
            name: mode.name.to_owned(),
            claim: overriding.map_or(mode.claim, |model| model.name()).to_owned(),
            claim_overridden: overriding.is_some_and(|model| model.name() != mode.claim),
            promise: mode.promise.to_owned(),
            on_observers: mode.asked == Asked::Observers,
        })
        .collect())
}

fn name(wanted: Option<String>, system: &str, workload: &str) -> Result<String> {
    plain_name("run", wanted.unwrap_or_else(|| default_name(system, workload)))
}

/// The name of `what` in the store, if it can be one.
///
/// # Errors
/// [`Failure::Usage`] if not.
pub(crate) fn plain_name(what: &str, name: String) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || name == "latest" || !name.chars().all(plain) {
        let text =
            format!("`{name}` cannot name a {what}: use letters, digits, `-`, `_` and `.`, and not `latest`");
        return Err(Failure::Usage(text));
    }
    Ok(name)
}

/// The name of a run that was given none.
pub(crate) fn default_name(system: &str, workload: &str) -> String {
    format!("{system}-{workload}")
}

/// A fresh seed. It is kept short, so that people can type it, and JavaScript and JSON can hold it exactly.
pub(crate) fn draw_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // The standard library seeds these from the operating system.
    u64::from(RandomState::new().hash_one(0_u8) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run_options;

    fn test(line: &str) -> Test {
        resolve(run_options(line)).unwrap()
    }

    #[test]
    fn same_seed_same_schedule() {
        let line = "splitbrain run --nemesis partition,kill,pause --seed";
        assert_eq!(
            test(&format!("{line} 5")).schedule,
            test(&format!("{line} 5")).schedule
        );
        assert_ne!(
            test(&format!("{line} 5")).schedule,
            test(&format!("{line} 6")).schedule
        );
    }

    #[test]
    fn by_default_every_node_has_a_client_of_every_read_mode() {
        let test = test("splitbrain run --nodes 5");
        let mut pairs: Vec<_> = test
            .threads
            .iter()
            .map(|thread| (&thread.node, &thread.read_mode))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), test.nodes.len() * test.read_modes.len());
    }

    #[test]
    fn a_read_mode_that_nobody_would_read_by_is_refused() {
        for (line, expected) in [
            ("splitbrain run --concurrency 1", "without any"),
            (
                "splitbrain run --mix write=1,cas=1 --readers 0",
                "the mix has no reads",
            ),
        ] {
            let failure = resolve(run_options(line)).unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)));
            assert!(failure.to_string().contains(expected), "{failure}");
        }
        // Those that only read do so whatever the mix.
        test("splitbrain run --mix write=1");
    }

    #[test]
    fn a_mode_that_trusts_clocks_is_not_judged_where_they_are_broken() {
        let lease = |line: &str| {
            resolve(run_options(line)).map(|test| test.read_modes.iter().any(|mode| mode.name == "lease"))
        };
        let run = "splitbrain run --nemesis";
        assert!(lease(&format!("{run} drift")).unwrap());
        assert!(!lease(&format!("{run} clock")).unwrap());
        assert!(!lease(&format!("{run} drift --option clock-drift-bound-ppm=10000")).unwrap());
        let failure = lease(&format!("{run} clock --read-mode lease")).unwrap_err();
        assert!(
            failure.to_string().contains("leave it out, or say by --claim"),
            "{failure}"
        );
        assert!(lease(&format!("{run} clock --read-mode lease --claim linearizable")).unwrap());
    }

    #[test]
    fn a_claim_is_overridden_only_where_it_differs() {
        let test = test("splitbrain run --read-mode log,leader-local --claim linearizable");
        let overridden: Vec<bool> = test.read_modes.iter().map(|mode| mode.claim_overridden).collect();
        assert_eq!(overridden, [false, true]);
    }

    #[test]
    fn every_systems_claims_are_models_of_the_checker() {
        for system in splitbrain_systems::systems() {
            for mode in system.read_modes() {
                assert!(
                    catalog::model(mode.claim).is_ok(),
                    "{} of {}",
                    mode.name,
                    system.name()
                );
            }
        }
    }

    #[test]
    fn a_test_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.json");
        let test = test("splitbrain run --nemesis partition --rate 10 --claim linearizable");
        std::fs::write(&path, test.to_json()).unwrap();
        assert_eq!(Test::read(&path).unwrap(), test);
    }
}
