//! The states of a process's threads and the time they used, from `/proc/<pid>/task/<tid>/stat` and
//! `/proc/<pid>/stat` (proc_pid_stat(5)).

use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

use super::ThreadStates;

/// Counts the threads of `pid` and those of them in the state `T` (stopped).
pub(super) fn read(pid: u32) -> io::Result<ThreadStates> {
    let mut states = ThreadStates {
        pid,
        threads: 0,
        stopped: 0,
    };
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = match fs::read_to_string(task?.path().join("stat")) {
            Ok(stat) => stat,
            // The thread has ended since the folder was listed.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        };
        states.threads += 1;
        if state_letter(&stat) == Some('T') {
            states.stopped += 1;
        }
    }
    Ok(states)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

/// The processor's time that all threads of `pid` have used, those that have ended among them: fields 14 and 15.
pub(super) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    let per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100).max(1);
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(ticks()? + ticks()?)
}

/// The third field. The second is the program's name in parentheses, and may hold anything, parentheses too.
fn state_letter(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_disguise_the_state() {
        assert_eq!(state_letter("12 (node) T 1 12 12"), Some('T'));
        assert_eq!(state_letter("12 (a) R (b) S 1 12"), Some('S'));
        assert_eq!(state_letter("nonsense"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4 1 2 3 4 50 6 0 0 20 0 4 0";
        assert_eq!(cpu_ticks(stat), Some(56));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn own_threads_are_seen_running() {
        let states = read(std::process::id()).unwrap();
        assert!(states.threads >= 1);
        assert_eq!(states.stopped, 0);
    }
}
