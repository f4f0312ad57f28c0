//! What SQL says of sessions that are kept elsewhere: who may use them, and that those which ended stay ended. The other
//! place may lose what it holds, or have an old state of it restored; nothing here depends on it.

use sqlx::FromRow;

use super::rows::{UserRow, announce, bytes, has_authority, insert_session};
use super::sessions::{end_in, is_current, make_way};
use super::users::{end_all, raise_epoch, set_password_in};
use super::{Doing, PostgresStore, Tx, hold_account, query, query_as};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::store::{By, Change, Epoch, NewSignIn, Outcome, PasswordChange, Result, Which};
use crate::user::User;

/// A session that is kept elsewhere, as far as SQL has to know it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Kept {
    pub(in crate::store) id: SessionId,
    pub(in crate::store) user: UserId,
    /// The epoch at which it began.
    pub(in crate::store) epoch: Epoch,
    pub(in crate::store) expires_at: Timestamp,
}

/// The sessions that a verb is about, where they are kept elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Concerned {
    /// The one on whose authority it is done.
    pub(in crate::store) by: Option<Kept>,
    /// The one that it is done to, or that is left out.
    pub(in crate::store) target: Option<Kept>,
}

#[derive(FromRow)]
struct VouchedRow {
    #[sqlx(flatten)]
    user: UserRow,
    user_epoch: Epoch,
}

impl PostgresStore {
    /// The user of a session, and the epoch that both share, if the session is live: one statement for user and tombstone.
    pub(in crate::store) async fn vouch(&self, kept: &Kept) -> Result<Option<(User, Epoch)>> {
        const DOING: &str = "reading a session's user";
        let mut read = self.read(DOING).await?;
        let row = vouched(&mut read, kept, DOING).await?;
        row.map(|row| Ok((row.user.user()?, row.user_epoch)))
            .transpose()
    }

    /// Which of a user's sessions are live.
    pub(in crate::store) async fn vouch_all(&self, kept: &[Kept]) -> Result<Vec<SessionId>> {
        let mut read = self.read("listing an account's sessions").await?;
        let rows: Vec<(Vec<u8>,)> = query_as(
            "SELECT k.id FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS k (id, user_id, epoch)
                  JOIN users u ON u.id = k.user_id AND u.disabled_at IS NULL
                  LEFT JOIN elsewhere e ON e.session_id = k.id
             WHERE e.session_id IS NULL AND u.epoch = k.epoch OR e.epoch = u.epoch",
        )
        .bind(column(kept, |kept| kept.id.as_bytes().to_vec()))
        .bind(column(kept, |kept| kept.user.as_bytes().to_vec()))
        .bind(column(kept, |kept| kept.epoch))
        .fetch_all(&mut *read)
        .doing("listing an account's sessions")
        .await?;
        rows.iter()
            .map(|(id,)| bytes(id).map(SessionId::from_bytes))
            .collect()
    }

    /// Lets a log-in have its session elsewhere, only while its epoch is still the user's; ends those that make way for it,
    /// here and elsewhere. A session with refresh tokens is kept here, since they are.
    pub(in crate::store) async fn open_elsewhere(
        &self,
        log_in: &NewSignIn,
        make_way_elsewhere: &[Kept],
    ) -> Result<Outcome> {
        let session = &log_in.new.session;
        let mut tx = self.begin("opening a session").await?;
        hold_account(&mut tx, session.user).await?;
        if !is_current(&mut tx, log_in).await? {
            return Ok(Outcome::NoAuthority);
        }
        if log_in.new.refresh.is_some() {
            insert_session(&mut tx, &log_in.new, log_in.epoch).await?;
        }
        let mut ended = make_way(&mut tx, log_in).await?;
        for kept in make_way_elsewhere {
            if bury(&mut tx, kept.id, kept.expires_at, session.created_at).await? {
                ended.push(kept.id);
            }
        }
        tx.commit().doing("opening a session").await?;
        Ok(Outcome::Done(ended))
    }

    pub(in crate::store) async fn set_password_elsewhere(
        &self,
        change: &PasswordChange,
        concerned: Concerned,
    ) -> Result<Outcome> {
        let mut tx = self.begin("changing a password").await?;
        hold_account(&mut tx, change.user).await?;
        if !may(&mut tx, change.user, change.by, concerned.by, change.now).await? {
            return Ok(Outcome::NoAuthority);
        }
        let outcome = set_password_in(&mut tx, change).await?;
        if matches!(outcome, Outcome::Done(_)) {
            tx.commit().doing("changing a password").await?;
        }
        Ok(outcome)
    }

