//! What a part needs beside Rust, installed by name where it is missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Outcome, run};

/// Makes sure that a program can be started; on Debian, as root, by installing its package.
pub(crate) fn program(name: &str, package: &str) -> Outcome {
    if on_path(name) {
        return Ok(());
    }
    apt_get(package)?;
    if on_path(name) {
        Ok(())
    } else {
        Err(format!(
            "{name} is missing; install it (Debian's package is {package})"
        ))
    }
}

/// The servers that tests start for themselves. The cluster that Debian's package starts is not used.
pub(crate) fn servers() -> Outcome {
    program("pg_ctlcluster", "postgresql")?;
    program("redis-server", "redis-server")?;
    program("pgbouncer", "pgbouncer")
}

/// A Python with the pinned requirements, in an environment of its own below `target`, named by the list's folder.
pub(crate) fn python(requirements: &str) -> Result<PathBuf, String> {
    let folder = Path::new(requirements).parent().and_then(Path::file_name);
    let home = &Path::new("target/venv").join(folder.unwrap_or_default());
    let python = home.join("bin/python");
    once(Path::new(requirements), &home.join("installed"), || {
        program("python3", "python3")?;
        let create = || {
            run(Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(home))
        };
        // Debian's python3 comes without the part of venv that makes an environment.
        create().or_else(|_| apt_get("python3-venv").and_then(|()| create()))?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ];
        run(Command::new(&python).args(install).arg(requirements))
    })?;
    Ok(python)
}

/// The packages that `package-lock.json` pins, in `node_modules`.
pub(crate) fn node_modules(folder: &str) -> Outcome {
    let folder = Path::new(folder);
    program("node", "nodejs")?;
    program("npm", "npm")?;
    once(
        &folder.join("package-lock.json"),
        &folder.join("node_modules/.installed"),
        || {
            let mut install = Command::new("npm");
            install
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(folder);
            run(install.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))
        },
    )
}

/// Installs unless `stamp` says that this very list was installed before.
fn once(list: &Path, stamp: &Path, install: impl FnOnce() -> Outcome) -> Outcome {
    let wanted = fs::read(list).map_err(|error| format!("{}: {error}", list.display()))?;
    if fs::read(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

fn apt_get(package: &str) -> Outcome {
    if !on_path("apt-get") {
        return Err(format!(
            "{package} is missing, and there is no apt-get to install it"
        ));
    }
    let apt_get = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
            .args(words);
        run(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = || apt_get(&["install", "--yes", "--no-install-recommends", package]);
    install()
        .or_else(|_| apt_get(&["update"]).and_then(|()| install()))
        .map_err(|_| format!("{package} is missing; as root: apt-get install {package}"))
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
