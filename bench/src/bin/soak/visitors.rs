//! Visitors who come and go: they sign up, log in and out, mistype their passwords and come back with cookies that have ended.
//! Each knows how it has to be answered.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use lockjar_bench::http::{self, Body, Connection};

use super::Tally;

/// Accounts of one visitor, and the sessions that it has at most: from then on as many end as begin.
const ACCOUNTS: usize = 20;
const SESSIONS: usize = 40;
/// Requests on one connection.
const KEPT: u64 = 20;

/// Somebody with some accounts.
#[derive(Debug)]
pub(crate) struct Visitor {
    address: SocketAddr,
    number: usize,
    /// From one visit to the next.
    pause: Duration,
    names: usize,
    sessions: VecDeque<String>,
    connection: Option<Connection>,
}

impl Visitor {
    /// One who makes so many visits a second.
    pub(crate) fn new(address: SocketAddr, number: usize, rate: f64) -> Self {
        Self {
            address,
            number,
            pause: Duration::from_secs_f64(1.0 / rate.max(0.1)),
            names: 0,
            sessions: VecDeque::new(),
            connection: None,
        }
    }

    /// Comes at its pace, whether or not it was answered slowly before.
    pub(crate) fn live(mut self, tally: &Tally) {
        let mut due = Instant::now();
        for visit in 0.. {
            if !tally.goes_on() {
                return;
            }
            if visit % KEPT == 0 {
                self.connection = None;
            }
            if let Err(error) = self.visit(visit) {
                tally.error(&format!("visitor: {error:#}"));
                self.connection = None;
            }
            tally.act();
            due += self.pause;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// Of ten visits one signs up, one mistypes, one is nobody; the others log in, and out when there are many.
    fn visit(&mut self, visit: u64) -> Result<()> {
        if self.names < ACCOUNTS || visit.is_multiple_of(10) {
            return self.sign_up();
        }
        match visit % 10 {
            1 => self.mistype(visit)?,
            2 => self.be_nobody(visit)?,
            _ => {}
        }
        self.log_in(visit)?;
        if self.sessions.len() > SESSIONS {
            self.log_out()?;
        }
        Ok(())
    }

    fn sign_up(&mut self) -> Result<()> {
        let form = self.form(self.names, "umbrella");
        self.names += 1;
        let cookie = self.post("/register", None, &form, 201)?;
        self.sessions.push_back(cookie);
        let taken = self.form(self.names - 1, "umbrella");
        self.post("/register", None, &taken, 409).map(drop)
    }

    fn log_in(&mut self, visit: u64) -> Result<()> {
        let form = self.form(self.one_of(visit), "umbrella");
        let cookie = self.post("/login", None, &form, 200)?;
        self.check(Some(&cookie), 200)?;
        self.sessions.push_back(cookie);
        Ok(())
    }

    /// A log-in that is refused; the one after it, at the same account, is not.
    fn mistype(&mut self, visit: u64) -> Result<()> {
        let form = self.form(self.one_of(visit), "parasol");
        self.post("/login", None, &form, 401).map(drop)
    }

    fn be_nobody(&mut self, visit: u64) -> Result<()> {
        self.check(None, 401)?;
        let number = self.number;
        let form = format!("username=nobody{number}x{visit}&password=parasol-lantern-fjord");
        self.post("/login", None, &form, 401).map(drop)
    }

    /// Ends the oldest session, and tries its cookie.
    fn log_out(&mut self) -> Result<()> {
        let Some(cookie) = self.sessions.pop_front() else {
            return Ok(());
        };
        self.post("/logout", Some(&cookie), "", 200)?;
        self.check(Some(&cookie), 401)
    }

    fn one_of(&self, visit: u64) -> usize {
        usize::try_from(visit).unwrap_or_default() % self.names
    }

    fn form(&self, account: usize, last: &str) -> String {
        let number = self.number;
        format!("username=regular{number}x{account}&password=quartz-lantern-fjord-{account}-{last}")
    }

    fn check(&mut self, cookie: Option<&str>, status: u16) -> Result<()> {
        let request = http::get(self.address, "/protected", cookie);
        self.ask("/protected", &request, status).map(drop)
    }

    /// The cookie of the answer, if there has to be one; else nothing of importance.
    fn post(
        &mut self,
        path: &str,
        cookie: Option<&str>,
        form: &str,
        status: u16,
    ) -> Result<String> {
        let request = http::post_with(self.address, path, cookie, Body::Form(form));
        self.ask(path, &request, status)
    }

    fn ask(&mut self, path: &str, request: &str, status: u16) -> Result<String> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(self.address)?),
        };
        connection.send(request)?;
        let answer = connection.receive()?;
        let got = answer.status;
        ensure!(got == status, "{path} was answered {got}, not {status}");
        Ok(answer.cookie().unwrap_or_default().to_owned())
    }
}
