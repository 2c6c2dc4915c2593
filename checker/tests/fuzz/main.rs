//! Fuzzing of everything that reads a history. Each target is a plain test, which `cargo test` runs for a second on
//! random edits of the seeds; docs/fuzzing.md says how to run them for longer, and what was found.
//!
//! Whatever the bytes: nothing panics; memory stays within what the length of the file allows; an error names the file
//! and, unless that could not be read, a line; and of what is read, algorithms agree, linearizations hold, and what is
//! written is read back.

mod endless;
mod memory;
mod mutate;

use std::time::Duration;

use bolero::TypeGenerator;
use splitbrain_checker::call::Calls;
use splitbrain_checker::codec::{
    Content, ExportError, Format, Imported, export, read_bytes, read_from, to_registers,
};
use splitbrain_checker::history::{History, Op, Problem};
use splitbrain_checker::linearizable::{Options, Verdict, check_linearizable};
use splitbrain_checker::model::{BuiltIn, CallVerdict, check_calls};
use splitbrain_checker::orders::OrdersEnd;

use self::memory::most_held;
use self::mutate::{Edit, apply};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// What a fuzzer draws.
#[derive(Clone, Debug, TypeGenerator)]
struct Input {
    seed: u8,
    edits: Vec<Edit>,
}

const NATIVE: &[&[u8]] = &[include_bytes!("seeds/native.jsonl")];
const EDN: &[&[u8]] = &[
    include_bytes!("seeds/register.edn"),
    include_bytes!("seeds/queue.edn"),
];
const ELLE: &[&[u8]] = &[
    include_bytes!("seeds/append.json"),
    include_bytes!("seeds/set.json"),
];
const LOG: &[&[u8]] = &[include_bytes!("seeds/register.log")];
const KV: &[&[u8]] = &[include_bytes!("seeds/kv.txt")];
const ANY: &[&[u8]] = &[NATIVE[0], EDN[0], EDN[1], ELLE[0], ELLE[1], LOG[0], KV[0]];

/// Beside what the length of a file accounts for: buffers, windows, tables at their least.
const MEMORY_BASE: u64 = 4 << 20;
/// So much memory a byte of a file may take: `[]` is two of them, and a value; `:f` of an op is a name of its own.
const MEMORY_PER_BYTE: u64 = 64;

#[test]
fn native() {
    fuzz(NATIVE, Some(Format::Native));
}

#[test]
fn jepsen_edn() {
    fuzz(EDN, Some(Format::JepsenEdn));
}

#[test]
fn elle_json() {
    fuzz(ELLE, Some(Format::ElleJson));
}

#[test]
fn knossos_log() {
    fuzz(LOG, Some(Format::KnossosLog));
}

#[test]
fn porcupine_kv() {
    fuzz(KV, Some(Format::PorcupineKv));
}

#[test]
fn detected() {
    fuzz(ANY, None);
}

fn fuzz(seeds: &'static [&'static [u8]], format: Option<Format>) {
    for seed in seeds {
        assert!(
            read_from(*seed, format, "seed").is_ok(),
            "a seed must be a history"
        );
    }
    bolero::check!().with_type::<Input>().for_each(|input| {
        let bytes = apply(seeds, input.seed, &input.edits);
        import(&bytes, format);
    });
}

fn import(bytes: &[u8], format: Option<Format>) {
    let (read, held) = most_held(|| read_from(bytes, format, "h"));
    let allowed = MEMORY_BASE + MEMORY_PER_BYTE * bytes.len() as u64;
    assert!(
        held <= allowed,
        "{held} bytes were held for {} of a file",
        bytes.len()
    );
    match read {
        Err(error) => {
            let text = error.to_string();
            let is_placed = error.line > 0 || matches!(error.problem, Problem::Io(_));
            assert!(is_placed && text.starts_with("h:"), "{text}");
            // A message is for people, whatever it quotes.
            assert!(text.len() < 70_000, "{} bytes of message", text.len());
        }
        Ok(Imported {
            content: content @ Content::Native(_),
            ..
        }) => registers(&content),
        Ok(Imported {
            content: Content::Calls(calls),
            ..
        }) => {
            objects(&calls);
            written(calls);
        }
    }
}

/// A check that ends soon, with or without a verdict.
fn options() -> Options {
    Options {
        time_limit: Some(Duration::from_millis(100)),
        memory_limit_bytes: 32 << 20,
        shrink_time_limit: Duration::from_millis(100),
        ..Options::default()
    }
}

