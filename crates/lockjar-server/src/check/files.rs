//! Findings in the files: L02x, who may read or write what only the server should.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lockjar::Strategy;

use super::Finding;
use crate::config::Config;

const OTHERS_READ: u32 = 0o044;
const OTHERS_WRITE: u32 = 0o022;

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let database = &config.database_file;
    let sides = ["-wal", "-shm"].map(|suffix| {
        let mut side = database.clone().into_os_string();
        side.push(suffix);
        PathBuf::from(side)
    });
    let data = std::iter::once(database).chain(&sides).filter_map(|path| {
        exposed(
            path,
            OTHERS_READ | OTHERS_WRITE,
            "L020",
            "holds password hashes",
            "Run chmod 600 on it",
        )
    });
    let key = config.tls.iter().filter_map(|(_, key)| {
        exposed(
            key,
            OTHERS_READ | OTHERS_WRITE,
            "L021",
            "is the TLS private key",
            "Run chmod 600 on it, and replace the key if others were there",
        )
    });
    let master = (config.strategy() == Strategy::Jwt).then(|| config.key_file());
    let master = master.iter().filter_map(|key| {
        exposed(
            key,
            OTHERS_READ | OTHERS_WRITE,
            "L023",
            "decrypts the keys that sign tokens",
            "Run chmod 600 on it; if others were there, stop the server, put the file away, run lockjar keys revoke --all, and start again",
        )
    });
    let introspection =
        (config.strategy() == Strategy::Jwt).then(|| config.introspection_secret_file());
    let introspection = introspection.flatten().into_iter().filter_map(|file| {
        exposed(
            file,
            OTHERS_READ | OTHERS_WRITE,
            "L024",
            "lets whoever knows it ask about tokens",
            "Run chmod 600 on it, and replace the secret if others were there",
        )
    });
    let settings = config.file.iter().filter_map(|path| {
        exposed(
            path,
            OTHERS_WRITE,
            "L022",
            "decides how people log in",
            "Run chmod go-w on it",
        )
    });
    data.chain(key)
        .chain(master)
        .chain(introspection)
        .chain(settings)
        .collect()
}

/// A finding, if others than the owner may do what they should not.
fn exposed(
    path: &Path,
    bits: u32,
    number: &'static str,
    why: &str,
    remedy: &'static str,
) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let verb = if mode & OTHERS_WRITE & bits == 0 {
        "read"
    } else {
        "write"
    };
    let what = format!(
        "{} {why}, and others on this machine may {verb} it (mode {mode:o})",
        path.display()
    );
    (mode & bits != 0).then(|| Finding::serious(number, what, remedy))
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
            exposed(&path, OTHERS_WRITE, "L022", "", "").is_some()
        };
        assert!(found(0o666) && found(0o620) && !found(0o644));
    }
}
