//! Denying a process more memory than it has.

use std::{fs, io};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// What a process may have mapped while it is denied memory, in bytes: less than any process has.
const NOTHING: u64 = 4096;

/// What the kernel says of a process's private writable memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The process.
    pub pid: u32,
    /// How much it has mapped.
    pub mapped: u64,
    /// How much it may have mapped; `None` where there is no limit.
    pub limit: Option<u64>,
    /// How far it may raise that limit itself; `None` where there is no limit.
    limit_max: Option<u64>,
}

impl Memory {
    /// Whether the kernel refuses every request for more: it does where more is mapped than may be (setrlimit(2),
    /// `RLIMIT_DATA`, which since Linux 4.7 counts all private writable mappings).
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.limit.is_some_and(|limit| limit < self.mapped)
    }

    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let mapped = status.lines().find_map(|line| line.strip_prefix("VmData:"));
        let mapped_kb = mapped.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
        let limits = limits.lines().find_map(|line| line.strip_prefix("Max data size"));
        let mut limits = limits
            .unwrap_or_default()
            .split_whitespace()
            .map(|limit| match limit {
                "unlimited" => Some(None),
                bytes => bytes.parse().ok().map(Some),
            });
        let (Some(mapped_kb), Some(Some(limit)), Some(Some(limit_max))) =
            (mapped_kb, limits.next(), limits.next())
        else {
            // A process that has ended, and was not waited for, has no memory.
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        Ok(Self {
            pid,
            mapped: mapped_kb * 1024,
            limit,
            limit_max,
        })
    }

    /// Lets it have at most `limit` bytes. How far it could raise that itself stays as it is, so that nobody needs a
    /// privilege to undo this.
    fn set(&self, limit: Option<u64>) -> io::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let limit = Rlimit {
            current: limit,
            maximum: self.limit_max,
        };
        prlimit(
            Some(pid.ok_or(io::ErrorKind::InvalidInput)?),
            Resource::Data,
            limit,
        )?;
        Ok(())
    }

    pub(super) fn deny(&self) -> io::Result<()> {
        self.set(Some(NOTHING))
    }

    /// Gives it back the limit that it had when this was read.
    pub(super) fn give_back(&self) -> io::Result<()> {
        self.set(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_may_have_more() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.mapped > 0);
        assert!(!memory.is_denied());
        assert!(
            Memory {
                limit: Some(NOTHING),
                ..memory
            }
            .is_denied()
        );
    }

    #[test]
    fn a_process_that_is_not_there_has_none() {
        assert!(Memory::of(u32::MAX).is_err());
    }
}
