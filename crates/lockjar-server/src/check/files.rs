//! Findings in the files: L02x, who may read or write what only the server should.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use lockjar::Strategy;

use super::Finding;
use crate::config::Config;

const OTHERS_READ: u32 = 0o044;
const OTHERS_WRITE: u32 = 0o022;

/// A file, what others may not do with it, and why.
struct Watched {
    path: PathBuf,
    bits: u32,
    number: &'static str,
    why: &'static str,
    remedy: &'static str,
}

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let watched = data(config).chain(secrets(config));
    watched
        .chain(settings(config))
        .filter_map(|file| exposed(&file))
        .collect()
}

fn data(config: &Config) -> impl Iterator<Item = Watched> {
    let files = config
        .database
        .file()
        .map(|file| ["", "-wal", "-shm"].map(|suffix| (file.as_os_str().to_owned(), suffix)));
    files.into_iter().flatten().map(|(mut path, suffix)| {
        path.push(suffix);
        Watched {
            path: path.into(),
            bits: OTHERS_READ | OTHERS_WRITE,
            number: "L020",
            why: "holds password hashes",
            remedy: "Run chmod 600 on it",
        }
    })
}

fn secrets(config: &Config) -> Vec<Watched> {
    let with_jwts = config.strategy() == Strategy::Jwt;
    let files = [
        (
            config.tls.as_ref().map(|(_, key)| key.as_path()),
            "L021",
            "is the TLS private key",
            "Run chmod 600 on it, and replace the key if others were there",
        ),
        (
            with_jwts.then(|| config.key_file()),
            "L023",
            "decrypts the keys that sign tokens",
            "Run chmod 600 on it; if others were there, stop the server, put the file away, run lockjar keys revoke --all, \
             and start again",
        ),
        (
            config.introspection_secret_file().filter(|_| with_jwts),
            "L024",
            "lets whoever knows it ask about tokens",
            "Run chmod 600 on it, and replace the secret if others were there",
        ),
    ];
    let watched = files.into_iter().filter_map(|(path, number, why, remedy)| {
        Some(Watched {
            path: path?.to_owned(),
            bits: OTHERS_READ | OTHERS_WRITE,
            number,
            why,
            remedy,
        })
    });
    watched.collect()
}

fn settings(config: &Config) -> Option<Watched> {
    config.file.as_ref().map(|path| Watched {
        path: path.clone(),
        bits: OTHERS_WRITE,
        number: "L022",
        why: "decides how people log in",
        remedy: "Run chmod go-w on it",
    })
}

/// A finding, if others than the owner may do what they should not.
fn exposed(file: &Watched) -> Option<Finding> {
    let mode = std::fs::metadata(&file.path).ok()?.permissions().mode() & 0o777;
    let verb = if mode & OTHERS_WRITE & file.bits == 0 {
        "read"
    } else {
        "write"
    };
    let what = format!(
        "{} {}, and others on this machine may {verb} it (mode {mode:o})",
        file.path.display(),
        file.why
    );
    (mode & file.bits != 0).then(|| Finding::serious(file.number, what, file.remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[test]
    fn files_that_others_may_read_or_write_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path.display().to_string()
        };
        let numbers = |database: u32, side: u32, key: u32| {
            let (database, key) = (file("a.db", database), file("key.pem", key));
            file("a.db-wal", side);
            let flags = [
                "--database",
                &format!("sqlite://{database}"),
                "--tls-key",
                &key,
                "--tls-cert",
                &key,
            ];
            let found = findings(&load(&flags, "").unwrap());
            found
                .iter()
                .map(|finding| finding.number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(0o600, 0o600, 0o600), [""; 0]);
        assert_eq!(numbers(0o640, 0o600, 0o600), ["L020"]);
        assert_eq!(numbers(0o600, 0o604, 0o600), ["L020"]);
        assert_eq!(numbers(0o600, 0o600, 0o644), ["L021"]);
    }

    #[test]
    fn a_secret_that_others_can_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            path.display().to_string()
        };
        let flags = [
            "--token",
            "jwt",
            "--jwt-key-file",
            &file("lockjar.key"),
            "--jwt-introspection-secret-file",
            &file("secret"),
        ];
        let found = findings(&load(&flags, "").unwrap());
        let numbers: Vec<_> = found.iter().map(|finding| finding.number).collect();
        assert_eq!(numbers, ["L023", "L024"]);
    }

    #[test]
    fn a_configuration_file_that_others_may_write_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockjar.toml");
        std::fs::write(&path, "").unwrap();
        let found = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let mut config = load(&[], "").unwrap();
            config.file = Some(path.clone());
            findings(&config)
                .iter()
                .any(|finding| finding.number == "L022")
        };
        assert!(found(0o666) && found(0o620) && !found(0o644));
    }
}
