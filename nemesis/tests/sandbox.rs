//! The sandbox from the outside: exit codes, signals, and that nothing is left of it.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use support::{SCENARIOS, possible, run, succeed};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn exit_codes_and_signals_are_passed_out() {
    if !possible() {
        return;
    }
    for (arguments, code) in [(["exit", "0"], 0), (["exit", "7"], 7), (["exit", "255"], 255)] {
        assert_eq!(run(&arguments).status.code(), Some(code));
    }
    assert_eq!(run(&["die", "SIGKILL"]).status.code(), Some(128 + 9));
    assert_eq!(run(&["die", "SIGTERM"]).status.code(), Some(128 + 15));
}

#[test]
fn world_is_private_and_set_up() {
    if possible() {
        succeed(&["world"]);
    }
}

#[test]
fn orphans_are_reaped() {
    if possible() {
        succeed(&["orphans"]);
    }
}

#[test]
fn programs_with_threads_are_refused() {
    succeed(&["threads"]);
}

/// What a terminal does: it signals the foreground group, which is the supervisor's.
#[test]
fn signals_arrive_inside_exactly_once() {
    if !possible() {
        return;
    }
    let mut child = Command::new(SCENARIOS)
        .arg("signals")
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().and_then(Result::ok);
    assert_eq!(next().as_deref(), Some("ready"));
    let group = Pid::from_raw(child.id().cast_signed());
    for signal in [
        Signal::SIGINT,
        Signal::SIGWINCH,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGTERM,
    ] {
        killpg(group, signal).unwrap();
        assert_eq!(next().as_deref(), Some(signal.as_str()));
    }
    assert_eq!(next(), None);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// What of the host a sandbox could have touched.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    links: BTreeSet<String>,
    mounts: BTreeSet<String>,
    rules: String,
    network_namespaces: BTreeSet<String>,
}

impl Host {
    fn look() -> Self {
        let links = fs::read_to_string("/proc/net/dev").unwrap();
        let links = links
            .lines()
            .skip(2)
            .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        Self {
            links: links.collect(),
            mounts: mounts.lines().map(str::to_owned).collect(),
            rules: rules(),
            network_namespaces: named_network_namespaces(),
        }
    }
}

/// Only root may read them; an ordinary user could not have changed them either.
fn rules() -> String {
    let saved = Command::new("/usr/sbin/iptables-save").output();
    let text = saved
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

fn named_network_namespaces() -> BTreeSet<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

/// Processes, zombies aside, whose environment holds `mark`.
fn marked_processes(mark: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let is_marked = |environment: &[u8]| {
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    entries
        .filter(|entry| {
            fs::read(entry.path().join("environ")).is_ok_and(|environment| is_marked(&environment))
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn wait_until_none_is_marked(mark: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = marked_processes(mark);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "processes are left: {left:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn start_busy(mark: &str) -> Child {
    let (name, value) = mark.split_once('=').unwrap();
    let mut command = Command::new(SCENARIOS);
    command
        .arg("busy")
        .env(name, value)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn expect_line(child: &mut Child, expected: &str) {
    let mut line = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && stdout.read(&mut byte).unwrap() == 1 {
        line.push(byte[0]);
    }
    assert_eq!(String::from_utf8_lossy(&line).trim_end(), expected);
}

#[test]
fn nothing_is_left_when_the_supervisor_is_killed_at_any_moment() {
    if !possible() {
        return;
    }
    let before = Host::look();
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(std::process::id()));
    for round in 0..10 {
        let mark = format!("SPLITBRAIN_LEAK_TEST={}-{round}", std::process::id());
        let mut child = start_busy(&mark);
        // From before the world exists to the midst of faults.
        match round {
            0..3 => {}
            3..5 => expect_line(&mut child, "entered"),
            _ => {
                expect_line(&mut child, "entered");
                expect_line(&mut child, "ready");
                assert!(
                    marked_processes(&mark).len() >= 6,
                    "supervisor, first process, inside, nodes"
                );
            }
        }
        // Any moment will do; it need not be the same one on every machine.
        thread::sleep(Duration::from_micros(u64::from(rng.next_u32() % 100_000)));
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        wait_until_none_is_marked(&mark);
        assert_eq!(Host::look(), before);
    }
}

#[test]
fn nothing_is_left_when_the_run_is_ended_by_a_signal() {
    if !possible() {
        return;
    }
    let before = Host::look();
    let mark = format!("SPLITBRAIN_LEAK_TEST={}-ended", std::process::id());
    let mut child = start_busy(&mark);
    expect_line(&mut child, "entered");
    expect_line(&mut child, "ready");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    // The supervisor ends after everything else, so there is nothing to wait for.
    assert_eq!(marked_processes(&mark), Vec::<String>::new());
    assert_eq!(Host::look(), before);
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    if !possible() {
        return;
    }
    let runs: Vec<_> = (0..2).map(|_| thread::spawn(|| succeed(&["kill"]))).collect();
    for run in runs {
        run.join().unwrap();
    }
}
