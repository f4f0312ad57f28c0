//! A server that runs, and all that can happen to it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::folder::Folder;
use crate::guard::Guard;

/// Even crash recovery on a machine that is busy with other things has to be over by then.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How often one looks whether something has come about.
const GLANCE: Duration = Duration::from_millis(20);

/// A server in a folder of its own. The fields are dropped in their order: the guard before the folder.
#[derive(Debug)]
pub(crate) struct Daemon {
    program: PathBuf,
    arguments: Vec<String>,
    is_ready: Probe,
    child: Mutex<Option<Child>>,
    _guard: Guard,
    folder: Folder,
}

/// How a server says that it serves.
#[derive(Debug)]
pub(crate) enum Probe {
    /// This command succeeds.
    Command(PathBuf, Vec<String>),
    /// What one says on a connection to this port, and how the answer begins.
    Talk(u16, &'static [u8], &'static [u8]),
}

impl Daemon {
    pub(crate) fn start(
        folder: Folder,
        program: PathBuf,
        arguments: Vec<String>,
        is_ready: Probe,
    ) -> Self {
        let daemon = Self {
            program,
            arguments,
            is_ready,
            child: Mutex::new(None),
            _guard: Guard::over(folder.path()),
            folder,
        };
        daemon.restart();
        daemon
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        let child = self.child();
        let Some(child) = child.as_ref() else {
            panic!("{} does not run", self.name());
        };
        child.id()
    }

    /// Starts it where it does not run, and waits until it serves. One that ends at once is started again: what it had
    /// before it was killed, shared memory or a port, may not have been released yet.
    pub(crate) fn restart(&self) {
        let start = Instant::now();
        let mut child = self.child();
        loop {
            let running = child.as_mut().is_some_and(is_running);
            if running && self.is_ready.holds() {
                return;
            }
            assert!(
                start.elapsed() < START_LIMIT,
                "{} does not start: {}",
                self.name(),
                self.log()
            );
            if !running {
                *child = Some(self.spawn());
            }
            sleep(GLANCE);
        }
    }

    fn spawn(&self) -> Child {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"));
        let log = log.unwrap_or_else(|error| panic!("no log: {error}"));
        let spawned = log.try_clone().and_then(|out| {
            let mut command = self.folder.command(&self.program);
            command
                .args(&self.arguments)
                .stdout(out)
                .stderr(log)
                .spawn()
        });
        let child =
            spawned.unwrap_or_else(|error| panic!("{} does not start: {error}", self.name()));
        fs::write(self.pid_file(), child.id().to_string())
            .unwrap_or_else(|error| panic!("the guard is not told: {error}"));
        child
    }

    /// Ends it and its children as a power cut would. It is stopped first, so that it has no new child meanwhile.
    pub(crate) fn kill_9(&self) {
        let mut slot = self.child();
        let Some(mut child) = slot.take() else { return };
        signal(child.id(), Signal::STOP);
        let children = children(child.id());
        for pid in children.iter().copied().chain([child.id()]) {
            signal(pid, Signal::KILL);
        }
        let _ = child.wait();
        let _ = fs::remove_file(self.pid_file());
        wait_until("the killed are gone", || {
            children.iter().all(|&pid| is_gone(pid))
        });
    }

    /// Stops the clock of it and its children: connections stay open, and nobody answers.
    pub(crate) fn freeze(&self) {
        let pid = self.pid();
        signal(pid, Signal::STOP);
        children(pid)
            .into_iter()
            .for_each(|pid| signal(pid, Signal::STOP));
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        let pid = self.pid();
        children(pid)
            .into_iter()
            .for_each(|pid| signal(pid, Signal::CONT));
        signal(pid, Signal::CONT);
    }

    /// Asks it to end without ceremony, and waits until it has.
    pub(crate) fn stop(&self) {
        let Some(mut child) = self.child().take() else {
            return;
        };
        let children = children(child.id());
        for pid in children.into_iter().chain([child.id()]) {
            signal(pid, Signal::CONT);
        }
        signal(child.id(), Signal::QUIT);
        let start = Instant::now();
        while is_running(&mut child) && start.elapsed() < STOP_LIMIT {
            sleep(GLANCE);
        }
        let _ = child.kill();
        let _ = child.wait();
        let _ = fs::remove_file(self.pid_file());
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn name(&self) -> &str {
        let name = self.program.file_name().and_then(|name| name.to_str());
        name.unwrap_or("the server")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Probe {
    fn holds(&self) -> bool {
        match self {
            Self::Command(program, arguments) => Command::new(program)
                .args(arguments)
                .output()
                .is_ok_and(|output| output.status.success()),
            Self::Talk(port, say, hear) => talk(*port, say, hear).is_ok_and(|heard| heard),
        }
    }
}

fn talk(port: u16, say: &[u8], hear: &[u8]) -> std::io::Result<bool> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(say)?;
    let mut heard = vec![0; hear.len()];
    stream.read_exact(&mut heard)?;
    Ok(heard == hear)
}

/// A program of that name on the path, or where Debian keeps those that only root is meant to start.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: install Debian's package of it"))
}

fn is_running(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Whether the process has ended; nobody may have asked yet how.
fn is_gone(pid: u32) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    status.map_or(true, |line| {
        line.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
    })
}

/// Whoever is gone needs no signal.
fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < STOP_LIMIT,
            "it never came about that {what}"
        );
        sleep(GLANCE);
    }
}
