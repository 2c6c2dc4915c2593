//! In what order a run is made smaller: what makes later runs shorter comes first.

use super::ddmin::ddmin;
use super::least::least;
use super::player::Stop;
use super::timeline::{Quiet, Timeline};
use super::trial::Trials;
use crate::units::Span;

/// How often all is gone through: what was needed before may not be any more once something else is gone.
const ROUNDS_MAX: u32 = 8;
/// How long load goes on after the moment at which the failure was seen. The next run may show it a little later.
const MARGINS_MS: [u64; 2] = [500, 1_500];
/// The shortest load that is tried as such, whenever the failure was seen.
const TIME_MIN_MS: u64 = 2_000;
/// A load that is shorter by less than this share is not worth its runs.
const WORTH_SHORTER: f64 = 0.9;
/// How quiet it may be, tried one after the other.
const QUIETS: [Quiet; 2] = [
    Quiet {
        head_ms: 500,
        gap_ms: 300,
        tail_ms: 300,
    },
    Quiet {
        head_ms: 1_000,
        gap_ms: 1_000,
        tail_ms: 1_000,
    },
];
/// No fault is made shorter than this: about an election.
const FAULT_MIN_MS: u64 = 300;
/// Rates of requests, per second, that are tried in place of clients that never wait. With few keys a write that was lost
/// must not be overwritten before anybody misses it.
const RATES: [f64; 3] = [25.0, 100.0, 500.0];
/// The same for a run with one key: each costs a trial.
const RATES_OF_ONE_KEY: [f64; 2] = [200.0, 40.0];
/// A rate that is less than this part lower is not worth its runs.
const WORTH_SLOWER: f64 = 0.75;

