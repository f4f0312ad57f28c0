//! Counts of failures, and known devices, in SQL.
//!
//! Who holds rows holds the account first, then counts in the order of the attempt, so that no two wait for each other; but for two
//! accounts that one browser logs in to at once, of which one may not remember it.

use std::time::Duration;

use async_trait::async_trait;

use super::rows::bytes;
use super::{Connection, Doing, MANY, SqlStore, Tx, hold_account, query, query_as};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{self, SessionId, UserId};
use crate::store::{Attempt, Counted, Counter, Result, Success, Throttles, count_all};
use crate::throttle::{ALL_DEVICES, Count, KEPT_DEVICES, PER_DEVICE, Rule};
use crate::token::HashedSecret;

const COUNTING: &str = "counting an attempt";
const REMEMBERING: &str = "remembering a device";
/// Accounts that one browser is remembered for.
const ACCOUNTS: i64 = 8;

#[async_trait]
impl Throttles for SqlStore {
    async fn throttle_key(&self) -> Result<[u8; 32]> {
        const DOING: &str = "reading the throttles' key";
        let mut read = self.read(DOING).await?;
        if let Some(key) = key(&mut read).await? {
            return Ok(key);
        }
        drop(read);
        let mut tx = self.begin(DOING).await?;
        query("UPDATE store SET throttle_key = $1 WHERE throttle_key IS NULL")
            .bind(id::random::<32>().to_vec())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        // Another node may have been first.
        let made = key(&mut tx).await?;
        tx.commit().doing(DOING).await?;
        made.ok_or_else(|| StoreError::unavailable("the database has lost its identity"))
    }

    async fn count(&self, attempt: &Attempt) -> Result<Counted> {
        if let Some(wait) = refuses(self, attempt).await? {
            return Ok(Counted::Refused(wait));
        }
        let mut tx = self.begin(COUNTING).await?;
        let counted = count_in(&mut tx, attempt).await?;
        // What was refused has written nothing that should stay.
        if !matches!(counted, Counted::Refused(_)) {
            tx.commit().doing(COUNTING).await?;
        }
        Ok(counted)
    }

    async fn take_back(&self, attempt: &Attempt, counted: Counted) -> Result<()> {
        let mut tx = self.begin(COUNTING).await?;
        match counted {
            Counted::Device => device_has_not_failed(&mut tx, attempt).await?,
            Counted::Stranger => take_back_in(&mut tx, attempt).await?,
            Counted::Refused(_) => return Ok(()),
        }
        tx.commit().doing(COUNTING).await
    }

    async fn succeed(&self, attempt: &Attempt, counted: Counted, success: &Success) -> Result<()> {
        let mut tx = self.begin(REMEMBERING).await?;
        hold_account(&mut tx, success.user).await?;
        match (counted, attempt.device) {
            (Counted::Device, Some(device)) => {
                for counter in attempt
                    .counters
                    .iter()
                    .filter(|it| it.rule == Rule::Account)
                {
                    forget(&mut tx, counter.key).await?;
                }
                note_use(&mut tx, device, success.user, attempt.at).await?;
            }
            (_, shown) => {
                take_back_in(&mut tx, attempt).await?;
                remember(&mut tx, shown, success, attempt.at).await?;
            }
        }
        forgive(&mut tx, success.user).await?;
        tx.commit().doing(REMEMBERING).await
    }

    async fn unlock(&self, key: [u8; 16], user: UserId) -> Result<()> {
        const DOING: &str = "forgetting failures";
        let mut tx = self.begin(DOING).await?;
        hold_account(&mut tx, user).await?;
        forget(&mut tx, key).await?;
        query("UPDATE devices SET failures = 0 WHERE user_id = $1")
            .bind(user.as_bytes().as_slice())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await
    }
}

async fn key(connection: &mut Connection) -> Result<Option<[u8; 32]>> {
    let (key,): (Option<Vec<u8>>,) = query_as("SELECT throttle_key FROM store")
        .fetch_one(connection)
        .doing("reading the throttles' key")
        .await?;
    key.map(|key| bytes(&key)).transpose()
}

/// Whether there may be none now, without writing: a storm of guesses costs reads.
async fn refuses(store: &SqlStore, attempt: &Attempt) -> Result<Option<Duration>> {
    let mut read = store.read(COUNTING).await?;
    if knows(&mut read, attempt).await?.is_some() {
        return Ok(None);
    }
    let mut counts = Vec::new();
    for counter in &attempt.counters {
        let row = query_as("SELECT failures, at FROM throttles WHERE key = $1")
            .bind(counter.key.as_slice())
            .fetch_optional(&mut *read)
            .doing(COUNTING)
            .await?;
        counts.push(row.map_or_else(Count::default, count));
    }
    Ok(count_all(attempt, &counts).err())
}

