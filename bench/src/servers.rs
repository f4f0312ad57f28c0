//! The programs that are compared, each a process of its own: Lockjar's real binary, bare axum, and a peer.

use std::{
    env,
    ffi::OsString,
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::{self, Connection};

/// Under valgrind even a start takes its time.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Where a process runs.
#[derive(Debug, Clone, Copy)]
pub enum Placement {
    /// On this core only.
    Core(usize),
    /// Wherever the kernel likes.
    Anywhere,
    /// Wherever the kernel likes, and at once: a client that waits for its turn would measure its own wait.
    AtOnce,
}

impl Placement {
    /// A command that runs a program there.
    #[must_use]
    pub fn command(self, program: &Path) -> Command {
        match self {
            Self::Core(core) => prefixed("taskset", &["--cpu-list", &core.to_string()], program),
            Self::Anywhere => Command::new(program),
            Self::AtOnce => prefixed("chrt", &["--fifo", "1"], program),
        }
    }
}

fn prefixed(tool: &str, args: &[&str], program: &Path) -> Command {
    let mut command = Command::new(tool);
    command.args(args).arg(program);
    command
}

/// Where this program and those it compares were built.
///
/// # Errors
/// When the system does not tell.
pub fn folder() -> Result<PathBuf> {
    Ok(env::current_exe()?
        .parent()
        .context("a program in no folder")?
        .to_owned())
}

/// A program that was built beside this one.
///
/// # Errors
/// When it is not there.
pub fn beside(name: &str) -> Result<PathBuf> {
    let path = folder()?.join(name);
    ensure!(path.exists(), "{} has not been built", path.display());
    Ok(path)
}

/// Builds what is measured as it is released. The server is built on its own, so that it has the features that it has
/// for its users, not those that the benchmark's dependencies would add.
///
/// # Errors
/// When it does not compile.
pub fn build() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for target in [
        &["--package", "lockjar-server"][..],
        &["--package", "lockjar-bench", "--bins"],
    ] {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let status = Command::new(cargo)
            .args(["build", "--release", "--quiet"])
            .args(target)
            .current_dir(&root)
            .status()?;
        ensure!(status.success(), "cargo build {} failed", target.join(" "));
    }
    Ok(())
}

/// A server about to be started.
#[derive(Debug, Clone)]
pub struct Launch {
    name: &'static str,
    wrapper: Vec<String>,
    arguments: Vec<String>,
    placement: Placement,
    address: SocketAddr,
    log: PathBuf,
}

impl Launch {
    /// `lockjar serve` on the database file `lockjar.db` in `folder`, with every default but the limit on sign-ups from one
    /// address, since all accounts come from here.
    ///
    /// # Errors
    /// When no port is free.
    pub fn lockjar(folder: &Path) -> Result<Self> {
        let launch = Self::new("lockjar", folder)?;
        let port = launch.address.port();
        let database = folder.join("lockjar.db");
        Ok(launch.with(&[
            "serve",
            "--throttle-sign-ups",
            "1000000",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--public-url",
            &format!("http://localhost:{port}"),
            "--database",
            &format!("sqlite://{}", database.display()),
        ]))
    }

    /// The same on a PostgreSQL database, with more settings if need be.
    ///
    /// # Errors
    /// When no port is free.
    pub fn lockjar_on(database: &str, more: &[&str], folder: &Path) -> Result<Self> {
        let mut launch = Self::lockjar(folder)?;
        if let Some(last) = launch.arguments.last_mut() {
            database.clone_into(last);
        }
        launch = launch.and(more);
        launch.log = folder.join(format!("lockjar-{}.log", launch.address.port()));
        Ok(launch)
    }

    /// The same with JWTs in the cookie.
    ///
    /// # Errors
    /// When no port is free.
    pub fn lockjar_with_jwts(folder: &Path) -> Result<Self> {
        let mut launch = Self::lockjar(folder)?;
        let key = folder.join("lockjar.key").display().to_string();
        let more = ["--token", "jwt", "--jwt-key-file", &key].map(str::to_owned);
        launch.arguments.extend(more);
        Ok(launch)
    }

    /// A program of this crate, which takes the address as its one argument.
    ///
    /// # Errors
    /// When no port is free.
    pub fn own(name: &'static str, folder: &Path) -> Result<Self> {
        let launch = Self::new(name, folder)?;
        let address = launch.address.to_string();
        Ok(launch.with(&[&address]))
    }

    fn new(name: &'static str, folder: &Path) -> Result<Self> {
        Ok(Self {
            name,
            wrapper: Vec::new(),
            arguments: Vec::new(),
            placement: Placement::Anywhere,
            address: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?,
            log: folder.join(format!("{name}.log")),
        })
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// With more settings.
    #[must_use]
    pub fn and(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(ToString::to_string));
        self
    }

    /// On one core, or anywhere.
    #[must_use]
    pub fn placed(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Inside another program, such as a profiler.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
        self
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&self) -> Result<Server> {
        let mut server = self.spawn()?;
        server.wait_until_it_answers(None)?;
        Ok(server)
    }

    /// Starts it and waits for nothing.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self) -> Result<Server> {
        let program = beside(self.name)?;
        let log = File::create(&self.log)?;
        let child = self
            .command(&program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        Ok(Server {
            child,
            address: self.address,
            log: self.log.clone(),
        })
    }

    fn command(&self, program: &Path) -> Command {
        let Some((tool, options)) = self.wrapper.split_first() else {
            return self.placement.command(program);
        };
        let mut command = self.placement.command(Path::new(tool));
        command.args(options).arg(program);
        command
    }
}

/// A server that runs; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first answer to `GET /protected`: 200 with a cookie, any answer without.
    ///
    /// # Errors
    /// When there is none, or the cookie is refused.
    pub fn wait_until_it_answers(&mut self, cookie: Option<&str>) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            let Ok(mut connection) = Connection::open(self.address) else {
                let ended = self.child.try_wait()?;
                ensure!(
                    ended.is_none(),
                    "it ended at once; its log is {}",
                    self.log.display()
                );
                std::thread::sleep(Duration::from_micros(500));
                continue;
            };
            connection.send(&http::get(self.address, "/protected", cookie))?;
            let status = connection.receive()?.status;
            ensure!(
                cookie.is_none() || status == 200,
                "the first answer was {status}"
            );
            return Ok(());
        }
        bail!(
            "no answer for {START_LIMIT:?}; its log is {}",
            self.log.display()
        )
    }

    /// Asks it to stop, as a service manager would, and waits until it has.
    ///
    /// # Errors
    /// When it does not stop, or says that it failed.
    pub fn stop(mut self) -> Result<()> {
        self.ask_to_stop();
        let start = Instant::now();
        while start.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                ensure!(
                    status.success(),
                    "it stopped with {status}; its log is {}",
                    self.log.display()
                );
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("it does not stop; its log is {}", self.log.display())
    }

    fn ask_to_stop(&self) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            // It may have stopped already: then there is nothing to ask.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Nothing waits for what this server still has to do.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
