//! The command line of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use splitbrain_consensus::NodeId;
use tracing::Level;

use crate::clock::ClockRate;

/// What one node is told when it is started.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeArgs {
    /// The protocol to run.
    #[arg(long)]
    pub protocol: String,
    /// The number of this node, from 1 up.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub id: u16,
    /// The numbers of the voting members of a new cluster.
    #[arg(long, value_delimiter = ',', required = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub members: Vec<u16>,
    /// Where to listen for clients.
    #[arg(long)]
    pub client_addr: SocketAddr,
    /// Where each node listens for other nodes, this one included. Repeat for each.
    #[arg(long = "peer", value_name = "ID=ADDR", value_parser = peer, required = true)]
    pub peers: Vec<(NodeId, SocketAddr)>,
    /// The folder for what must survive a restart.
    #[arg(long)]
    pub data: PathBuf,
    /// The seed of the node's own randomness.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A planted bug of the protocol.
    #[arg(long)]
    pub mutant: Option<String>,
    /// A setting of the protocol. Repeat for several.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = pair)]
    pub options: Vec<(String, String)>,
    /// How fast this node's clock runs: 1 is right.
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub clock_rate: ClockRate,
    /// A socket at which to take orders that bend the clock while it runs.
    #[arg(long, value_name = "PATH")]
    pub clock_control: Option<PathBuf>,
    /// The least severe events to log: error, warn, info, debug or trace.
    #[arg(long, default_value = "info")]
    pub log: Level,
}

impl NodeArgs {
    /// The addresses at which nodes listen for each other, by node, this one included.
    ///
    /// # Errors
    /// A sentence for the user if the members or the addresses contradict each other.
    pub fn peer_addrs(&self) -> Result<BTreeMap<NodeId, SocketAddr>, String> {
        let mut addrs = BTreeMap::new();
        for &(id, addr) in &self.peers {
            if addrs.insert(id, addr).is_some() {
                return Err(format!("The peer {id} is given twice."));
            }
        }
        if !addrs.contains_key(&NodeId(self.id)) {
            return Err(format!(
                "This node is {}, and no --peer says where it listens.",
                NodeId(self.id)
            ));
        }
        let mut members = BTreeSet::new();
        for &id in &self.members {
            if !addrs.contains_key(&NodeId(id)) {
                return Err(format!(
                    "{} is a member, and no --peer says where it listens.",
                    NodeId(id)
                ));
            }
            if !members.insert(id) {
                return Err(format!("The member {} is given twice.", NodeId(id)));
            }
        }
        Ok(addrs)
    }
}

fn peer(text: &str) -> Result<(NodeId, SocketAddr), String> {
    let (id, addr) = pair(text)?;
    let id = id
        .parse()
        .ok()
        .filter(|&id: &u16| id > 0)
        .ok_or("a node's number is from 1 up")?;
    let addr = addr
        .parse()
        .map_err(|error| format!("{addr:?} is no address with a port: {error}"))?;
    Ok((NodeId(id), addr))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is written as name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        node: NodeArgs,
    }

    fn parse(more: &str) -> Result<NodeArgs, String> {
        let line = format!("node --protocol p --id 1 --client-addr 127.0.0.1:1 --data d {more}");
        Cli::try_parse_from(line.split_whitespace())
            .map(|cli| cli.node)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_full_command_line_is_understood() {
        let args = parse(
            "--members 1,2 --peer 1=127.0.0.1:2 --peer 2=127.0.0.2:2 --option a=1 --option b=x=y \
             --clock-rate 1.5 --mutant m --seed 7 --log debug",
        )
        .unwrap();
        assert_eq!(args.members, [1, 2]);
        assert_eq!(
            args.options,
            [("a".into(), "1".into()), ("b".into(), "x=y".into())]
        );
        assert_eq!(args.log, Level::DEBUG);
        assert_eq!(
            args.peer_addrs().unwrap()[&NodeId(2)],
            "127.0.0.2:2".parse().unwrap()
        );
    }

    #[test]
    fn nonsense_is_refused_by_the_parser() {
        for nonsense in [
            "--members 0 --peer 1=127.0.0.1:2",
            "--members 1 --peer 0=127.0.0.1:2",
            "--members 1 --peer 1=nowhere",
            "--members 1 --peer 127.0.0.1:2",
            "--members 1 --peer 1=127.0.0.1:2 --option =3",
            "--members 1 --peer 1=127.0.0.1:2 --clock-rate 0",
            "--peer 1=127.0.0.1:2",
            "--members 1",
        ] {
            assert!(parse(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn contradictions_are_named() {
        let contradiction = |more: &str| parse(more).unwrap().peer_addrs().unwrap_err();
        let cases = [
            (
                "--members 1,2 --peer 1=127.0.0.1:2",
                "n2 is a member, and no --peer says where it listens.",
            ),
            (
                "--members 2 --peer 2=127.0.0.1:2",
                "This node is n1, and no --peer says where it listens.",
            ),
            (
                "--members 1,1 --peer 1=127.0.0.1:2",
                "The member n1 is given twice.",
            ),
            (
                "--members 1 --peer 1=127.0.0.1:2 --peer 1=127.0.0.1:3",
                "The peer n1 is given twice.",
            ),
        ];
        for (more, sentence) in cases {
            assert_eq!(contradiction(more), sentence);
        }
    }
}
