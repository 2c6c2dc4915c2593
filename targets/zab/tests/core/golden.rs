//! Golden scripts: storyboards of a cluster, in `tests/scripts`. Each is named `subject_condition_outcome`. To see what
//! a change of the core changes, run them with `UPDATE_GOLDENFILES=1` and read the difference.

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;

use goldenscript::{Context, Runner};
use splitbrain_consensus::{NodeId, Protocol};
use splitbrain_zab::message::{Epoch, Zxid};
use splitbrain_zab::{Mutant, Options, ReadMode};

use crate::cluster::Cluster;
use crate::story;

/// A node as scripts write it: `n1`.
#[derive(Clone, Copy, Debug)]
struct Name(NodeId);

impl FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let number = name.strip_prefix('n').and_then(|number| number.parse().ok());
        number
            .map(|number| Self(NodeId(number)))
            .ok_or_else(|| format!("`{name}` is no node"))
    }
}

/// A zxid as scripts write it: `2.7`.
#[derive(Clone, Copy, Debug)]
struct At(u32, u32);

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(epoch, counter)| {
            let (epoch, counter) = (epoch.parse().ok()?, counter.parse().ok()?);
            Some(Self(epoch, counter))
        });
        parts.ok_or_else(|| format!("`{text}` is no zxid"))
    }
}

/// A read mode by its name.
#[derive(Clone, Copy, Debug)]
struct Mode(ReadMode);

impl FromStr for Mode {
    type Err = splitbrain_zab::UnknownReadMode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.parse().map(Self)
    }
}

/// Something that a script lets happen.
#[derive(goldenscript::Command)]
enum Command {
    /// Starts a new cluster of so many voters, and observers beside them. Any option of ZAB may follow.
    Cluster {
        voters: u16,
        #[arg(key, optional)]
        observers: u16,
        #[arg(key)]
        mutant: Option<Mutant>,
        #[arg(key, many, optional)]
        options: Vec<(String, String)>,
    },
    /// Restarts a node from a disk with this history: `disk n1 accepted=2 current=1 1.1 1.2`.
    Disk {
        node: Name,
        #[arg(optional)]
        history: Vec<At>,
        #[arg(key)]
        accepted: u32,
        #[arg(key)]
        current: u32,
    },
    /// So many milliseconds pass.
    Run(u64),
    /// The same, and only what changes is told.
    Quiet(u64),
    /// Delivers what is on its way, and what comes of it, at one moment.
    Deliver,
    /// Cuts these nodes off from the others.
    Partition(Vec<Name>),
    /// Nothing that the first sends reaches the second.
    Cut { from: Name, to: Name },
    /// Mends all links.
    Heal,
    /// The node loses its memory and what it had not synced, but for the first `torn` records of that.
    Crash {
        node: Name,
        #[arg(key, optional)]
        torn: usize,
    },
    /// Starts a node that crashed.
    Start(Name),
    /// From now on records wait for `sync`.
    DisksByHand,
    /// Syncs what the nodes have written.
    Sync(Vec<Name>),
    /// Clients of the node ask for these writes.
    Write {
        node: Name,
        #[arg(key, many)]
        assignments: Vec<(String, String)>,
    },
    /// A client of the node asks for a read: `read n1 x mode=local`.
    Read {
        node: Name,
        name: String,
        #[arg(key)]
        mode: Mode,
    },
    /// A client that has seen so much connects to the node.
    Connect { node: Name, last_seen: At },
    /// Tells where every node stands.
    Status,
    /// Tells the histories on the disks.
    Log,
    /// Tells what the state machines hold.
    State,
}

/// The cluster of one script.
#[derive(Default)]
struct Storyboard {
    cluster: Option<Cluster>,
}

impl Runner for Storyboard {
    type Command = Command;

    fn run(&mut self, command: &Command, _context: &Context) -> Result<String, Box<dyn Error>> {
        if let Command::Cluster {
            voters,
            observers,
            mutant,
            options,
        } = command
        {
            let mut zab = Options {
                mutant: *mutant,
                ..Options::default()
            };
            for (name, value) in options {
                zab.set(name, value)?;
            }
            self.cluster = Some(Cluster::new(*voters, *observers, zab));
        }
        let cluster = self.cluster.as_mut().ok_or("there is no cluster yet")?;
        carry_out(cluster, command);
        Ok(cluster.take_story().join("\n"))
    }
}

