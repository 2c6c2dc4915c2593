//! `check --html` and `export` of the built program.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::output as splitbrain;

/// Markup and script wherever a history may have text.
const HOSTILE: &str = r##"</script><script>alert(1)</script><img src=x onerror=alert(2)>'&{{7*7}}"##;

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Checks a file, writes its page, and gives that with the exit code.
fn page(folder: &Path, name: &str, text: &str) -> (String, Option<i32>) {
    let history = file(folder, name, text);
    let page = folder.join(format!("{name}.html"));
    let output = splitbrain(&[
        "check",
        history.to_str().unwrap(),
        "--html",
        page.to_str().unwrap(),
    ]);
    let said = support::said(&output);
    let html = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{name}: {error}: {said}"));
    (html, output.status.code())
}

/// The data that the page's scripts read.
fn data(html: &str) -> serde_json::Value {
    let (_, rest) = html
        .split_once(r#"id="history-data">"#)
        .expect("the page has its data");
    serde_json::from_str(rest.split_once("</script>").expect("the data ends").0).expect("the data is JSON")
}

fn kv(value: &str) -> String {
    let key = serde_json::to_string(value).unwrap();
    let events = [
        (0, "invoke", "put", "\"a\""),
        (0, "ok", "put", "\"a\""),
        (1, "invoke", "get", "nil"),
        (1, "ok", "get", &key),
    ];
    let line = |(process, kind, f, value): (u64, &str, &str, &str)| {
        format!("{{:process {process}, :type :{kind}, :f :{f}, :key {key}, :value {value}}}\n")
    };
    events.into_iter().map(line).collect()
}

#[test]
fn a_page_has_the_verdict_the_ops_and_the_orders() {
    let folder = tempfile::tempdir().unwrap();
    let (html, code) = page(folder.path(), "kv.txt", &kv("b"));
    assert_eq!(code, Some(1));
    for part in ["Invalid", "Counterexample", "Where every order ends", "event 0"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(
        !html.contains(" ns<") && !html.contains(" ms before"),
        "a history without times has no ns"
    );
    let data = data(&html);
    assert_eq!(
        (data["timed"].as_bool(), data["rows"].as_u64()),
        (Some(false), Some(2))
    );
    assert_eq!(data["orders"][0]["end"], "stuck");
    assert_eq!(data["orders"][0]["culprit"], 1);
    assert_eq!(data["culprits"], serde_json::json!([1]));
}

#[test]
fn every_format_and_model_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../checker/tests/fuzz/seeds");
    let mut pages = 0;
    for entry in fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let model = match name.as_str() {
            "queue.edn" => "fifo-queue",
            "append.json" => "list-append",
            _ => "",
        };
        let history = file(folder.path(), &name, &text);
        let html = folder.path().join(format!("{name}.html"));
        let mut args = vec![
            "check",
            history.to_str().unwrap(),
            "--html",
            html.to_str().unwrap(),
        ];
        if !model.is_empty() {
            args.extend(["--model", model]);
        }
        let output = splitbrain(&args);
        let html = fs::read_to_string(html)
            .unwrap_or_else(|error| panic!("{name}: {error}: {}", support::said(&output)));
        assert!(data(&html)["rows"].as_u64().unwrap() > 0, "{name}");
        pages += 1;
    }
    assert!(pages >= 7, "{pages}");
}

#[test]
fn no_value_of_a_file_is_markup() {
    let folder = tempfile::tempdir().unwrap();
    let nemesis = format!(
        "{{:process {}, :type :info, :f :start}}\n",
        serde_json::to_string(HOSTILE).unwrap()
    );
    let (html, code) = page(folder.path(), "kv.txt", &(kv(HOSTILE) + &nemesis));
    assert_eq!(code, Some(1));
    assert!(
        !html.contains("<script>alert") && !html.contains("<img"),
        "markup of the file is in the page"
    );
    // Yet it is there as what it is: text.
    assert!(data(&html)["objects"][0].as_str().unwrap().contains("</script>"));
    assert!(html.contains("&lt;script&gt;alert(1)") || html.contains("&#60;script&#62;alert(1)"));
}

