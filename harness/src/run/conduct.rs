//! The live part of a run: cluster up, load on, faults in, everything healed and drained.

use std::sync::Arc;
use std::time::Duration;

use splitbrain_nemesis::schedule::FaultKind;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{self, Instant, MissedTickBehavior};

use super::clocks::ClockReader;
use super::cluster::Cluster;
use super::load::Clients;
use super::nemesis::{Nemesis, NemesisLog};
use super::progress::{Progress, Snapshot};
use super::watch::{View, watch};
use crate::catalog;
use crate::client::Latencies;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::record::Pen;
use crate::test_file::Test;

/// How long a cluster may take until it has a leader. Bundled systems need less than a second.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often progress is shown and the nodes' processes are looked after.
const TICK: Duration = Duration::from_millis(200);

/// What the live part needs.
pub(super) struct Stage<'a> {
    /// The test.
    pub(super) test: &'a Test,
    /// The cluster, not started yet.
    pub(super) cluster: Arc<Cluster>,
    /// The history.
    pub(super) pen: Pen,
    /// What the nemesis does.
    pub(super) log: Arc<NemesisLog>,
    /// Turns to the exit code of the first signal.
    pub(super) interrupted: watch::Receiver<Option<Exit>>,
    /// Shown meanwhile.
    pub(super) progress: Progress,
}

/// What is known after the live part, beside the files.
#[derive(Clone, Debug)]
pub(super) struct Aftermath {
    /// When the first node was started.
    pub(super) cluster_start_ns: u64,
    /// When load began; none if it never did.
    pub(super) load_start_ns: Option<u64>,
    /// When the last op was begun.
    pub(super) load_end_ns: u64,
    /// Latencies of ok ops.
    pub(super) latencies: Latencies,
    /// Requests of an open loop that no client was free for.
    pub(super) never_asked: u64,
    /// What went wrong in the harness or on the host.
    pub(super) troubles: Vec<String>,
    /// Whether a signal ended it early.
    pub(super) interrupted: Option<Exit>,
}