    pub(in crate::store) async fn end_elsewhere(
        &self,
        user: UserId,
        which: Which,
        by: By,
        concerned: Concerned,
        now: Timestamp,
    ) -> Result<Outcome> {
        let mut tx = self.begin("ending sessions").await?;
        hold_account(&mut tx, user).await?;
        if matches!(by, By::OneTime(_)) {
            return Ok(Outcome::NoAuthority);
        }
        // Whoever logs out was let in by a node that knew the session. Other nodes may still know it where it is kept no more.
        let logs_out = matches!((which, by), (Which::One(one), By::Session(own)) if one == own);
        if !logs_out && !may(&mut tx, user, by, concerned.by, now).await? {
            return Ok(Outcome::NoAuthority);
        }
        let ended = match end_in_either(&mut tx, user, which, concerned.target, now).await? {
            Some(ended) => ended,
            None if logs_out => log_out(&mut tx, which, concerned.target, now).await?,
            None => return Ok(Outcome::NotFound),
        };
        tx.commit().doing("ending sessions").await?;
        Ok(Outcome::Done(ended))
    }
}

fn column<T>(kept: &[Kept], value: impl Fn(&Kept) -> T) -> Vec<T> {
    kept.iter().map(value).collect()
}

async fn end_in_either(
    tx: &mut Tx,
    user: UserId,
    which: Which,
    target: Option<Kept>,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    let target = target.filter(|kept| kept.user == user);
    match (which, target) {
        (Which::One(_), Some(kept)) => {
            let ended =
                vouches(tx, &kept).await? && bury(tx, kept.id, kept.expires_at, now).await?;
            Ok(ended.then(|| vec![kept.id]))
        }
        (Which::AllBut(_), Some(kept)) => {
            if !vouches(tx, &kept).await? {
                return Ok(None);
            }
            let Some(epoch) = raise_epoch(tx, user).await? else {
                return Ok(None);
            };
            move_to(tx, &kept, epoch).await?;
            end_all(tx, user, now).await.map(Some)
        }
        _ => end_in(tx, user, which, now).await,
    }
}

/// Ends a session that is kept nowhere any more, for as long as any node may remember it.
async fn log_out(
    tx: &mut Tx,
    which: Which,
    target: Option<Kept>,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    const AT_THE_LONGEST: std::time::Duration = std::time::Duration::from_secs(400 * 24 * 3600);
    let (Which::One(session), None) = (which, target) else {
        return Ok(Vec::new());
    };
    bury(tx, session, now.after(AT_THE_LONGEST), now).await?;
    Ok(vec![session])
}

/// Whether the authority still stands, wherever its session is kept.
async fn may(
    tx: &mut Tx,
    user: UserId,
    by: By,
    kept: Option<Kept>,
    now: Timestamp,
) -> Result<bool> {
    match kept.filter(|kept| kept.user == user && by == By::Session(kept.id)) {
        Some(kept) => vouches(tx, &kept).await,
        None => has_authority(tx, user, by, now).await,
    }
}

/// Whether a session is live, asked inside the transaction that holds its account.
async fn vouches(tx: &mut Tx, kept: &Kept) -> Result<bool> {
    let row = vouched(tx, kept, "checking the authority for a change").await?;
    Ok(row.is_some())
}

/// A session's user, if the session is live.
async fn vouched(tx: &mut Tx, kept: &Kept, doing: &'static str) -> Result<Option<VouchedRow>> {
    query_as(
        "SELECT u.id AS user_id, u.username, u.email, u.created_at AS user_created_at, u.disabled_at,
                u.epoch AS user_epoch
         FROM users u LEFT JOIN elsewhere e ON e.session_id = $1
         WHERE u.id = $2 AND u.disabled_at IS NULL
           AND (e.session_id IS NULL AND u.epoch = $3 OR e.epoch = u.epoch)",
    )
    .bind(kept.id.as_bytes().as_slice())
    .bind(kept.user.as_bytes().as_slice())
    .bind(kept.epoch)
    .fetch_optional(&mut **tx)
    .doing(doing)
    .await
}

/// Writes a tombstone and announces it. `false` if there was one.
async fn bury(
    tx: &mut Tx,
    session: SessionId,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let written = query(
        "INSERT INTO elsewhere (session_id, epoch, expires_at) VALUES ($1, NULL, $2)
         ON CONFLICT (session_id) DO UPDATE SET epoch = NULL WHERE elsewhere.epoch IS NOT NULL",
    )
    .bind(session.as_bytes().as_slice())
    .bind(expires_at.as_millis())
    .execute(&mut **tx)
    .doing("writing a tombstone")
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    announce(tx, Change::Session(session), now).await?;
    Ok(true)
}

/// Takes a session along to the user's new epoch. It never opens a grave.
async fn move_to(tx: &mut Tx, kept: &Kept, epoch: Epoch) -> Result<()> {
    query(
        "INSERT INTO elsewhere (session_id, epoch, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (session_id) DO UPDATE SET epoch = $2 WHERE elsewhere.epoch IS NOT NULL",
    )
    .bind(kept.id.as_bytes().as_slice())
    .bind(epoch)
    .bind(kept.expires_at.as_millis())
    .execute(&mut **tx)
    .doing("keeping a session")
    .await
    .map(drop)
}
