//! What a process has cost so far, from the kernel's own books.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use nix::{
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};

/// CPU time, user and system, of all threads of a process, to the nanosecond. (`/proc/PID/stat` counts in ticks of
/// 10 ms, too coarse for a round of a second or two.)
///
/// # Errors
/// When there is no such process.
pub fn of(pid: u32) -> Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?;
    Ok(clock.now()?.into())
}

/// CPU time of this process.
#[must_use]
pub fn own() -> Duration {
    ClockId::CLOCK_PROCESS_CPUTIME_ID
        .now()
        .map(Duration::from)
        .unwrap_or_default()
}

/// What a process keeps in memory, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now.
    pub resident: f64,
    /// The most it ever kept.
    pub peak: f64,
}

/// The memory of a process.
///
/// # Errors
/// When there is no such process.
pub fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Memory {
        resident: mebibytes(&status, "VmRSS:")?,
        peak: mebibytes(&status, "VmHWM:")?,
    })
}

/// What a process keeps in memory now, in MiB, of which a page that it shares with others counts only by its share (PSS):
/// added up over the processes of a server, no page counts twice.
///
/// # Errors
/// When there is no such process.
pub fn memory_share(pid: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    mebibytes(&rollup, "Pss:")
}

fn mebibytes(status: &str, field: &str) -> Result<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .context("a field missing in /proc/PID/status")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_of_this_process_is_the_same_by_either_name() -> Result<()> {
        let (by_pid, own) = (of(std::process::id())?, own());
        assert!(own >= by_pid && own - by_pid < Duration::from_secs(1));
        Ok(())
    }

    #[test]
    fn resident_memory_is_read_in_mebibytes() -> Result<()> {
        let memory = memory(std::process::id())?;
        assert!(memory.resident > 0.5 && memory.peak >= memory.resident);
        assert!(memory_share(std::process::id())? > 0.1);
        Ok(())
    }
}
