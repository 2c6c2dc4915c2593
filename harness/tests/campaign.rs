//! Whole campaigns by the built program, with real processes in real namespaces.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use splitbrain::campaign::plan::Plan;
use splitbrain::workload::mix_seed;
use tempfile::TempDir;

use support::said;

/// Campaigns one at a time: side by side their runs would distort each other.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The built program, to which no job scheduler says anything.
fn command(args: &[&str]) -> Command {
    let mut command = support::splitbrain(args);
    for name in [
        "JOB_COMPLETION_INDEX",
        "SLURM_ARRAY_TASK_ID",
        "BUILDKITE_PARALLEL_JOB",
    ] {
        command.env_remove(name);
    }
    command
}

fn output(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// A folder with the plan of a campaign file.
fn planned(root: &TempDir, name: &str, text: &str) -> PathBuf {
    let (file, dir) = (root.path().join(format!("{name}.toml")), root.path().join(name));
    fs::write(&file, text).unwrap();
    let output = plan(&file, &dir);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    dir
}

fn plan(file: &Path, dir: &Path) -> Output {
    let (file, dir) = (file.to_str().unwrap(), dir.to_str().unwrap());
    output(&["campaign", "plan", file, "-o", dir, "--night", "2026-01-31"])
}

fn run(dir: &Path) -> Output {
    output(&["campaign", "run", dir.to_str().unwrap()])
}

fn start(dir: &Path) -> Child {
    let mut command = command(&["campaign", "run", dir.to_str().unwrap()]);
    let piped = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    piped.spawn().unwrap()
}

/// The result files, by their names.
fn records(dir: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(dir.join("units"))
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// How many runs of a unit came to their end.
fn ended_runs(dir: &Path, unit: &str) -> usize {
    let Ok(stores) = fs::read_dir(dir.join("runs").join(unit)) else {
        return 0;
    };
    let families = stores
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir());
    let runs = families.flat_map(|family| fs::read_dir(family.path()).unwrap());
    runs.filter(|run| run.as_ref().unwrap().path().join("results.json").is_file())
        .count()
}

#[test]
fn the_smoke_campaign_passes_and_is_told_in_every_form() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../campaigns/smoke.toml");
    let dir = planned(&root, "smoke", &fs::read_to_string(file).unwrap());
    let started = Instant::now();
    let output = run(&dir);
    let took = started.elapsed();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let in_runs: u64 = records(&dir)
        .values()
        .map(|record| value(record)["wall_ms"].as_u64().unwrap())
        .sum();
    eprintln!("{took:.1?} in all, {:.1} s of it in runs", in_runs as f64 / 1e3);

    assert_eq!(links(&dir.join("campaign.html")), 12, "{}", said(&output));
    let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let dir = dir.to_str().unwrap();
    let merged = self::output(&["campaign", "merge", dir, dir, "-o", &at("nights.sqlite")]);
    assert_eq!(merged.status.code(), Some(0), "{}", said(&merged));
    assert_eq!(links(&root.path().join("campaign.html")), 12, "{}", said(&merged));
    for (stored, page) in [
        (dir.to_owned(), format!("{dir}/campaign.html")),
        (at("nights.sqlite"), at("campaign.html")),
    ] {
        fs::remove_file(&page).unwrap();
        let drawn = self::output(&["report", &stored]);
        assert_eq!(drawn.status.code(), Some(0), "{}", said(&drawn));
        assert!(Path::new(&page).is_file(), "{}", said(&drawn));
    }
    let status = self::output(&[
        "campaign",
        "status",
        &at("nights.sqlite"),
        "--json",
        "--junit",
        &at("junit.xml"),
        "--markdown",
        &at("page.md"),
        "--step-summary",
        &at("summary.md"),
        "--prometheus",
        &at("splitbrain.prom"),
        "--fail-on",
        "new",
    ]);
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    let found = value(&String::from_utf8_lossy(&status.stdout));
    assert_eq!(
        (&found["verdict"], &found["tally"]["units"]),
        (&"pass".into(), &12.into())
    );
    assert_eq!(found["tally"]["not-run"], 0);
    // What the planted bugs showed has a name and a shape.
    let signatures = found["signatures"].as_array().unwrap();
    assert!(
        signatures
            .iter()
            .any(|seen| !seen["signature"]["shape"].as_array().unwrap().is_empty())
    );
    for seen in signatures {
        assert_eq!(seen["state"], "new");
        assert_ne!(seen["signature"]["anomaly"], "unnamed");
    }
    for (name, part) in [
        ("junit.xml", "<testsuite name=\"zab\" tests=\"4\""),
        ("page.md", "| raft/answer-before-commit (planted) | 2 |"),
        ("summary.md", "pass: smoke, night 2026-01-31"),
        (
            "splitbrain.prom",
            "splitbrain_campaign_exit_code{campaign=\"smoke\"} 0",
        ),
    ] {
        let text = fs::read_to_string(at(name)).unwrap();
        assert!(text.contains(part), "{name}: {text}");
    }
}

