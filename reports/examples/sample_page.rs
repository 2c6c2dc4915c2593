//! Writes the page and the plots of a made-up run, to look at while working on them.
//!
//! `cargo run -p splitbrain-reports --example sample_page -- OUT_DIR [violation|pass|unknown|harness-error|empty|hostile|wide] [OPS]`

#[path = "../tests/made_up/mod.rs"]
mod made_up;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use splitbrain_reports::{plots, run_page};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to write to")?);
    let kind = arguments.next().unwrap_or_else(|| "violation".into());
    let ops = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let run = match kind.as_str() {
        "empty" => made_up::empty(),
        "hostile" => made_up::hostile(),
        // Each process on a lane of its own, as in a history of unknown concurrency.
        "wide" => made_up::MadeUp {
            concurrency: 0,
            ..made_up::run(7, ops)
        },
        _ => made_up::run(7, ops).judged(&kind),
    };
    fs::create_dir_all(folder.join("plots"))?;
    fs::write(folder.join("report.html"), run_page(&run.report()))?;
    for plot in plots(&run.report()) {
        fs::write(folder.join("plots").join(format!("{}.svg", plot.name)), plot.svg)?;
    }
    Ok(())
}
