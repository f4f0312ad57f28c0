//! A peer that runs: as many processes as it likes, in a group of their own.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, getpgid, kill_process_group};

use super::account::visit;
use crate::cpu;

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(50);

/// Dropping it stops it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Process {
    /// Starts it and waits until it answers. It stops when this program does, however that comes about.
    pub(super) fn start(command: &Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let file = File::create(log)?;
        let child = leashed(command)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut process = Self { child, address };
        process
            .wait_until_it_answers()
            .with_context(|| fs::read_to_string(log).unwrap_or_default())?;
        Ok(process)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if visit(self.address, None).is_ok() {
                return Ok(());
            }
            ensure!(self.child.try_wait()?.is_none(), "it ended at once");
            thread::sleep(STEP);
        }
        bail!("no answer for {START_LIMIT:?}")
    }

    /// The memory of all its processes, in MiB.
    pub(super) fn memory(&self) -> Result<f64> {
        let group = self.group()?;
        let processes = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|&pid: &i32| {
                Pid::from_raw(pid).is_some_and(|pid| getpgid(Some(pid)) == Ok(group))
            });
        processes
            .map(|pid| cpu::memory_share(u32::try_from(pid)?))
            .sum()
    }

    fn group(&self) -> Result<Pid> {
        let pid = i32::try_from(self.child.id())?;
        Pid::from_raw(pid).context("a process without a number")
    }
}

/// The command, which the kernel asks to stop when this program ends: in a group of its own it would not hear of a Ctrl-C.
fn leashed(command: &Command) -> Command {
    let mut leashed = Command::new("setpriv");
    leashed
        .args(["--pdeathsig", "TERM"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        leashed.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = command.get_current_dir() {
        leashed.current_dir(folder);
    }
    leashed
}

impl Drop for Process {
    fn drop(&mut self) {
        let Ok(group) = self.group() else { return };
        // It may have ended already, and then there is nobody to ask.
        let _ = kill_process_group(group, Signal::TERM);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < STOP_LIMIT {
            thread::sleep(STEP);
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}
