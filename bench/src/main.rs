//! `cargo run --release -p lockjar-bench`: measures everything and writes RESULTS.md with its plot.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use lockjar_bench::{
    machine,
    parts::{Bench, Part},
    plot,
    report::{self, Section},
    servers,
};

/// Measures what Lockjar costs and writes bench/RESULTS.md and bench/results.svg; one part alone only prints.
#[derive(Parser)]
struct Options {
    /// Measure this part only
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Fewer and shorter rounds; the report says so
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "measure what is released: cargo run --release -p lockjar-bench"
    );
    let options = Options::parse();
    eprintln!("building");
    servers::build()?;
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Beside the program and not in /tmp, which is memory on many machines: a sync must cost what it costs.
    let folder = tempfile::tempdir_in(servers::folder()?)?;
    let bench = Bench::new(folder.path(), options.quick);
    let sections = options
        .parts()
        .iter()
        .map(|part| measure(*part, &bench))
        .collect::<Result<Vec<_>>>()?;
    let text = report::markdown(&sections, options.quick);
    println!("{text}");
    if options.only.is_none() {
        fs::write(home.join("RESULTS.md"), text)?;
        fs::write(
            home.join("results.svg"),
            plot::svg(&report::charts(&sections)),
        )?;
    }
    Ok(())
}

impl Options {
    fn parts(&self) -> Vec<Part> {
        self.only
            .map_or_else(|| Part::value_variants().to_vec(), |part| vec![part])
    }
}

fn measure(part: Part, bench: &Bench) -> Result<Section> {
    eprintln!("measuring: {part:?} (load average {})", machine::busyness());
    part.measure(bench)
}
