//! A file that cannot be written, or is damaged: the program says so and ends, and touches nothing. Given back as it was, it
//! serves.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use anyhow::Result;

use crate::cut::contents;
use crate::site::{DATABASE, LOG, Site};
use crate::told::Violation;

/// Nobody, on every Linux: root is let in everywhere.
const NOBODY: u32 = 65534;

/// Each is tried on a copy of the file of a site whose server was killed.
pub(crate) fn try_on_copies(site: &Site) -> Result<Vec<Violation>> {
    let mut found = read_only(&site.copied()?)?;
    found.extend(half(&site.copied()?)?);
    found.extend(no_database(&site.copied()?)?);
    Ok(found)
}

fn read_only(copy: &Site) -> Result<Vec<Violation>> {
    let user = rustix::process::geteuid().is_root().then_some(NOBODY);
    for (path, mode) in modes(copy, 0o400, 0o500) {
        if user.is_some() {
            chown(&path, user, user)?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    open_the_way(copy)?;
    let found = refuses("cannot be written", "Permission denied", copy, user)?;
    for (path, mode) in modes(copy, 0o600, 0o700) {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(found.into_iter().chain(serves(copy)).collect())
}

/// The files, and then their folder, each with a mode.
fn modes(copy: &Site, file: u32, folder: u32) -> Vec<(std::path::PathBuf, u32)> {
    let files = [DATABASE, LOG].map(|name| copy.file(name));
    let files = files.into_iter().filter(|path| path.exists());
    let all = files.map(|path| (path, file));
    all.chain([(copy.data(), folder)]).collect()
}

/// Whoever is nobody has to get as far as the file.
fn open_the_way(copy: &Site) -> Result<()> {
    if let Some(folder) = copy.data().parent() {
        fs::set_permissions(folder, Permissions::from_mode(0o711))?;
    }
    Ok(())
}

/// The half of the file, with all of its log in it.
fn half(copy: &Site) -> Result<Vec<Violation>> {
    copy.start()?.stop()?;
    let whole = contents(copy)?;
    let file = OpenOptions::new().write(true).open(copy.file(DATABASE))?;
    file.set_len(whole.len() as u64 / 2)?;
    let found = refuses("is cut in half", "malformed", copy, None)?;
    fs::write(copy.file(DATABASE), whole)?;
    Ok(found.into_iter().chain(serves(copy)).collect())
}

/// What begins like nothing that SQLite knows.
fn no_database(copy: &Site) -> Result<Vec<Violation>> {
    copy.start()?.stop()?;
    let whole = contents(copy)?;
    let letter = [b"to my aunt, ", &whole[12..]].concat();
    fs::write(copy.file(DATABASE), letter)?;
    let found = refuses("is no database", "not a database", copy, None)?;
    fs::write(copy.file(DATABASE), whole)?;
    Ok(found.into_iter().chain(serves(copy)).collect())
}

/// The server ends with the code of a mistake of the operator's, says the word, and leaves the file as it is.
fn refuses(how: &str, word: &str, copy: &Site, user: Option<u32>) -> Result<Option<Violation>> {
    let before = contents(copy)?;
    let (code, said) = match copy.fail_to_start(user) {
        Ok((status, said)) => (status.code(), said),
        Err(error) => (None, error.to_string()),
    };
    let refused = code == Some(2) && said.contains(word) && contents(copy)? == before;
    Ok((!refused).then(|| {
        let what = format!("a file that {how}: {code:?}, {}", said.trim());
        Violation::Damaged(what)
    }))
}

fn serves(copy: &Site) -> Option<Violation> {
    let served = copy.start().and_then(crate::site::Server::kill);
    let what = |error| format!("a file that was given back as it was: {error}");
    served.err().map(|error| Violation::Damaged(what(error)))
}
