//! Each server survives what tests do to it, and leaves nothing behind.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lockjar_testing::{PgBouncer, Postgres, Redis};

#[test]
fn what_was_committed_is_there_after_kill_9() {
    let postgres = Postgres::start();
    let _ = postgres.database("own");
    postgres.query("own", "CREATE TABLE t (n int)");
    postgres.query("own", "INSERT INTO t VALUES (7)");
    postgres.kill_9();
    postgres.restart();
    assert_eq!(postgres.query("own", "SELECT n FROM t"), "7");
    let url = postgres.database("own");
    assert!(url.ends_with("/own"), "{url}");
    assert_eq!(
        postgres.query(
            "own",
            "SELECT count(*) FROM pg_tables WHERE tablename = 't'"
        ),
        "0",
        "a fresh database is empty"
    );
}

#[test]
fn the_frozen_answer_when_they_are_thawed() {
    let postgres = Postgres::start();
    postgres.freeze();
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| postgres.query("lockjar", "SELECT 1"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!asked.is_finished(), "a frozen server answered");
        postgres.thaw();
        asked.join().unwrap()
    });
    assert_eq!(asked, "1");
}

#[test]
fn the_pooler_shares_connections() {
    let postgres = Postgres::start();
    let pooler = PgBouncer::start(&postgres);
    let ask = |url: &str| {
        let psql = std::process::Command::new("psql")
            .args(["-qAtc", "SELECT pg_backend_pid()", url])
            .output()
            .unwrap();
        assert!(psql.status.success(), "{psql:?} {}", pooler.log());
        String::from_utf8(psql.stdout).unwrap()
    };
    assert_eq!(ask(&pooler.url()), ask(&pooler.url()));
    assert_ne!(ask(&postgres.url()), ask(&postgres.url()));
    pooler.kill_9();
    pooler.restart();
    ask(&pooler.url());
}

#[test]
fn redis_keeps_what_is_in_its_file() {
    let redis = Redis::start_with(&["--appendfsync", "always"]);
    assert_eq!(say(&redis, "SET a b"), "+OK");
    redis.kill_9();
    redis.restart();
    assert_eq!(say(&redis, "GET a"), "$1");
    redis.freeze();
    redis.thaw();
    assert!(redis.url().ends_with(&redis.port().to_string()));
    redis.restart_empty();
    assert_eq!(say(&redis, "GET a"), "$-1");
}

fn say(redis: &Redis, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    write!(stream, "{command}\r\n").unwrap();
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    answer.lines().next().unwrap().to_owned()
}

/// Runs itself as another process, kills that, and looks whether its cluster is gone.
#[test]
fn a_server_does_not_outlive_its_tests() {
    if std::env::var_os("LOCKJAR_TESTING_VICTIM").is_some() {
        let postgres = Postgres::start();
        println!("pid {}", postgres.pid());
        std::thread::sleep(Duration::from_secs(600));
    }
    let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_server_does_not_outlive_its_tests",
            "--nocapture",
        ])
        .env("LOCKJAR_TESTING_VICTIM", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(victim.stdout.take().unwrap()));
    let pid = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("pid ")?.1.to_owned()))
        .unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        !std::path::Path::new("/proc").join(&pid).exists()
    });
    assert!(gone, "postgres {pid} is still there");
}