/// A native history is checked, written and read back.
fn registers(content: &Content) {
    let Content::Native(parsed) = content else { return };
    let _ = check_linearizable(&parsed.history, &options());
    let mut written = Vec::new();
    let losses = export(content, Format::Native, &mut written).expect("memory takes all");
    assert!(losses.is_empty());
    let read = read_bytes(&written, Format::Native, "w").expect("what was written is a history");
    let Content::Native(back) = read.content else {
        panic!("a native file is a native history");
    };
    assert_eq!(
        (back.header, back.history),
        (parsed.header.clone(), parsed.history.clone())
    );
    for format in [Format::JepsenEdn, Format::ElleJson] {
        if parsed.history.ops.is_empty() {
            break;
        }
        let mut written = Vec::new();
        let losses = export(content, format, &mut written).expect("memory takes all");
        let read = read_bytes(&written, format, "w").expect("what was written is a history");
        let Content::Calls(calls) = read.content else {
            panic!("a history of another tool is calls");
        };
        if losses.is_empty() {
            let back = to_registers(&calls).expect("registers stay registers");
            assert_eq!(without_errors(back), without_errors(parsed.history.clone()));
        }
    }
}

/// Error codes are held by the file, but stand for nothing in the words of another tool.
fn without_errors(history: History) -> Vec<Op> {
    let without = |op| Op { error: None, ..op };
    history.ops.into_iter().map(without).collect()
}

/// Calls are checked by every model: the registers among them by two that must agree.
fn objects(calls: &Calls) {
    for model in BuiltIn::ALL {
        let Ok(report) = check_calls(calls, *model, &options()) else {
            continue;
        };
        if let CallVerdict::Valid(orders) = &report.verdict {
            assert_eq!(model.verify_orders(calls, orders), Ok(Ok(())), "{model}");
        }
        assert!(!matches!(report.verdict, CallVerdict::Disagreement(_)), "{model}");
        let orders = model
            .find_orders(calls, &options())
            .expect("the check took the calls");
        let is_stuck = orders
            .iter()
            .any(|found| matches!(found.end, OrdersEnd::Stuck(_)));
        assert!(
            !is_stuck || !matches!(report.verdict, CallVerdict::Valid(_)),
            "{model}"
        );
        if *model == BuiltIn::CasRegister
            && let Some(history) = to_registers(calls)
        {
            let other = check_linearizable(&history, &options()).verdict;
            match (&report.verdict, &other) {
                (CallVerdict::Valid(_), Verdict::Invalid(_)) | (CallVerdict::Invalid(_), Verdict::Valid) => {
                    panic!("two algorithms disagree: {:?}, {other:?}", report.verdict)
                }
                _ => {}
            }
        }
    }
}

/// What EDN holds, it gives back; and so does JSON, unless it said what it cannot hold.
fn written(calls: Calls) {
    if calls.calls.is_empty() && calls.nemesis.is_empty() {
        return;
    }
    let content = Content::Calls(calls.clone());
    let calls = without_places(calls);
    for format in [Format::JepsenEdn, Format::ElleJson] {
        let mut written = Vec::new();
        let losses = match export(&content, format, &mut written) {
            Ok(losses) => losses,
            Err(ExportError::NotJson { .. }) => continue,
            Err(error) => panic!("{format}: {error}"),
        };
        let read = read_bytes(&written, format, "w").unwrap_or_else(|error| {
            let text = String::from_utf8_lossy(&written);
            let line = text.lines().nth(error.line.saturating_sub(1) as usize);
            panic!("what was written is no history: {error}: {line:?}")
        });
        assert!(read.warnings.is_empty());
        let Content::Calls(back) = read.content else {
            panic!("{format} gives calls");
        };
        let back = without_places(back);
        match format {
            Format::JepsenEdn => assert_eq!(back, calls),
            _ if losses.is_empty() => assert_eq!(back.calls, calls.calls),
            _ => assert_eq!(back.calls.len(), calls.calls.len()),
        }
    }
}

/// Where events were in the file, and what only a log can say, does not matter.
fn without_places(mut calls: Calls) -> Calls {
    calls.failed_cas_answers = false;
    for call in &mut calls.calls {
        call.events = (0, None);
    }
    for event in &mut calls.nemesis {
        event.event = 0;
    }
    calls
}
