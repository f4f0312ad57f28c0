//! Counts of failures, and known devices, in SQL.

use async_trait::async_trait;

use super::rows::bytes;
use super::{Doing, SqlStore, Tx, hold_account, query, query_as};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::store::{Attempt, Counted, Counter, Result, ShownDevice, Throttles, Welcome, count_all};
use crate::throttle::{Count, DEVICES, PER_DEVICE, Rule};
use crate::token::HashedSecret;

const COUNTING: &str = "counting an attempt";
const WELCOMING: &str = "remembering a device";
/// Accounts that one browser is remembered for.
const ACCOUNTS: i64 = 8;

#[async_trait]
impl Throttles for SqlStore {
    async fn throttle_key(&self) -> Result<[u8; 32]> {
        let mut read = self.read("reading the throttles' key").await?;
        let (key,): (Vec<u8>,) = query_as("SELECT throttle_key FROM store")
            .fetch_one(&mut *read)
            .doing("reading the throttles' key")
            .await?;
        bytes(&key)
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
        match (counted, &attempt.device) {
            (Counted::Device, Some(device)) => device_has_not_failed(&mut tx, device).await?,
            (Counted::Stranger, _) => take_back_in(&mut tx, attempt).await?,
            _ => return Ok(()),
        }
        tx.commit().doing(COUNTING).await
    }

    async fn welcome(&self, attempt: &Attempt, counted: Counted, welcome: &Welcome) -> Result<()> {
        let mut tx = self.begin(WELCOMING).await?;
        match (counted, &attempt.device) {
            (Counted::Device, Some(device)) => {
                for counter in attempt
                    .counters
                    .iter()
                    .filter(|it| it.rule == Rule::Account)
                {
                    forget(&mut tx, counter.key).await?;
                }
                query("UPDATE devices SET failures = 0, seen_at = $1 WHERE token = $2 AND user_id = $3")
                    .bind(attempt.at.as_millis())
                    .bind(device.token.as_bytes().as_slice())
                    .bind(welcome.user.as_bytes().as_slice())
                    .execute(&mut *tx)
                    .doing(WELCOMING)
                    .await?;
            }
            _ => {
                take_back_in(&mut tx, attempt).await?;
                let shown = attempt.device.as_ref().map(|device| device.token);
                remember(&mut tx, shown, welcome, attempt.at).await?;
            }
        }
        tx.commit().doing(WELCOMING).await
    }

    async fn unlock(&self, key: [u8; 16], user: UserId) -> Result<()> {
        const DOING: &str = "forgetting failures";
        let mut tx = self.begin(DOING).await?;
        forget(&mut tx, key).await?;
        query("UPDATE devices SET failures = 0 WHERE user_id = $1")
            .bind(user.as_bytes().as_slice())
            .execute(&mut *tx)
            .doing(DOING)
            .await?;
        tx.commit().doing(DOING).await
    }
}

