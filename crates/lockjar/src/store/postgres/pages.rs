//! Rows in and out of the tables of a database that is being filled, which are called `filling_users` and so on.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, FromRow, Postgres};

use super::pool::Tx;
use super::{Doing, query, query_as};
use crate::store::Result;
use crate::store::travel::{
    Rows, Table, TravellingDevice, TravellingKey, TravellingRefresh, TravellingScheme,
    TravellingSession, TravellingUser,
};

const DOING: &str = "writing to the target";
/// Rows of one page.
const PAGE: i64 = 1_000;

/// Gives the tables the names under which nobody serves from them, once all who are using them are done.
pub(super) const HIDE: &str = "ALTER TABLE users RENAME TO filling_users;
    ALTER TABLE sessions RENAME TO filling_sessions; ALTER TABLE refreshes RENAME TO filling_refreshes;
    ALTER TABLE keys RENAME TO filling_keys; ALTER TABLE devices RENAME TO filling_devices;
    ALTER TABLE hash_schemes RENAME TO filling_hash_schemes; LOCK TABLE elsewhere";
/// Gives them back their own.
pub(super) const SHOW: &str = "ALTER TABLE filling_users RENAME TO users;
    ALTER TABLE filling_sessions RENAME TO sessions; ALTER TABLE filling_refreshes RENAME TO refreshes;
    ALTER TABLE filling_keys RENAME TO keys; ALTER TABLE filling_devices RENAME TO devices;
    ALTER TABLE filling_hash_schemes RENAME TO hash_schemes";
pub(super) const WIPE: &str =
    "TRUNCATE filling_users, filling_sessions, filling_refreshes, filling_keys, filling_devices,
    filling_hash_schemes, one_time_tokens";

/// Whether nobody has anything in here.
pub(super) async fn is_empty(tx: &mut Tx) -> Result<bool> {
    let (any,): (bool,) = query_as(
        "SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM keys) OR EXISTS (SELECT FROM elsewhere)",
    )
    .fetch_one(&mut **tx)
    .doing("looking whether the target is empty")
    .await?;
    Ok(!any)
}

/// The same once nobody can write to it any longer.
pub(super) async fn is_empty_while_hidden(tx: &mut Tx) -> Result<bool> {
    let (any,): (bool,) = query_as(
        "SELECT EXISTS (SELECT FROM filling_users) OR EXISTS (SELECT FROM filling_keys)
                OR EXISTS (SELECT FROM elsewhere)",
    )
    .fetch_one(&mut **tx)
    .doing("looking whether the target is empty")
    .await?;
    Ok(!any)
}

/// Writes rows over those of the same keys. A session whose account is not there, or a chain whose session is not, was made
/// while the copy ran: it comes with what changed meanwhile.
pub(super) async fn put(tx: &mut Tx, rows: &Rows) -> Result<()> {
    match rows {
        Rows::Users(rows) => put_users(tx, rows).await,
        Rows::Sessions(rows) => put_sessions(tx, rows).await,
        Rows::Refreshes(rows) => put_refreshes(tx, rows).await,
        Rows::Keys(rows) => put_keys(tx, rows).await,
        Rows::Devices(rows) => put_devices(tx, rows).await,
        Rows::HashSchemes(rows) => put_schemes(tx, rows).await,
    }
}

/// Ends rows, and what refers to them.
pub(super) async fn delete(tx: &mut Tx, table: Table, ids: &[Vec<u8>]) -> Result<()> {
    let sql = match table {
        Table::Users => "DELETE FROM filling_users WHERE id = ANY ($1)",
        Table::Sessions => "DELETE FROM filling_sessions WHERE id = ANY ($1)",
        Table::Refreshes => "DELETE FROM filling_refreshes WHERE session_id = ANY ($1)",
        Table::Devices => "DELETE FROM filling_devices WHERE id = ANY ($1)",
        // They are always written all at once.
        Table::Keys | Table::HashSchemes => return Ok(()),
    };
    write(tx, query(sql).bind(ids.to_vec())).await
}

