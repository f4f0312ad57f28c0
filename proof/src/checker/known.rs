//! What a history tells about each session and account: how it began and what may have ended it.

use std::collections::HashMap;

use crate::history::{Asked, Event, History, Session, User};

/// Whether a revocation ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It was acknowledged, and the session was there before it began.
    Sure,
    /// It is in doubt, or went on while the session was opened.
    Perhaps,
    /// The session was opened afterwards.
    Never,
}

/// The history by session and by account.
pub(super) struct Known<'a> {
    openings: HashMap<Session, (&'a Event, User)>,
    of_session: HashMap<Session, Vec<&'a Event>>,
    of_user: HashMap<User, Vec<&'a Event>>,
    registrations: HashMap<User, &'a Event>,
}

impl<'a> Known<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut known = Self {
            openings: HashMap::new(),
            of_session: HashMap::new(),
            of_user: HashMap::new(),
            registrations: HashMap::new(),
        };
        for event in &history.events {
            known.learn(event);
        }
        known
    }

    fn learn(&mut self, event: &'a Event) {
        let happened = event.is_acknowledged() || event.is_in_doubt();
        match event.asked {
            Asked::LogOut(session) if happened => {
                self.of_session.entry(session).or_default().push(event);
            }
            Asked::LogOutEverywhere(user, _)
            | Asked::ChangePassword(user, _)
            | Asked::Disable(user)
            | Asked::Enable(user)
                if happened =>
            {
                self.of_user.entry(user).or_default().push(event);
            }
            Asked::Register(user) if event.is_acknowledged() => {
                self.registrations.insert(user, event);
            }
            _ => {}
        }
        if let Asked::Register(user) | Asked::LogIn(user) | Asked::ChangePassword(user, _) =
            event.asked
            && let Some(session) = event.opened()
        {
            self.openings.insert(session, (event, user));
        }
    }

    /// How the session began.
    pub(super) fn opening(&self, session: Session) -> Option<&'a Event> {
        self.openings.get(&session).map(|(event, _)| *event)
    }

    /// The acknowledged registration of the account.
    pub(super) fn registration(&self, user: User) -> Option<&'a Event> {
        self.registrations.get(&user).copied()
    }

    /// What was done, or may have been, to the whole account.
    pub(super) fn changes_of(&self, user: User) -> impl Iterator<Item = &'a Event> {
        self.of_user.get(&user).into_iter().flatten().copied()
    }

    /// Everything that may have ended the session.
    pub(super) fn revocations_of(
        &self,
        session: Session,
    ) -> impl Iterator<Item = (&'a Event, Reach)> {
        let own = self.of_session.get(&session).into_iter().flatten();
        let own = own.map(|event| match event.is_acknowledged() {
            true => (*event, Reach::Sure),
            false => (*event, Reach::Perhaps),
        });
        let opening = self.openings.get(&session).copied();
        let of_account = opening.into_iter().flat_map(|(opening, user)| {
            let changes = self.changes_of(user).filter(|event| event.is_revocation());
            changes.map(move |event| (event, reach(event, opening)))
        });
        own.chain(of_account)
    }
}

/// Whether what ended all sessions of an account ended the one that was opened so.
fn reach(revocation: &Event, opening: &Event) -> Reach {
    if std::ptr::eq(revocation, opening) {
        // A change of the password ends every session but the one that comes with its answer.
        Reach::Never
    } else if !revocation.is_acknowledged() {
        Reach::Perhaps
    } else if opening.end <= revocation.begin {
        Reach::Sure
    } else if opening.begin >= revocation.end {
        Reach::Never
    } else {
        Reach::Perhaps
    }
}
