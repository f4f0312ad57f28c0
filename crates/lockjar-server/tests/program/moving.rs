//! A SQLite database moves to PostgreSQL while it serves.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lockjar_testing::{Postgres, free_port};

use super::support::{PASSWORD, Place, Server, eventually};

const SOURCE: &str = "sqlite://lockjar.db";
const COOKIE: [&str; 2] = ["--cookie-name", "session"];

/// What clients of the source were told.
#[derive(Default)]
struct Told {
    inside: Mutex<Vec<String>>,
    outside: Mutex<Vec<String>>,
}

fn serve(place: &Place, database: &str) -> Server {
    place.serve(&[&["--database", database], &COOKIE[..]].concat())
}

/// By one public address, which the tokens name.
fn with_tokens(place: &Place, database: &str) -> Server {
    let address = format!("127.0.0.1:{}", free_port());
    let public = ["--token", "jwt", "--public-url", "http://localhost:8000"];
    let mut server = place.start_on(&address, &[&public, &["--database", database][..]].concat());
    server.url = format!("http://{address}");
    server
}

fn copy(place: &Place, to: &str) -> Output {
    place.run(&["copy", SOURCE, to])
}

fn begin(place: &Place, to: &str) -> Child {
    let mut copy = place.command();
    copy.args(["copy", SOURCE, to]);
    copy.stdout(Stdio::piped()).stderr(Stdio::piped());
    copy.spawn().unwrap()
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

fn refused(output: &Output, word: &str) {
    let said = text(output);
    assert!(
        output.status.code() == Some(2) && said.contains(word),
        "{said}"
    );
}

/// So many accounts with two sessions each, which nobody has the cookies of, so that a copy takes its time.
fn fill(place: &Place, accounts: u32) {
    let script = format!(
        "import sqlite3, os, time\n\
         now = int(time.time() * 1000)\n\
         c = sqlite3.connect('lockjar.db', timeout=30)\n\
         for n in range({accounts}):\n\
         \x20   u = os.urandom(16)\n\
         \x20   c.execute('INSERT INTO users VALUES (?,?,?,?,?,0,?,NULL)', (u, f'filler{{n}}', f'filler{{n}}', None, 'x', now))\n\
         \x20   for _ in range(2):\n\
         \x20       c.execute('INSERT INTO sessions VALUES (?,?,0,?,?,?,?,1,?)',\n\
         \x20           (os.urandom(16), u, os.urandom(32), now, now, now + 10**9, 'filler'))\n\
         c.commit()\n"
    );
    let mut python = Command::new("python3");
    let done = python.args(["-c", &script]).current_dir(place.path());
    assert!(done.status().unwrap().success());
}

/// Logs in and out as this account until the source says no, and notes what was acknowledged. A log-out of which nothing was
/// heard may or may not have happened.
fn live(server: &Server, name: &str, told: &Told, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let logged_in = server.log_in(name);
        if logged_in.status != 200 {
            assert_eq!(logged_in.status, 503, "{}", logged_in.body);
            return;
        }
        let cookie = logged_in.cookie.unwrap();
        let used = server.get("/protected", &cookie).status;
        assert!(used == 200 || used == 503, "{used}");
        let second = server.log_in(name);
        if second.status == 200 {
            let outside = second.cookie.unwrap();
            match server.post("/logout", &outside, &[]).status {
                200 => told.outside.lock().unwrap().push(outside),
                other => assert_eq!(other, 503),
            }
        }
        told.inside.lock().unwrap().push(cookie);
    }
}

/// Everybody that the source has let in is in, and nobody that it has let out.
fn check(server: &Server, told: &Told) {
    let (inside, outside) = (told.inside.lock().unwrap(), told.outside.lock().unwrap());
    assert!(inside.len() > 3 && outside.len() > 3, "there was a load");
    for cookie in &*inside {
        assert!(server.is_in(cookie), "logged out by the move");
    }
    for cookie in &*outside {
        assert!(!server.is_in(cookie), "brought back by the move");
    }
}