#[test]
fn a_page_of_several_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let history = file(folder.path(), "kv.txt", &kv("b"));
    let path = history.to_str().unwrap();
    let output = splitbrain(&["check", path, path, "--html", "never.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(support::said(&output).contains("--html writes the page of one history, but 2 files were given"));
    let nowhere = folder.path().join("no/such/page.html");
    let output = splitbrain(&["check", path, "--html", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4));
    assert!(support::said(&output).contains("cannot write"));
}

/// The key of a counterexample is shown as the history has it.
#[test]
fn keys_are_shown_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let history = file(folder.path(), "kv.txt", &kv("b"));
    let path = history.to_str().unwrap();
    let text = support::said(&splitbrain(&["check", path]));
    assert!(text.contains("key \"b\"") && !text.contains("key 0"), "{text}");
    let output = splitbrain(&["check", "--json", path]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &report["counterexample"];
    assert_eq!(
        (&found["key"], &found["key_name"], &found["untimed"]),
        (&0.into(), &"\"b\"".into(), &true.into())
    );
    let register = kv("1")
        .replace(":put", ":write")
        .replace(":get", ":read")
        .replace(":key \"1\", ", "")
        .replace("\"1\"", "1")
        .replace("\"a\"", "2");
    let history = file(folder.path(), "register.edn", &register);
    let text = support::said(&splitbrain(&[
        "check",
        history.to_str().unwrap(),
        "--format",
        "jepsen-edn",
    ]));
    assert!(
        text.contains("Why it is not linearizable\n") && text.contains("from event"),
        "{text}"
    );
}

#[test]
fn an_export_tells_what_it_cannot_hold() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../checker/tests/fuzz/seeds");
    let native = seeds.join("native.jsonl");
    let out = folder.path().join("history.edn");
    let output = splitbrain(&[
        "export",
        native.to_str().unwrap(),
        "--to",
        "jepsen-edn",
        "-o",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0));
    let said = support::said(&output);
    for part in [
        "jepsen-edn cannot hold the versions of 1 op",
        "the read modes of 2 ops",
        "the values found by failed cas of 1 op",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let back = splitbrain(&["export", out.to_str().unwrap(), "--to", "native"]);
    assert_eq!(back.status.code(), Some(0), "{}", support::said(&back));
    assert!(String::from_utf8_lossy(&back.stdout).contains("\"splitbrain\":\"history\""));
    let kv = seeds.join("kv.txt");
    let output = splitbrain(&["export", kv.to_str().unwrap(), "--to", "native"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        support::said(&output).contains("op 0, `put \"x\" \"a\"`, is none of a register"),
        "{}",
        support::said(&output)
    );
    let output = splitbrain(&["export", kv.to_str().unwrap(), "--to", "knossos-log"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_export_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let native = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../checker/tests/fuzz/seeds/native.jsonl");
    // A folder is in the place of the file, and not empty.
    let out = folder.path().join("taken");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("file"), "").unwrap();
    let args = [
        "export",
        native.to_str().unwrap(),
        "--to",
        "jepsen-edn",
        "-o",
        out.to_str().unwrap(),
    ];
    let output = splitbrain(&args);
    assert_eq!(output.status.code(), Some(4), "{}", support::said(&output));
    assert!(
        support::said(&output).contains("cannot write"),
        "{}",
        support::said(&output)
    );
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["taken"]);
}

#[test]
fn no_output_takes_the_place_of_the_history_or_of_what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let history =
        "{:process 0 :type :invoke :f :write :value 1}\n{:process 0 :type :ok :f :write :value 1}\n";
    fs::write(at("h.edn"), history).unwrap();
    std::os::unix::fs::symlink(at("h.edn"), at("link.edn")).unwrap();
    for arguments in [
        ["check", &at("h.edn"), "--html", &at("h.edn")].as_slice(),
        &["check", &at("h.edn"), "--html", &at("link.edn")],
        &["check", &at("h.edn"), "--html", &at("x"), "--witness", &at("x")],
        &["export", &at("h.edn"), "--to", "elle-json", "-o", &at("h.edn")],
        &["export", &at("link.edn"), "--to", "elle-json", "-o", &at("h.edn")],
    ] {
        let output = support::output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(fs::read_to_string(at("h.edn")).unwrap(), history, "{arguments:?}");
    }
    // Through a link, which stays one.
    fs::write(at("other.json"), "old").unwrap();
    std::os::unix::fs::symlink(at("other.json"), at("out.json")).unwrap();
    let output = support::output(&["export", &at("h.edn"), "--to", "elle-json", "-o", &at("out.json")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(fs::symlink_metadata(at("out.json")).unwrap().is_symlink());
    assert!(
        fs::read_to_string(at("other.json"))
            .unwrap()
            .contains("\"write\"")
    );
}
