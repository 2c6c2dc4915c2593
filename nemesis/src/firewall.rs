//! The firewall of a node's namespace: a chain of our own, and drops by source in it.
//!
//! The chain and the jump to it from INPUT exist only while something is dropped. Each change is one transaction
//! of `iptables-restore`, which takes effect as a whole or not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::network::Namespace;

const CHAIN: &str = "SPLITBRAIN";

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

    /// Drops what comes from `sources`, with counters that start at 0. There must be no drops yet. `None` is the
    /// caller's own namespace.
    ///
    /// # Errors
    /// If iptables fails; nothing is dropped then.
    pub fn add_drops(
        &self,
        namespace: Option<&Namespace>,
        sources: &[Ipv4Addr],
    ) -> Result<(), FirewallError> {
        let mut rules = format!(":{CHAIN} - [0:0]\n");
        for source in sources {
            writeln!(rules, "-A {CHAIN} -s {source}/32 -j DROP").expect("writing to a string succeeds");
        }
        writeln!(rules, "-I INPUT 1 -j {CHAIN}").expect("writing to a string succeeds");
        self.transact(namespace, &rules)
    }

    /// Removes the chain and the jump to it.
    ///
    /// # Errors
    /// If iptables fails, as it does where there are no drops.
    pub fn remove_drops(&self, namespace: Option<&Namespace>) -> Result<(), FirewallError> {
        self.transact(
            namespace,
            &format!("-D INPUT -j {CHAIN}\n-F {CHAIN}\n-X {CHAIN}\n"),
        )
    }

    /// How many packets were dropped, by source, since the drops were added.
    ///
    /// # Errors
    /// If iptables fails.
    pub fn dropped(&self, namespace: Option<&Namespace>) -> Result<BTreeMap<Ipv4Addr, u64>, FirewallError> {
        Ok(parse_counters(&self.saved(namespace)?))
    }

    /// Whether the chain is there, or anything that refers to it.
    ///
    /// # Errors
    /// If iptables fails.
    pub fn has_drops(&self, namespace: Option<&Namespace>) -> Result<bool, FirewallError> {
        Ok(self.saved(namespace)?.contains(CHAIN))
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

/// Reads lines like `[131:7860] -A SPLITBRAIN -s 10.77.0.2/32 -j DROP`.
fn parse_counters(saved: &str) -> BTreeMap<Ipv4Addr, u64> {
    let counter = |line: &str| -> Option<(Ipv4Addr, u64)> {
        let (counters, rule) = line.strip_prefix('[')?.split_once("] ")?;
        let source = rule
            .strip_prefix(&format!("-A {CHAIN} -s "))?
            .strip_suffix("/32 -j DROP")?;
        Some((source.parse().ok()?, counters.split(':').next()?.parse().ok()?))
    };
    saved.lines().filter_map(counter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_own_drops_only() {
        let saved = "# Generated by iptables-save\n*filter\n:INPUT ACCEPT [9:540]\n:SPLITBRAIN - [0:0]\n\
                     [140:8400] -A INPUT -j SPLITBRAIN\n\
                     [131:7860] -A SPLITBRAIN -s 10.77.0.2/32 -j DROP\n\
                     [0:0] -A SPLITBRAIN -s 10.77.0.3/32 -j DROP\n\
                     [7:420] -A OTHER -s 10.77.0.4/32 -j DROP\nCOMMIT\n";
        let expected = [
            (Ipv4Addr::new(10, 77, 0, 2), 131),
            (Ipv4Addr::new(10, 77, 0, 3), 0),
        ];
        assert_eq!(parse_counters(saved), BTreeMap::from(expected));
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
