//! Writes the page of a made-up campaign, to look at while working on it.
//!
//! `cargo run -p splitbrain-reports --example sample_campaign -- OUT.html [NIGHTS] [UNITS]`

#[path = "../tests/made_up_campaign/mod.rs"]
mod made_up_campaign;

use std::error::Error;
use std::{env, fs};

use splitbrain_reports::campaign::campaign_page;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let out = arguments.next().ok_or("name the file to write")?;
    let nights = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let units = arguments.next().map_or(Ok(334), |text| text.parse())?;
    fs::write(out, campaign_page(&made_up_campaign::campaign(nights, units)))?;
    Ok(())
}