/// No answer of the fenced source says anything about who is logged in.
fn is_fenced(place: &Place, source: &Server, told: &Told) {
    let known = told.inside.lock().unwrap();
    let ended = told.outside.lock().unwrap();
    for cookie in known.iter().chain(&*ended).take(40) {
        assert_eq!(source.get("/protected", cookie).status, 503);
    }
    assert_eq!(source.log_in("client0").status, 503);
    assert_eq!(source.get("/health/ready", "").status, 503);
    refused(
        &place.run(&["serve", "--listen", "127.0.0.1:0"]),
        "was moved to postgres://",
    );
    refused(&place.run(&["user", "list"]), "was moved to postgres://");
    refused(&place.run(&["backup", "b.db"]), "was moved to postgres://");
    refused(&place.run(&["restore"]), "was moved to postgres://");
    let mut add = place.command();
    add.args(["user", "add", "mallory", "--password-stdin"]);
    let mut add = add
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = writeln!(add.stdin.take().unwrap(), "{PASSWORD}");
    refused(&add.wait_with_output().unwrap(), "was moved to postgres://");
}

#[test]
fn a_server_moves_under_load_and_nobody_is_logged_out_or_brought_back() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url().replace("postgres@", "postgres:hunter22@");
    let source = serve(&place, SOURCE);
    fill(&place, 5_000);
    let (told, stop) = (Told::default(), AtomicBool::new(false));
    let names = ["client0", "client1", "client2"];
    for name in names {
        told.inside.lock().unwrap().push(source.register(name));
    }
    let before = source.log_in("client0").cookie.unwrap();
    assert_eq!(source.post("/logout", &before, &[]).status, 200);
    told.outside.lock().unwrap().push(before);
    thread::scope(|scope| {
        for name in names {
            let (source, told, stop) = (&source, &told, &stop);
            scope.spawn(move || live(source, name, told, stop));
        }
        thread::sleep(Duration::from_secs(1));
        let copied = copy(&place, &url);
        stop.store(true, Ordering::SeqCst);
        let said = text(&copied);
        assert!(copied.status.success(), "{said}");
        assert!(
            said.contains("5003 accounts") && said.contains("is fenced"),
            "{said}"
        );
        assert!(!said.contains("hunter22"), "{said}");
    });
    is_fenced(&place, &source, &told);
    let target = serve(&place, &url);
    check(&target, &told);
    let told = place.run(&["audit", "--database", &url, "--event", "moved_here"]);
    assert!(text(&told).contains("\toperator"), "{told:?}");
    let entered = target.log_in("client1");
    assert_eq!(entered.status, 200, "{}", entered.body);
    let again = copy(&place, &url);
    assert!(
        again.status.success() && text(&again).contains("copied before"),
        "{again:?}"
    );
    assert!(
        target.is_in(&entered.cookie.unwrap()),
        "and nothing was written over"
    );
    let elsewhere = postgres.database("elsewhere");
    refused(&copy(&place, &elsewhere), "copied nowhere else");
}

#[test]
fn a_copy_that_is_killed_again_and_again_goes_on_where_it_was() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url();
    let source = serve(&place, SOURCE);
    fill(&place, 10_000);
    let (told, stop) = (Told::default(), AtomicBool::new(false));
    for name in ["client0", "client1"] {
        told.inside.lock().unwrap().push(source.register(name));
    }
    thread::scope(|scope| {
        for name in ["client0", "client1"] {
            let (source, told, stop) = (&source, &told, &stop);
            scope.spawn(move || live(source, name, told, stop));
        }
        for wait in [150, 300, 450, 700, 1000, 1600, 2500, 3500, 4500] {
            let mut copy = begin(&place, &url);
            thread::sleep(Duration::from_millis(wait));
            copy.kill().unwrap();
            copy.wait().unwrap();
        }
        let copied = copy(&place, &url);
        stop.store(true, Ordering::SeqCst);
        assert!(copied.status.success(), "{}", text(&copied));
    });
    is_fenced(&place, &source, &told);
    check(&serve(&place, &url), &told);
    let count = postgres.query("lockjar", "SELECT count(*) FROM lockjar.users");
    assert_eq!(count, "10002");
}