/// How many runs a campaign's page links to. Each of the links leads to a page that is there.
fn links(page: &Path) -> usize {
    let html = fs::read_to_string(page).unwrap();
    let (_, data) = html.split_once("id=\"campaign-data\">").unwrap();
    let data = value(data.split_once("</script>").unwrap().0);
    let all = data["units"]["page"].as_array().unwrap().iter();
    let links: Vec<&str> = all
        .filter_map(Value::as_str)
        .filter(|link| !link.is_empty())
        .collect();
    for link in &links {
        assert!(page.parent().unwrap().join(link).is_file(), "{link}");
    }
    links.len()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap()
}

const SHORT: &str = "name = \"short\"\n[thresholds]\nunknown-percent-max = 100\n[[matrix]]\nsystems = [\"raft\"]\n\
                     read-modes = [\"log\"]\nnodes = [1]\nfirst-seed = 1\nrepeats = 6\ntime-limit = \"1s\"\n";

#[test]
fn killed_at_random_moments_it_goes_on_and_runs_nothing_twice() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let dir = planned(&root, "short", SHORT);
    let mut kept = BTreeMap::new();
    for attempt in 0..10 {
        let mut child = start(&dir);
        let moment = mix_seed(attempt, "kill") % 3_000;
        thread::sleep(Duration::from_millis(moment));
        // It may have come to its end.
        let _ = child.kill();
        child.wait().unwrap();
        let now = records(&dir);
        for (unit, record) in &kept {
            assert_eq!(
                now.get(unit),
                Some(record),
                "attempt {attempt} lost or changed a result"
            );
        }
        kept = now;
    }
    let output = run(&dir);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let finished = records(&dir);
    let plan = Plan::read(&dir.join("plan.jsonl")).unwrap();
    assert_eq!(finished.len(), plan.units.len());
    for unit in &plan.units {
        assert!(finished.contains_key(&unit.id));
        assert_eq!(ended_runs(&dir, &unit.id), 1, "{}", unit.id);
    }
    assert!(
        kept.iter()
            .all(|(unit, record)| finished.get(unit) == Some(record))
    );
    // There is nothing left to do.
    assert_eq!(run(&dir).status.code(), Some(0));
    assert_eq!(records(&dir), finished);
}

