//! A backup knows sessions that were ended after it was made: none of them comes back.

use lockjar_testing::Postgres;

use super::support::{PASSWORD, Place, eventually};

const COOKIE: [&str; 2] = ["--cookie-name", "session"];

fn refused(place: &Place, arguments: &[&str], word: &str) {
    let output = place.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && said.contains(word),
        "{said}"
    );
}

#[test]
fn a_restored_file_knows_every_account_and_no_session() {
    let place = Place::new();
    let server = place.serve(&COOKIE);
    let (ended, kept) = (
        server.register("alice"),
        server.log_in("alice").cookie.unwrap(),
    );
    assert!(place.run(&["backup", "b.db"]).status.success());
    assert_eq!(server.post("/logout", &ended, &[]).status, 200);
    refused(
        &place,
        &["restore", "b.db"],
        "there is a file lockjar.db already",
    );
    drop(server);
    for name in ["lockjar.db", "lockjar.db-wal", "lockjar.db-shm"] {
        let _ = std::fs::remove_file(place.path().join(name));
    }
    std::fs::write(place.path().join("letter"), "to my aunt").unwrap();
    refused(&place, &["restore", "letter"], "reading the backup letter");
    refused(&place, &["restore", "none"], "reading the backup none");
    assert!(!place.path().join("lockjar.db").exists());
    let restored = place.run(&["restore", "b.db"]);
    let said = String::from_utf8_lossy(&restored.stdout);
    assert!(said.contains("with 1 accounts; 2 sessions"), "{restored:?}");
    let server = place.serve(&COOKIE);
    assert!(!server.is_in(&ended) && !server.is_in(&kept));
    let entered = server.log_in("alice").cookie.unwrap();
    assert!(server.is_in(&entered));
    let left = std::fs::read_dir(place.path()).unwrap();
    let left = left.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("restoring")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_server_that_runs_hears_that_its_file_was_restored() {
    let place = Place::new();
    let server = place.serve(&COOKIE);
    let cookie = server.register("alice");
    assert!(server.is_in(&cookie));
    assert!(place.run(&["restore"]).status.success());
    eventually("it is forgotten", || !server.is_in(&cookie));
    assert_eq!(server.log_in("alice").status, 200);
}

#[test]
fn a_backup_of_a_database_that_was_moved_is_not_put_back() {
    let (place, postgres) = (Place::new(), Postgres::start());
    drop(place.serve(&COOKIE).register("alice"));
    let copied = place.run(&["copy", "sqlite://lockjar.db", &postgres.url()]);
    assert!(copied.status.success(), "{copied:?}");
    std::fs::rename(place.path().join("lockjar.db"), place.path().join("b.db")).unwrap();
    refused(&place, &["restore", "b.db"], "was moved to postgres://");
    assert!(!place.path().join("lockjar.db").exists());
}

/// As `pg_restore` does, the rows of a backup are put back, while nodes run.
#[test]
fn a_restored_postgres_brings_no_session_back_and_running_nodes_notice() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url();
    let settings = [&["--database", &url], &COOKIE[..]].concat();
    let server = place.serve(&settings);
    let (ended, kept) = (
        server.register("alice"),
        server.log_in("alice").cookie.unwrap(),
    );
    postgres.query(
        "lockjar",
        "CREATE TABLE backup AS SELECT * FROM lockjar.sessions",
    );
    assert_eq!(server.post("/logout", &ended, &[]).status, 200);
    let back = "INSERT INTO lockjar.sessions SELECT * FROM backup ON CONFLICT DO NOTHING";
    postgres.query("lockjar", back);
    refused(
        &place,
        &["--database", &url, "restore", "b.db"],
        "pg_restore",
    );
    assert!(server.is_in(&kept));
    let restored = place.run(&["--database", &url, "restore"]);
    assert!(restored.status.success(), "{restored:?}");
    eventually("it is forgotten", || !server.is_in(&kept));
    assert!(!server.is_in(&ended));
    // Sessions that are kept elsewhere are of epochs that came after the backup, one at a time.
    let epoch = postgres.query("lockjar", "SELECT min(epoch) FROM lockjar.users");
    assert!(epoch.parse::<i64>().unwrap() > 1_000_000_000);
    let entered = server.log_in("alice").cookie.unwrap();
    assert!(server.is_in(&entered));
    eventually("the feed has no gap any longer", || {
        server.is_in(&entered) && server.get("/health/ready", "").status == 200
    });
}

#[test]
fn tokens_that_were_signed_before_a_restore_are_refused() {
    let place = Place::new();
    let jwt = ["--token", "jwt"];
    let form = [("username", "alice"), ("password", PASSWORD)];
    let server = place.serve(&jwt);
    let cookies = server.post("/register", "", &form).cookies;
    let keys = |place: &Place| {
        let listed = place.run(&["keys", "list", "--token", "jwt"]);
        String::from_utf8(listed.stdout).unwrap()
    };
    assert!(keys(&place).contains("signs"));
    drop(server);
    assert!(place.run(&["restore"]).status.success());
    let server = place.serve(&jwt);
    assert!(keys(&place).contains("revoked"), "{}", keys(&place));
    assert!(!server.is_in(&cookies[0]));
    assert_eq!(server.post("/refresh", &cookies[1], &[]).status, 401);
    let entered = server.post("/login", "", &form).cookies;
    assert!(server.is_in(&entered[0]));
}
