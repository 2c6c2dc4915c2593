//! Measures a page in a headless Chromium: how soon it is painted and usable, and how fast it answers.
//!
//! `cargo run -p splitbrain-reports --example measure_pages -- run|campaign PAGE.html [TIMES]`

#![allow(clippy::print_stdout, reason = "the figures are its output")]

#[path = "../tests/browser/mod.rs"]
mod browser;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use browser::Browser;
use serde_json::json;

/// For how long the page is zoomed, and how far apart the turns of the wheel are, in milliseconds.
const ZOOM_MS: u64 = 4_000;
const TURN_MS: u64 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (kind, page) = arguments
        .next()
        .zip(arguments.next())
        .ok_or("say which kind of page, and which page")?;
    let times = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let page = Path::new(&page);
    println!(
        "{}: {:.2} MB",
        page.display(),
        fs::metadata(page)?.len() as f64 / 1e6
    );
    for _ in 0..times {
        let mut browser = browser::start(1280, 900).ok_or("there is no Chromium")?;
        match kind.as_str() {
            "run" => measure_run(&mut browser, page),
            "campaign" => measure_campaign(&mut browser, page),
            other => return Err(format!("there is no kind of page `{other}`").into()),
        }
    }
    Ok(())
}

/// Opens the page, and prints when it was painted first and when it was ready, from the start of its loading.
fn open(browser: &mut Browser, page: &Path, ready: &str) {
    // Noted by the page itself: asking from outside would come too late.
    let watch = format!(
        "(() => {{ const look = () => {{ if ({ready}) window.readyAt = performance.now(); else requestAnimationFrame(look); }}; \
         requestAnimationFrame(look); }})()"
    );
    browser.call("Page.addScriptToEvaluateOnNewDocument", &json!({"source": watch}));
    browser.open_file(page, "window.readyAt");
    browser.wait("performance.getEntriesByName('first-contentful-paint').length");
    let painted = browser.eval("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    let ready = browser.eval("window.readyAt");
    println!(
        "  first paint {:.0} ms, usable {:.0} ms",
        number(&painted),
        number(&ready)
    );
}

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn measure_run(browser: &mut Browser, page: &Path) {
    open(browser, page, "window.timeline && window.timeline.layout");
    browser.eval("document.getElementById('canvas').scrollIntoView()");
    for (what, way) in [
        ("zooming in and out", "wheel"),
        ("panning", "pan"),
        ("the whole run, redrawn", "whole"),
    ] {
        let frames = browser.eval(&drive(way));
        println!(
            "  {what}: {:.0} frames a second, the longest {:.0} ms, 95 % below {:.0} ms",
            number(&frames["rate"]),
            number(&frames["longest"]),
            number(&frames["p95"])
        );
    }
}

/// Turns the wheel or drags on the canvas each frame, as fast as frames come, and tells how fast they did. Each frame
/// counts only after the page has drawn: its own callback was asked for before ours.
fn drive(way: &str) -> String {
    format!(
        "new Promise((done) => {{
            const canvas = document.getElementById('canvas'), box = canvas.getBoundingClientRect();
            const at = {{ clientX: box.left + box.width * 0.6, clientY: box.top + box.height / 2, bubbles: true, cancelable: true }};
            const started = performance.now(), frames = [];
            let last = started, turn = 0;
            const step = () => {{
                const now = performance.now();
                if (turn > 0) frames.push(now - last);
                last = now;
                turn += 1;
                if (now - started > {ZOOM_MS}) {{
                    frames.sort((a, b) => a - b);
                    done({{ rate: frames.length * 1000 / (now - started), longest: frames.at(-1), p95: frames[Math.floor(frames.length * 0.95)] }});
                    return;
                }}
                const phase = Math.floor((now - started) / 1000) % 2;
                if ('{way}' === 'wheel') canvas.dispatchEvent(new WheelEvent('wheel', {{ ...at, deltaY: phase === 0 ? -60 : 60, ctrlKey: true }}));
                else if ('{way}' === 'pan') canvas.dispatchEvent(new WheelEvent('wheel', {{ ...at, deltaX: phase === 0 ? 40 : -40 }}));
                else timeline.command('all');
                requestAnimationFrame(step);
            }};
            timeline.command('all');
            canvas.focus();
            setTimeout(() => requestAnimationFrame(step), {TURN_MS});
        }})"
    )
}

fn measure_campaign(browser: &mut Browser, page: &Path) {
    open(browser, page, "document.querySelector('#run-rows tr')");
    for (what, act) in [
        (
            "sort all runs by how long they took",
            "document.querySelector('th[data-by=wall] button').click()",
        ),
        (
            "sort all runs by system",
            "document.querySelector('th[data-by=subject] button').click()",
        ),
        (
            "filter all runs by a text",
            "(() => { const form = document.getElementById('run-controls'); form.elements.find.value = 'zab clock 1'; \
             form.dispatchEvent(new Event('input')); })()",
        ),
        (
            "another night",
            "document.querySelector('#strip button[data-night=\"1\"]').click()",
        ),
    ] {
        // Until the frame after the next is begun, which is when what changed is on the screen.
        let took = browser.eval(&format!(
            "new Promise((done) => {{ const started = performance.now(); {act}; \
             requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - started))); }})"
        ));
        println!("  {what}: {:.0} ms until it is on the screen", number(&took));
    }
}
