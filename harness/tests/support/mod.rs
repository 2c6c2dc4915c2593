//! Starting the built program, and hearing what it says.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this module"
)]

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that takes a second on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The built program with these arguments. What the environment of the tests says is no part of them.
pub fn splitbrain(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPLITBRAIN_")) {
        command.env_remove(name);
    }
    command.args(args);
    command
}

/// What it says and how it ends.
pub fn output(args: &[&str]) -> Output {
    splitbrain(args).output().unwrap()
}

/// Starts it, so that it can be watched and asked to end.
pub fn start(args: &[&str]) -> Child {
    splitbrain(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Everything that it said.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Waits until so many bytes of `history` are on the disk.
pub fn await_history(history: &Path, child: &mut Child, bytes: u64) {
    let started = Instant::now();
    while history.metadata().map_or(0, |file| file.len()) < bytes {
        if let Some(status) = child.try_wait().unwrap() {
            let mut text = String::new();
            child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            panic!("it ended early with {status}: {text}");
        }
        assert!(started.elapsed() < PATIENCE, "no history in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