/// The next rows after the one with this key; from the first on, where it is empty.
pub(super) async fn page(tx: &mut Tx, table: Table, after: &[u8]) -> Result<Rows> {
    Ok(match table {
        Table::Users => Rows::Users(fetch(tx, table, after).await?),
        Table::Sessions => Rows::Sessions(fetch(tx, table, after).await?),
        Table::Refreshes => Rows::Refreshes(fetch(tx, table, after).await?),
        Table::Keys => Rows::Keys(fetch(tx, table, after).await?),
        Table::Devices => Rows::Devices(fetch(tx, table, after).await?),
        Table::HashSchemes => Rows::HashSchemes(fetch(tx, table, after).await?),
    })
}

async fn fetch<R: for<'r> FromRow<'r, PgRow> + Send + Unpin>(
    tx: &mut Tx,
    table: Table,
    after: &[u8],
) -> Result<Vec<R>> {
    let (columns, name, key) = (table.columns(), table.name(), table.key());
    let from = match table {
        Table::Keys | Table::HashSchemes => "$1 = ''::bytea".to_owned(),
        _ => format!("{key} > $1"),
    };
    // It is made of constants.
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {columns} FROM filling_{name} WHERE {from} ORDER BY {key} LIMIT {PAGE}"
    )))
    .persistent(false)
    .bind(after)
    .fetch_all(&mut **tx)
    .doing("reading what was copied")
    .await
}

async fn write(tx: &mut Tx, query: Query<'_, Postgres, PgArguments>) -> Result<()> {
    query.execute(&mut **tx).doing(DOING).await.map(drop)
}

fn each<R, C>(rows: &[R], column: impl Fn(&R) -> C) -> Vec<C> {
    rows.iter().map(column).collect()
}

async fn put_users(tx: &mut Tx, rows: &[TravellingUser]) -> Result<()> {
    // Whoever had the name before is gone.
    let replaced = query(
        "DELETE FROM filling_users AS old USING unnest($1::bytea[], $2::text[]) AS new (id, key)
         WHERE old.username_key = new.key AND old.id <> new.id",
    )
    .bind(each(rows, |row| row.id.clone()))
    .bind(each(rows, |row| row.username_key.clone()));
    write(tx, replaced).await?;
    let written = query(
        "INSERT INTO filling_users (id, username, username_key, email, password_hash, epoch, created_at, disabled_at)
         SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                              $8::bigint[])
         ON CONFLICT (id) DO UPDATE SET
             username = excluded.username, username_key = excluded.username_key, email = excluded.email,
             password_hash = excluded.password_hash, epoch = excluded.epoch, created_at = excluded.created_at,
             disabled_at = excluded.disabled_at",
    )
    .bind(each(rows, |row| row.id.clone()))
    .bind(each(rows, |row| row.username.clone()))
    .bind(each(rows, |row| row.username_key.clone()))
    .bind(each(rows, |row| row.email.clone()))
    .bind(each(rows, |row| row.password_hash.clone()))
    .bind(each(rows, |row| row.epoch))
    .bind(each(rows, |row| row.created_at))
    .bind(each(rows, |row| row.disabled_at));
    write(tx, written).await
}

async fn put_sessions(tx: &mut Tx, rows: &[TravellingSession]) -> Result<()> {
    let written = query(
        "INSERT INTO filling_sessions
             (id, user_id, epoch, secret_hash, created_at, last_seen_at, expires_at, remember, user_agent)
         SELECT new.* FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[],
                                  $7::bigint[], $8::boolean[], $9::text[])
                  AS new (id, user_id, epoch, secret_hash, created_at, last_seen_at, expires_at, remember, user_agent)
             JOIN filling_users ON filling_users.id = new.user_id
         ON CONFLICT (id) DO UPDATE SET
             user_id = excluded.user_id, epoch = excluded.epoch, secret_hash = excluded.secret_hash,
             created_at = excluded.created_at, last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at,
             remember = excluded.remember, user_agent = excluded.user_agent",
    )
    .bind(each(rows, |row| row.id.clone()))
    .bind(each(rows, |row| row.user_id.clone()))
    .bind(each(rows, |row| row.epoch))
    .bind(each(rows, |row| row.secret_hash.clone()))
    .bind(each(rows, |row| row.created_at))
    .bind(each(rows, |row| row.last_seen_at))
    .bind(each(rows, |row| row.expires_at))
    .bind(each(rows, |row| row.remember))
    .bind(each(rows, |row| row.user_agent.clone()));
    write(tx, written).await
}

