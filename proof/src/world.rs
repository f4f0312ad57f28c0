//! What all clients share: the nodes to ask, the record of what came back, and how fast they live.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cluster::{Cluster, NODES};
use crate::history::{Answer, Asked, Event, Moment, Node, Recorder, Session, User};
use crate::link::{Link, Reply};

/// How many clients there are, and how busy.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// Clients that log in and out.
    pub(crate) clients: usize,
    /// Accounts whose sessions nobody ends.
    pub(crate) settled: usize,
    /// Between what one client does, in milliseconds.
    pub(crate) pause: Range<u64>,
    /// How long a session lives, in milliseconds.
    pub(crate) life: Range<u64>,
    /// Between two checks of a session by one node: while it lives and is to end, ...
    pub(crate) alive: Duration,
    /// ... while it lives and stays, ...
    pub(crate) staying: Duration,
    /// ... just after it has ended, ...
    pub(crate) just_ended: Duration,
    /// ... and later on.
    pub(crate) long_ended: Duration,
    /// How long an ended session is looked at.
    pub(crate) watched: Duration,
}

/// A person with a password.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) user: User,
    /// Raised by each change of the password.
    password: AtomicU32,
    /// When all sessions were last ended, in microseconds; nought if never.
    ended: AtomicU64,
    /// Something was asked for this account and it is not known whether it was done.
    in_doubt: AtomicBool,
}

/// Everything that clients share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) recorder: Recorder,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) pace: Pace,
    cookies: Mutex<Vec<String>>,
    users: AtomicU32,
    /// Accounts about which nothing is in doubt.
    pub(crate) standing: Mutex<Vec<Arc<Account>>>,
    stopping: AtomicBool,
    busy: AtomicUsize,
}

/// Somebody who has not finished yet.
pub(crate) struct Busy(Arc<World>);

impl World {
    pub(crate) fn new(cluster: Arc<Cluster>, pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            recorder: Recorder::new(NODES),
            cluster,
            pace,
            cookies: Mutex::default(),
            users: AtomicU32::new(0),
            standing: Mutex::default(),
            stopping: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
        })
    }

    pub(crate) fn link(&self, node: Node) -> Link {
        Link::to(self.cluster.address(node))
    }

    pub(crate) fn new_account(&self) -> Arc<Account> {
        Arc::new(Account {
            user: User(self.users.fetch_add(1, Ordering::SeqCst)),
            password: AtomicU32::new(0),
            ended: AtomicU64::new(0),
            in_doubt: AtomicBool::new(false),
        })
    }

    /// Asks a node and takes down what came back.
    pub(crate) async fn ask(&self, link: &mut Link, node: Node, asked: Asked, form: &str) -> Event {
        let cookie = match asked {
            Asked::Check(session)
            | Asked::LogOut(session)
            | Asked::LogOutEverywhere(_, session)
            | Asked::ChangePassword(_, session) => self.cookie(session),
            _ => String::new(),
        };
        let begin = self.recorder.now();
        let reply = match asked {
            Asked::Check(_) => link.get("/protected", &cookie).await,
            Asked::Ready => link.get("/health/ready", "").await,
            Asked::Register(_) => link.post("/register", "", form).await,
            Asked::LogIn(_) => link.post("/login", "", form).await,
            Asked::LogOut(_) => link.post("/logout", &cookie, "").await,
            Asked::LogOutEverywhere(..) => link.post("/logout/all", &cookie, "").await,
            Asked::ChangePassword(..) => link.post("/password", &cookie, form).await,
            Asked::Disable(_) | Asked::Enable(_) => None,
        };
        let end = self.recorder.now();
        let event = Event {
            begin,
            end,
            node: Some(node),
            asked,
            answer: self.read(asked, reply),
        };
        self.recorder.event(event);
        event
    }

    fn read(&self, asked: Asked, reply: Option<Reply>) -> Answer {
        let Some(reply) = reply else {
            return Answer::Silent;
        };
        let opens = matches!(
            asked,
            Asked::Register(_) | Asked::LogIn(_) | Asked::ChangePassword(..)
        );
        match reply.status {
            200 | 201 if opens => Answer::Yes(reply.cookie.map(|cookie| self.remember(cookie))),
            200 => Answer::Yes(None),
            401 => Answer::Refused,
            // Log-ins that a fault cut off are counted as failures, until the next one is told to wait.
            429 => Answer::Overloaded,
            503 if reply.body.contains("\"overloaded\"") => Answer::Overloaded,
            503 => Answer::Unavailable,
            other => Answer::Other(other),
        }
    }

    /// What an operator asks on the command line.
    pub(crate) async fn operate(
        self: &Arc<Self>,
        asked: Asked,
        words: [&'static str; 2],
        name: String,
    ) -> Event {
        let world = Arc::clone(self);
        let begin = self.recorder.now();
        let done = tokio::task::spawn_blocking(move || {
            let [topic, verb] = words;
            world.cluster.operate(&[topic, verb, &name])
        });
        let answer = match done.await {
            Ok(true) => Answer::Yes(None),
            _ => Answer::Silent,
        };
        let event = Event {
            begin,
            end: self.recorder.now(),
            node: None,
            asked,
            answer,
        };
        self.recorder.event(event);
        event
    }

    fn remember(&self, cookie: String) -> Session {
        let mut cookies = lock(&self.cookies);
        cookies.push(cookie);
        Session(u32::try_from(cookies.len() - 1).unwrap_or(u32::MAX))
    }

    fn cookie(&self, Session(number): Session) -> String {
        let cookies = lock(&self.cookies);
        let cookie = cookies.get(number as usize);
        cookie.cloned().unwrap_or_default()
    }

    /// Every session that anybody was given.
    pub(crate) fn sessions(&self) -> Vec<Session> {
        let count = lock(&self.cookies).len();
        (0..u32::try_from(count).unwrap_or(u32::MAX))
            .map(Session)
            .collect()
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Counts somebody as unfinished for as long as they hold this.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(self))
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Account {
    pub(crate) fn name(&self) -> String {
        format!("user{}", self.user.0)
    }

    /// The form that registers and logs in.
    pub(crate) fn form(&self) -> String {
        let (name, password) = (self.name(), self.password(0));
        format!("username={name}&password={password}")
    }

    /// The form that changes the password to the next.
    pub(crate) fn change_form(&self) -> String {
        let (current, new) = (self.password(0), self.password(1));
        format!("current_password={current}&new_password={new}")
    }

    fn password(&self, later: u32) -> String {
        let version = self.password.load(Ordering::SeqCst) + later;
        format!("gravel+umbrella+seventeen+{version}")
    }

    pub(crate) fn password_changed(&self) {
        self.password.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn all_ended(&self, at: Moment) {
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        self.ended.store(micros, Ordering::SeqCst);
    }

    /// When all sessions were last ended, or nought.
    pub(crate) fn ended(&self) -> Moment {
        Moment::from_micros(self.ended.load(Ordering::SeqCst))
    }

    pub(crate) fn doubt(&self) {
        self.in_doubt.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::SeqCst)
    }
}

/// A panic elsewhere is reported there.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
