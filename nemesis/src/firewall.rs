//! The firewall of a node's namespace: chains of our own, and drops by source in them.
//!
//! Each kind of fault has a chain of its own, so that they overlap without knowing of each other. A chain and the
//! jump to it from INPUT exist only while something is dropped. Each change is one transaction of
//! `iptables-restore`, which takes effect as a whole or not at all.
//!
//! A chain lets the probes by which other faults are proven pass ([`Channel`]): a partition is still
//! seen to cut exactly what it should while packets are lost as well, and the other way round.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::network::{Channel, Namespace};

/// With what the names of all our chains begin.
const PREFIX: &str = "SPLITBRAIN";

/// What is done to packets from some sources. Each is a chain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    /// All of them are dropped.
    All,
    /// So many percent of them are, each by a draw of its own.
    Share(u8),
}

impl Drops {
    fn chain(self) -> String {
        match self {
            Self::All => format!("{PREFIX}-CUT"),
            Self::Share(_) => format!("{PREFIX}-LOSS"),
        }
    }

    /// The probes that this is seen by; the others pass.
    fn channel(self) -> Channel {
        match self {
            Self::All => Channel::Ways,
            Self::Share(_) => Channel::Losses,
        }
    }

    /// A rule without a target only counts.
    fn rules(self, source: Ipv4Addr) -> Vec<String> {
        let count = format!("-s {source}/32");
        match self {
            Self::All => vec![format!("{count} -j DROP")],
            Self::Share(percent) => {
                let probability = f64::from(percent) / 100.0;
                let draw = format!("-m statistic --mode random --probability {probability}");
                vec![count.clone(), format!("{count} {draw} -j DROP")]
            }
        }
    }
}

/// Packets from one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that came. Counted only where a share is dropped.
    pub seen: u64,
    /// Those of them that were dropped.
    pub dropped: u64,
}

/// Why packets could not be dropped, or the drops not counted.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// iptables is not installed.
    #[error("{0} was not found, neither in PATH nor in /usr/sbin or /sbin")]
    Missing(&'static str),
    /// iptables is there, but does not work here.
    #[error("iptables does not work here: {0}")]
    Unusable(String),
    /// It could not be run.
    #[error("running {program} failed")]
    Run {
        /// The program.
        program: String,
        /// How it failed.
        #[source]
        source: io::Error,
    },
    /// It refused.
    #[error("{program} failed: {complaint}")]
    Refused {
        /// The program.
        program: String,
        /// What it said.
        complaint: String,
    },
}

impl FirewallError {
    /// The one line that mends it, where there is one.
    #[must_use]
    pub fn mend(&self) -> Option<&'static str> {
        match self {
            Self::Missing(_) => Some("sudo apt-get install iptables"),
            Self::Unusable(_) => Some("sudo modprobe -a nf_tables nft_compat ip_tables iptable_filter"),
            Self::Run { .. } | Self::Refused { .. } => None,
        }
    }
}

/// The tools, found once.
#[derive(Clone, Debug)]
pub struct Firewall {
    restore: PathBuf,
    save: PathBuf,
}