impl Stage<'_> {
    /// Plays the run. Whatever fails on the way is told in the aftermath, since what was recorded until then is
    /// judged all the same.
    pub(super) async fn play(mut self) -> Aftermath {
        let clock = self.pen.clock();
        let mut after = Aftermath {
            cluster_start_ns: clock.now_ns(),
            load_start_ns: None,
            load_end_ns: 0,
            latencies: Latencies::new(self.test.read_modes.len()),
            never_asked: 0,
            troubles: Vec::new(),
            interrupted: None,
        };
        let view = View::new(&self.test.nodes);
        // Dropped, and so ended, with this function.
        let mut watchers = JoinSet::new();
        let played = match self.start(&view, &mut watchers).await {
            Ok(true) => self.load(&view, &mut after).await,
            Ok(false) => Ok(()),
            Err(failure) => Err(failure),
        };
        after.interrupted = *self.interrupted.borrow();
        after
            .troubles
            .extend(played.err().map(|failure| failure.to_string()));
        self.progress.finish();
        after
    }

    /// Starts the nodes and waits until one leads. Returns whether there is one, and no signal came.
    async fn start(&mut self, view: &Arc<View>, watchers: &mut JoinSet<()>) -> Result<bool> {
        self.progress.phase(&format!(
            "starting {} of {}",
            output::plural(self.test.nodes.len() as u64, "node"),
            self.test.system
        ));
        self.cluster.start()?;
        for at in self.cluster.addrs() {
            let (cluster, view, log) = (Arc::clone(&self.cluster), Arc::clone(view), Arc::clone(&self.log));
            watchers.spawn(watch(cluster, *at, view, log, self.pen.clock()));
        }
        let mut interrupted = self.interrupted.clone();
        let mut looks = ticks();
        let deadline = time::sleep(START_LIMIT);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                () = view.leader() => return Ok(true),
                _ = interrupted.wait_for(Option::is_some) => return Ok(false),
                () = &mut deadline => {
                    return Err(Failure::host(format!("no node led within {} s", START_LIMIT.as_secs())));
                }
                // A node that cannot even start is found in its process, not by waiting for it.
                _ = looks.tick() => if !self.cluster.deaths()?.is_empty() { return Ok(false) },
            }
        }
    }

    async fn load(&mut self, view: &Arc<View>, after: &mut Aftermath) -> Result<()> {
        let clock = self.pen.clock();
        let mut clients = Clients::start(self.test, self.cluster.addrs(), self.pen.clone())?;
        let start_ns = clock.now_ns();
        after.load_start_ns = Some(start_ns);
        let nemesis = Nemesis::start(
            self.test.schedule.clone(),
            Arc::clone(&self.cluster),
            Arc::clone(view),
            Arc::clone(&self.log),
            clock,
            start_ns,
        );
        let nemesis = nemesis.map_err(|error| super::cluster::host("starting the nemesis", &error))?;
        let clocks = self.read_clocks()?;
        let played = self.until_time_is_up(view, &mut clients, &nemesis).await;
        // Heal first: what is drained afterwards then has a cluster that can answer.
        nemesis.stop();
        let conducted = tokio::task::spawn_blocking(|| {
            let conducted = nemesis.join();
            drop(clocks);
            conducted
        })
        .await;
        after.load_end_ns = clock.now_ns();
        self.progress.phase("waiting for the last answers");
        let load = Arc::clone(clients.load());
        let drained = clients.drain().await;
        after.latencies = load.latencies().clone();
        after.never_asked = load.pace.never_asked(after.load_end_ns);
        let conducted = conducted.unwrap_or_else(|error| Err(error.to_string()));
        after.troubles.extend(
            conducted
                .err()
                .map(|error| format!("the nemesis failed: {error}")),
        );
        played.and(drained)
    }

    /// Reads the clocks of the nodes, where faults bend them.
    fn read_clocks(&self) -> Result<Option<ClockReader>> {
        let kinds = self.test.schedule.kinds();
        if !kinds.into_iter().any(FaultKind::strikes_clocks) {
            return Ok(None);
        }
        ClockReader::start(Arc::clone(&self.cluster), Arc::clone(&self.log), self.pen.clock())
            .map(Some)
            .map_err(|error| super::cluster::host("starting to read clocks", &error))
    }

    /// Shows progress until load has run its time, a signal comes, or something fails.
    async fn until_time_is_up(
        &mut self,
        view: &View,
        clients: &mut Clients,
        nemesis: &Nemesis,
    ) -> Result<()> {
        let started = Instant::now();
        let era = catalog::system(&self.test.system)?.era();
        let time_limit = self.test.time_limit.0;
        let mut interrupted = self.interrupted.clone();
        let mut ticks = ticks();
        let mut ok_before = 0;
        let mut tick_before = started;
        while started.elapsed() < time_limit {
            tokio::select! {
                _ = interrupted.wait_for(Option::is_some) => return Ok(()),
                failure = clients.failed() => return Err(failure),
                () = time::sleep_until(started + time_limit) => {}
                now = ticks.tick() => {
                    let tally = self.pen.tally();
                    // The first tick comes at once: a rate over no time says nothing.
                    let seconds = now.duration_since(tick_before).max(TICK).as_secs_f64();
                    let elapsed = started.elapsed();
                    self.progress.show(&Snapshot {
                        elapsed,
                        left: time_limit.saturating_sub(elapsed),
                        ok_per_second: (tally.ok - ok_before) as f64 / seconds,
                        ok: tally.ok,
                        info: tally.info,
                        leaders: view.leaders(),
                        era,
                        faults: self.log.active(),
                    });
                    (ok_before, tick_before) = (tally.ok, now);
                    if nemesis.has_failed() {
                        // Told when the nemesis is joined: a run without its faults shows nothing.
                        return Ok(());
                    }
                    if nemesis.is_finished() && self.cluster.deaths()?.len() == self.test.nodes.len() {
                        // Nobody is left who could answer, and nobody will come back.
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

fn ticks() -> time::Interval {
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
