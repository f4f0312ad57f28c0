//! A session as Redis keeps it: one hash under one key, and its id in the list of its user's.

use std::collections::HashMap;

use redis::Pipeline;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::session::{NewSession, Session};
use crate::store::postgres::Kept;
use crate::store::{Epoch, Result};
use crate::token::HashedSecret;

/// Later, if the session is there: a touch brings nothing back and takes nothing back.
const TOUCH: &str = "local seen = redis.call('HGET', KEYS[1], 'seen')
if not seen then return 0 end
if tonumber(seen) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'seen', ARGV[1]) end
return 1";

/// A session with what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) session: Session,
    /// At which it began. SQL may know that it has moved on.
    pub(super) epoch: Epoch,
    pub(super) secret: HashedSecret,
}

pub(super) type Fields = HashMap<String, Vec<u8>>;

impl Record {
    pub(super) fn new(new: &NewSession, epoch: Epoch) -> Self {
        Self {
            session: new.session.clone(),
            epoch,
            secret: new.secret,
        }
    }

    pub(super) const fn kept(&self) -> Kept {
        Kept {
            id: self.session.id,
            user: self.session.user,
            epoch: self.epoch,
            expires_at: self.session.expires_at,
        }
    }

    /// Reads what [`get`] answers: nothing where there is none.
    pub(super) fn read(id: SessionId, fields: &Fields) -> Result<Option<Self>> {
        if fields.is_empty() {
            return Ok(None);
        }
        let session = Session {
            id,
            user: UserId::from_bytes(bytes(fields, "user")?),
            created_at: time(fields, "created")?,
            last_seen_at: time(fields, "seen")?,
            expires_at: time(fields, "expires")?,
            remember: number(fields, "remember")? != 0,
            user_agent: fields
                .get("agent")
                .map(|agent| String::from_utf8_lossy(agent).into_owned()),
        };
        Ok(Some(Self {
            session,
            epoch: number(fields, "epoch")?,
            secret: HashedSecret::from_bytes(bytes(fields, "secret")?),
        }))
    }

    /// Writes it, to be gone by itself when it expires.
    pub(super) fn put(&self, commands: &mut Pipeline) {
        let (session, key) = (&self.session, session_key(self.session.id));
        let hash = commands.cmd("HSET").arg(&key);
        hash.arg("user").arg(session.user.as_bytes());
        hash.arg("secret").arg(self.secret.as_bytes());
        hash.arg("epoch").arg(self.epoch);
        hash.arg("created").arg(session.created_at.as_millis());
        hash.arg("seen").arg(session.last_seen_at.as_millis());
        hash.arg("expires").arg(session.expires_at.as_millis());
        hash.arg("remember").arg(i64::from(session.remember));
        if let Some(agent) = &session.user_agent {
            hash.arg("agent").arg(agent);
        }
        hash.ignore();
        commands
            .cmd("PEXPIRE")
            .arg(&key)
            .arg(self.time_to_live())
            .ignore();
    }

    /// Milliseconds from its beginning, which is now, to its end: no matter what time Redis thinks it is.
    pub(super) fn time_to_live(&self) -> u64 {
        let span = self.session.expires_at.since(self.session.created_at);
        u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Where a session is.
pub(super) fn session_key(session: SessionId) -> String {
    format!("lockjar:session:{session}")
}

/// Where the ids of a user's sessions are, by when they expire. Some may be gone.
pub(super) fn user_key(user: UserId) -> String {
    format!("lockjar:sessions-of:{user}")
}

pub(super) fn get(session: SessionId, commands: &mut Pipeline) {
    commands.cmd("HGETALL").arg(session_key(session));
}

pub(super) fn touch(session: SessionId, at: Timestamp, commands: &mut Pipeline) {
    commands
        .cmd("EVAL")
        .arg(TOUCH)
        .arg(1)
        .arg(session_key(session))
        .arg(at.as_millis());
}

pub(super) fn unlist(user: UserId, session: SessionId, commands: &mut Pipeline) {
    commands
        .cmd("ZREM")
        .arg(user_key(user))
        .arg(session.as_bytes())
        .ignore();
}

fn field<'a>(fields: &'a Fields, name: &str) -> Result<&'a [u8]> {
    let found = fields.get(name).map(Vec::as_slice);
    found.ok_or_else(|| StoreError::unavailable(format!("a session in Redis has no {name}")))
}

fn bytes<const N: usize>(fields: &Fields, name: &str) -> Result<[u8; N]> {
    field(fields, name)?.try_into().map_err(|_| {
        StoreError::unavailable(format!(
            "a session in Redis has a {name} of the wrong length"
        ))
    })
}

fn number(fields: &Fields, name: &str) -> Result<i64> {
    let text = std::str::from_utf8(field(fields, name)?).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        StoreError::unavailable(format!("a session in Redis has a {name} that is no number"))
    })
}

fn time(fields: &Fields, name: &str) -> Result<Timestamp> {
    number(fields, name).map(Timestamp::from_millis)
}
