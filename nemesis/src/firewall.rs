//! The firewall of a node's namespace: chains of our own, and what they do to packets from or to some peers.
//!
//! Each kind of fault has a chain of its own, so that they overlap without knowing of each other. A chain and the
//! jump to it exist only while it is in force. Each change is one transaction of
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

/// What is done to some packets. Each is a chain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// All that come from some addresses are dropped: a partition.
    Drop,
    /// So many percent of them are, each by a draw of its own.
    DropShare(u8),
    /// All are dropped, as by [`Treatment::Drop`]: a cut.
    Sever,
    /// Those of TCP are answered by a reset, all others dropped.
    Reset,
    /// All that come from some addresses, or go there, are dropped.
    SeverBothWays,
    /// All that come from some addresses are handed to the queue of this number, or pass while nobody reads it.
    Queue(u16),
    /// All that go to some addresses leave by this class of the link's queueing discipline, as `1:4`.
    Classify(&'static str),
}

impl Treatment {
    fn chain(self) -> String {
        let name = match self {
            Self::Drop => "CUT",
            Self::DropShare(_) => "LOSS",
            Self::Sever => "SEVER",
            Self::Reset => "RESET",
            Self::SeverBothWays => "CLIENTS",
            Self::Queue(_) => "QUEUE",
            Self::Classify(_) => "SLOW",
        };
        format!("{PREFIX}-{name}")
    }

    /// A packet that comes back from a queue goes on after its table, not after its rule. So what queues packets
    /// stands in a table of its own, before that which drops them.
    fn table(self) -> &'static str {
        match self {
            Self::Queue(_) | Self::Classify(_) => "mangle",
            _ => "filter",
        }
    }

    /// The chains of the kernel from which ours is called.
    fn hooks(self) -> &'static [&'static str] {
        match self {
            Self::SeverBothWays => &["INPUT", "OUTPUT"],
            Self::Classify(_) => &["POSTROUTING"],
            _ => &["INPUT"],
        }
    }

    /// The probes that this is seen by; the others pass. What reads a queue tells them apart itself.
    fn channels(self) -> &'static [Channel] {
        match self {
            Self::Drop => &[Channel::Ways],
            Self::DropShare(_) => &[Channel::Losses],
            Self::Sever | Self::Reset | Self::SeverBothWays => &[Channel::Cuts],
            Self::Queue(_) => &[
                Channel::Delays,
                Channel::Orders,
                Channel::Copies,
                Channel::Corruptions,
            ],
            Self::Classify(_) => &[Channel::Rates],
        }
    }

    /// A rule without a target only counts.
    fn rules(self, peer: Ipv4Addr) -> Vec<String> {
        let (from, to) = (format!("-s {peer}/32"), format!("-d {peer}/32"));
        match self {
            Self::Drop | Self::Sever => vec![format!("{from} -j DROP")],
            Self::DropShare(percent) => {
                let probability = f64::from(percent) / 100.0;
                let draw = format!("-m statistic --mode random --probability {probability}");
                vec![from.clone(), format!("{from} {draw} -j DROP")]
            }
            // The answers of the other side are resets too, and must come through.
            Self::Reset => vec![
                format!("{from} -p tcp --tcp-flags RST RST -j RETURN"),
                format!("{from} -p tcp -j REJECT --reject-with tcp-reset"),
                format!("{from} -j DROP"),
            ],
            Self::SeverBothWays => vec![format!("{from} -j DROP"), format!("{to} -j DROP")],
            // Copies of packets are put in by the loopback interface, and must not be queued again.
            Self::Queue(number) => {
                vec![format!(
                    "{from} ! -i lo -j NFQUEUE --queue-num {number} --queue-bypass"
                )]
            }
            Self::Classify(class) => vec![format!("{to} -j CLASSIFY --set-class {class}")],
        }
    }
}

