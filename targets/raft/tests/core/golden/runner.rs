//! Carries out the commands of a script, and tells what came of them.

use std::error::Error;

use goldenscript::{Context, Runner};
use splitbrain_consensus::{NodeId, Protocol};
use splitbrain_raft::Options;

use super::command::{Command, Name, Syncing, which};
use crate::cluster::{Cluster, story, story_of_network};

/// The cluster of one script.
#[derive(Default)]
pub(super) struct Storyboard {
    cluster: Option<Cluster>,
}

impl Runner for Storyboard {
    type Command = Command;

    fn run(&mut self, command: &Command, _context: &Context) -> Result<String, Box<dyn Error>> {
        if let Command::Cluster { .. } = command {
            self.cluster = Some(new_cluster(command)?);
        }
        let cluster = self.cluster.as_mut().ok_or("there is no cluster yet")?;
        carry_out(cluster, command)?;
        Ok(cluster.take_story().join("\n"))
    }
}

fn new_cluster(command: &Command) -> Result<Cluster, Box<dyn Error>> {
    let Command::Cluster {
        voters,
        joiners,
        mutant,
        options,
    } = command
    else {
        return Err("not the command that starts a cluster".into());
    };
    let mut raft = Options {
        mutant: *mutant,
        ..Options::default()
    };
    for (name, value) in options {
        raft.set(name, value)?;
    }
    let mut cluster = Cluster::with_options(*voters, raft);
    for joiner in voters + 1..=voters + joiners {
        cluster.add(NodeId(joiner));
    }
    Ok(cluster)
}

fn carry_out(cluster: &mut Cluster, command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Cluster { .. } => {}
        Command::Disk {
            node,
            entries,
            term,
            vote,
        } => cluster.start_with_log(known(cluster, *node)?, *term, vote.map(|name| name.0), entries),
        Command::Advance { ms, nodes } => {
            let ids = these_or_all(cluster, nodes)?;
            cluster.advance_ms(*ms, &ids);
        }
        Command::Timeout(node) => cluster.time_out(known(cluster, *node)?),
        Command::Elect(node) => cluster.elect(known(cluster, *node)?),
        Command::Crash { node, torn } => cluster.crash_torn(known(cluster, *node)?, *torn),
        Command::Disks(syncing) => cluster.sync_by_hand = *syncing == Syncing::ByHand,
        Command::Start(node) => cluster.start(known(cluster, *node)?),
        Command::Sync(node) => cluster.sync(known(cluster, *node)?),
        Command::Write { node, assignments } => {
            let commands: Vec<_> = assignments
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            cluster.write_all(known(cluster, *node)?, &commands);
        }
        Command::Read { node, name, mode } => {
            cluster.read(known(cluster, *node)?, mode.0, name);
        }
        Command::Members { node, voters } => {
            let voters = these_or_all(cluster, voters)?;
            let taken = cluster.change_members(known(cluster, *node)?, &voters);
            tell_whether(cluster, taken);
        }
        Command::Transfer { node, to } => {
            let to = known(cluster, *to)?;
            let taken = cluster.transfer(known(cluster, *node)?, to);
            tell_whether(cluster, taken);
        }
        Command::Status | Command::Log(_) | Command::Terms | Command::State => show(cluster, command)?,
        _ => carry_out_on_network(cluster, command)?,
    }
    Ok(())
}

fn carry_out_on_network(cluster: &mut Cluster, command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Deliver {
            from,
            to,
            kind,
            count,
        } => {
            cluster.deliver_which(&which(*from, *to, kind.as_ref(), *count));
        }
        Command::Step {
            from,
            to,
            kind,
            count,
        } => cluster.step(&which(*from, *to, kind.as_ref(), *count)),
        Command::Lose {
            from,
            to,
            kind,
            count,
        } => cluster.lose(&which(*from, *to, kind.as_ref(), *count)),
        Command::Duplicate {
            from,
            to,
            kind,
            count,
        } => {
            at_least_one(
                cluster
                    .network
                    .duplicate(&which(*from, *to, kind.as_ref(), *count)),
            )?;
        }
        Command::Reverse {
            from,
            to,
            kind,
            count,
        } => {
            at_least_one(cluster.network.reverse(&which(*from, *to, kind.as_ref(), *count)))?;
        }
        Command::Hold { from, to, kind } => cluster.network.hold(which(*from, *to, kind.as_ref(), None)),
        Command::Release => cluster.network.release(),
        Command::Network => {
            for line in story_of_network(&cluster.network) {
                cluster.tell(line);
            }
        }
        Command::Partition(side) => {
            let side = these_or_all(cluster, side)?;
            cluster.partition(&side);
        }
        Command::Heal => cluster.network.heal(),
        _ => return Err("not a command of the network".into()),
    }
    Ok(())
}

/// A script that means to disturb messages, but finds none, is wrong.
fn at_least_one(count: usize) -> Result<(), Box<dyn Error>> {
    if count == 0 {
        return Err("there is no such message".into());
    }
    Ok(())
}

fn tell_whether(cluster: &mut Cluster, taken: bool) {
    if !taken {
        cluster.tell("  not taken up".into());
    }
}

fn known(cluster: &Cluster, name: Name) -> Result<NodeId, Box<dyn Error>> {
    match cluster.has(name.0) {
        true => Ok(name.0),
        false => Err(format!("there is no {}", name.0).into()),
    }
}

fn these_or_all(cluster: &Cluster, names: &[Name]) -> Result<Vec<NodeId>, Box<dyn Error>> {
    if names.is_empty() {
        return Ok(cluster.ids());
    }
    names.iter().map(|name| known(cluster, *name)).collect()
}

fn show(cluster: &mut Cluster, command: &Command) -> Result<(), Box<dyn Error>> {
    let ids = match command {
        Command::Log(names) => these_or_all(cluster, names)?,
        _ => cluster.ids(),
    };
    for id in ids {
        let line = match command {
            Command::Log(_) => log_line(cluster, id),
            Command::Terms => {
                let terms: Vec<_> = cluster.terms(id).iter().map(u64::to_string).collect();
                format!("{id}: {}", terms.join(" "))
            }
            Command::State => match cluster.core(id) {
                Some(_) => format!("{id}: {}", cluster.state(id)),
                None => format!("{id}: down"),
            },
            _ => status_line(cluster, id),
        };
        cluster.tell(line);
    }
    Ok(())
}

fn status_line(cluster: &Cluster, id: NodeId) -> String {
    let Some(status) = cluster.core(id).map(Protocol::status) else {
        return format!("{id}: down");
    };
    format!(
        "{id}: {}; last {} committed {} applied {}",
        story::role(&status),
        status.last.0,
        status.committed.0,
        status.applied.0
    )
}

fn log_line(cluster: &Cluster, id: NodeId) -> String {
    let written = cluster.written(id);
    let vote = written.voted_for.map_or("none".into(), |vote| vote.to_string());
    let snapshot = written.snapshot.as_ref().map(|snapshot| {
        format!(
            "snapshot {} {}",
            story::position(snapshot.last),
            story::membership(&snapshot.membership)
        )
    });
    let entries = written.entries.values().map(story::entry);
    let mut log = story::list(snapshot.into_iter().chain(entries));
    if log.is_empty() {
        log = "no entries".into();
    }
    format!("{id}: t{} vote {vote}; {log}", written.term)
}