/// The user of this name, if the device that was shown is one of theirs.
async fn knows(connection: &mut Connection, attempt: &Attempt) -> Result<Option<UserId>> {
    let (Some(device), Some(name)) = (attempt.device, &attempt.name) else {
        return Ok(None);
    };
    let user: Option<(Vec<u8>,)> = query_as(
        "SELECT user_id FROM devices
         WHERE token = $1 AND user_id = (SELECT id FROM users WHERE username_key = $2)",
    )
    .bind(device.as_bytes().to_vec())
    .bind(name.clone())
    .fetch_optional(connection)
    .doing(COUNTING)
    .await?;
    user.map(|(user,)| bytes(&user).map(UserId::from_bytes))
        .transpose()
}

async fn count_in(tx: &mut Tx, attempt: &Attempt) -> Result<Counted> {
    if let (Some(user), Some(device)) = (knows(tx, attempt).await?, attempt.device)
        && device_may_fail(tx, user, device).await?
    {
        return Ok(Counted::Device);
    }
    let mut before = Vec::new();
    for counter in &attempt.counters {
        before.push(hold(tx, counter, attempt).await?);
    }
    match count_all(attempt, &before) {
        Err(wait) => Ok(Counted::Refused(wait)),
        Ok(counts) => {
            for (counter, count) in attempt.counters.iter().zip(counts) {
                write(tx, counter.key, count).await?;
            }
            Ok(Counted::Stranger)
        }
    }
}

fn count((failures, at): (i64, i64)) -> Count {
    Count {
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        at: Timestamp::from_millis(at),
    }
}

/// What was counted, which nobody else changes until the commit; nothing, where it is new. Whether an account has the name is
/// noted beside it and told to nobody: what is counted of accounts makes way for nothing.
async fn hold(tx: &mut Tx, counter: &Counter, attempt: &Attempt) -> Result<Count> {
    let name = attempt
        .name
        .as_ref()
        .filter(|_| counter.rule == Rule::Account);
    query_as(
        "INSERT INTO throttles (key, of_account, is_known, failures, at)
         VALUES ($1, $2, EXISTS (SELECT 1 FROM users WHERE username_key = $3), 0, 0)
         ON CONFLICT (key) DO UPDATE SET failures = throttles.failures, is_known = excluded.is_known
         RETURNING failures, at",
    )
    .bind(counter.key.as_slice())
    .bind(counter.rule == Rule::Account)
    .bind(name.cloned())
    .fetch_one(&mut **tx)
    .doing(COUNTING)
    .await
    .map(count)
}

async fn write(tx: &mut Tx, key: [u8; 16], count: Count) -> Result<()> {
    query("UPDATE throttles SET failures = $1, at = $2 WHERE key = $3")
        .bind(i64::from(count.failures))
        .bind(count.at.as_millis())
        .bind(key.as_slice())
        .execute(&mut **tx)
        .doing(COUNTING)
        .await
        .map(drop)
}

pub(super) async fn forget(tx: &mut Tx, key: [u8; 16]) -> Result<()> {
    query("DELETE FROM throttles WHERE key = $1")
        .bind(key.as_slice())
        .execute(&mut **tx)
        .doing("forgetting failures")
        .await
        .map(drop)
}

async fn take_back_in(tx: &mut Tx, attempt: &Attempt) -> Result<()> {
    for counter in &attempt.counters {
        let before = hold(tx, counter, attempt).await?;
        let after = counter.rule.take_back(before, attempt.at);
        write(tx, counter.key, after).await?;
    }
    Ok(())
}

/// Counts against a device that the account knows, if it and all of them have a failure left.
async fn device_may_fail(tx: &mut Tx, user: UserId, device: HashedSecret) -> Result<bool> {
    hold_account(tx, user).await?;
    let counted = query(
        "UPDATE devices SET failures = failures + 1
         WHERE token = $1 AND user_id = $2 AND failures < $3
           AND (SELECT sum(failures) FROM devices WHERE user_id = $2) < $4",
    )
    .bind(device.as_bytes().to_vec())
    .bind(user.as_bytes().to_vec())
    .bind(i64::from(PER_DEVICE))
    .bind(i64::from(ALL_DEVICES))
    .execute(&mut **tx)
    .doing(COUNTING)
    .await?;
    Ok(counted.rows_affected() > 0)
}

async fn device_has_not_failed(tx: &mut Tx, attempt: &Attempt) -> Result<()> {
    query(
        "UPDATE devices SET failures = failures - 1
         WHERE token = $1 AND failures > 0 AND user_id = (SELECT id FROM users WHERE username_key = $2)",
    )
    .bind(attempt.device.map(|device| device.as_bytes().to_vec()))
    .bind(attempt.name.clone())
    .execute(&mut **tx)
    .doing(COUNTING)
    .await
    .map(drop)
}

/// Whoever knows the password is the owner: failures are in a row no longer. Devices that had used theirs up are strangers from
/// now on.
async fn forgive(tx: &mut Tx, user: UserId) -> Result<()> {
    query("DELETE FROM devices WHERE user_id = $1 AND failures >= $2")
        .bind(user.as_bytes().to_vec())
        .bind(i64::from(PER_DEVICE))
        .execute(&mut **tx)
        .doing(REMEMBERING)
        .await?;
    query("UPDATE devices SET failures = 0 WHERE user_id = $1 AND failures > 0")
        .bind(user.as_bytes().to_vec())
        .execute(&mut **tx)
        .doing(REMEMBERING)
        .await
        .map(drop)
}