/// The one slept through all of it; the other may let in whom it knows while its store cannot be asked.
#[test]
fn neither_a_frozen_server_nor_one_that_serves_stale_lets_in_who_is_logged_out_elsewhere() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url();
    let stale = [&["--on-outage", "serve-stale:5m"], &COOKIE[..]].concat();
    let (frozen, stale) = (serve(&place, SOURCE), place.serve(&stale));
    let cookie = frozen.register("alice");
    let other = frozen.log_in("alice").cookie.unwrap();
    assert!(frozen.is_in(&cookie) && stale.is_in(&cookie) && stale.is_in(&other));
    frozen.signal("-STOP");
    let copied = copy(&place, &url);
    assert!(copied.status.success(), "{}", text(&copied));
    assert_eq!(stale.get("/protected", &cookie).status, 503);
    let target = serve(&place, &url);
    assert_eq!(target.post("/logout", &cookie, &[]).status, 200);
    frozen.signal("-CONT");
    for server in [&frozen, &stale] {
        for cookie in [&cookie, &other] {
            assert_eq!(server.get("/protected", cookie).status, 503);
        }
    }
    assert!(!target.is_in(&cookie) && target.is_in(&other));
}

#[test]
fn a_target_that_is_being_filled_serves_nobody() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url();
    let early = serve(&place, &url);
    let source = serve(&place, SOURCE);
    let cookie = source.register("alice");
    fill(&place, 3_000);
    let mut copy = begin(&place, &url);
    eventually("accounts have come", || {
        let count = "SELECT count(*) FROM pg_tables WHERE tablename = 'filling_users'";
        postgres.query("lockjar", count) == "1"
            && postgres.query("lockjar", "SELECT count(*) FROM lockjar.filling_users") != "0"
    });
    copy.kill().unwrap();
    copy.wait().unwrap();
    refused(
        &place.run(&["--database", &url, "--listen", "127.0.0.1:0"]),
        "being filled by `lockjar copy`",
    );
    refused(
        &place.run(&["--database", &url, "user", "list"]),
        "being filled by `lockjar copy`",
    );
    refused(&place.run(&["--database", &url, "restore"]), "being filled");
    let early_form = [("username", "bob"), ("password", PASSWORD)];
    assert_eq!(early.get("/protected", &cookie).status, 503);
    assert_eq!(early.post("/register", "", &early_form).status, 503);
    let copied = place.run(&["copy", SOURCE, &url]);
    assert!(copied.status.success(), "{}", text(&copied));
    eventually("who waited for it serves", || {
        early.get("/protected", &cookie).status == 200
    });
}

#[test]
fn what_cannot_be_copied_is_refused_in_a_sentence() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url();
    drop(serve(&place, SOURCE).register("alice"));
    for (from, to, word) in [
        (url.as_str(), SOURCE, "pg_dump"),
        (SOURCE, "redis://localhost", "--sessions"),
        (SOURCE, "sqlite://b.db", "lockjar backup"),
        ("sqlite://none.db", &url, "no database at none.db"),
    ] {
        refused(&place.run(&["copy", from, to]), word);
    }
    drop(serve(&place, &url).register("bob"));
    refused(&copy(&place, &url), "not empty");
    let server = serve(&place, SOURCE);
    assert_eq!(server.log_in("alice").status, 200, "the source goes on");
}

#[test]
fn refresh_tokens_go_on_working_after_a_move() {
    let (place, postgres) = (Place::new(), Postgres::start());
    let url = postgres.url();
    let form = [("username", "alice"), ("password", PASSWORD)];
    let source = with_tokens(&place, SOURCE);
    let cookies = source.post("/register", "", &form).cookies;
    let copied = place.run(&["copy", SOURCE, &url]);
    let said = text(&copied);
    assert!(
        copied.status.success() && said.contains("bring lockjar.key along"),
        "{said}"
    );
    assert_eq!(source.post("/refresh", &cookies[1], &[]).status, 503);
    let target = with_tokens(&place, &url);
    assert!(target.is_in(&cookies[0]), "by the same signing key");
    let renewed = target.post("/refresh", &cookies[1], &[]);
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert!(target.is_in(&renewed.cookies[0]));
}