fn carry_out(cluster: &mut Cluster, command: &Command) {
    match command {
        Command::Cluster { .. } => {}
        Command::Disk {
            node,
            history,
            accepted,
            current,
        } => {
            let history: Vec<_> = history
                .iter()
                .map(|At(epoch, counter)| (*epoch, *counter))
                .collect();
            cluster.start_with(node.0, *accepted, *current, &history);
        }
        Command::Run(ms) => cluster.run_ms(*ms),
        Command::Quiet(ms) => {
            cluster.tells_messages = false;
            cluster.run_ms(*ms);
            cluster.tells_messages = true;
        }
        Command::Deliver => cluster.deliver(),
        Command::Partition(side) => cluster.partition(&side.iter().map(|name| name.0).collect::<Vec<_>>()),
        Command::Cut { from, to } => cluster.cut(from.0, to.0),
        Command::Heal => cluster.heal(),
        Command::Crash { node, torn } => cluster.crash(node.0, *torn),
        Command::Start(node) => cluster.start(node.0),
        Command::DisksByHand => cluster.sync_by_hand = true,
        Command::Sync(nodes) => nodes.iter().for_each(|node| cluster.sync(node.0)),
        Command::Write { node, assignments } => {
            for (name, value) in assignments {
                cluster.write(node.0, &format!("{name}={value}"));
            }
        }
        Command::Read { node, name, mode } => {
            cluster.read(node.0, mode.0, name);
        }
        Command::Connect { node, last_seen } => {
            let zxid = Zxid::new(Epoch(last_seen.0), last_seen.1);
            let admitted = cluster.admits(node.0, zxid);
            cluster.tell((if admitted { "  let in" } else { "  refused" }).into());
        }
        Command::Status | Command::Log | Command::State => show(cluster, command),
    }
}

fn show(cluster: &mut Cluster, command: &Command) {
    for id in cluster.ids() {
        let line = match (cluster.core(id), command) {
            (None, _) => "down".into(),
            (Some(_), Command::State) => cluster.state(id),
            (Some(_), Command::Log) => {
                let log = cluster.written(id);
                log.iter().map(story::txn).collect::<Vec<_>>().join(", ")
            }
            (Some(core), _) => {
                let status = core.status();
                format!("{}; {}", story::stance(&status), story::progress(&status))
            }
        };
        cluster.tell(format!("{id}: {line}"));
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

/// A test for each script, and one that no script is forgotten.
macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let path = folder().join(stringify!($name));
                if let Err(error) = goldenscript::run(&mut Storyboard::default(), path) {
                    panic!("{error}");
                }
            }
        )*

        #[test]
        fn every_script_is_run() {
            let files = std::fs::read_dir(folder()).expect("the folder of the scripts");
            let name = |file: std::fs::DirEntry| file.file_name().to_string_lossy().into_owned();
            let mut found: Vec<_> = files.map(|file| name(file.expect("a readable folder"))).collect();
            found.sort_unstable();
            let mut run: Vec<&str> = vec![$(stringify!($name)),*];
            run.sort_unstable();
            assert_eq!(found, run);
        }
    };
}

scripts! {
    broadcast_batch_shares_a_sync
    broadcast_commit_waits_for_a_quorum
    broadcast_committed_write_survives_its_leader
    broadcast_counter_used_up_begins_an_epoch
    broadcast_leader_without_quorum_steps_down
    broadcast_lost_frames_are_sent_again
    broadcast_write_commits_and_is_answered
    discovery_epoch_is_above_all_that_a_quorum_accepted
    discovery_later_promise_brings_a_later_epoch
    discovery_leader_behind_its_followers_gives_up
    discovery_promise_waits_for_the_disk
    election_cut_off_server_does_not_lead
    election_equal_histories_greatest_myid_leads
    election_latest_history_leads
    election_lone_server_elects_nobody
    election_restarted_server_joins_the_leader
    election_single_server_leads_alone
    observer_is_informed_and_serves
    observer_is_no_part_of_a_quorum
    read_local_is_stale_behind_a_partition
    read_quorum_needs_a_quorum
    read_refused_while_looking
    read_sync_is_stale_at_an_isolated_leader
    read_sync_waits_behind_outstanding_proposals
    session_server_that_is_behind_refuses
    sync_crash_before_the_history_is_on_disk_changes_nothing
    sync_diff_brings_what_is_missing
    sync_history_is_taken_over_when_it_is_on_disk
    sync_snap_when_the_log_does_not_reach_back
    sync_trunc_and_diff
    sync_trunc_deletes_what_was_never_committed
}