async fn put_refreshes(tx: &mut Tx, rows: &[TravellingRefresh]) -> Result<()> {
    let written = query(
        "INSERT INTO filling_refreshes (session_id, generation, current, previous, salt, issued_at, confirmed_at)
         SELECT new.* FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[],
                                  $7::bigint[])
                  AS new (session_id, generation, current, previous, salt, issued_at, confirmed_at)
             JOIN filling_sessions ON filling_sessions.id = new.session_id
         ON CONFLICT (session_id) DO UPDATE SET
             generation = excluded.generation, current = excluded.current, previous = excluded.previous,
             salt = excluded.salt, issued_at = excluded.issued_at, confirmed_at = excluded.confirmed_at",
    )
    .bind(each(rows, |row| row.session_id.clone()))
    .bind(each(rows, |row| row.generation))
    .bind(each(rows, |row| row.current.clone()))
    .bind(each(rows, |row| row.previous.clone()))
    .bind(each(rows, |row| row.salt.clone()))
    .bind(each(rows, |row| row.issued_at))
    .bind(each(rows, |row| row.confirmed_at));
    write(tx, written).await
}

/// All of them, in the place of those that were there.
async fn put_keys(tx: &mut Tx, rows: &[TravellingKey]) -> Result<()> {
    write(tx, query("DELETE FROM filling_keys")).await?;
    let written = query(
        "INSERT INTO filling_keys (kid, algorithm, sealed, created_at, signs_from, revoked_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[])",
    )
    .bind(each(rows, |row| row.kid.clone()))
    .bind(each(rows, |row| row.algorithm.clone()))
    .bind(each(rows, |row| row.sealed.clone()))
    .bind(each(rows, |row| row.created_at))
    .bind(each(rows, |row| row.signs_from))
    .bind(each(rows, |row| row.revoked_at));
    write(tx, written).await
}

/// All of them, beside those that are there: none ever goes.
async fn put_schemes(tx: &mut Tx, rows: &[TravellingScheme]) -> Result<()> {
    let written = query(
        "INSERT INTO filling_hash_schemes (label) SELECT unnest($1::text[]) ON CONFLICT (label) DO NOTHING",
    )
    .bind(each(rows, |row| row.label.clone()));
    write(tx, written).await
}

async fn put_devices(tx: &mut Tx, rows: &[TravellingDevice]) -> Result<()> {
    // The browser that had the token before is another row by now.
    let replaced = query(
        "DELETE FROM filling_devices AS old USING unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS new (id, token, user_id)
         WHERE old.token = new.token AND old.user_id = new.user_id AND old.id <> new.id",
    )
    .bind(each(rows, |row| row.id.clone()))
    .bind(each(rows, |row| row.token.clone()))
    .bind(each(rows, |row| row.user_id.clone()));
    write(tx, replaced).await?;
    let written = query(
        "INSERT INTO filling_devices (id, token, user_id, failures, seen_at)
         SELECT new.* FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[])
                  AS new (id, token, user_id, failures, seen_at)
             JOIN filling_users ON filling_users.id = new.user_id
         ON CONFLICT (id) DO UPDATE SET
             token = excluded.token, user_id = excluded.user_id, failures = excluded.failures, seen_at = excluded.seen_at",
    )
    .bind(each(rows, |row| row.id.clone()))
    .bind(each(rows, |row| row.token.clone()))
    .bind(each(rows, |row| row.user_id.clone()))
    .bind(each(rows, |row| row.failures))
    .bind(each(rows, |row| row.seen_at));
    write(tx, written).await
}
