//! Facts about the host that a reader of old results will want to know.

use std::fs;
use std::thread;

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

/// The host of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The kernel, `Linux 6.18.5 x86_64`.
    pub kernel: String,
    /// How many processors the harness may use.
    pub processors: usize,
    /// Memory, in megabytes.
    pub memory_mb: Option<u64>,
    /// The user id that the harness runs under, inside of its sandbox.
    pub user_id: u32,
}

impl HostFacts {
    /// Of this host.
    #[must_use]
    pub fn gather() -> Self {
        Self {
            kernel: kernel().unwrap_or_else(|| "unknown".to_owned()),
            processors: thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory_mb(),
            user_id: nix::unistd::geteuid().as_raw(),
        }
    }
}

fn kernel() -> Option<String> {
    let names = uname().ok()?;
    let parts = [names.sysname(), names.release(), names.machine()];
    Some(parts.map(|part| part.to_string_lossy().into_owned()).join(" "))
}

fn memory_mb() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024)
}
