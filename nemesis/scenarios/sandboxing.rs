//! Scenarios about the sandbox itself.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, raise};
use splitbrain_nemesis::facility::Facility;
use splitbrain_nemesis::sandbox::{self, SandboxError};

use crate::{Outcome, ensure};

/// Says what is possible here; fails, with the mend, if not all of this is.
pub(crate) fn probe(needed: &[Facility]) -> Outcome {
    let probe = sandbox::probe()?;
    println!("user_namespace {}", probe.user_namespace);
    if let Err(error) = &probe.world {
        return Err(format!("{error}; mend: {}", error.mend().unwrap_or("none known")).into());
    }
    if let Some(error) = needed.iter().find_map(|facility| probe.lacks(*facility)) {
        return Err(format!("{error}; mend: {}", error.mend().unwrap_or("none known")).into());
    }
    Ok(())
}

/// A program that already has threads is refused.
pub(crate) fn threads() -> Outcome {
    let (hold, release) = std::sync::mpsc::channel::<()>();
    let other = thread::spawn(move || release.recv());
    let entered = sandbox::enter();
    drop(hold);
    let _ = other.join();
    match entered {
        Err(SandboxError::Threads(2)) => Ok(()),
        other => Err(format!("expected to be refused, but got {other:?}").into()),
    }
}

pub(crate) fn die(signal: &str) -> Outcome {
    raise(signal.parse::<Signal>()?)?;
    Err("the signal was survived".into())
}

/// Says which signals arrive, until SIGTERM does.
pub(crate) fn signals() -> Outcome {
    let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH]
        .into_iter()
        .collect();
    set.thread_block()?;
    println!("ready");
    loop {
        let signal = set.wait()?;
        println!("{signal}");
        if signal == Signal::SIGTERM {
            return Ok(());
        }
    }
}

/// What the world is like from the inside.
pub(crate) fn world() -> Outcome {
    ensure!(
        fs::read_link("/proc/self")?.to_string_lossy() == std::process::id().to_string(),
        "/proc is another's"
    );
    ensure!(fs::metadata("/proc/1").is_ok(), "there is no first process");
    let processes = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .count();
    ensure!(
        processes == 2,
        "{processes} processes are seen, not the first one and this one"
    );
    let links = fs::read_to_string("/proc/self/net/dev")?;
    ensure!(
        links
            .lines()
            .skip(2)
            .all(|line| line.trim_start().starts_with("lo:")),
        "there are links: {links}"
    );
    ensure!(
        std::net::UdpSocket::bind("127.0.0.1:0")?
            .send_to(b"x", "127.0.0.1:9")
            .is_ok(),
        "lo is down"
    );
    ensure!(fs::read_dir("/run")?.count() == 0, "/run is not empty");
    fs::write("/run/mark", "")?;
    ensure!(nix::unistd::geteuid().is_root(), "not root inside");
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    ensure!(!mounts.contains(" shared:"), "a mount is shared with the host");
    ensure!(
        SigSet::thread_get_mask()? == SigSet::empty(),
        "the signal mask was not restored"
    );
    Ok(())
}

/// Orphans are reaped by the world's first process.
pub(crate) fn orphans() -> Outcome {
    // The shell ends at once; its child lives on a little, and is then nobody's but the first process's.
    let status = Command::new("sh").args(["-c", "sleep 0.05 & exit 0"]).status()?;
    ensure!(status.success(), "the shell failed");
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let names: Vec<String> = fs::read_dir("/proc")?
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("comm")).ok())
            .collect();
        if !names.iter().any(|name| name.trim() == "sleep") {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "an orphan was not reaped: {names:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