async fn note_use(tx: &mut Tx, device: HashedSecret, user: UserId, now: Timestamp) -> Result<()> {
    query("UPDATE devices SET failures = 0, seen_at = $1 WHERE token = $2 AND user_id = $3")
        .bind(now.as_millis())
        .bind(device.as_bytes().to_vec())
        .bind(user.as_bytes().to_vec())
        .execute(&mut **tx)
        .doing(REMEMBERING)
        .await
        .map(drop)
}

/// A device whose token somebody planted must not become known by that token: it gets a fresh one, and takes along what
/// other accounts knew of it.
async fn remember(
    tx: &mut Tx,
    shown: Option<HashedSecret>,
    success: &Success,
    now: Timestamp,
) -> Result<()> {
    let (user, fresh) = (success.user.as_bytes(), success.fresh.as_bytes());
    if let Some(shown) = shown {
        query("DELETE FROM devices WHERE token = $1 AND user_id = $2")
            .bind(shown.as_bytes().to_vec())
            .bind(user.to_vec())
            .execute(&mut **tx)
            .doing(REMEMBERING)
            .await?;
        query("UPDATE devices SET token = $1 WHERE token = $2")
            .bind(fresh.to_vec())
            .bind(shown.as_bytes().to_vec())
            .execute(&mut **tx)
            .doing(REMEMBERING)
            .await?;
    }
    query(
        "INSERT INTO devices (id, token, user_id, failures, seen_at)
         SELECT $1, $2, id, 0, $3 FROM users WHERE id = $4 AND epoch = $5",
    )
    .bind(SessionId::random().as_bytes().to_vec())
    .bind(fresh.to_vec())
    .bind(now.as_millis())
    .bind(user.to_vec())
    .bind(success.epoch)
    .execute(&mut **tx)
    .doing(REMEMBERING)
    .await?;
    keep_the_last(tx, success).await
}

/// Of the account's devices, and of the accounts of this browser.
async fn keep_the_last(tx: &mut Tx, success: &Success) -> Result<()> {
    query(
        "DELETE FROM devices WHERE user_id = $1 AND id NOT IN
             (SELECT id FROM devices WHERE user_id = $1 ORDER BY seen_at DESC, id LIMIT $2)",
    )
    .bind(success.user.as_bytes().to_vec())
    .bind(i64::from(KEPT_DEVICES))
    .execute(&mut **tx)
    .doing(REMEMBERING)
    .await?;
    query(
        "DELETE FROM devices WHERE token = $1 AND id NOT IN
             (SELECT id FROM devices WHERE token = $1 ORDER BY seen_at DESC, id LIMIT $2)",
    )
    .bind(success.fresh.as_bytes().to_vec())
    .bind(ACCOUNTS)
    .execute(&mut **tx)
    .doing(REMEMBERING)
    .await
    .map(drop)
}

/// No device is known any longer to which the old password was.
pub(super) async fn forget_devices(tx: &mut Tx, user: UserId) -> Result<()> {
    query("DELETE FROM devices WHERE user_id = $1")
        .bind(user.as_bytes().as_slice())
        .execute(&mut **tx)
        .doing("forgetting an account's devices")
        .await
        .map(drop)
}

/// Deletes what counts nothing any longer and, where more names were typed that nobody has than are kept, those with the fewest
/// failures. Answers whether it deleted as many as it may.
pub(super) async fn sweep_throttles(tx: &mut Tx, now: Timestamp, names: u64) -> Result<bool> {
    const DOING: &str = "sweeping throttles";
    let rates = query(concat!(
        "DELETE FROM throttles WHERE key IN
             (SELECT key FROM throttles WHERE NOT of_account AND at <= $1 LIMIT $2",
        skip_locked!(),
        ")"
    ))
    .bind(now.as_millis())
    .bind(MANY.cast_signed())
    .execute(&mut **tx)
    .doing(DOING)
    .await?;
    let (kept,): (i64,) = query_as(
        "SELECT count(*) FROM (SELECT 1 FROM throttles WHERE of_account AND NOT is_known LIMIT $1) AS names",
    )
    .bind((names + MANY).cast_signed())
    .fetch_one(&mut **tx)
    .doing(DOING)
    .await?;
    let excess = kept.unsigned_abs().saturating_sub(names);
    if excess > 0 {
        query(concat!(
            "DELETE FROM throttles WHERE key IN
                 (SELECT key FROM throttles WHERE of_account AND NOT is_known ORDER BY failures, at LIMIT $1",
            skip_locked!(),
            ")"
        ))
        .bind(excess.cast_signed())
        .execute(&mut **tx)
        .doing(DOING)
        .await?;
    }
    Ok(rates.rows_affected() >= MANY || excess >= MANY)
}
