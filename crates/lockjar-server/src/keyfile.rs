//! The file with the master key, which encrypts the signing keys in the database: made at the first start, mode 0600.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use lockjar::ConfigError;
use lockjar::jwt::MasterKey;

/// The key in the file; a new one, with its file, where there is none.
pub(crate) fn read_or_make(path: &Path) -> Result<MasterKey, ConfigError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(mut file) => {
            let key = MasterKey::generate();
            let text = key.reveal();
            let written = file
                .write_all(text.as_bytes())
                .and_then(|()| file.sync_all());
            written.map_err(|error| wrong(path, "cannot be written", &error))?;
            tracing::info!(path = %path.display(), "a new master key was made: back it up, apart from the database");
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(wrong(path, "cannot be made", &error)),
    }
}

/// The key in the file.
pub(crate) fn read(path: &Path) -> Result<MasterKey, ConfigError> {
    let text = secret(path)?;
    text.parse()
        .map_err(|error| wrong(path, "holds no key", &error))
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
    use std::os::unix::fs::PermissionsExt;

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
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockjar.key");
        fs::write(&path, "hello").unwrap();
        assert!(
            read_or_make(&path)
                .unwrap_err()
                .to_string()
                .contains("43 characters")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello");
    }
}