/// Packets from one peer, or to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that came. Counted only where a share is dropped.
    pub seen: u64,
    /// Those from the peer that were dropped, or answered by a reset.
    pub dropped: u64,
    /// Those to the peer that were dropped.
    pub dropped_to: u64,
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
    /// Packets cannot be queued for a program here.
    #[error("packets cannot be queued here (NFQUEUE): {0}")]
    NoQueue(String),
    /// What leaves cannot be limited here.
    #[error("tc cannot limit links here (htb, tbf): {0}")]
    NoRate(String),
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
            Self::Missing("tc") => Some("sudo apt-get install iproute2"),
            Self::Missing(_) => Some("sudo apt-get install iptables"),
            Self::NoQueue(_) => Some("sudo modprobe -a nfnetlink_queue xt_NFQUEUE nft_compat iptable_mangle"),
            Self::NoRate(_) => Some("sudo modprobe -a sch_htb sch_tbf xt_CLASSIFY nft_compat iptable_mangle"),
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

    /// Treats what comes from `peers`, or goes there, with counters that start at 0. There must be no such treatment
    /// yet, be it of another share. `None` is the caller's own namespace.
    ///
    /// # Errors
    /// If iptables fails; nothing is treated then.
    pub fn add(
        &self,
        namespace: Option<&Namespace>,
        treatment: Treatment,
        peers: &[Ipv4Addr],
    ) -> Result<(), FirewallError> {
        let chain = treatment.chain();
        let mut rules = format!(":{chain} - [0:0]\n");
        for rule in passes(treatment) {
            writeln!(rules, "-A {chain} {rule} -j RETURN").expect("writing to a string succeeds");
        }
        for rule in peers.iter().flat_map(|peer| treatment.rules(*peer)) {
            writeln!(rules, "-A {chain} {rule}").expect("writing to a string succeeds");
        }
        for hook in treatment.hooks() {
            writeln!(rules, "-I {hook} 1 -j {chain}").expect("writing to a string succeeds");
        }
        self.transact(namespace, treatment.table(), &rules)
    }

    /// Removes the chain and the jumps to it.
    ///
    /// # Errors
    /// If iptables fails, as it does where there is no such treatment.
    pub fn remove(&self, namespace: Option<&Namespace>, treatment: Treatment) -> Result<(), FirewallError> {
        let chain = treatment.chain();
        let mut rules = String::new();
        for hook in treatment.hooks() {
            writeln!(rules, "-D {hook} -j {chain}").expect("writing to a string succeeds");
        }
        writeln!(rules, "-F {chain}\n-X {chain}").expect("writing to a string succeeds");
        self.transact(namespace, treatment.table(), &rules)
    }

    /// How many packets came and were dropped, by peer, since the treatment was added.
    ///
    /// # Errors
    /// If iptables fails.
    pub fn counts(
        &self,
        namespace: Option<&Namespace>,
        treatment: Treatment,
    ) -> Result<BTreeMap<Ipv4Addr, Count>, FirewallError> {
        Ok(parse_counters(&self.saved(namespace)?, &treatment.chain()))
    }

    /// Whether any chain of ours is there, in any table, or anything that refers to one.
    ///
    /// # Errors
    /// If iptables fails.
    pub fn has_chains(&self, namespace: Option<&Namespace>) -> Result<bool, FirewallError> {
        Ok(self.saved(namespace)?.contains(PREFIX))
    }

    fn saved(&self, namespace: Option<&Namespace>) -> Result<String, FirewallError> {
        let mut command = Command::new(&self.save);
        command.arg("--counters");
        let output = run(namespace, command, "")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn transact(&self, namespace: Option<&Namespace>, table: &str, rules: &str) -> Result<(), FirewallError> {
        let mut command = Command::new(&self.restore);
        // The legacy variant takes a lock, for which the namespaces of one world compete.
        command.args(["--noflush", "--wait", "5"]);
        run(namespace, command, &format!("*{table}\n{rules}COMMIT\n")).map(|_| ())
    }
}

