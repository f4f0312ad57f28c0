//! Starts the binary in a folder of its own and speaks HTTP with it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

pub(crate) const PASSWORD: &str = "gravel umbrella seventeen";

/// A folder with the binary's files in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary, with nothing of this process's settings.
    /// A pipe of that name: for as long as a test holds it open, whoever reads it waits for more.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let pipe = self.path().join(name);
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        pipe
    }

    pub(crate) fn command(&self) -> Command {
        self.wrapped(&[])
    }

    /// The same behind another program, such as `strace`.
    pub(crate) fn wrapped(&self, wrapper: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_lockjar");
        let mut words = wrapper.iter().copied().chain([binary]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .current_dir(self.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOCKJAR_")) {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        self.start(self.command(), arguments)
    }

    pub(crate) fn start(&self, command: Command, arguments: &[&str]) -> Server {
        self.launch(command, "127.0.0.1:0", arguments)
    }

    pub(crate) fn start_on(&self, address: &str, arguments: &[&str]) -> Server {
        self.launch(self.command(), address, arguments)
    }

    pub(crate) fn launch(&self, mut command: Command, address: &str, arguments: &[&str]) -> Server {
        let log = File::create(self.path().join("log")).unwrap();
        let mut child = command
            .args(["--listen", address])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        assert!(
            url.starts_with("http"),
            "the first line is the URL, not {url:?}: {}",
            self.log()
        );
        Server {
            child,
            url: url.trim().to_owned(),
            agent: agent(),
        }
    }

    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        File::open(self.path().join("log"))
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    config
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// An agent that trusts this certificate and no other.
pub(crate) fn trusting(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Agent {
    let trusted = vec![Certificate::from_der(certified.cert.der()).to_owned()];
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(trusted.into()));
    let config = Agent::config_builder().tls_config(tls.build());
    config.build().into()
}

/// The running binary. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    agent: Agent,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// `name=value` of the cookie that was set, or of the first.
    pub(crate) cookie: Option<String>,
    /// The same of all that were set.
    pub(crate) cookies: Vec<String>,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> Answer {
        answer(
            self.agent
                .get(format!("{}{path}", self.url))
                .header("Cookie", cookie)
                .call(),
        )
        .unwrap()
    }

    pub(crate) fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
        self.try_post(path, cookie, form).unwrap()
    }

    /// `None` where no answer came: the server was killed meanwhile.
    pub(crate) fn try_post(
        &self,
        path: &str,
        cookie: &str,
        form: &[(&str, &str)],
    ) -> Option<Answer> {
        let request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Cookie", cookie);
        answer(request.send_form(form.iter().copied()))
    }

    pub(crate) fn register(&self, name: &str) -> String {
        let answer = self.post(
            "/register",
            "",
            &[("username", name), ("password", PASSWORD)],
        );
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.cookie.unwrap()
    }

    pub(crate) fn log_in(&self, name: &str) -> Answer {
        self.post("/login", "", &[("username", name), ("password", PASSWORD)])
    }

    /// Whether the cookie opens the door. Neither is a fault.
    pub(crate) fn is_in(&self, cookie: &str) -> bool {
        match self.get("/protected", cookie).status {
            200 => true,
            401 => false,
            other => panic!("neither in nor out: {other}"),
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill")
                .args([signal, &self.pid().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the program does not stop"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn answer(response: Result<Response<Body>, ureq::Error>) -> Option<Answer> {
    let mut response = response.ok()?;
    let set = response.headers().get_all("set-cookie").iter();
    let cookies: Vec<_> = set
        .filter_map(|value| value.to_str().ok()?.split(';').next())
        .map(str::to_owned)
        .collect();
    let status = response.status().as_u16();
    Some(Answer {
        status,
        cookie: cookies.first().cloned(),
        cookies,
        body: response.body_mut().read_to_string().ok()?,
    })
}

/// Waits for something that another thread or process brings about.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it never came about that {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
