//! The file with the master key, which encrypts the signing keys in the database: made at the first start, mode 0600.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lockjar::ConfigError;
use lockjar::jwt::MasterKey;
use tempfile::NamedTempFile;

/// The key in the file; a new one, with its file, where there is none. A file is never removed again: by then another
/// process may have sealed keys by it.
pub(crate) fn read_or_make(path: &Path) -> Result<MasterKey, ConfigError> {
    let made = match path.exists() {
        true => None,
        false => make(path).map_err(|error| wrong(path, "cannot be made", &error))?,
    };
    let Some(key) = made else { return read(path) };
    tracing::info!(path = %path.display(), "a new master key was made: back it up, apart from the database");
    Ok(key)
}

/// Makes the file whole or not at all, and never in the place of another's: none where somebody was faster.
fn make(path: &Path) -> io::Result<Option<MasterKey>> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let key = MasterKey::generate();
    // For its owner alone, as tempfile makes every file.
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(key.reveal().as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        // The rows that the key seals will be on disk; its name has to be there as surely.
        Ok(_) => File::open(folder)?.sync_all().map(|()| Some(key)),
        Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(failed) => Err(failed.error),
    }
}

/// The key in the file.
pub(crate) fn read(path: &Path) -> Result<MasterKey, ConfigError> {
    let text = secret(path)?;
    text.parse()
        .map_err(|error| wrong(path, "holds no key", &error))
}

/// Warns of a file that holds a secret and that others on this machine may read. Where files are mounted for a container
/// their modes are not its own to change, so it is no reason not to start.
pub(crate) fn warn_if_exposed(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format_args!("{mode:o}"),
            "others on this machine may read or write a secret: run chmod 600 on it");
    }
}

/// A file's text without the space around it, as an editor leaves it.
pub(crate) fn secret(path: &Path) -> Result<String, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| wrong(path, "cannot be read", &error))?;
    Ok(text.trim().to_owned())
}

fn wrong(path: &Path, what: &str, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::new(format!(
        "the secret file {} {what}: {error}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockjar.key");
        let key = read_or_make(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(*read_or_make(&path).unwrap().reveal(), *key.reveal());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn whoever_starts_at_the_same_time_gets_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockjar.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let start = || read_or_make(&path).unwrap().reveal().to_string();
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockjar.key");
        fs::write(&path, "hello").unwrap();
        assert!(
            read_or_make(&path)
                .err()
                .unwrap()
                .to_string()
                .contains("43 characters")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello");
    }
}
