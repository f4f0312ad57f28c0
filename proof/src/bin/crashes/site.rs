//! One `lockjar serve` on a SQLite file in a folder of its own, and what can be done to both from outside.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lockjar_testing::{Guard, free_port};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::door::Door;

/// By then a server that was started is ready, on whatever machine.
const START_LIMIT: Duration = Duration::from_secs(60);
pub(crate) const DATABASE: &str = "lockjar.db";
pub(crate) const LOG: &str = "lockjar.db-wal";
/// What SQLite itself says of a file.
const INTEGRITY: &str = "import sqlite3, sys
file = sqlite3.connect(sys.argv[1])
told = file.execute('PRAGMA integrity_check').fetchall() + file.execute('PRAGMA foreign_key_check').fetchall()
print('; '.join(str(row) for row in told))";

/// What is in the cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Session,
    Jwt,
}

/// The folder, and how the server is run there.
#[derive(Debug)]
pub(crate) struct Site {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) strategy: Strategy,
    /// The same at every start, as it would be: tokens name their issuer.
    port: u16,
    /// Ends the server and removes the folder, even if this process is killed.
    _guard: Guard,
}

/// A server that runs. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pid_file: PathBuf,
    pub(crate) door: Door,
}

impl Site {
    pub(crate) fn new(program: &Path, strategy: Strategy) -> Result<Self> {
        // The guard removes it.
        let folder = tempfile::tempdir()?.keep();
        fs::create_dir(folder.join("data"))?;
        Ok(Self {
            program: program.to_owned(),
            strategy,
            port: free_port(),
            _guard: Guard::over(&folder),
            folder,
        })
    }

    /// Another site on a copy of the file, its log and the key, without what SQLite keeps in memory of them.
    pub(crate) fn copied(&self) -> Result<Self> {
        let copy = Self::new(&self.program, self.strategy)?;
        for name in [DATABASE, LOG, "lockjar.key"] {
            if self.file(name).exists() {
                fs::copy(self.file(name), copy.file(name))?;
            }
        }
        Ok(copy)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The program with nothing of this process's settings; what would exceed a limit on files fails, and does not end it.
    fn command(&self) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(&self.program)
            .current_dir(self.data())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOCKJAR_")) {
            command.env_remove(name);
        }
        command
    }

    fn serve(&self) -> Command {
        let (port, mut command) = (self.port, self.command());
        command
            .arg("serve")
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--public-url", &format!("http://localhost:{port}")])
            // All clients come from one address, and some do nothing but log in.
            .args(["--throttle-sign-ups", "1000000"])
            .args(["--throttle-failures", "1000000"])
            .args(["--session-per-user", "10000"]);
        match self.strategy {
            Strategy::Session => command.args(["--cookie-name", "session"]),
            // What is found out about a token is about its session, not its age.
            Strategy::Jwt => command.args(["--token", "jwt", "--jwt-lifetime", "1d"]),
        };
        command
    }

    /// Starts the server, and waits for nothing.
    pub(crate) fn spawn(&self) -> Result<Server> {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("log"))?;
        let mut command = self.serve();
        let child = command.stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.context("lockjar does not start")?;
        let pid_file = self.folder.join("pid");
        fs::write(&pid_file, child.id().to_string())?;
        let door = Door::to(self.port);
        Ok(Server {
            child,
            pid_file,
            door,
        })
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&self) -> Result<Server> {
        let (start, mut server) = (Instant::now(), self.spawn()?);
        loop {
            let answer = server.door.get("/health/ready", "");
            if answer.is_some_and(|answer| answer.status == 200) {
                return Ok(server);
            }
            let waiting = start.elapsed() < START_LIMIT && server.child.try_wait()?.is_none();
            ensure!(waiting, "the server does not start: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it as somebody whom the kernel minds, which root is not, and waits until it has given up.
    pub(crate) fn fail_to_start(&self, user: Option<u32>) -> Result<(ExitStatus, String)> {
        let mut command = self.serve();
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let output = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = output.spawn().context("lockjar cannot be run")?;
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            if start.elapsed() > START_LIMIT {
                child.kill()?;
                child.wait()?;
                bail!("it runs");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status, said))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// Leaves a copy of the file and of what the servers said, for people.
    pub(crate) fn keep(&self) -> Result<PathBuf> {
        let kept = tempfile::tempdir()?.keep();
        for entry in fs::read_dir(self.data())?.chain(fs::read_dir(&self.folder)?) {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), kept.join(entry.file_name()))?;
            }
        }
        Ok(kept)
    }

    /// What an operator is told by a command.
    pub(crate) fn operate(&self, words: &[&str]) -> Result<String> {
        let output = self.command().args(words).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "lockjar {words:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The names of all accounts.
    pub(crate) fn names(&self) -> Result<HashSet<String>> {
        let listed = self.operate(&["user", "list"])?;
        let names = listed.lines().filter_map(|line| line.split('\t').next());
        Ok(names.map(str::to_owned).collect())
    }

    /// What SQLite says of a copy of the file and its log as they lie there; a server still finds them as they were.
    pub(crate) fn integrity(&self) -> Result<()> {
        let copy = tempfile::tempdir()?;
        for name in [DATABASE, LOG] {
            if self.file(name).exists() {
                fs::copy(self.file(name), copy.path().join(name))?;
            }
        }
        let mut python = Command::new("python3");
        let output = python
            .args(["-c", INTEGRITY])
            .arg(copy.path().join(DATABASE))
            .output()
            .context("python3 is needed to ask SQLite")?;
        let told = String::from_utf8_lossy(&output.stdout);
        let failed = String::from_utf8_lossy(&output.stderr);
        ensure!(told.trim() == "('ok',)", "integrity_check: {told}{failed}");
        Ok(())
    }
}

impl Server {
    /// `kill -9`
    pub(crate) fn kill(mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "the server had ended by itself: {ended:?}");
        self.end();
        Ok(())
    }

    /// As a service manager stops it: the log is written into the file, and removed.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(self.pid()?, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }

    /// From now on no file of the server grows beyond so many bytes, as on a disk that is full; none: there is room again.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(self.pid()?), Resource::Fsize, limit).context("prlimit")?;
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        let pid = i32::try_from(self.child.id())?;
        Pid::from_raw(pid).context("no process has the id 0")
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.pid_file);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
