//! Rate limits on what leaves a namespace: a token bucket (tc-tbf(8)) behind a class of the link's root discipline
//! (tc-htb(8)), so that only packets which the firewall puts into that class are limited.

use std::path::PathBuf;
use std::process::Command;

use crate::firewall::{self, FirewallError, Treatment};
use crate::network::Namespace;

/// The class that is limited. Packets of no class leave at once.
const CLASS: &str = "1:4";
/// How packets come into it.
pub(crate) const TREATMENT: Treatment = Treatment::Classify(CLASS);
/// How much the bucket holds: what may leave at once after a pause, bytes. Two packets and some.
pub(crate) const BURST_BYTES: u64 = 4_096;
/// For how long a packet may wait, milliseconds; one that would have to wait for longer is dropped.
pub(crate) const LATENCY_MS: u64 = 200;

/// The tool, found once.
#[derive(Clone, Debug)]
pub(crate) struct Shaper {
    tc: PathBuf,
}

impl Shaper {
    /// Looks for `tc`.
    ///
    /// # Errors
    /// If it is not installed.
    pub(crate) fn find() -> Result<Self, FirewallError> {
        Ok(Self {
            tc: firewall::find("tc")?,
        })
    }

    /// Limits the class of `link` to so many bits a second. There must be no limit yet. `None` is the caller's own
    /// namespace.
    ///
    /// # Errors
    /// If tc fails, as it does where the kernel lacks a discipline; some of it may then be in force.
    pub(crate) fn add(
        &self,
        namespace: Option<&Namespace>,
        link: &str,
        bits_per_s: u64,
    ) -> Result<(), FirewallError> {
        let orders = format!(
            "qdisc add dev {link} root handle 1: htb default 0\n\
             class add dev {link} parent 1: classid {CLASS} htb rate 1gbit quantum 60000\n\
             qdisc add dev {link} parent {CLASS} handle 40: tbf rate {bits_per_s}bit burst {BURST_BYTES} \
             latency {LATENCY_MS}ms\n"
        );
        let mut command = Command::new(&self.tc);
        command.args(["-batch", "-"]);
        firewall::run(namespace, command, &orders).map(|_| ())
    }

    /// Lifts the limit. What waits is lost.
    ///
    /// # Errors
    /// If tc fails, as it does where there is no limit.
    pub(crate) fn remove(&self, namespace: Option<&Namespace>, link: &str) -> Result<(), FirewallError> {
        let mut command = Command::new(&self.tc);
        command.args(["qdisc", "del", "dev", link, "root"]);
        firewall::run(namespace, command, "").map(|_| ())
    }

    /// How often a packet had to wait, since the limit was added; `None` where there is none.
    ///
    /// # Errors
    /// If tc fails.
    pub(crate) fn waits(
        &self,
        namespace: Option<&Namespace>,
        link: &str,
    ) -> Result<Option<u64>, FirewallError> {
        Ok(parse_waits(&self.shown(namespace, link)?))
    }

    /// Whether anything of a limit is there.
    ///
    /// # Errors
    /// If tc fails.
    pub(crate) fn is_shaped(&self, namespace: Option<&Namespace>, link: &str) -> Result<bool, FirewallError> {
        Ok(self.shown(namespace, link)?.contains("qdisc htb 1:"))
    }

    fn shown(&self, namespace: Option<&Namespace>, link: &str) -> Result<String, FirewallError> {
        let mut command = Command::new(&self.tc);
        command.args(["-s", "qdisc", "show", "dev", link]);
        let output = firewall::run(namespace, command, "")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Reads `qdisc tbf 40: ...`, and on the next line `... (dropped 0, overlimits 7 requeues 0)`.
fn parse_waits(shown: &str) -> Option<u64> {
    let (_, of_bucket) = shown.split_once("qdisc tbf ")?;
    let (_, waits) = of_bucket.split_once("overlimits ")?;
    waits.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_those_of_the_bucket() {
        let shown = "qdisc htb 1: root refcnt 3 r2q 10 default 0 direct_packets_stat 0\n \
                     Sent 9 bytes 1 pkt (dropped 0, overlimits 99 requeues 0)\n\
                     qdisc tbf 40: parent 1:4 rate 1Mbit burst 4Kb lat 200ms\n \
                     Sent 0 bytes 0 pkt (dropped 2, overlimits 7 requeues 0)\n";
        assert_eq!(parse_waits(shown), Some(7));
        assert_eq!(
            parse_waits("qdisc noqueue 0: root refcnt 2\n overlimits 1\n"),
            None
        );
    }
}
