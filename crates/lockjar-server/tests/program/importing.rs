//! Accounts that are brought along.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use super::support::{Place, eventually};

/// Of the password of [`support`](super::support), by python-bcrypt.
const BCRYPT: &str = "$2b$04$SOOKpZRmEjsMph76gyHL6uqSLecGUqmIyhQrgT8H0MzMCQzxXesli";

fn write(place: &Place, name: &str, text: impl AsRef<[u8]>) {
    fs::write(place.path().join(name), text).unwrap();
}

fn row(name: &str) -> String {
    format!("{{\"username\":\"{name}\",\"password_hash\":\"{BCRYPT}\"}}\n")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn names(place: &Place) -> Vec<String> {
    let listed = stdout(&place.run(&["user", "list"]));
    let names = listed
        .lines()
        .map(|line| line.split('\t').next().unwrap().to_owned());
    names.collect()
}

fn stored_hash_is(place: &Place, beginning: &str) -> bool {
    let holds = |file: &Path| {
        let bytes = fs::read(file).unwrap_or_default();
        bytes
            .windows(beginning.len())
            .any(|window| window == beginning.as_bytes())
    };
    ["lockjar.db", "lockjar.db-wal"]
        .iter()
        .any(|name| holds(&place.path().join(name)))
}

#[test]
fn an_imported_account_logs_in_at_the_running_server_by_its_old_password() {
    let place = Place::new();
    let server = place.serve(&[]);
    write(&place, "users.jsonl", row("alice"));
    let output = place.run(&["import", "users.jsonl"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "imported 1, already there 0, rejected 0\n");
    assert!(output.stderr.is_empty(), "no bar where nobody looks");
    let wrong = server.post(
        "/login",
        "",
        &[("username", "alice"), ("password", "gravel")],
    );
    assert_eq!(wrong.status, 401);
    let cookie = server.log_in("alice").cookie.unwrap();
    assert!(server.is_in(&cookie));
    eventually("the hash is renewed", || {
        stored_hash_is(&place, "$argon2id$v=19$m=19456,t=2,p=1$")
    });
    assert_eq!(server.log_in("alice").status, 200);
    let again = place.run(&["import", "users.jsonl"]);
    assert_eq!(stdout(&again), "imported 0, already there 1, rejected 0\n");
    assert_eq!(
        server.log_in("alice").status,
        200,
        "a renewed hash is not put back"
    );
}

#[test]
fn bad_rows_are_told_by_their_lines_and_the_others_are_imported() {
    let place = Place::new();
    drop(place.serve(&[]));
    let mut file = row("alice").into_bytes();
    file.extend(b"{\"username\":\"b\xff\"}\n\n");
    file.extend(row("a b").into_bytes());
    file.extend(row("ALICE").into_bytes());
    file.extend(
        row("carol")
            .replace("}\n", ",\"admin\":true}\n")
            .into_bytes(),
    );
    file.extend(row("dave").replace("$2b$04$", "$2b$30$").into_bytes());
    file.extend(row("erin").replace(BCRYPT, "!unusable").into_bytes());
    file.extend(vec![b'x'; 1 << 20]);
    file.push(b'\n');
    file.extend(row("frank").trim_end().bytes());
    write(&place, "users.jsonl", &file);
    let output = place.run(&["import", "users.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "imported 2, already there 1, rejected 6\n");
    let told = stderr(&output);
    let expected = [
        "line 2: the line is not UTF-8",
        "line 4: The username contains",
        "line 6: unknown field `admin`",
        "line 7: the bcrypt hash has a cost above 15",
        "line 8: the password is one that nobody can use",
        "line 9: the line is longer than 64 KiB",
    ];
    for line in expected {
        assert_eq!(told.matches(line).count(), 1, "{line}: {told}");
    }
    assert_eq!(told.lines().count(), expected.len(), "{told}");
    let secret = BCRYPT.rsplit('$').next().unwrap();
    assert!(
        !told.contains(secret) && !told.contains("!unusable"),
        "{told}"
    );
    assert_eq!(names(&place), ["alice", "frank"]);

    let output = place.run(&["import", "users.jsonl", "--rejects", "rejects"]);
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(1), "")
    );
    let rejects = place.path().join("rejects");
    assert_eq!(
        fs::read_to_string(&rejects).unwrap().lines().count(),
        expected.len()
    );
    assert_eq!(
        fs::metadata(&rejects).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let place = Place::new();
    write(
        &place,
        "users.csv",
        format!("password_hash,username,disabled\n{BCRYPT},alice,true\nx,bob,\n"),
    );
    let refused = place.run(&["import", "users.csv", "--dry-run"]);
    assert_eq!(refused.status.code(), Some(2), "and makes no database");
    assert!(place.run(&["user", "list"]).status.code() == Some(2));
    drop(place.serve(&[]));
    let tried = place.run(&["import", "users.csv", "--dry-run"]);
    assert_eq!(
        stdout(&tried),
        "would import 1, already there 0, rejected 1\n"
    );
    assert!(stderr(&tried).starts_with("line 3: "), "{}", stderr(&tried));
    assert!(names(&place).is_empty());
    let done = place.run(&["import", "users.csv"]);
    assert_eq!(
        (done.status.code(), stdout(&done).as_str()),
        (Some(1), "imported 1, already there 0, rejected 1\n")
    );
    assert!(stdout(&place.run(&["user", "list"])).contains("disabled"));
}

/// What is acknowledged stays, and nothing is there twice or by half.
#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    const ROWS: usize = 20_000;
    let place = Place::new();
    let _server = place.serve(&[]);
    let all: Vec<_> = (0..ROWS).map(|number| format!("user{number:05}")).collect();
    let rows: Vec<_> = all.iter().map(|name| row(name)).collect();
    write(&place, "users.jsonl", rows.concat());
    let start = |file: &str| {
        let mut import = place.command();
        import.args(["import", file]).stdout(Stdio::null());
        import.spawn().unwrap()
    };

    // First where it has written two batches and holds half of a third.
    let pipe = place.pipe("pipe.jsonl");
    let mut import = start("pipe.jsonl");
    let mut file = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    file.write_all(rows[..1250].concat().as_bytes()).unwrap();
    eventually("two batches are there", || names(&place).len() == 1000);
    import.kill().unwrap();
    import.wait().unwrap();
    assert_eq!(names(&place), all[..1000]);

    // Then wherever it happens to be.
    for _ in 0..3 {
        let before = names(&place).len();
        let mut import = start("users.jsonl");
        eventually("more are there, or all were", || {
            names(&place).len() > before || before == ROWS
        });
        import.kill().unwrap();
        import.wait().unwrap();
        let after = names(&place);
        assert_eq!(after.len() % 500, 0, "batches are whole: {}", after.len());
        assert_eq!(after, all[..after.len()]);
    }
    let there = names(&place).len();
    let output = place.run(&["import", "users.jsonl"]);
    let made = ROWS - there;
    assert_eq!(
        stdout(&output),
        format!("imported {made}, already there {there}, rejected 0\n")
    );
    assert_eq!(names(&place), all);
}

#[test]
fn what_cannot_be_imported_is_refused_in_a_sentence() {
    let place = Place::new();
    write(&place, "users", "");
    write(&place, "users.csv", "username,pasword\n");
    write(&place, "users.jsonl", row("alice"));
    write(
        &place,
        "firebase",
        "rounds: 8\nmem_cost: 14\nbase64_salt_separator: Bw==\n",
    );
    for (arguments, said) in [
        (
            &["import", "nobody.jsonl"][..],
            "nobody.jsonl cannot be read",
        ),
        (&["import", "users"], "--format"),
        (
            &["import", "users.csv"],
            "the column \"pasword\" is unknown",
        ),
        (
            &["import", "users.jsonl", "--rejects", "users.jsonl"],
            "name another",
        ),
        (
            &["import", "users.jsonl", "--firebase-parameters", "firebase"],
            "base64_signer_key",
        ),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = stderr(&output);
        assert!(
            told.contains(said) && told.lines().count() == 1,
            "{arguments:?}: {told}"
        );
    }
    assert_eq!(
        fs::read_to_string(place.path().join("users.jsonl")).unwrap(),
        row("alice")
    );
}