#[test]
fn asked_to_end_it_keeps_what_is_finished_and_exits_143() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let text = SHORT.replace("repeats = 6", "repeats = 1");
    let long = "[[matrix]]\nsystems = [\"raft\"]\nread-modes = [\"log\"]\nnodes = [1]\nseeds = [7]\ntime-limit = \"5m\"\n";
    let dir = planned(&root, "long", &(text + long));
    let plan = Plan::read(&dir.join("plan.jsonl")).unwrap();
    let (short, long) = (&plan.units[0].id, &plan.units[1].id);
    let mut child = start(&dir);
    support::await_history(
        &dir.join("runs").join(long).join("latest/history.jsonl"),
        &mut child,
        10_000,
    );
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    let kept = records(&dir);
    assert_eq!(kept.keys().collect::<Vec<_>>(), [short]);
    assert!(
        said(&output).contains("1 of 2 units not run"),
        "{}",
        said(&output)
    );
    // A machine with less than the long unit's time goes on, and leaves it: missing stays missing.
    let output = self::output(&["campaign", "run", dir.to_str().unwrap(), "--budget", "1m"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert_eq!(records(&dir), kept);
}

#[test]
fn on_a_full_disk_it_says_so_and_loses_nothing() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let mount = root.path().join("disk");
    fs::create_dir(&mount).unwrap();
    let file = root.path().join("short.toml");
    fs::write(&file, SHORT.replace("repeats = 6", "repeats = 3")).unwrap();
    // In a mount namespace of its own, gone with the shell: nothing is left mounted, whatever happens.
    let script = "
        set -e; mount -t tmpfs -o size=200m tmpfs \"$DISK\"; cd \"$DISK\"
        \"$SPLITBRAIN\" campaign plan \"$FILE\" -o c --night 2026-01-31 >/dev/null
        \"$SPLITBRAIN\" campaign run c >first.out 2>&1 & run=$!
        for i in $(seq 600); do [ \"$(ls c/units | grep -c 'jsonl$')\" -ge 1 ] && break; sleep 0.1; done
        dd if=/dev/zero of=fill bs=1M 2>/dev/null || true
        set +e; wait $run; echo \"full: $?\"; grep -h 'disk is full\\|No space' first.out | head -n 1
        first=$(ls c/units/*.jsonl | head -n 1); kept=$(cat \"$first\")
        rm fill; \"$SPLITBRAIN\" campaign run c >second.out 2>&1; echo \"roomy: $?\"
        [ \"$kept\" = \"$(cat \"$first\")\" ] && echo kept; ls c/units | grep -c 'jsonl$'";
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env("DISK", &mount)
        .env("FILE", &file)
        .env("SPLITBRAIN", env!("CARGO_BIN_EXE_splitbrain"));
    let output = command.output().unwrap();
    let text = said(&output);
    assert!(text.contains("full: 4\n"), "{text}");
    assert!(
        text.contains("disk is full") || text.contains("No space"),
        "{text}"
    );
    assert!(text.contains("roomy: 0\nkept\n3\n"), "{text}");
}

#[test]
fn a_merge_onto_a_full_disk_says_so_and_keeps_the_nights_that_were_there() {
    let root = tempfile::tempdir().unwrap();
    let mount = root.path().join("disk");
    fs::create_dir(&mount).unwrap();
    // Nights of many units, none of which was run: it is the plans that take room.
    let many = SHORT.replace("repeats = 6", "repeats = 4000");
    let file = root.path().join("many.toml");
    fs::write(&file, many).unwrap();
    let script = "
        set -e; mount -t tmpfs -o size=24m tmpfs \"$DISK\"
        for night in 2026-01-30 2026-01-31; do
            \"$SPLITBRAIN\" campaign plan \"$FILE\" -o \"$HERE/$night\" --night $night >/dev/null; done
        \"$SPLITBRAIN\" campaign merge \"$HERE/2026-01-30\" -o \"$DISK/nights.sqlite\" >/dev/null
        page=$(cksum <\"$DISK/campaign.html\"); dd if=/dev/zero of=\"$DISK/fill\" bs=4k 2>/dev/null || true
        set +e; \"$SPLITBRAIN\" campaign merge \"$HERE/2026-01-31\" -o \"$DISK/nights.sqlite\"; echo \"full: $?\"
        [ \"$page\" = \"$(cksum <\"$DISK/campaign.html\")\" ] && echo page kept
        rm \"$DISK/fill\"; \"$SPLITBRAIN\" campaign status \"$DISK/nights.sqlite\" | head -n 1
        \"$SPLITBRAIN\" campaign merge \"$HERE/2026-01-31\" -o \"$DISK/nights.sqlite\" >/dev/null; echo \"roomy: $?\"
        \"$SPLITBRAIN\" campaign status \"$DISK/nights.sqlite\" | head -n 1; ls \"$DISK\"";
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env("DISK", &mount)
        .env("HERE", root.path())
        .env("FILE", &file)
        .env("SPLITBRAIN", env!("CARGO_BIN_EXE_splitbrain"));
    let text = said(&command.output().unwrap());
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("`{part}` is not in: {text}"))
    };
    assert!(
        place("full: 4\npage kept\n") < place("night 2026-01-30"),
        "{text}"
    );
    assert!(
        text.contains("the disk is full") && text.contains("make room"),
        "{text}"
    );
    assert!(
        place("night 2026-01-30") < place("roomy: 0\n") && place("roomy: 0") < place("night 2026-01-31"),
        "{text}"
    );
    assert!(
        text.contains("\ncampaign.html\ncampaign.json\nnights.sqlite\n"),
        "nothing else is left: {text}"
    );
}

#[test]
fn bad_input_is_refused_with_its_exit_code_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let refused = |args: &[&str], code: i32, parts: &[&str]| {
        let output = output(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        for part in parts {
            assert!(
                said(&output).contains(part),
                "{args:?}: `{part}` is not in: {}",
                said(&output)
            );
        }
    };
    for (text, parts) in [
        (
            "name = \"x\"\n[[matrix]]\nsystms = [\"raft\"]",
            &["line 3", "`systms`; did you mean `systems`?"][..],
        ),
        ("name = \"x\"", &["no units"]),
        (
            "name = \"x\"\n[[matrix]]\nsystems = [\"raft\"]\nrepeats = 0",
            &["matrix 1", "`repeats` is 0"],
        ),
    ] {
        fs::write(path("bad.toml"), text).unwrap();
        refused(
            &["campaign", "plan", &path("bad.toml"), "-o", &path("bad")],
            2,
            parts,
        );
        assert!(!Path::new(&path("bad")).exists());
    }
    refused(&["campaign", "run", &path("bad")], 2, &["no plan.jsonl"]);

    let dir = planned(&root, "a", SHORT);
    let other = planned(&root, "b", &SHORT.replace("repeats = 6", "repeats = 7"));
    let again = plan(&root.path().join("a.toml"), &dir);
    assert_eq!(
        again.status.code(),
        Some(0),
        "the same plan once more: {}",
        said(&again)
    );
    let output = plan(&root.path().join("b.toml"), &dir);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("has another plan already"),
        "{}",
        said(&output)
    );

    let (dir, other) = (dir.to_str().unwrap(), other.to_str().unwrap());
    refused(
        &["campaign", "merge", dir, other, "-o", &path("n.sqlite")],
        2,
        &["two plans of one night"],
    );
    refused(
        &["campaign", "merge", dir, "-o", &path("no/folder/n.sqlite")],
        4,
        &["n.sqlite"],
    );
    refused(&["campaign", "status", dir], 3, &["6 of 6 units not run"]);
    refused(
        &["campaign", "status", dir, "--fail-on", "new"],
        2,
        &["campaign merge"],
    );
    refused(&["campaign", "status", &path("none.sqlite")], 2, &["is no file"]);
    refused(
        &["campaign", "run", dir, "--partition", "slice:3/2"],
        2,
        &["slice:2/5"],
    );
    let unit = &Plan::read(&Path::new(dir).join("plan.jsonl")).unwrap().units[0].id;
    let record = Path::new(dir).join("units").join(format!("{unit}.jsonl"));
    fs::write(&record, "{}\n").unwrap();
    refused(&["report", dir], 2, &[unit, "corrupt"]);
    for command in ["run", "status"] {
        refused(&["campaign", command, dir], 2, &[unit, "corrupt"]);
    }
}

#[test]
fn a_part_is_what_the_scheduler_says() {
    let root = tempfile::tempdir().unwrap();
    let dir = planned(&root, "a", SHORT);
    // No time for any unit, so that it only tells which there are.
    let run = |variables: &[(&str, &str)]| {
        let mut command = command(&["campaign", "run", dir.to_str().unwrap(), "--budget", "10ms"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), said(&output))
    };
    let (code, text) = run(&[("JOB_COMPLETION_INDEX", "1"), ("SPLITBRAIN_PARTITION_COUNT", "4")]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("slice:2/4, as a Kubernetes Indexed Job says") && text.contains("2 of 2 units not run"),
        "{text}"
    );
    let (code, text) = run(&[("JOB_COMPLETION_INDEX", "1")]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("SPLITBRAIN_PARTITION_COUNT"), "{text}");
}
