//! The parts of the test suite: what is cheap and tells most first.

use std::process::Command;

use crate::fuzz::fuzz;
use crate::install;
use crate::licences::licences;
use crate::run::{Outcome, cargo, output, run};
use crate::tidy::tidy;

/// One part of the suite.
pub(crate) struct Part {
    /// The word that chooses it on the command line.
    pub(crate) name: &'static str,
    /// What it shows, in one line.
    pub(crate) what: &'static str,
    pub(crate) run: fn() -> Outcome,
}

/// Every part, in the order in which they run.
pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "fmt",
        what: "the code is formatted",
        run: fmt,
    },
    Part {
        name: "tidy",
        what: "the house rules hold",
        run: tidy,
    },
    Part {
        name: "licences",
        what: "every dependency may be passed on",
        run: licences,
    },
    Part {
        name: "clippy",
        what: "no warning in any target",
        run: clippy,
    },
    Part {
        name: "features",
        what: "the core builds without axum and sqlx, each feature alone",
        run: features,
    },
    Part {
        name: "rust",
        what: "unit, HTTP, conformance and documentation tests",
        run: rust,
    },
    Part {
        name: "fuzz",
        what: "nothing that libFuzzer makes up breaks what reads requests",
        run: fuzz,
    },
    Part {
        name: "proof",
        what: "what is promised holds on three nodes and PostgreSQL, whatever fails",
        run: proof,
    },
    Part {
        name: "crashes",
        what: "nothing acknowledged is lost on SQLite, however the process, the disk or the file fails",
        run: crashes,
    },
    Part {
        name: "refusals",
        what: "how long a refused log-in takes does not tell what was wrong",
        run: refusals,
    },
    Part {
        name: "docs",
        what: "every link in the documentation leads somewhere",
        run: docs,
    },
    Part {
        name: "differential",
        what: "the tutorial answers as FastAPI's does",
        run: differential,
    },
    Part {
        name: "schemathesis",
        what: "thousands of requests are answered as the OpenAPI document says",
        run: schemathesis,
    },
    Part {
        name: "passwords",
        what: "the list of common passwords is the one that leaks are known for",
        run: passwords,
    },
    Part {
        name: "downstream",
        what: "services in Python and JavaScript believe our tokens, and no forged ones",
        run: downstream,
    },
    Part {
        name: "imports",
        what: "hashes that other packages make open the door once, and then they are Argon2id",
        run: imports,
    },
    Part {
        name: "cluster",
        what: "the example cluster starts by one command and outlives its nodes; its files for containers are in order",
        run: cluster,
    },
    Part {
        name: "browser",
        what: "the program in a real browser, over http and https",
        run: browser,
    },
];

fn fmt() -> Outcome {
    run(&mut cargo("fmt --all --check"))
}

fn clippy() -> Outcome {
    run(&mut cargo(
        "clippy --quiet --workspace --all-targets -- -D warnings",
    ))
}

fn features() -> Outcome {
    for feature in [
        "",
        "web",
        "sqlite",
        "postgres",
        "redis",
        "docs",
        "conformance",
    ] {
        let features = match feature {
            "" => String::new(),
            one => format!("--features {one}"),
        };
        let core = "clippy --quiet --package lockjar --no-default-features";
        run(&mut cargo(&format!("{core} {features} -- -D warnings")))?;
    }
    core_has_neither_web_nor_sql()
}

fn core_has_neither_web_nor_sql() -> Outcome {
    let tree = "tree --package lockjar --no-default-features --edges normal --prefix none";
    let tree = output(&mut cargo(tree))?;
    let intruder = tree.lines().find(|line| {
        ["axum", "sqlx", "redis"]
            .iter()
            .any(|one| line.starts_with(one))
    });
    match intruder {
        Some(package) => Err(format!("{package} is in the tree of the core")),
        None => Ok(()),
    }
}

fn rust() -> Outcome {
    install::program("strace", "strace")?;
    install::servers()?;
    run(&mut cargo("test --quiet --workspace"))
}

/// The short form; the long one is `cargo run --release -p lockjar-proof`.
fn proof() -> Outcome {
    build_programs()?;
    install::servers()?;
    let mut proof = Command::new("target/debug/lockjar-proof");
    run(proof.args(["--short", "--program", "target/debug/lockjar"]))
}

/// The short form; the long one is `cargo run --release -p lockjar-proof --bin crashes`.
fn crashes() -> Outcome {
    build_programs()?;
    let mut crashes = Command::new("target/debug/crashes");
    run(crashes.args(["--short", "--program", "target/debug/lockjar"]))
}

/// Compares the times of thousands of log-ins with one another, so that a busy machine does not matter.
fn refusals() -> Outcome {
    build_programs()?;
    run(&mut Command::new("target/debug/refusals"))
}

fn docs() -> Outcome {
    let mut doc = cargo("doc --quiet --workspace --lib --no-deps");
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn differential() -> Outcome {
    build_programs()?;
    let python = install::python("tests/differential/requirements.txt")?;
    let mut compare = Command::new(python);
    compare.args([
        "-B",
        "tests/differential/compare.py",
        "target/debug/examples/tutorial",
    ]);
    run(&mut compare)
}

fn schemathesis() -> Outcome {
    build_programs()?;
    let python = install::python("tests/schemathesis/requirements.txt")?;
    let mut test = Command::new(python);
    test.args(["-B", "tests/schemathesis/test.py", "target/debug/lockjar"]);
    run(&mut test)
}

/// That every password of the list is refused is a unit test's.
fn passwords() -> Outcome {
    let python = install::python("tests/passwords/requirements.txt")?;
    install::node_modules("tests/passwords")?;
    run(Command::new(python).args(["-B", "tests/passwords/list.py"]))
}

fn downstream() -> Outcome {
    build_programs()?;
    let python = install::python("examples/fastapi/requirements.txt")?;
    install::node_modules("examples/node")?;
    let mut test = Command::new(python);
    test.args(["-B", "tests/downstream/test.py", "target/debug/lockjar"]);
    run(&mut test)
}

fn imports() -> Outcome {
    build_programs()?;
    let python = install::python("tests/imports/requirements.txt")?;
    install::node_modules("tests/imports")?;
    let mut test = Command::new(python);
    test.args(["-B", "tests/imports/test.py", "target/debug/lockjar"]);
    run(&mut test)
}

fn cluster() -> Outcome {
    build_programs()?;
    install::servers()?;
    install::program("haproxy", "haproxy")?;
    install::program("curl", "curl")?;
    let python = install::python("tests/cluster/requirements.txt")?;
    let mut test = Command::new(python);
    test.args(["-B", "tests/cluster/test.py", "target/debug/lockjar"]);
    run(&mut test)
}

fn browser() -> Outcome {
    build_programs()?;
    install::program("chromium", "chromium")?;
    install::program("openssl", "openssl")?;
    install::node_modules("e2e")?;
    run(Command::new("node")
        .args(["node_modules/@playwright/test/cli.js", "test"])
        .current_dir("e2e"))
}

/// The program and the examples, with the features that the Rust tests have already built.
fn build_programs() -> Outcome {
    run(&mut cargo("build --quiet --workspace --bins --examples"))
}
