//! `lockjar blocklist`, and a server that refuses what was stolen elsewhere.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use sha1::{Digest, Sha1};

use super::support::{Answer, Place, Server, eventually};

const STOLEN: &str = "horses cannot read maps 777";
const ENTRIES: usize = 200_000;

fn hex(password: &str) -> String {
    let hash = Sha1::digest(password.as_bytes());
    hash.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The hashes of so many passwords, in order.
fn hashes(count: usize) -> Vec<String> {
    let mut hashes: Vec<_> = (0..count)
        .map(|number| hex(&format!("horses cannot read maps {number}")))
        .collect();
    hashes.sort_unstable();
    hashes
}

fn download(path: &Path, count: usize, end: &str) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for (number, hash) in hashes(count).iter().enumerate() {
        write!(file, "{hash}:{}{end}", number % 3 + 1).unwrap();
    }
    file.flush().unwrap();
}

fn build(place: &Place, arguments: &[&str]) -> Output {
    place.run(&[&["blocklist", "build"], arguments].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// What `lockjar blocklist check` says of a password, by its exit code.
fn is_in(place: &Place, file: &str, password: &str) -> bool {
    let mut command = place.command();
    let command = command.args(["blocklist", "check", file]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{password}").unwrap();
    drop(stdin);
    match child.wait().unwrap().code() {
        Some(0) => false,
        Some(1) => true,
        other => panic!("{other:?}"),
    }
}

fn sign_up(server: &Server, name: &str, password: &str) -> Answer {
    let form = [("username", name), ("password", password)];
    server.post("/register", "", &form)
}

#[test]
fn a_blocklist_of_200_000_is_built_and_refuses_what_is_in_it() {
    let place = Place::new();
    download(&place.path().join("pwned.txt"), ENTRIES, "\r\n");
    let output = build(&place, &["--from", "pwned.txt", "list"]);
    println!("{}", text(&output));
    assert!(output.status.success() && text(&output).contains("200000 of 200000"));
    let bytes = place.path().join("list").metadata().unwrap().len();
    assert!(bytes < 2 * ENTRIES as u64, "{bytes}");
    assert!(is_in(&place, "list", STOLEN) && !is_in(&place, "list", "something else"));
    let server = place.serve(&["--password-blocklist", "list"]);
    let refused = sign_up(&server, "alice", STOLEN);
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("password_breached"),
        "{}",
        refused.body
    );
    server.register("alice");
    let operator = place
        .command()
        .args(["--password-blocklist", "list"])
        .args(["user", "password", "alice", "--password-stdin"])
        .stdin(File::open(written(&place, STOLEN)).unwrap())
        .output()
        .unwrap();
    assert!(!operator.status.success() && text(&operator).contains("stolen from other sites"));
    assert_eq!(server.log_in("alice").status, 200);
}

fn written(place: &Place, password: &str) -> std::path::PathBuf {
    let path = place.path().join("typed");
    std::fs::write(&path, password).unwrap();
    path
}

#[test]
fn rare_ones_are_left_out_and_a_folder_is_as_good_as_a_file() {
    let place = Place::new();
    download(&place.path().join("pwned.txt"), 3_000, "\n");
    let output = build(
        &place,
        &["--from", "pwned.txt", "--min-count", "3", "often"],
    );
    assert!(text(&output).contains("1000 of 3000"), "{}", text(&output));
    std::fs::create_dir(place.path().join("ranges")).unwrap();
    for hash in hashes(3_000) {
        let path = place.path().join(format!("ranges/{}.txt", &hash[..5]));
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        write!(file, "{}:1\r\n", &hash[5..]).unwrap();
    }
    for (from, list) in [("pwned.txt", "one"), ("ranges", "two")] {
        assert!(build(&place, &["--from", from, list]).status.success());
    }
    let bytes = |list: &str| std::fs::read(place.path().join(list)).unwrap();
    assert!(bytes("one") == bytes("two"));
}

#[test]
fn a_line_that_is_wrong_or_out_of_order_is_named_and_leaves_no_file() {
    let place = Place::new();
    let good = hashes(4);
    let lines = |order: [usize; 3]| order.map(|at| format!("{}:1\n", good[at])).concat();
    for (download, words) in [
        (lines([0, 2, 1]), ["line 3", "not in order"]),
        (lines([3, 0, 1]), ["line 2", "not in order"]),
        (lines([0, 1, 2]) + &good[3], ["line 4", "no colon"]),
        (lines([0, 1, 2]) + "\n", ["line 4", "no colon"]),
        (
            lines([0, 1, 2]).replace(&good[1], &good[1][1..]),
            ["line 2", "40 hexadecimal"],
        ),
    ] {
        std::fs::write(place.path().join("pwned.txt"), &download).unwrap();
        let output = build(&place, &["--from", "pwned.txt", "list"]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output);
        assert!(
            words.iter().all(|word| said.contains(word)),
            "{words:?}: {said}"
        );
        assert_eq!(said.lines().count(), 2, "a stage and a sentence: {said}");
        assert_eq!(files(&place), ["pwned.txt"]);
    }
    let missing = build(&place, &["--from", "nowhere.txt", "list"]);
    assert!(text(&missing).contains("nowhere.txt cannot be used"));
}

fn files(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// A slip would cost the download, or somebody's accounts.
#[test]
fn nothing_but_a_list_makes_way_for_a_list() {
    let place = Place::new();
    let download_file = place.path().join("pwned.txt");
    download(&download_file, 100, "\n");
    let before = std::fs::read(&download_file).unwrap();
    let refused = build(&place, &["--from", "pwned.txt", "pwned.txt"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("is no blocklist"), "{refused:?}");
    assert!(std::fs::read(&download_file).unwrap() == before);
    let empty = build(
        &place,
        &["--from", "pwned.txt", "--min-count", "1000000", "list"],
    );
    assert_eq!(empty.status.code(), Some(2));
    assert!(!place.path().join("list").exists(), "{empty:?}");
}

/// A pipe that goes on for as long as the test likes stands for a download that takes minutes.
#[test]
fn a_build_that_is_killed_leaves_the_old_list_as_it_was() {
    let place = Place::new();
    let pipe = place.pipe("pipe");
    let (first, list) = (place.path().join("first.txt"), place.path().join("list"));
    download(&first, 100, "\n");
    let built = build(&place, &["--from", "first.txt", "list"]);
    assert!(built.status.success(), "{built:?}");
    std::fs::remove_file(&first).unwrap();
    let old = std::fs::read(&list).unwrap();
    for (signal, code) in [("-TERM", Some(130)), ("-INT", Some(130)), ("-KILL", None)] {
        let mut command = place.command();
        command.args(["blocklist", "build", "--from", "pipe", "list"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut download = File::options().write(true).open(&pipe).unwrap();
        for hash in hashes(2_000) {
            writeln!(download, "{hash}:1").unwrap();
        }
        eventually("there is a draft", || files(&place).len() == 3);
        let kill = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code);
        assert!(std::fs::read(&list).unwrap() == old, "{signal}");
        if code.is_some() {
            assert_eq!(files(&place), ["list", "pipe"], "{signal}");
        }
    }
}

#[test]
fn a_file_that_is_no_blocklist_refuses_to_start() {
    let place = Place::new();
    download(&place.path().join("pwned.txt"), 2_000, "\n");
    assert!(
        build(&place, &["--from", "pwned.txt", "list"])
            .status
            .success()
    );
    let bytes = std::fs::read(place.path().join("list")).unwrap();
    std::fs::write(place.path().join("half"), &bytes[..bytes.len() / 2]).unwrap();
    for (file, word) in [
        ("pwned.txt", "lockjar blocklist build"),
        ("half", "cut off"),
        ("none", "No such file"),
    ] {
        let output = place.run(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--password-blocklist",
            file,
        ]);
        let said = text(&output);
        assert!(
            output.status.code() == Some(2) && said.contains(word),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    }
}

/// Answers as Have I Been Pwned does, and tells what it was asked: the request's lines.
fn service(answer: &str) -> (String, Receiver<Vec<String>>) {
    let length = answer.len();
    serving(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
    ))
}

fn serving(answer: String) -> (String, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/range", listener.local_addr().unwrap());
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let request: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let _ = stream.write_all(answer.as_bytes());
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (url, asked)
}

#[test]
fn a_service_is_told_five_digits_and_no_more() {
    let hash = hex(STOLEN);
    let (url, asked) = service(&format!("{}:0\r\n{}:12\r\n", "A".repeat(35), &hash[5..]));
    let place = Place::new();
    let server = place.serve(&[&format!("--password-breach-api={url}")]);
    let refused = sign_up(&server, "alice", STOLEN);
    assert!(refused.status == 422 && refused.body.contains("password_breached"));
    let request = asked.recv().unwrap();
    assert_eq!(request[0], format!("GET /range/{} HTTP/1.1", &hash[..5]));
    let whole = request.join("\n").to_lowercase();
    assert!(whole.contains("add-padding: true"), "{whole}");
    for secret in [&hash[5..], "alice", "horses"] {
        assert!(!whole.contains(&secret.to_lowercase()), "{whole}");
    }
    server.register("alice");
    asked.recv().unwrap();
    server.log_in("alice");
    assert!(asked.try_recv().is_err(), "nobody is asked at log-in");
}

#[test]
fn a_service_on_this_machine_is_asked_through_no_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let (url, asked) = service(&format!("{}:12\r\n", &hex(STOLEN)[5..]));
    let place = Place::new();
    let mut command = place.command();
    command
        .env(
            "ALL_PROXY",
            format!("http://{}", proxy.local_addr().unwrap()),
        )
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let server = place.start(command, &[&format!("--password-breach-api={url}")]);
    assert_eq!(sign_up(&server, "alice", STOLEN).status, 422);
    assert!(asked.recv().is_ok());
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

#[test]
fn a_service_that_is_down_or_talks_nonsense_keeps_nobody_out_and_the_log_names_no_secret() {
    // Nobody listens at a port that was just given back.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (nonsense, _asked) = service("<html>Log in to this network</html>");
    for url in [format!("http://{nobody}/range/"), nonsense] {
        let place = Place::new();
        let server = place.serve(&[&format!("--password-breach-api={url}"), "--log-level=trace"]);
        assert_eq!(sign_up(&server, "alice", STOLEN).status, 201);
        let log = place.log();
        assert!(log.contains("breached_passwords_unknown"), "{log}");
        let (hash, upper) = (hex(STOLEN), log.to_uppercase());
        assert!(!log.contains(STOLEN) && !upper.contains(&hash[5..]));
        let warning = log
            .lines()
            .find(|line| line.contains("breached_passwords_unknown"));
        assert!(!warning.unwrap().to_uppercase().contains(&hash[..5]));
        let told = place
            .command()
            .args([&format!("--password-breach-api={url}")])
            .args(["user", "password", "alice", "--password-stdin"])
            .stdin(File::open(written(&place, STOLEN)).unwrap())
            .output()
            .unwrap();
        let said = text(&told);
        assert!(
            told.status.success() && said.contains("breached_passwords_unknown"),
            "{said}"
        );
        assert!(!said.to_uppercase().contains(&hash[..5]), "{said}");
        // Nor does anything else that is logged while it is asked.
        assert!(!upper.contains(&format!("/{}", &hash[..5])), "{log}");
    }
}

#[test]
fn a_redirect_of_the_service_is_not_followed() {
    let known = format!("{}:12\r\n", &hex(STOLEN)[5..]);
    let (elsewhere, asked) = service(&known);
    let (url, _asked) = serving(format!(
        "HTTP/1.1 302 Found\r\nLocation: {elsewhere}/00000\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{known}",
        known.len()
    ));
    let place = Place::new();
    let server = place.serve(&[&format!("--password-breach-api={url}")]);
    assert_eq!(sign_up(&server, "alice", STOLEN).status, 201);
    assert!(place.log().contains("breached_passwords_unknown"));
    assert!(asked.try_recv().is_err());
}