impl Firewall {
    /// Looks for iptables in `PATH`, and in the folders of system tools, which an ordinary user's often lacks.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn find() -> Result<Self, FirewallError> {
        Ok(Self {
            restore: find("iptables-restore")?,
            save: find("iptables-save")?,
        })
    }

    /// Drops what comes from `sources`, with counters that start at 0. There must be no such drops yet, be it of
    /// another share. `None` is the caller's own namespace.
    ///
    /// # Errors
    /// If iptables fails; nothing is dropped then.
    pub fn add(
        &self,
        namespace: Option<&Namespace>,
        drops: Drops,
        sources: &[Ipv4Addr],
    ) -> Result<(), FirewallError> {
        let chain = drops.chain();
        let mut rules = format!(":{chain} - [0:0]\n");
        for other in Channel::ALL.into_iter().filter(|other| *other != drops.channel()) {
            writeln!(rules, "-A {chain} -p udp --dport {} -j RETURN", other.port())
                .expect("writing to a string succeeds");
        }
        for rule in sources.iter().flat_map(|source| drops.rules(*source)) {
            writeln!(rules, "-A {chain} {rule}").expect("writing to a string succeeds");
        }
        writeln!(rules, "-I INPUT 1 -j {chain}").expect("writing to a string succeeds");
        self.transact(namespace, &rules)
    }

    /// Removes the chain and the jump to it.
    ///
    /// # Errors
    /// If iptables fails, as it does where there are no such drops.
    pub fn remove(&self, namespace: Option<&Namespace>, drops: Drops) -> Result<(), FirewallError> {
        let chain = drops.chain();
        self.transact(
            namespace,
            &format!("-D INPUT -j {chain}\n-F {chain}\n-X {chain}\n"),
        )
    }

    /// How many packets came and were dropped, by source, since the drops were added.
    ///
    /// # Errors
    /// If iptables fails.
    pub fn counts(
        &self,
        namespace: Option<&Namespace>,
        drops: Drops,
    ) -> Result<BTreeMap<Ipv4Addr, Count>, FirewallError> {
        Ok(parse_counters(&self.saved(namespace)?, &drops.chain()))
    }

    /// Whether any chain of ours is there, or anything that refers to one.
    ///
    /// # Errors
    /// If iptables fails.
    pub fn has_drops(&self, namespace: Option<&Namespace>) -> Result<bool, FirewallError> {
        Ok(self.saved(namespace)?.contains(PREFIX))
    }

    fn saved(&self, namespace: Option<&Namespace>) -> Result<String, FirewallError> {
        let mut command = Command::new(&self.save);
        command.args(["--counters", "--table", "filter"]);
        let output = self.run(namespace, command, "")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn transact(&self, namespace: Option<&Namespace>, rules: &str) -> Result<(), FirewallError> {
        let mut command = Command::new(&self.restore);
        // The legacy variant takes a lock, for which the namespaces of one world compete.
        command.args(["--noflush", "--wait", "5"]);
        self.run(namespace, command, &format!("*filter\n{rules}COMMIT\n"))
            .map(|_| ())
    }

    fn run(
        &self,
        namespace: Option<&Namespace>,
        mut command: Command,
        input: &str,
    ) -> Result<Output, FirewallError> {
        if let Some(namespace) = namespace {
            namespace.attach(&mut command);
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let output = run_with_input(command, input).map_err(|source| FirewallError::Run {
            program: program.clone(),
            source,
        })?;
        if output.status.success() {
            return Ok(output);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint = complaint
            .trim()
            .lines()
            .next()
            .unwrap_or("it gave no reason")
            .to_owned();
        Err(FirewallError::Refused { program, complaint })
    }
}

fn run_with_input(mut command: Command, input: &str) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // The input is far smaller than a pipe, so this cannot block; a program that does not read it says why itself.
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    match written {
        Err(error) if output.status.success() => Err(error),
        _ => Ok(output),
    }
}

fn find(program: &'static str) -> Result<PathBuf, FirewallError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .chain(system)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
        .ok_or(FirewallError::Missing(program))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()
}

/// Reads lines like `[131:7860] -A SPLITBRAIN-CUT -s 10.77.0.2/32 -j DROP`.
fn parse_counters(saved: &str, chain: &str) -> BTreeMap<Ipv4Addr, Count> {
    let counter = |line: &str| -> Option<(Ipv4Addr, u64, bool)> {
        let (counters, rule) = line.strip_prefix('[')?.split_once("] ")?;
        let rule = rule
            .strip_prefix("-A ")?
            .strip_prefix(chain)?
            .strip_prefix(" -s ")?;
        let (source, rest) = rule.split_once("/32")?;
        let packets = counters.split(':').next()?.parse().ok()?;
        Some((source.parse().ok()?, packets, rest.ends_with(" -j DROP")))
    };
    let mut counts: BTreeMap<Ipv4Addr, Count> = BTreeMap::new();
    for (source, packets, drops) in saved.lines().filter_map(counter) {
        let count = counts.entry(source).or_default();
        if drops {
            count.dropped = packets;
        } else {
            count.seen = packets;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_the_own_chain_only() {
        let saved = "# Generated by iptables-save\n*filter\n:INPUT ACCEPT [9:540]\n:SPLITBRAIN-CUT - [0:0]\n\
                     [140:8400] -A INPUT -j SPLITBRAIN-CUT\n\
                     [9:99] -A SPLITBRAIN-CUT -p udp -m udp --dport 7702 -j RETURN\n\
                     [131:7860] -A SPLITBRAIN-CUT -s 10.77.0.2/32 -j DROP\n\
                     [0:0] -A SPLITBRAIN-CUT -s 10.77.0.3/32 -j DROP\n\
                     [50:4200] -A SPLITBRAIN-LOSS -s 10.77.0.2/32\n\
                     [6:420] -A SPLITBRAIN-LOSS -s 10.77.0.2/32 -m statistic --mode random --probability \
                     0.10000000009 -j DROP\n\
                     [7:420] -A OTHER -s 10.77.0.4/32 -j DROP\nCOMMIT\n";
        let count = |seen, dropped| Count { seen, dropped };
        let cut = [
            (Ipv4Addr::new(10, 77, 0, 2), count(0, 131)),
            (Ipv4Addr::new(10, 77, 0, 3), count(0, 0)),
        ];
        assert_eq!(parse_counters(saved, &Drops::All.chain()), BTreeMap::from(cut));
        let lost = [(Ipv4Addr::new(10, 77, 0, 2), count(50, 6))];
        assert_eq!(
            parse_counters(saved, &Drops::Share(10).chain()),
            BTreeMap::from(lost)
        );
    }

    #[test]
    fn a_missing_tool_is_named_with_its_mend() {
        let error = find("no-such-tool-of-splitbrain").unwrap_err();
        assert!(matches!(
            error,
            FirewallError::Missing("no-such-tool-of-splitbrain")
        ));
        assert_eq!(error.mend(), Some("sudo apt-get install iptables"));
    }
}
