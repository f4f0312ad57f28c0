//! What people type.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::support::{PASSWORD, Place, eventually};

#[test]
fn the_first_line_is_the_url_and_it_answers() {
    let place = Place::new();
    let server = place.serve(&[]);
    assert_eq!(server.url, format!("http://localhost:{}", server.port()));
    assert_eq!(server.get("/health/ready", "").status, 200);
    assert!(server.get("/", "").body.contains("<h1"));
}

#[test]
fn sign_up_protected_and_log_out_through_the_real_binary() {
    let place = Place::new();
    let server = place.serve(&[]);
    let cookie = server.register("alice");
    assert!(
        cookie.starts_with(&format!("lockjar_{}=", server.port())),
        "{cookie}"
    );
    assert!(server.is_in(&cookie));
    assert_eq!(server.post("/logout", &cookie, &[]).status, 200);
    assert!(!server.is_in(&cookie));
    let mode = std::fs::metadata(place.path().join("lockjar.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "the database is its owner's alone");
}

#[test]
fn sessions_survive_a_restart() {
    let place = Place::new();
    let mut server = place.serve(&["--cookie-name", "session"]);
    let cookie = server.register("alice");
    server.signal("-TERM");
    assert!(server.wait().success(), "SIGTERM ends in exit code 0");
    assert!(place.serve(&["--cookie-name", "session"]).is_in(&cookie));
}

#[test]
fn what_the_command_line_ends_is_ended_in_the_running_server() {
    let place = Place::new();
    let server = place.serve(&[]);
    let end = |arguments: &[&str], cookie: &str| {
        assert!(server.is_in(cookie));
        let output = place.run(arguments);
        assert!(output.status.success(), "{output:?}");
        let acknowledged = Instant::now();
        eventually("the session has ended", || {
            let asked = acknowledged.elapsed();
            let inside = server.is_in(cookie);
            assert!(!inside || asked < STALENESS, "still in after {asked:?}");
            !inside
        });
    };
    let cookie = server.register("alice");
    let id = cookie.split(['=', '.']).nth(1).unwrap();
    end(&["session", "revoke", id], &cookie);
    let cookie = server.log_in("alice").cookie.unwrap();
    end(&["session", "revoke-all", "ALICE"], &cookie);
    let cookie = server.log_in("alice").cookie.unwrap();
    end(&["user", "disable", "alice"], &cookie);
    assert_eq!(server.log_in("alice").status, 401);
    assert!(place.run(&["user", "enable", "alice"]).status.success());
    let cookie = server.log_in("alice").cookie.unwrap();
    end(&["user", "delete", "alice"], &cookie);
    assert_eq!(server.log_in("alice").status, 401);
}

/// How long after a revocation elsewhere a session may still be accepted.
const STALENESS: Duration = Duration::from_secs(1);

fn with_password(place: &Place, arguments: &[&str], password: &str) -> std::process::Output {
    let mut command = place.command();
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn an_operator_makes_lists_and_renews_accounts() {
    let place = Place::new();
    let added = with_password(
        &place,
        &[
            "user",
            "add",
            "alice",
            "--email",
            "a@b.example",
            "--password-stdin",
        ],
        PASSWORD,
    );
    assert!(added.status.success(), "{added:?}");
    let again = with_password(
        &place,
        &["user", "add", "ALICE", "--password-stdin"],
        PASSWORD,
    );
    assert_eq!(again.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("taken"),
        "{again:?}"
    );
    let weak = with_password(&place, &["user", "add", "bob", "--password-stdin"], "short");
    assert!(
        String::from_utf8_lossy(&weak.stderr).contains("too short"),
        "{weak:?}"
    );
    let list = String::from_utf8(place.run(&["user", "list"]).stdout).unwrap();
    assert!(
        list.starts_with("alice\t") && list.lines().count() == 1,
        "{list}"
    );
    let show = String::from_utf8(place.run(&["user", "show", "alice"]).stdout).unwrap();
    assert!(show.contains("a@b.example"), "{show}");
    let server = place.serve(&[]);
    let cookie = server.log_in("alice").cookie.unwrap();
    assert!(server.is_in(&cookie));
    let list = String::from_utf8(place.run(&["session", "list", "alice"]).stdout).unwrap();
    assert!(
        list.starts_with(cookie.split(['=', '.']).nth(1).unwrap()),
        "{list}"
    );
    let renewed = with_password(
        &place,
        &["user", "password", "alice", "--password-stdin"],
        "another fine long one",
    );
    assert!(renewed.status.success(), "{renewed:?}");
    eventually("the old session has ended", || !server.is_in(&cookie));
    assert_eq!(server.log_in("alice").status, 401);
}

#[test]
fn a_backup_made_while_serving_is_a_whole_database() {
    let place = Place::new();
    let server = place.serve(&["--cookie-name", "session"]);
    let cookie = server.register("alice");
    let output = std::thread::scope(|scope| {
        scope.spawn(|| (0..5).for_each(|number| drop(server.register(&format!("user{number}")))));
        place.run(&["backup", "copy.db"])
    });
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        place.run(&["backup", "copy.db"]).status.code(),
        Some(2),
        "a file is never written over"
    );
    let copy = place.path().join("copy.db");
    assert_eq!(
        std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let restored = Place::new();
    std::fs::copy(copy, restored.path().join("lockjar.db")).unwrap();
    let restored = restored.serve(&["--cookie-name", "session"]);
    assert!(restored.is_in(&cookie) && restored.log_in("alice").status == 200);
}

#[test]
fn settings_come_from_flag_environment_and_file_in_that_order() {
    let place = Place::new();
    std::fs::write(
        place.path().join("lockjar.toml"),
        "service = \"Filed\"\n[cookie]\nname = \"file\"\n",
    )
    .unwrap();
    let named = |command: std::process::Command, flags: &[&str]| {
        let server = place.start(command, flags);
        let title = server.get("/login", "").body;
        assert!(title.contains("Filed"), "the file is read");
        let name = format!("u{}", server.port());
        server.register(&name).split('=').next().unwrap().to_owned()
    };
    assert_eq!(named(place.command(), &[]), "file");
    let with_variable = || {
        let mut command = place.command();
        command.env("LOCKJAR_COOKIE_NAME", "variable");
        command
    };
    assert_eq!(named(with_variable(), &[]), "variable");
    assert_eq!(named(with_variable(), &["--cookie-name", "flag"]), "flag");
}

/// A database with a migration that this binary does not know.
fn newer_schema(place: &Place) {
    drop(place.start(place.command(), &["--database", "sqlite://newer.db"]));
    let script = "import sqlite3\nc=sqlite3.connect('newer.db')\n\
                  c.execute(\"INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, success, checksum, execution_time \
                  FROM _sqlx_migrations LIMIT 1\")\nc.commit()";
    let mut python = std::process::Command::new("python3");
    let written = python.args(["-c", script]).current_dir(place.path());
    assert!(written.status().unwrap().success());
}

#[test]
fn a_mistake_is_told_in_one_sentence() {
    let place = Place::new();
    let server = place.serve(&[]);
    let taken = format!("127.0.0.1:{}", server.port());
    std::fs::write(place.path().join("broken.toml"), "nonsense = 1\n").unwrap();
    std::fs::write(
        place.path().join("letter.db"),
        "this is no database but a letter, and a long one",
    )
    .unwrap();
    newer_schema(&place);
    for (arguments, word) in [
        (&["--listen", &taken][..], "--listen"),
        (
            &[
                "--listen",
                "127.0.0.1:0",
                "--public-url",
                "http://example.com",
            ],
            "plain http",
        ),
        (
            &["--listen", "127.0.0.1:0", "--public-url", "nonsense"],
            "not a URL",
        ),
        (&["--tls-cert", "a"], "go together"),
        (&["--tls-cert", "a", "--tls-key", "b"], "cannot be read"),
        (&["--config", "missing.toml"], "cannot be read"),
        (&["--config", "broken.toml"], "nonsense"),
        (
            &[
                "--listen",
                "127.0.0.1:0",
                "--database",
                "sqlite://letter.db",
            ],
            "database",
        ),
        (
            &["--listen", "127.0.0.1:0", "--cookie-same-site", "none"],
            "SameSite=None",
        ),
        (&["--database", "mysql://localhost/a"], "sqlite://FILE"),
        (
            &["--listen", "127.0.0.1:0", "--database", "sqlite://newer.db"],
            "newer Lockjar",
        ),
        (
            &["user", "list", "--database", "sqlite://newer.db"],
            "newer Lockjar",
        ),
        (&["--lisen", "x"], "'--listen'"),
        (&["--session-idle", "soon"], "not a duration"),
        (&["user", "add"], "<NAME>"),
        (&["user", "show", "nobody"], "no account"),
        (&["session", "revoke", "nonsense"], "not an identifier"),
        (
            &["user", "list", "--database", "sqlite://missing.db"],
            "no database",
        ),
        (&["user", "add", "bob"], "--password-stdin"),
    ] {
        let output = place.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.starts_with("lockjar: ") && text.lines().count() == 1 && text.contains(word),
            "{arguments:?}: {text}"
        );
        assert!(output.stdout.is_empty(), "{arguments:?}: {text}");
    }
    assert!(
        !place.path().join("missing.db").exists(),
        "a command that looks for a database makes none"
    );
}

#[test]
fn check_prints_numbered_findings_and_exits_with_1() {
    let place = Place::new();
    let sound = place.run(&["check"]);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    let server = place.serve(&[]);
    let asked = place.run(&["check", "--url", &server.url]);
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    std::fs::set_permissions(
        place.path().join("lockjar.db"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let found = place.run(&["check", "--log-level", "debug"]);
    let text = String::from_utf8(found.stdout).unwrap();
    assert_eq!(found.status.code(), Some(1));
    assert!(
        text.contains("L020") && text.contains("L040") && text.contains("2 found"),
        "{text}"
    );
}

#[test]
fn openapi_is_printed_without_a_database() {
    let place = Place::new();
    let output = place.run(&["openapi"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_that_leaves_early_is_no_fault() {
    let place = Place::new();
    let mut child = place
        .command()
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    reader.fill_buf().unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}
