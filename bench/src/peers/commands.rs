//! How each peer is started.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// What has to run for a peer to be there.
#[derive(Debug)]
pub struct Commands {
    /// Makes its tables.
    pub(super) prepare: Option<Command>,
    /// Serves.
    pub(super) serve: Command,
}

/// Where a peer is put up.
#[derive(Debug)]
pub struct Site {
    /// The root of the project.
    pub root: PathBuf,
    /// Where Lockjar was built.
    pub programs: PathBuf,
    /// Where the others were installed.
    pub installed: PathBuf,
    /// Its own database file.
    pub database: PathBuf,
    /// Where it is to listen.
    pub address: SocketAddr,
}

/// Long enough for those that ask for length, and worth nothing: every database is made for the run.
const SECRET: &str = "for-this-measurement-only-and-thrown-away-with-its-database-0123456789";

/// Seconds for which an idle connection is kept: longer than a proxy in front keeps its own (nginx: 60).
const KEEP_ALIVE: &str = "75";

pub(super) fn lockjar(site: &Site) -> Commands {
    let port = site.address.port();
    let mut serve = Command::new(site.programs.join("lockjar"));
    serve.args(["serve", "--listen", &site.address.to_string()]);
    // All accounts come from here.
    serve.args(["--throttle-sign-ups", "1000000"]);
    serve.args(["--public-url", &format!("http://localhost:{port}")]);
    serve.args([
        "--database",
        &format!("sqlite://{}", site.database.display()),
    ]);
    just(serve)
}

pub(super) fn axum_login(site: &Site) -> Commands {
    let program = "cargo/release/lockjar-peer-axum-login";
    let mut serve = Command::new(site.installed.join(program));
    serve.arg(site.address.to_string()).arg(&site.database);
    just(serve)
}

pub(super) fn fastapi_users(site: &Site) -> Commands {
    let home = site.root.join("bench/peers/fastapi-users");
    let mut prepare = site.python("fastapi-users", &home);
    prepare.args(["-m", "app.prepare"]);
    let mut serve = site.python("fastapi-users", &home);
    uvicorn(&mut serve, "app.main:app", site.address);
    Commands {
        prepare: Some(prepare),
        serve,
    }
}

pub(super) fn tutorial(site: &Site) -> Commands {
    let mut serve = site.python("seed", &site.root.join("tests/differential"));
    uvicorn(&mut serve, "app:app", site.address);
    just(serve)
}

/// A line on the terminal for each request is left out: it would cost a peer dearly, and most have it elsewhere.
fn uvicorn(python: &mut Command, app: &str, address: SocketAddr) {
    python
        .args(["-m", "uvicorn", app, "--host", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args(["--workers", &cores().to_string()])
        .args(["--loop", "uvloop", "--http", "httptools", "--no-access-log"])
        .args(["--timeout-keep-alive", KEEP_ALIVE]);
}

pub(super) fn django(site: &Site) -> Commands {
    let home = site.root.join("bench/peers/django");
    let mut prepare = site.python("django", &home);
    prepare.args(["manage.py", "migrate", "--verbosity", "0"]);
    let mut serve = site.python("django", &home);
    serve
        .args(["-m", "gunicorn", "config.wsgi"])
        .args(["--bind", &site.address.to_string(), "--no-control-socket"])
        .args(["--workers", &(2 * cores() + 1).to_string()])
        .args(["--worker-class", "gthread", "--threads", "2"])
        .args(["--keep-alive", KEEP_ALIVE]);
    Commands {
        prepare: Some(prepare),
        serve,
    }
}

pub(super) fn better_auth(site: &Site, cookie_cache: &str) -> Commands {
    let node = |script: &str| {
        let mut node = Command::new("node");
        node.arg(script)
            .current_dir(site.root.join("bench/peers/better-auth"))
            .env("NODE_ENV", "production")
            .env("COOKIE_CACHE", cookie_cache)
            .env("PORT", site.address.port().to_string())
            .env("DATABASE", &site.database)
            .env("SECRET", SECRET);
        node
    };
    Commands {
        prepare: Some(node("prepare.js")),
        serve: node("cluster.js"),
    }
}

fn just(serve: Command) -> Commands {
    Commands {
        prepare: None,
        serve,
    }
}

impl Site {
    /// The Python of a peer, which writes nothing into the project.
    fn python(&self, peer: &str, folder: &Path) -> Command {
        let mut python = Command::new(self.installed.join("venv").join(peer).join("bin/python"));
        python
            .current_dir(folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DATABASE", &self.database)
            .env("SECRET", SECRET);
        python
    }
}

pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
