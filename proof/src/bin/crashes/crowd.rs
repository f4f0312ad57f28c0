//! The load: clients that come and go at once, each with people of its own, so that what each was told has one order.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use fastrand::Rng;

use crate::door::Door;
use crate::look;
use crate::person::{Known, Person};
use crate::site::Strategy;
use crate::told::{Act, Told, Violation};

const CLIENTS: usize = 6;
/// Whoever has had so many sessions is left alone.
const ENOUGH: usize = 24;
/// People of one client that are about at the same time.
const ABOUT: usize = 4;

/// Everybody who ever came to a site.
#[derive(Debug)]
pub(crate) struct Crowd {
    strategy: Strategy,
    clients: Vec<Client>,
    names: AtomicU32,
}

#[derive(Debug)]
struct Client {
    rng: Rng,
    people: Vec<Person>,
}

impl Crowd {
    pub(crate) fn new(strategy: Strategy, rng: &mut Rng) -> Self {
        let client = |_| Client {
            rng: rng.fork(),
            people: Vec::new(),
        };
        Self {
            strategy,
            clients: (0..CLIENTS).map(client).collect(),
            names: AtomicU32::new(0),
        }
    }

    /// Lets everybody do things until they are told to stop or get no answer; meanwhile something is done to the server.
    pub(crate) fn live<T>(&mut self, door: &Door, told: &Told, meanwhile: impl FnOnce() -> T) -> T {
        let (stop, names, strategy) = (AtomicBool::new(false), &self.names, self.strategy);
        thread::scope(|scope| {
            for client in &mut self.clients {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        if client.act(strategy, names, door, told).is_none() {
                            return;
                        }
                    }
                });
            }
            let done = meanwhile();
            stop.store(true, Ordering::SeqCst);
            done
        })
    }

    /// Holds what everybody knows against what the server says: of those who did something since the last look, or of all.
    pub(crate) fn look(&mut self, door: &Door, told: &Told, all: bool) {
        let strategy = self.strategy;
        thread::scope(|scope| {
            for client in &mut self.clients {
                scope.spawn(move || {
                    for person in &mut client.people {
                        if all || person.moved {
                            look::at(person, strategy, door, told);
                        }
                    }
                });
            }
        });
    }

    /// Whoever is about did something, for the next look.
    pub(crate) fn look_again(&mut self) {
        for client in &mut self.clients {
            let about = client.people.iter_mut().rev().take(ABOUT);
            about.for_each(|person| person.moved = true);
        }
    }

    pub(crate) fn people(&self) -> impl Iterator<Item = &Person> {
        self.clients.iter().flat_map(|client| &client.people)
    }

    pub(crate) fn people_mut(&mut self) -> impl Iterator<Item = &mut Person> {
        self.clients
            .iter_mut()
            .flat_map(|client| &mut client.people)
    }
}

impl Client {
    /// Does one thing. The status of the answer, if one came.
    fn act(
        &mut self,
        strategy: Strategy,
        names: &AtomicU32,
        door: &Door,
        told: &Told,
    ) -> Option<u16> {
        let fit = |person: &Person| person.known == Known::There && person.visits.len() < ENOUGH;
        let first = self.people.len().saturating_sub(ABOUT);
        let about: Vec<_> = (first..self.people.len())
            .filter(|index| fit(&self.people[*index]))
            .collect();
        let Some(index) = self.rng.choice(about).filter(|_| self.rng.u8(0..100) >= 15) else {
            let name = format!("user{}", names.fetch_add(1, Ordering::SeqCst));
            let mut person = Person::new(name);
            let answered = person.ask(Act::SignUp, None, door, told);
            self.people.push(person);
            return answered;
        };
        let person = &mut self.people[index];
        let Some(by) = self.rng.choice(person.open()) else {
            return person.ask(Act::LogIn, None, door, told);
        };
        match self.rng.u8(0..100) {
            0..25 => person.ask(Act::LogIn, None, door, told),
            25..45 => person.ask(Act::LogOut, Some(by), door, told),
            45..52 => person.ask(Act::LogOutEverywhere, Some(by), door, told),
            52..62 => person.ask(Act::ChangePassword, Some(by), door, told),
            62..85 if strategy == Strategy::Jwt => person.ask(Act::Refresh, Some(by), door, told),
            _ => check(person, by, door, told),
        }
    }
}

/// Whoever is logged in is let in, also while things happen.
fn check(person: &Person, by: usize, door: &Door, told: &Told) -> Option<u16> {
    let answer = door.get("/protected", &person.visits[by].header())?;
    if answer.status != 200 && answer.status != 503 {
        let (name, status) = (&person.name, answer.status);
        let what = format!("{name}, who is logged in, was answered {status}");
        told.violation(Violation::Unexpected(what));
    }
    Some(answer.status)
}
