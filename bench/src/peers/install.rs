//! What the peers need, from their registries, at the versions that their lists pin.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Installs every peer that is not yet there. `home` is `bench/peers`, `installed` a folder for what is not committed.
///
/// # Errors
/// When a tool is missing or a registry out of reach.
pub fn install(home: &Path, installed: &Path) -> Result<()> {
    fs::create_dir_all(installed)?;
    axum_login(home, installed)?;
    for peer in ["seed", "fastapi-users", "django"] {
        virtual_environment(&home.join(peer).join("requirements.txt"), installed, peer)?;
    }
    node_modules(&home.join("better-auth"))
}

fn axum_login(home: &Path, installed: &Path) -> Result<()> {
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    build
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
        ])
        .arg(home.join("axum-login/Cargo.toml"))
        .arg("--target-dir")
        .arg(installed.join("cargo"));
    run(&mut build)
}

fn virtual_environment(list: &Path, installed: &Path, name: &str) -> Result<()> {
    let folder = installed.join("venv").join(name);
    once(list, &folder.join("installed"), || {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
        run(Command::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(list))
    })
}

/// The driver of SQLite is compiled: what its installation would download otherwise is on no registry.
fn node_modules(folder: &Path) -> Result<()> {
    let stamp = folder.join("node_modules/.installed");
    once(&folder.join("package-lock.json"), &stamp, || {
        let mut install = Command::new("npm");
        install
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .env("npm_config_build_from_source", "true")
            .current_dir(folder);
        if let Some(headers) = node_headers() {
            install.env("npm_config_nodedir", headers);
        }
        run(&mut install)
    })
}

/// Where Node's headers are, if they came with it (Debian: `libnode-dev`); otherwise node-gyp fetches them.
fn node_headers() -> Option<PathBuf> {
    let output = Command::new("node")
        .args(["-p", "process.execPath"])
        .output();
    let program = String::from_utf8(output.ok()?.stdout).ok()?;
    let prefix = Path::new(program.trim()).parent()?.parent()?;
    prefix
        .join("include/node/node.h")
        .exists()
        .then(|| prefix.to_owned())
}

/// Installs unless `stamp` says that this very list was installed before.
fn once(list: &Path, stamp: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(list).with_context(|| list.display().to_string())?;
    if fs::read(stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(stamp, wanted)?)
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let status = command
        .status()
        .with_context(|| format!("{} does not start", program.display()))?;
    ensure!(status.success(), "{}: {status}", program.display());
    Ok(())
}