/// What the probes of other faults look like: their datagrams, and the connections by which resets are seen.
fn passes(treatment: Treatment) -> impl Iterator<Item = String> {
    let others = Channel::ALL.into_iter();
    let others = others.filter(move |channel| !treatment.channels().contains(channel));
    others.flat_map(|channel| {
        let port = channel.port();
        let mut rules = vec![format!("-p udp --dport {port}")];
        if channel == Channel::Cuts {
            rules.extend([format!("-p tcp --dport {port}"), format!("-p tcp --sport {port}")]);
        }
        rules
    })
}

/// Runs a tool of the system to its end, with this input.
pub(crate) fn run(
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

/// Looks for a tool in `PATH`, and in the folders of system tools, which an ordinary user's often lacks.
///
/// # Errors
/// If it is not installed.
pub(crate) fn find(program: &'static str) -> Result<PathBuf, FirewallError> {
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
    let mut counts: BTreeMap<Ipv4Addr, Count> = BTreeMap::new();
    for line in saved.lines() {
        let Some((peer, is_source, packets, rest)) = parse_counter(line, chain) else {
            continue;
        };
        let count = counts.entry(peer).or_default();
        let stops = rest.contains(" -j DROP") || rest.contains(" -j REJECT");
        match (stops, is_source) {
            (true, true) => count.dropped += packets,
            (true, false) => count.dropped_to += packets,
            (false, _) if !rest.contains(" -j ") => count.seen += packets,
            (false, _) => {}
        }
    }
    counts
}

/// The peer, whether it is the source, the packets, and what comes after.
fn parse_counter<'a>(line: &'a str, chain: &str) -> Option<(Ipv4Addr, bool, u64, &'a str)> {
    let (counters, rule) = line.strip_prefix('[')?.split_once("] ")?;
    let rule = rule.strip_prefix("-A ")?.strip_prefix(chain)?;
    let (address, is_source) = match rule.strip_prefix(" -s ") {
        Some(address) => (address, true),
        None => (rule.strip_prefix(" -d ")?, false),
    };
    let (peer, rest) = address.split_once("/32")?;
    let packets = counters.split(':').next()?.parse().ok()?;
    Some((peer.parse().ok()?, is_source, packets, rest))
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
                     [7:420] -A OTHER -s 10.77.0.4/32 -j DROP\n\
                     [3:120] -A SPLITBRAIN-RESET -s 10.77.0.2/32 -p tcp -m tcp --tcp-flags RST RST -j RETURN\n\
                     [5:300] -A SPLITBRAIN-RESET -s 10.77.0.2/32 -p tcp -j REJECT --reject-with tcp-reset\n\
                     [2:72] -A SPLITBRAIN-RESET -s 10.77.0.2/32 -j DROP\n\
                     [4:160] -A SPLITBRAIN-CLIENTS -s 10.77.0.254/32 -j DROP\n\
                     [6:240] -A SPLITBRAIN-CLIENTS -d 10.77.0.254/32 -j DROP\nCOMMIT\n";
        let count = |seen, dropped| Count {
            seen,
            dropped,
            dropped_to: 0,
        };
        let cut = [
            (Ipv4Addr::new(10, 77, 0, 2), count(0, 131)),
            (Ipv4Addr::new(10, 77, 0, 3), count(0, 0)),
        ];
        assert_eq!(
            parse_counters(saved, &Treatment::Drop.chain()),
            BTreeMap::from(cut)
        );
        let reset = [(Ipv4Addr::new(10, 77, 0, 2), count(0, 7))];
        assert_eq!(
            parse_counters(saved, &Treatment::Reset.chain()),
            BTreeMap::from(reset)
        );
        let both = Count {
            seen: 0,
            dropped: 4,
            dropped_to: 6,
        };
        assert_eq!(
            parse_counters(saved, &Treatment::SeverBothWays.chain()),
            BTreeMap::from([(Ipv4Addr::new(10, 77, 0, 254), both)])
        );
        let lost = [(Ipv4Addr::new(10, 77, 0, 2), count(50, 6))];
        assert_eq!(
            parse_counters(saved, &Treatment::DropShare(10).chain()),
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