impl Trials {
    /// Makes the run smaller until nothing known does; whether that is so.
    pub(super) fn shrink(&mut self) -> Result<bool, Stop> {
        for _ in 0..ROUNDS_MAX {
            let before = self.best.setup.fingerprint();
            self.cut_off()?;
            self.faults()?;
            self.read_modes()?;
            self.cut_off()?;
            self.quiet()?;
            self.time()?;
            self.keys()?;
            self.rate()?;
            self.nodes()?;
            self.clients()?;
            self.durations()?;
            self.cut_off()?;
            let all_stands = self.confirm()?;
            if all_stands && self.best.setup.fingerprint() == before {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Nothing after the moment at which the failure was seen.
    fn cut_off(&mut self) -> Result<(), Stop> {
        let timeline = self.best.setup.timeline();
        let Some(seen_ms) = self.target.seen_ms(&self.best.results, &timeline.schedule) else {
            return Ok(());
        };
        for margin_ms in MARGINS_MS {
            let less = timeline.cut_off((seen_ms + margin_ms).next_multiple_of(100));
            let (was, is) = (timeline.time_limit, less.time_limit);
            if is.as_millis() as f64 > WORTH_SHORTER * was.as_millis() as f64 {
                break;
            }
            if self.fails(
                &format!("load {was} -> {is}"),
                &self.best.setup.with_timeline(less),
            )? {
                break;
            }
        }
        Ok(())
    }

    /// Fewer faults, by delta debugging.
    fn faults(&mut self) -> Result<(), Stop> {
        let whole = self.best.setup.clone();
        let timeline = whole.timeline();
        ddmin(timeline.schedule.events.len(), |places| {
            let was = self.best.setup.test().schedule.events.len();
            let change = format!("faults {was} -> {}{}", places.len(), listed(places));
            self.fails(&change, &whole.with_timeline(timeline.only(places)))
        })?;
        Ok(())
    }

    /// Only those read modes that the failure is about.
    fn read_modes(&mut self) -> Result<(), Stop> {
        let read_mode = self.target.read_mode.clone();
        let names: Vec<&str> = read_mode.split(" + ").collect();
        let was = self.best.setup.test().read_modes.len();
        if names.len() >= was {
            return Ok(());
        }
        for fewer_clients in [true, false] {
            let less = self.best.setup.with_read_modes(&names, fewer_clients);
            let clients = if fewer_clients { " and their clients" } else { "" };
            if self.fails(&format!("read modes {was} -> {}{clients}", names.len()), &less)? {
                break;
            }
        }
        Ok(())
    }

    /// Less time between faults.
    fn quiet(&mut self) -> Result<(), Stop> {
        for quiet in QUIETS {
            let timeline = self.best.setup.timeline();
            let less = timeline.closed_up(quiet);
            let change = format!("quiet, load {} -> {}", timeline.time_limit, less.time_limit);
            if self.fails(&change, &self.best.setup.with_timeline(less))? {
                break;
            }
        }
        Ok(())
    }

    /// A shorter load, whatever is at its end.
    fn time(&mut self) -> Result<(), Stop> {
        let setup = self.best.setup.clone();
        let timeline = setup.timeline();
        let was_ms = timeline.time_limit.as_millis();
        // Near the floor nothing is gained that would be worth runs.
        if was_ms <= 2 * TIME_MIN_MS {
            return Ok(());
        }
        least(TIME_MIN_MS, was_ms, |ms| {
            let less = timeline.cut_off(ms.next_multiple_of(100));
            self.fails(&shorter(&timeline, &less), &setup.with_timeline(less))
        })?;
        Ok(())
    }

    /// Fewer keys: one all along, also at a lower rate; else as few as may be.
    fn keys(&mut self) -> Result<(), Stop> {
        let setup = self.best.setup.clone();
        if setup.has_one_key() {
            return Ok(());
        }
        let was = setup.test().mix.keys as u64;
        let one = setup.with_one_key();
        if self.fails(&format!("keys {was} -> 1, all along"), &one)? {
            return Ok(());
        }
        for rate in self.slower(&RATES_OF_ONE_KEY) {
            let change = format!("keys {was} -> 1, all along, {rate} ops/s");
            if self.fails(&change, &one.with_rate(rate))? {
                return Ok(());
            }
        }
        least(1, was, |keys| {
            self.fails(&format!("keys {was} -> {keys} at once"), &setup.with_keys(keys))
        })?;
        Ok(())
    }

    /// Fewer requests a second.
    fn rate(&mut self) -> Result<(), Stop> {
        for rate in self.slower(&RATES) {
            let setup = self.best.setup.with_rate(rate);
            if self.fails(&format!("pace {:.0} -> {rate} ops/s", self.pace()), &setup)? {
                break;
            }
        }
        Ok(())
    }

    /// Those of some rates that are worth their runs.
    fn slower(&self, rates: &[f64]) -> Vec<f64> {
        let most = WORTH_SLOWER * self.pace();
        rates.iter().copied().filter(|rate| *rate <= most).collect()
    }

    /// Requests per second: those that are to arrive, or those that were answered.
    fn pace(&self) -> f64 {
        let answered = self.best.results.ops.ok_per_second;
        self.best.setup.test().rate.unwrap_or(answered)
    }

    /// Fewer nodes: no observers, and an odd number of voters.
    fn nodes(&mut self) -> Result<(), Stop> {
        if self.keep_nodes {
            return Ok(());
        }
        let setup = self.best.setup.clone();
        let (voters, was) = (setup.voters(), setup.test().nodes.len());
        let fewer = (1..voters).step_by(2).chain([voters]);
        for (voters, observers) in fewer.flat_map(|voters| [(voters, 0), (voters, was - setup.voters())]) {
            if voters + observers >= was {
                break;
            }
            let Some(less) = setup.with_nodes(voters, observers) else {
                continue;
            };
            if self.fails(&format!("nodes {was} -> {}", voters + observers), &less)? {
                break;
            }
        }
        Ok(())
    }

    /// Fewer client threads, down to one for each node and read mode.
    fn clients(&mut self) -> Result<(), Stop> {
        let setup = self.best.setup.clone();
        let was = setup.test().concurrency as u64;
        least(setup.clients_min(), was, |clients| {
            self.fails(
                &format!("client threads {was} -> {clients}"),
                &setup.with_clients(clients),
            )
        })?;
        Ok(())
    }

    /// Each fault as short as may be.
    fn durations(&mut self) -> Result<(), Stop> {
        for place in 0..self.best.setup.test().schedule.events.len() {
            let setup = self.best.setup.clone();
            let timeline = setup.timeline();
            let was_ms = timeline.schedule.events[place].duration().as_millis() as u64;
            least(FAULT_MIN_MS, was_ms, |ms| {
                let change = format!("fault {place} {} -> {}", Span::millis(was_ms), Span::millis(ms));
                self.fails(&change, &setup.with_timeline(timeline.with_duration(place, ms)))
            })?;
        }
        Ok(())
    }
}

/// What a shorter load has less of.
fn shorter(was: &Timeline, is: &Timeline) -> String {
    let change = format!("load {} -> {}", was.time_limit, is.time_limit);
    match (was.schedule.events.len(), is.schedule.events.len()) {
        (was, is) if was == is => change,
        (was, is) => format!("{change}, faults {was} -> {is}"),
    }
}

/// The places of faults, where they are few enough to be read.
fn listed(places: &[usize]) -> String {
    if places.is_empty() || places.len() > 6 {
        return String::new();
    }
    let numbers: Vec<String> = places.iter().map(usize::to_string).collect();
    format!(" (number {})", numbers.join(", "))
}