/// Whether there may be none now, without writing: a storm of guesses costs reads.
async fn refuses(store: &SqlStore, attempt: &Attempt) -> Result<Option<std::time::Duration>> {
    let mut read = store.read(COUNTING).await?;
    if let Some(device) = &attempt.device {
        let known: Option<(i64,)> = query_as(
            "SELECT failures FROM devices
             WHERE token = $1 AND failures < $2 AND user_id = (SELECT id FROM users WHERE username_key = $3)",
        )
        .bind(device.token.as_bytes().as_slice())
        .bind(i64::from(PER_DEVICE))
        .bind(device.name.as_str())
        .fetch_optional(&mut *read)
        .doing(COUNTING)
        .await?;
        if known.is_some() {
            return Ok(None);
        }
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

async fn count_in(tx: &mut Tx, attempt: &Attempt) -> Result<Counted> {
    if let Some(device) = &attempt.device
        && device_may_fail(tx, device).await?
    {
        return Ok(Counted::Device);
    }
    let mut before = Vec::new();
    for counter in &attempt.counters {
        before.push(hold(tx, counter).await?);
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

/// What was counted, which nobody else changes until the commit; nothing, where it is new.
async fn hold(tx: &mut Tx, counter: &Counter) -> Result<Count> {
    query_as(
        "INSERT INTO throttles (key, of_account, failures, at) VALUES ($1, $2, 0, 0)
         ON CONFLICT (key) DO UPDATE SET failures = throttles.failures RETURNING failures, at",
    )
    .bind(counter.key.as_slice())
    .bind(counter.rule == Rule::Account)
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

async fn forget(tx: &mut Tx, key: [u8; 16]) -> Result<()> {
    query("DELETE FROM throttles WHERE key = $1")
        .bind(key.as_slice())
        .execute(&mut **tx)
        .doing("forgetting failures")
        .await
        .map(drop)
}

async fn take_back_in(tx: &mut Tx, attempt: &Attempt) -> Result<()> {
    for counter in &attempt.counters {
        let before = hold(tx, counter).await?;
        write(tx, counter.key, counter.rule.take_back(before, attempt.at)).await?;
    }
    Ok(())
}

/// Counts against a device that the account knows, if it has a failure left.
async fn device_may_fail(tx: &mut Tx, device: &ShownDevice) -> Result<bool> {
    let counted = query(
        "UPDATE devices SET failures = failures + 1
         WHERE token = $1 AND failures < $2 AND user_id = (SELECT id FROM users WHERE username_key = $3)",
    )
    .bind(device.token.as_bytes().as_slice())
    .bind(i64::from(PER_DEVICE))
    .bind(device.name.as_str())
    .execute(&mut **tx)
    .doing(COUNTING)
    .await?;
    Ok(counted.rows_affected() > 0)
}

async fn device_has_not_failed(tx: &mut Tx, device: &ShownDevice) -> Result<()> {
    query(
        "UPDATE devices SET failures = failures - 1
         WHERE token = $1 AND failures > 0 AND user_id = (SELECT id FROM users WHERE username_key = $2)",
    )
    .bind(device.token.as_bytes().as_slice())
    .bind(device.name.as_str())
    .execute(&mut **tx)
    .doing(COUNTING)
    .await
    .map(drop)
}

/// A device whose token somebody planted must not become known by that token: it gets a fresh one, and takes along what
/// other accounts knew of it.
async fn remember(
    tx: &mut Tx,
    shown: Option<HashedSecret>,
    welcome: &Welcome,
    now: Timestamp,
) -> Result<()> {
    let user = welcome.user.as_bytes().as_slice();
    let fresh = welcome.fresh.as_bytes().as_slice();
    hold_account(tx, welcome.user).await?;
    if let Some(shown) = shown {
        query("DELETE FROM devices WHERE token = $1 AND user_id = $2")
            .bind(shown.as_bytes().as_slice())
            .bind(user)
            .execute(&mut **tx)
            .doing(WELCOMING)
            .await?;
        query("UPDATE devices SET token = $1 WHERE token = $2")
            .bind(fresh)
            .bind(shown.as_bytes().as_slice())
            .execute(&mut **tx)
            .doing(WELCOMING)
            .await?;
    }
    query(
        "INSERT INTO devices (id, token, user_id, failures, seen_at)
         SELECT $1, $2, id, 0, $3 FROM users WHERE id = $4 AND epoch = $5",
    )
    .bind(SessionId::random().as_bytes().as_slice())
    .bind(fresh)
    .bind(now.as_millis())
    .bind(user)
    .bind(welcome.epoch)
    .execute(&mut **tx)
    .doing(WELCOMING)
    .await?;
    keep_the_last(tx, welcome).await
}

/// Of the account's devices, and of the accounts of this browser.
async fn keep_the_last(tx: &mut Tx, welcome: &Welcome) -> Result<()> {
    query(
        "DELETE FROM devices WHERE user_id = $1 AND id NOT IN
             (SELECT id FROM devices WHERE user_id = $1 AND failures < $2 ORDER BY seen_at DESC, id LIMIT $3)",
    )
    .bind(welcome.user.as_bytes().as_slice())
    .bind(i64::from(PER_DEVICE))
    .bind(i64::from(DEVICES))
    .execute(&mut **tx)
    .doing(WELCOMING)
    .await?;
    query(
        "DELETE FROM devices WHERE token = $1 AND id NOT IN
             (SELECT id FROM devices WHERE token = $1 ORDER BY seen_at DESC, id LIMIT $2)",
    )
    .bind(welcome.fresh.as_bytes().as_slice())
    .bind(ACCOUNTS)
    .execute(&mut **tx)
    .doing(WELCOMING)
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
