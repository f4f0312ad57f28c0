//! The database as a file: where it is, that it is nobody else's, and whether it is still the one that was opened.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::error::{ConfigError, StoreError};
use crate::store::Result;

/// The path in `sqlite://FILE`.
pub(super) fn path_in(url: &str) -> std::result::Result<PathBuf, ConfigError> {
    let refuse = |why| Err(ConfigError::new(format!("the database {url:?} {why}")));
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return refuse("is not of the form sqlite://FILE");
    };
    let name = rest.strip_prefix("//").unwrap_or(rest);
    if name.contains('?') {
        return refuse(
            "has settings behind a '?', which could undo Lockjar's own: leave them out, or write %3F if the file is \
             called that",
        );
    }
    match percent_decode_str(name).decode_utf8() {
        Ok(name) if is_a_file(&name) => Ok(PathBuf::from(&*name)),
        Ok(_) => refuse(
            "is no file, so that every account would be lost at the next stop: write sqlite://FILE",
        ),
        Err(_) => refuse("is no text once its percent signs are decoded"),
    }
}

/// SQLite keeps what has no name, or this one, in memory or in a file that it deletes; and it reads settings out of a
/// name that begins with `file:`.
fn is_a_file(name: &str) -> bool {
    !name.is_empty() && name != ":memory:" && !name.starts_with("file:") && !name.contains('\0')
}

/// The database holds password hashes: nobody but its owner has business with it. SQLite gives its side files the
/// mode of the main one.
pub(super) fn create_private(path: &Path) -> Result<()> {
    let opened = private_options().create(true).truncate(false).open(path);
    opened
        .map(drop)
        .map_err(|error| StoreError::new(format!("opening {}", path.display()), error))
}

/// Makes a file that was not there.
pub(super) fn create_new_private(path: &Path) -> std::io::Result<()> {
    private_options().create_new(true).open(path).map(drop)
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Which file this is: another one under the same name is not the store that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(path: &Path) -> Result<Self> {
        let about = std::fs::metadata(path).map_err(|error| {
            let doing = format!("looking for the database file {}", path.display());
            StoreError::new(doing, error)
        })?;
        Ok(Self {
            device: about.dev(),
            inode: about.ino(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_the_url_says_percent_signs_decoded() {
        for (url, path) in [
            ("sqlite://a.db", "a.db"),
            ("sqlite:a.db", "a.db"),
            ("sqlite:///srv/a.db", "/srv/a.db"),
            ("sqlite://my%20own%3F.db", "my own?.db"),
            ("sqlite://./:memory:", "./:memory:"),
        ] {
            assert_eq!(path_in(url), Ok(PathBuf::from(path)), "{url}");
        }
    }

    #[test]
    fn what_would_lose_the_data_or_undo_our_settings_is_refused_in_one_sentence() {
        for (url, word) in [
            ("sqlite::memory:", "lost"),
            ("sqlite://:memory:", "lost"),
            ("sqlite://%3Amemory:", "lost"),
            ("sqlite://file::memory:", "lost"),
            ("sqlite://", "lost"),
            ("sqlite:", "lost"),
            ("sqlite://a.db%00", "lost"),
            ("sqlite://a.db?mode=memory", "'?'"),
            ("sqlite://a.db?", "'?'"),
            ("sqlite://%ff", "no text"),
            ("postgres://localhost/x", "sqlite://FILE"),
            ("a.db", "sqlite://FILE"),
        ] {
            let sentence = path_in(url).unwrap_err().to_string();
            assert!(sentence.contains(word), "{url}: {sentence}");
        }
    }
}
