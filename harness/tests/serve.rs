//! `serve` of the built program, asked over a real socket, also by those who mean no good.

#[path = "../../reports/tests/browser/mod.rs"]
mod browser;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::said;

/// What ends elements and begins scripts, wherever it is let through.
const MARKUP: &str = "</title></textarea></script><script>window.injected=1</script><img src=x onerror=window.injected=2>\"'`--!>\u{2028}";

/// A server of a store; ended with it.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(store: &Path) -> Self {
        let mut child = support::start(&["serve", "--store", store.to_str().unwrap(), "--port", "0"]);
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.as_mut().unwrap());
        out.read_line(&mut line).unwrap();
        let port = line
            .trim()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .unwrap()
            .parse();
        Self {
            port: port.unwrap_or_else(|_| panic!("it said no address: {line}")),
            child,
        }
    }

    /// What it answers to these bytes.
    fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or(bytes.len());
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0),
            head: head.to_lowercase(),
            body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
        }
    }

    fn ask(&self, method: &str, target: &str) -> Answer {
        let host = format!("127.0.0.1:{}", self.port);
        self.raw(
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    }

    fn get(&self, target: &str) -> Answer {
        self.ask("GET", target)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        let line = self
            .head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_default()
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// A store with a real run, and beside it what could lie in one: a violation, hostile names, a run that was cut short.
fn store() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let store = root.path().join("store");
    let run = [
        "run",
        "--nodes",
        "1",
        "--time-limit",
        "1s",
        "--read-mode",
        "log",
        "--seed",
        "7",
        "--name",
        "real",
        "--store",
    ];
    let output = support::output(&[&run[..], &[store.to_str().unwrap()]].concat());
    assert!(store.join("latest/report.html").is_file(), "{}", said(&output));
    let made = store.join("latest").canonicalize().unwrap();
    let copy = |to: &str| {
        let to = store.join(to);
        fs::create_dir_all(to.join("nodes/n1")).unwrap();
        for name in ["test.json", "results.json", "report.html"] {
            fs::copy(made.join(name), to.join(name)).unwrap();
        }
        to
    };
    let broken = copy("broken/20990101T000000Z-9");
    change(&broken.join("results.json"), |results| {
        results["verdict"] = json!("violation");
        results["claims"][0]["verdict"] = json!("invalid");
        results["claims"][0]["anomaly"] = json!("stale-read");
    });
    change(&broken.join("test.json"), |test| test["name"] = json!("broken"));
    let hostile = copy(&format!("x{}", MARKUP.replace('/', "\\")));
    for (file, places) in [
        ("test.json", &["name", "system"][..]),
        ("results.json", &["reason"]),
    ] {
        change(&hostile.join(file), |value| {
            for place in places {
                value[*place] = json!(MARKUP);
            }
        });
    }
    let log = hostile.join("nodes/n1/stdout.log");
    fs::write(&log, [MARKUP.as_bytes(), b"\xff\xfe\x80\n"].concat()).unwrap();
    fs::write(hostile.join("evil.html"), MARKUP).unwrap();
    fs::write(
        hostile.join("evil.svg"),
        "<svg xmlns='http://www.w3.org/2000/svg' onload='top.injected=3'/>",
    )
    .unwrap();
    fs::write(hostile.join("report.html"), format!("<title>x</title>{MARKUP}")).unwrap();
    let cut = copy("cut/20000101T000000Z-1");
    fs::remove_file(cut.join("results.json")).unwrap();
    let bad = copy("bad/20000102T000000Z-1");
    fs::write(bad.join("results.json"), "{\"verdict\":\"pass\"").unwrap();
    fs::write(root.path().join("secret"), "\"the secret\"").unwrap();
    let linked = copy("linked/20000103T000000Z-1");
    fs::remove_file(linked.join("results.json")).unwrap();
    symlink("../../../secret", linked.join("results.json")).unwrap();
    let piped = copy("piped/20000104T000000Z-1");
    fs::remove_file(piped.join("results.json")).unwrap();
    nix::unistd::mkfifo(&piped.join("results.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("../secret", store.join("out")).unwrap();
    symlink("/etc", store.join("etc")).unwrap();
    root
}

fn path_of(names: &[&str]) -> String {
    let encode = |name: &&str| {
        name.bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<String>()
    };
    format!(
        "/files/{}",
        names.iter().map(encode).collect::<Vec<_>>().join("/")
    )
}

#[test]
fn the_store_is_listed_found_and_shown_and_nothing_else() {
    let root = store();
    let mut server = Server::start(&root.path().join("store"));
    listed_and_found(&server);
    files_are_what_they_are(&server);
    outsiders_get_nothing(&server);
    if let Some(mut browser) = browser::start(1280, 900) {
        in_a_browser(&mut browser, &server);
    }
    // Ctrl-C is how it ends.
    kill(Pid::from_raw(server.child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

fn listed_and_found(server: &Server) {
    let list = server.get("/");
    assert_eq!(list.status, 200, "{}", list.head);
    let text = list.text();
    assert!(text.contains("7 entries, the newest first"), "{text}");
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} is not in {text}"))
    };
    assert!(
        place("<strong>broken</strong>") < place("<strong>real</strong>"),
        "the newest first"
    );
    assert!(
        place("<strong>real</strong>") < place("It has not ended"),
        "the oldest last"
    );
    // What cannot be read is no pass, and what a link leads to outside is not told in any form.
    assert!(!text.contains("the secret"));
    assert!(text.contains("results.json: ") && text.matches("No verdict").count() == 4);
    for markup in ["<script", "<img", "</textarea"] {
        assert!(!text.contains(markup), "{markup}");
    }
    let found = |query: &str| {
        let text = server.get(&format!("/?q={query}")).text();
        text.matches("<th scope=\"row\" class=\"time\"").count()
    };
    for (query, count) in [
        ("", 7),
        ("violation", 1),
        ("VIOLATION+log+seed+7", 1),
        ("no+verdict", 4),
        ("run+raft", 6),
        ("%3Cimg+onerror", 1),
        ("nothing+like+it", 0),
    ] {
        assert_eq!(found(query), count, "{query}");
    }
    let signature = text
        .split(">signature ")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    assert_eq!((signature.len(), found(signature)), (12, 1), "{signature}");
    assert!(
        server.get("/?page=99").text().contains("<strong>real</strong>"),
        "the last page there is"
    );
    let echoed = server
        .get(&format!("/?q={}", path_of(&[MARKUP]).replace("/files/", "")))
        .text();
    assert!(
        !echoed.contains("<script") && echoed.contains("injected"),
        "{echoed}"
    );
    let policy = list.header("content-security-policy");
    assert!(
        policy.contains("script-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
}

fn files_are_what_they_are(server: &Server) {
    let hostile = format!("x{}", MARKUP.replace('/', "\\"));
    // A name with a backslash is none that a path may have.
    assert_eq!(server.get(&path_of(&[&hostile])).status, 400);
    let page = server.get("/files/latest/report.html");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("timeline-data"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let folder = server.get("/files/latest/").text();
    for part in ["history.jsonl", "splitbrain.log", "nodes/", "report.html"] {
        assert!(folder.contains(part), "{part}: {folder}");
    }
    let history = server.get("/files/latest/history.jsonl");
    assert!(history.text().starts_with("{\"splitbrain\":\"history\""));
    assert_eq!(history.header("content-length"), history.body.len().to_string());
    for (target, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/files/latest/history.jsonl", "text/plain; charset=utf-8"),
        ("/files/latest/results.json", "text/plain; charset=utf-8"),
        ("/files/latest/plots/rate.svg", "image/svg+xml"),
        ("/files/latest/none", "text/plain; charset=utf-8"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = server.ask(method, target);
            assert_eq!(answer.header("content-type"), kind, "{method} {target}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{target}");
            assert!(
                answer
                    .header("content-security-policy")
                    .contains("default-src 'none'"),
                "{target}"
            );
            assert_eq!(method == "HEAD", answer.body.is_empty(), "{method} {target}");
        }
    }
}

fn outsiders_get_nothing(server: &Server) {
    let secret = |answer: &Answer| answer.text().contains("the secret") || answer.text().contains("root:");
    for target in [
        "/files/out",
        "/files/etc/passwd",
        "/files/../secret",
        "/files/..%2fsecret",
        "/files/%2e%2e/secret",
        "/files/latest/../../../secret",
        "/files/latest/%2e%2e/%2e%2e/%2e%2e/secret",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/etc%00/passwd",
        "/../secret",
        "//etc/passwd",
    ] {
        let answer = server.get(target);
        assert!(
            (400..500).contains(&answer.status) && !secret(&answer),
            "{target}: {}",
            answer.head
        );
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let answer = server.ask(method, "/");
        assert_eq!(answer.status, 405, "{method}: {}", answer.head);
        assert_eq!(answer.header("allow"), "get, head");
    }
    let host = |host: &str| {
        let request = format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        server.raw(request.as_bytes()).status
    };
    let port = server.port;
    assert_eq!(host(&format!("Host: localhost:{port}\r\n")), 200);
    for bad in [
        String::new(),
        format!("Host: evil.example:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"),
    ] {
        assert!((400..500).contains(&host(&bad)), "{bad}");
    }
    // What is no request at all ends its own connection only.
    for bytes in [
        &b"\x16\x03\x01\xff\xff\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        assert_ne!(server.raw(bytes).status, 200);
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
        "a".repeat(100_000)
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // It may hang up before it has heard all.
    let _ = stream.write_all(long.as_bytes());
    assert_eq!(server.get("/").status, 200);
}

/// The run's own scripts run, and nobody else's.
fn in_a_browser(browser: &mut browser::Browser, server: &Server) {
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    browser.open(&at("/"), "document.querySelector('table')");
    assert_eq!(browser.eval("window.injected ?? null"), Value::Null);
    browser.eval("document.getElementById('q').value = 'real'");
    browser.eval("document.querySelector('form').requestSubmit()");
    browser.wait("location.search === '?q=real' && document.readyState === 'complete'");
    // Four copies of it have kept its name.
    assert_eq!(browser.eval("document.querySelectorAll('th.time').length"), 5);
    browser.open(
        &at("/files/latest/report.html"),
        "window.timeline && window.timeline.layout",
    );
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn pages_that_others_drew_run_no_scripts() {
    let root = tempfile::tempdir().unwrap();
    let store = root.path().join("store/r/1");
    fs::create_dir_all(&store).unwrap();
    for name in ["report.html", "evil.html", "evil.svg"] {
        fs::write(
            store.join(name),
            format!("<svg xmlns='http://www.w3.org/2000/svg' onload='window.injected=3'></svg>{MARKUP}"),
        )
        .unwrap();
    }
    fs::write(
        store.join("log.log"),
        b"\xff\xfe<script>window.injected=1</script>\x80",
    )
    .unwrap();
    fs::write(
        store.join(std::ffi::OsStr::from_bytes(b"n\xffame <script>\"'.log")),
        "odd",
    )
    .unwrap();
    let server = Server::start(&root.path().join("store"));
    let notice = server.get("/files/r/1/report.html").text();
    assert!(
        notice.contains("Drawn by another version") && notice.contains("splitbrain report r/1"),
        "{notice}"
    );
    assert!(!notice.contains("<script") && !notice.contains("injected"));
    let folder = server.get("/files/r/1").text();
    assert!(
        folder.contains("/files/r/1/n%FFame%20%3Cscript%3E%22%27.log") && !folder.contains("<script"),
        "{folder}"
    );
    assert_eq!(
        server.get("/files/r/1/n%FFame%20%3Cscript%3E%22%27.log").text(),
        "odd\n".trim()
    );
    let log = server.get("/files/r/1/log.log");
    assert_eq!(
        log.body, b"\xff\xfe<script>window.injected=1</script>\x80",
        "byte by byte"
    );
    let Some(mut browser) = browser::start(1280, 900) else {
        return;
    };
    for path in [
        "report.html",
        "report.html?without-scripts",
        "evil.html",
        "evil.svg",
        "log.log",
    ] {
        browser.open(
            &format!("http://127.0.0.1:{}/files/r/1/{path}", server.port),
            "true",
        );
        assert_eq!(browser.eval("window.injected ?? null"), Value::Null, "{path}");
    }
}

#[test]
fn what_cannot_be_served_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("none");
    let output = support::output(&["serve", "--store", missing.to_str().unwrap(), "--port", "0"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("is no store") && said(&output).contains("--store"),
        "{}",
        said(&output)
    );
    let taken = Server::start(root.path());
    assert!(taken.get("/").text().contains("There is nothing yet"));
    let port = taken.port.to_string();
    let output = support::output(&["serve", "--store", root.path().to_str().unwrap(), "--port", &port]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("--port"), "{}", said(&output));
    let output = support::output(&["serve", "--port", "99999"]);
    assert_eq!(output.status.code(), Some(2));
}
