//! `list`: what can be chosen by name.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use splitbrain_checker::consistency::Consistency;
use splitbrain_nemesis::schedule::FaultKind;
use splitbrain_systems::systems;

use crate::output::{self, Table};
use crate::workload::WORKLOADS;

/// How many nodes variants of faults are listed for: enough for all to exist.
const NODES_SHOWN: usize = 5;

/// The arguments of `list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// What to list
    what: What,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Systems,
    ReadModes,
    Workloads,
    Faults,
    Models,
    Mutants,
}

/// A list: its columns, and a cell of each row for each.
struct Listing {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// Prints the list that was asked for.
pub(super) fn list(args: &ListArgs) {
    let listing = match args.what {
        What::Systems => all_systems(),
        What::ReadModes => read_modes(),
        What::Workloads => workloads(),
        What::Faults => faults(),
        What::Models => models(),
        What::Mutants => mutants(),
    };
    output::print(&if args.json {
        listing.json()
    } else {
        listing.table()
    });
}

impl Listing {
    fn json(&self) -> String {
        let object = |row: &Vec<String>| {
            let fields = self
                .columns
                .iter()
                .zip(row)
                .map(|(name, cell)| ((*name).to_owned(), json!(cell)));
            format!("{}\n", Value::Object(fields.collect()))
        };
        self.rows.iter().map(object).collect()
    }

    fn table(&self) -> String {
        let columns = self.columns.iter().map(|name| name.replace('_', " "));
        let mut table = columns.fold(Table::new(), |table, name| table.text(&name));
        for row in &self.rows {
            table.row(row.clone());
        }
        table.render(output::width())
    }
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn all_systems() -> Listing {
    let rows = systems()
        .iter()
        .map(|system| row(&[system.name(), system.summary()]))
        .collect();
    Listing {
        columns: &["name", "about"],
        rows,
    }
}

fn read_modes() -> Listing {
    let modes = systems()
        .iter()
        .flat_map(|system| system.read_modes().iter().map(move |mode| (system, mode)));
    let rows = modes
        .map(|(system, mode)| row(&[mode.name, system.name(), mode.claim, mode.how]))
        .collect();
    Listing {
        columns: &["name", "system", "claim", "how"],
        rows,
    }
}

fn workloads() -> Listing {
    let mix = |mix: crate::workload::Mix| {
        format!(
            "{}; {} keys, {} ops each, {}",
            mix.weights, mix.keys, mix.ops_per_key, mix.key_distribution
        )
    };
    let rows = WORKLOADS
        .iter()
        .map(|workload| row(&[workload.name, workload.about, &mix((workload.mix)())]));
    Listing {
        columns: &["name", "about", "default_mix"],
        rows: rows.collect(),
    }
}

fn faults() -> Listing {
    let variants = |kind: FaultKind| {
        kind.variants(NODES_SHOWN)
            .iter()
            .map(|variant| variant.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let rows = FaultKind::ALL
        .iter()
        .map(|kind| row(&[kind.name(), kind.summary(), &variants(*kind)]));
    Listing {
        columns: &["name", "about", "variants"],
        rows: rows.collect(),
    }
}

fn models() -> Listing {
    let rows = Consistency::ALL
        .iter()
        .map(|model| row(&[model.name(), model.summary()]))
        .collect();
    Listing {
        columns: &["name", "about"],
        rows,
    }
}

fn mutants() -> Listing {
    let all = systems()
        .iter()
        .flat_map(|system| system.mutants().iter().map(move |mutant| (system, mutant)));
    let rows = all.map(|(system, mutant)| {
        row(&[
            &format!("{}/{}", system.name(), mutant.name),
            mutant.breaks,
            mutant.anomaly,
        ])
    });
    Listing {
        columns: &["name", "breaks", "anomaly"],
        rows: rows.collect(),
    }
}
