//! The store contract as tests. Every store runs the same ones; a third party's does it like this:
//!
//! ```ignore
//! #[tokio::test]
//! async fn my_store_keeps_the_contract() {
//!     lockjar::store::conformance::check(&|| async { Arc::new(MyStore::new().await) as Arc<dyn Store> }).await;
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod accounts;
mod audit;
mod one_time;
mod sessions;
mod throttles;
mod tokens;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{LiveSession, NewSignIn, NewUser, Outcome, Store};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::password::PasswordHash;
use crate::session::{NewSession, Session};
use crate::token::PlainToken;
use crate::user::Username;

/// Makes a new, empty store.
pub type Make<'a> = &'a (dyn Fn() -> Pin<Box<dyn Future<Output = Arc<dyn Store>> + 'a>> + 'a);

/// What becomes of sessions that have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// The sweep deletes them.
    AreSwept,
    /// They go by themselves, with time as the store sees it.
    /// Time takes them, as the store sees it.
    #[cfg_attr(not(all(test, feature = "redis")), allow(dead_code))]
    GoByThemselves,
}

/// Runs every test, each on a store of its own.
///
/// # Panics
/// With a message that says which sentence of the contract is broken.
pub async fn check(make: Make<'_>) {
    check_where(Expired::AreSwept, make).await;
}

pub(super) async fn check_where(expired: Expired, make: Make<'_>) {
    accounts::accounts_are_found_by_any_spelling_of_their_name(&*make().await).await;
    accounts::a_taken_name_writes_nothing(&*make().await).await;
    accounts::a_text_with_sql_in_it_is_text(&*make().await).await;
    accounts::an_import_makes_what_is_not_there_and_changes_nothing_that_is(&*make().await).await;
    accounts::an_import_keeps_the_schemes_of_what_it_made(&*make().await).await;
    accounts::an_imported_account_begins_without_the_failures_at_its_name(&*make().await).await;
    accounts::an_account_and_its_first_session_come_together(&*make().await).await;
    sessions::a_session_is_live_until_it_is_ended(&*make().await).await;
    sessions::a_log_in_of_an_older_epoch_opens_nothing(&*make().await).await;
    sessions::a_log_in_replaces_only_what_it_knows_the_secret_of(&*make().await).await;
    sessions::the_oldest_sessions_make_way(&*make().await).await;
    sessions::a_touch_never_revives_and_never_goes_back(&*make().await).await;
    sessions::authority_that_has_ended_changes_nothing(&*make().await).await;
    sessions::nobody_ends_another_users_session(&*make().await).await;
    sessions::ending_the_others_ends_log_ins_in_flight(&*make().await).await;
    accounts::a_password_change_ends_everything_but_its_own_session(&*make().await).await;
    accounts::a_password_change_checks_the_epoch_again(&*make().await).await;
    accounts::a_rehash_loses_against_a_change(&*make().await).await;
    accounts::a_disabled_account_has_no_session_and_gets_none(&*make().await).await;
    accounts::a_deleted_account_leaves_nothing(&*make().await).await;
    sessions::every_end_is_in_the_feed(&*make().await).await;
    sessions::a_sweep_takes_what_has_expired(expired, &*make().await).await;
    one_time::a_token_sets_its_own_users_password_once(&*make().await).await;
    one_time::of_parallel_uses_one_succeeds(make().await).await;
    one_time::a_token_ends_with_time_and_with_every_change_of_the_account(&*make().await).await;
    throttles::parallel_guesses_do_not_slip_through(make().await).await;
    throttles::what_is_refused_is_counted_nowhere(&*make().await).await;
    throttles::what_is_taken_back_is_free_again(&*make().await).await;
    throttles::nobody_is_locked_out_of_a_device_that_is_known(&*make().await).await;
    throttles::a_strangers_success_frees_no_other_strangers(&*make().await).await;
    throttles::devices_have_failures_of_their_own_and_a_limit_together(&*make().await).await;
    throttles::a_planted_token_is_worth_nothing_after_the_log_in(&*make().await).await;
    throttles::a_new_password_knows_no_device(&*make().await).await;
    throttles::the_key_of_the_throttles_is_the_stores_own(&*make().await, &*make().await).await;
    audit::what_is_written_is_read_again_the_latest_first(&*make().await).await;
    audit::a_query_finds_what_it_asks_for_and_no_more(&*make().await).await;
    audit::a_record_outlives_its_account_and_ends_with_time(&*make().await).await;
    tokens::a_chain_begins_with_every_new_session(&*make().await).await;
    tokens::a_chain_moves_on_by_one_and_keeps_what_it_was_told(&*make().await).await;
    tokens::a_chain_moves_alone(&*make().await).await;
    tokens::of_parallel_refreshes_one_is_written(make().await).await;
    tokens::a_chain_ends_with_its_session(&*make().await).await;
    tokens::a_session_that_is_kept_keeps_its_chain(&*make().await).await;
    tokens::a_generation_is_confirmed_once_and_only_while_it_is_current(&*make().await).await;
    tokens::keys_change_all_at_once_or_not_at_all(&*make().await).await;
    sessions::parallel_log_ins_and_a_log_out_everywhere_leave_no_session(make().await).await;
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text.to_owned())
}

pub(super) fn new_user(name: &str) -> NewUser {
    let name = Username::parse(name).unwrap();
    NewUser {
        id: UserId::random(),
        name,
        email: None,
        hash: hash("first"),
        created_at: at(0),
    }
}

fn new_session(user: UserId, created: i64) -> (PlainToken, NewSession) {
    let token = PlainToken::generate();
    let session = Session {
        id: token.id(),
        user,
        created_at: at(created),
        last_seen_at: at(created),
        expires_at: at(created + 1000),
        remember: true,
        user_agent: Some("agent".to_owned()),
    };
    let secret = token.hash();
    (
        token,
        NewSession {
            session,
            secret,
            refresh: None,
        },
    )
}

pub(super) async fn user(store: &dyn Store, name: &str) -> UserId {
    let user = new_user(name);
    assert!(store.create(&user, None).await.unwrap());
    user.id
}

pub(super) async fn open(
    store: &dyn Store,
    user: UserId,
    epoch: i64,
    created: i64,
) -> Result<PlainToken, Outcome> {
    let (token, new) = new_session(user, created);
    match store
        .open(&NewSignIn {
            new,
            epoch,
            replaces: None,
            per_user: 100,
        })
        .await
        .unwrap()
    {
        Outcome::Done(_) => Ok(token),
        refused => Err(refused),
    }
}

async fn live(store: &dyn Store, session: SessionId) -> Option<LiveSession> {
    store.live(session).await.unwrap()
}

async fn epoch(store: &dyn Store, user: UserId) -> i64 {
    store.by_id(user).await.unwrap().unwrap().epoch
}
