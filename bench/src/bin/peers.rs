//! `cargo run --release -p lockjar-bench --bin peers`: installs what Lockjar is compared with, measures all of them in
//! turns and writes bench/peers/RESULTS.md with its plot.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use lockjar_bench::{
    machine,
    peers::{self, Contender, Lengths, PEERS, Peer},
    plot, servers,
};

const FULL: Lengths = Lengths {
    checks: 3.0,
    latency: 5.0,
    log_ins: 5.0,
};
const QUICK: Lengths = Lengths {
    checks: 1.5,
    latency: 2.0,
    log_ins: 2.5,
};

/// Measures Lockjar beside its peers and writes bench/peers/RESULTS.md and results.svg.
#[derive(Parser)]
struct Options {
    /// Measure Lockjar and this peer only; prints, writes nothing. May be given again
    #[arg(long)]
    only: Vec<String>,
    /// Fewer and shorter rounds; the report says so
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "measure what is released: cargo run --release -p lockjar-bench --bin peers"
    );
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let home = root.join("bench/peers");
    eprintln!("building and installing");
    servers::build()?;
    let programs = servers::folder()?;
    peers::install(&home, &peers::installed(&programs))?;
    let folder = tempfile::tempdir_in(&programs)?;
    let mut contenders = options
        .peers()
        .map(|peer| start(peer, &root, &programs, folder.path()))
        .collect::<Result<Vec<_>>>()?;
    options.measure(&mut contenders);
    let text = peers::markdown(&contenders, &root, options.quick)?;
    println!("{text}");
    if options.only.is_empty() {
        fs::write(home.join("RESULTS.md"), text)?;
        fs::write(
            home.join("results.svg"),
            plot::svg(&peers::charts(&contenders)),
        )?;
    }
    Ok(())
}

fn start(peer: &'static Peer, root: &Path, programs: &Path, folder: &Path) -> Result<Contender> {
    eprintln!("starting: {}", peer.name);
    Contender::start(peer, root, programs, folder).with_context(|| peer.name)
}

impl Options {
    fn peers(&self) -> impl Iterator<Item = &'static Peer> {
        let wanted = |name: &str| self.only.iter().any(|it| it.eq_ignore_ascii_case(name));
        PEERS.iter().enumerate().filter_map(move |(index, peer)| {
            (self.only.is_empty() || index == 0 || wanted(peer.name)).then_some(peer)
        })
    }

    fn measure(&self, contenders: &mut [Contender]) {
        let (rounds, lengths) = if self.quick { (3, QUICK) } else { (9, FULL) };
        for round in 0..=rounds {
            eprintln!(
                "round {round} of {rounds} (load average {})",
                machine::busyness()
            );
            for contender in &mut *contenders {
                // The first round is thrown away, and so may be short.
                contender.round(if round == 0 { QUICK } else { lengths }, round);
                if round == 0 {
                    contender.forget();
                }
            }
        }
    }
}
