//! The rules one by one; `model` has them all at once.

mod model;

use super::*;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::user::User;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

/// What an access token says that was made at `time`.
fn in_whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis().div_euclid(1000) * 1000)
}

/// What a store has of a log-in with `token` at `now`.
fn started(token: &RefreshToken, now: Timestamp) -> LiveChain {
    let user = User {
        id: UserId::random(),
        username: "alice".to_owned(),
        email: None,
        created_at: now,
        disabled_at: None,
    };
    let session = Session {
        id: token.session(),
        user: user.id,
        created_at: now,
        last_seen_at: now,
        expires_at: now.after(30 * DAY),
        remember: true,
        user_agent: None,
    };
    let (chain, secret) = (Chain::start(token, now), token.family_hash());
    LiveChain {
        live: LiveSession {
            session,
            epoch: 0,
            secret,
            user,
        },
        chain,
    }
}

fn log_in() -> (LiveChain, RefreshToken) {
    let token = RefreshToken::generate(SessionId::random());
    (started(&token, START), token)
}

fn ask(found: &LiveChain, token: &RefreshToken, now: Timestamp) -> Decision {
    decide(Some(found), token, now, [9; 32])
}

/// The chain and the token after a refresh at `now`.
fn rotated(found: &LiveChain, token: &RefreshToken, now: Timestamp) -> (LiveChain, RefreshToken) {
    match ask(found, token, now) {
        Decision::Rotate { chain, token } => (with(found, chain), token),
        other => panic!("{other:?}"),
    }
}

fn with(found: &LiveChain, chain: Chain) -> LiveChain {
    LiveChain {
        chain,
        ..found.clone()
    }
}

fn confirmed(found: &LiveChain, at: Timestamp) -> LiveChain {
    let mut found = found.clone();
    found.chain.confirmed_at = Some(at);
    found
}

#[test]
fn the_current_token_is_replaced() {
    let (found, token) = log_in();
    let (next, successor) = rotated(&found, &token, at(300));
    let (before, next) = (found.chain, next.chain);
    assert_eq!((before.generation, next.generation), (0, 1));
    assert!(next.current.equals(&successor.hash()));
    assert!(next.previous.unwrap().equals(&token.hash()));
    assert_eq!((next.issued_at, next.confirmed_at), (at(300), None));
    assert_eq!(next.salt, [9; 32]);
    assert!(successor.family_hash().equals(&token.family_hash()));
}

#[test]
fn a_lost_answer_is_repeated_however_late() {
    let (found, token) = log_in();
    let (found, successor) = rotated(&found, &token, START);
    let late = found
        .live
        .session
        .expires_at
        .before(Duration::from_millis(1));
    for now in [at(0), at(31), at(86_400), late] {
        match ask(&found, &token, now) {
            Decision::Repeat(again) => assert_eq!(again.reveal(), successor.reveal()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_previous_token_is_stolen_thirty_seconds_after_the_confirmation() {
    let (found, token) = log_in();
    let found = confirmed(&rotated(&found, &token, START).0, at(35));
    assert!(matches!(ask(&found, &token, at(65)), Decision::Repeat(_)));
    let later = at(65).after(Duration::from_millis(1));
    assert!(matches!(ask(&found, &token, later), Decision::Theft));
}

#[test]
fn an_older_token_is_too_early_to_tell_and_then_stolen() {
    let (found, token) = log_in();
    let (found, successor) = rotated(&found, &token, START);
    let (found, _) = rotated(&found, &successor, at(10));
    assert!(matches!(ask(&found, &token, at(40)), Decision::TooEarly));
    let later = at(40).after(Duration::from_millis(1));
    assert!(matches!(ask(&found, &token, later), Decision::Theft));
    assert!(matches!(
        ask(&found, &successor, later),
        Decision::Repeat(_)
    ));
}

#[test]
fn what_the_session_id_alone_can_make_is_refused_and_kills_nothing() {
    let (found, token) = log_in();
    let garbage = RefreshToken::generate(token.session());
    assert!(matches!(ask(&found, &garbage, at(0)), Decision::Refuse));
    assert!(matches!(ask(&found, &garbage, at(9_999)), Decision::Refuse));
    let no_session = decide(None, &token, START, [9; 32]);
    assert!(matches!(no_session, Decision::Refuse));
}

#[test]
fn another_sessions_chain_is_refused_even_with_its_hashes() {
    let (mut found, token) = log_in();
    found.live.session.id = SessionId::random();
    assert!(matches!(ask(&found, &token, at(0)), Decision::Refuse));
}

#[test]
fn a_session_that_is_over_refuses_each_of_its_tokens() {
    let (found, token) = log_in();
    let (found, successor) = rotated(&found, &token, START);
    let (found, third) = rotated(&found, &successor, at(1));
    for token in [token, successor, third] {
        for now in [at(2), at(9_999)] {
            let ended = decide(None, &token, now, [9; 32]);
            assert!(matches!(ended, Decision::Refuse));
        }
        let expired = ask(&found, &token, found.live.session.expires_at);
        assert!(matches!(expired, Decision::Refuse));
    }
}

#[test]
fn a_clock_that_went_back_steals_nothing() {
    let (found, token) = log_in();
    let (found, successor) = rotated(&found, &token, at(100));
    let (found, _) = rotated(&found, &successor, at(101));
    assert!(matches!(ask(&found, &token, at(0)), Decision::TooEarly));
    assert!(!confirms(at(101), at(0)));
}

#[test]
fn an_access_token_confirms_its_generation_after_35_seconds_and_never_before() {
    for millis in [0, 1, 500, 999] {
        let made = at(100).after(Duration::from_millis(millis));
        let minted_at = in_whole_seconds(made);
        let early = made.after(CONFIRM_AFTER).before(Duration::from_millis(1));
        assert!(!confirms(minted_at, early), "{millis}");
        let rounded_up = made.after(CONFIRM_AFTER + ROUNDED_OFF);
        assert!(confirms(minted_at, rounded_up), "{millis}");
    }
}

#[test]
fn debug_prints_no_hash() {
    let (found, token) = log_in();
    let shown = format!("{:?} {:?}", found.chain, ask(&found, &token, START));
    for hidden in ["family", "current", "salt", "Hashed"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains(&token.session().to_string()));
}
