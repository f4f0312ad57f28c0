//! Three real server processes on one database, each by a line of its own, and all that can happen to them.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lockjar_testing::{Guard, Postgres, Redis, free_port};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::history::Node;
use crate::link::Link;
use crate::proxy::Proxy;

pub(crate) const NODES: usize = 3;

/// By then a node that was started is ready, on whatever machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// An operator waits no longer for a command.
const COMMAND_LIMIT: Duration = Duration::from_secs(6);

/// How the servers are run.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The program `lockjar`.
    pub(crate) program: PathBuf,
    /// Whether the change feed is read past the lines, so that a node hears of revocations while it cannot read sessions.
    pub(crate) direct_feed: bool,
    /// Whether sessions are kept in Redis.
    pub(crate) redis: bool,
    /// What else they are told.
    pub(crate) more: &'static [&'static str],
}

/// The database, the lines and the nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    setup: Setup,
    nodes: Vec<Server>,
    public_url: String,
    pub(crate) database: Postgres,
    pub(crate) redis: Option<Redis>,
    folder: TempDir,
    keep: AtomicBool,
}

/// One node.
#[derive(Debug)]
struct Server {
    port: u16,
    line: Proxy,
    process: Mutex<Process>,
    /// Tells the guard which process to end if this one is killed.
    pid: PathBuf,
    _guard: Guard,
}

#[derive(Debug)]
enum Process {
    Running(Child),
    /// Killed by us.
    Killed,
    /// It ended by itself, and somebody has been told.
    Ended,
}

impl Cluster {
    /// Starts the database and all nodes at once, on an empty database, and waits until they are ready.
    pub(crate) async fn start(setup: Setup) -> Result<Self> {
        let database = tokio::task::spawn_blocking(Postgres::start).await?;
        let redis = setup.redis.then(Redis::start);
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            let line = Proxy::start((Ipv4Addr::LOCALHOST, database.port()).into()).await?;
            nodes.push(Server::new(line)?);
        }
        let cluster = Self {
            setup,
            nodes,
            public_url: format!("http://localhost:{}", free_port()),
            database,
            redis,
            folder: tempfile::tempdir()?,
            keep: AtomicBool::new(false),
        };
        for node in 0..NODES {
            cluster.start_node(node)?;
        }
        for node in 0..NODES {
            cluster.wait_until_ready(node).await?;
        }
        Ok(cluster)
    }

    pub(crate) fn address(&self, node: Node) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.nodes[node].port).into()
    }

    pub(crate) fn line(&self, node: Node) -> &Proxy {
        &self.nodes[node].line
    }

    /// Where the nodes write their logs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the logs where they are, for people.
    pub(crate) fn keep_logs(&self) {
        self.keep.store(true, Ordering::SeqCst);
    }

    pub(crate) fn start_node(&self, node: Node) -> Result<()> {
        let server = &self.nodes[node];
        let database = self.through(server);
        let mut command = self.command(&database);
        let log = self.folder.path().join(format!("node{node}.log"));
        let log = File::options().append(true).create(true).open(log)?;
        command
            .arg("serve")
            .args(["--listen", &format!("127.0.0.1:{}", server.port)])
            .args(["--public-url", &self.public_url])
            .args(["--cookie-name", "session", "--session-per-user", "10000"])
            // All clients come from one address.
            .args(["--throttle-sign-ups", "1000000"])
            .args(["--throttle-failures", "1000000"])
            .args(self.setup.more);
        if self.setup.direct_feed {
            command.args(["--database-wake-url", &self.database.url()]);
        }
        let child = command.stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.context("lockjar does not start")?;
        std::fs::write(&server.pid, child.id().to_string())?;
        *server.process() = Process::Running(child);
        Ok(())
    }

    /// The database's URL by the line of this node.
    fn through(&self, server: &Server) -> String {
        let direct = format!(":{}/", self.database.port());
        let line = format!(":{}/", server.line.port());
        self.database.url().replace(&direct, &line)
    }

    /// The program with nothing of this process's settings.
    fn command(&self, database: &str) -> Command {
        let mut command = Command::new(&self.setup.program);
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .args(["--database", database]);
        if let Some(redis) = &self.redis {
            command.args(["--sessions", &redis.url()]);
        }
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOCKJAR_")) {
            command.env_remove(name);
        }
        command
    }

    async fn wait_until_ready(&self, node: Node) -> Result<()> {
        let start = Instant::now();
        let mut link = Link::to(self.address(node));
        loop {
            let reply = link.get("/health/ready", "").await;
            if reply.is_some_and(|reply| reply.status == 200) {
                return Ok(());
            }
            let log = self.folder.path().join(format!("node{node}.log"));
            let waiting = start.elapsed() < START_LIMIT && !self.has_ended(node);
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            ensure!(waiting, "node {node} does not get ready: {}", said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn kill_9(&self, node: Node) {
        let mut process = self.nodes[node].process();
        if let Process::Running(child) = &mut *process {
            let _ = child.kill();
            let _ = child.wait();
            let _ = std::fs::remove_file(&self.nodes[node].pid);
            *process = Process::Killed;
        }
    }

    /// Stops the clock of a node, or lets it go on.
    pub(crate) fn signal(&self, node: Node, signal: Signal) {
        if let Process::Running(child) = &*self.nodes[node].process()
            && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether a node has just been found to have ended without having been killed; said once.
    pub(crate) fn has_ended(&self, node: Node) -> bool {
        let mut process = self.nodes[node].process();
        let Process::Running(child) = &mut *process else {
            return false;
        };
        let ended = !matches!(child.try_wait(), Ok(None));
        if ended {
            *process = Process::Ended;
        }
        ended
    }

    /// What an operator does on the command line, straight at the database. Whether it said that it was done.
    pub(crate) fn operate(&self, words: &[&str]) -> bool {
        let mut command = self.command(&self.database.url());
        command
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            return false;
        };
        let start = Instant::now();
        while start.elapsed() < COMMAND_LIMIT {
            match child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(_) => break,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        false
    }
}

impl Server {
    fn new(line: Proxy) -> Result<Self> {
        // The guard removes it.
        let folder = tempfile::tempdir()?.keep();
        Ok(Self {
            port: free_port(),
            line,
            process: Mutex::new(Process::Killed),
            pid: folder.join("pid"),
            _guard: Guard::over(&folder),
        })
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..NODES).for_each(|node| self.kill_9(node));
        self.folder
            .disable_cleanup(self.keep.load(Ordering::SeqCst));
    }
}
