//! The rules one by one; `model` has them all at once.

mod model;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

fn log_in() -> (RefreshRow, RefreshToken) {
    let token = RefreshToken::generate(SessionId::random());
    let row = RefreshRow::start(&token, 3, START, START.after(30 * DAY));
    (row, token)
}

fn ask(row: &RefreshRow, token: &RefreshToken, now: Timestamp) -> Decision {
    decide(Some(row), token, 3, now, [9; 32])
}

/// The row and the token after a refresh at `now`.
fn rotated(row: &RefreshRow, token: &RefreshToken, now: Timestamp) -> (RefreshRow, RefreshToken) {
    match ask(row, token, now) {
        Decision::Rotate { row, token } => (*row, token),
        other => panic!("{other:?}"),
    }
}

fn confirmed(row: &RefreshRow, at: Timestamp) -> RefreshRow {
    RefreshRow {
        confirmed_at: Some(at),
        ..row.clone()
    }
}

#[test]
fn the_current_token_is_replaced() {
    let (row, token) = log_in();
    let (next, successor) = rotated(&row, &token, at(300));
    assert_eq!((row.generation, next.generation), (0, 1));
    assert!(next.current.equals(&successor.hash()));
    assert!(next.previous.unwrap().equals(&token.hash()));
    assert_eq!((next.issued_at, next.confirmed_at), (at(300), None));
    assert_eq!((next.salt, next.epoch), ([9; 32], 3));
    assert_eq!(next.expires_at, row.expires_at, "the absolute limit stays");
    assert!(successor.family_hash().equals(&token.family_hash()));
}

#[test]
fn a_lost_answer_is_repeated_however_late() {
    let (row, token) = log_in();
    let (row, successor) = rotated(&row, &token, START);
    let late = row.expires_at.before(Duration::from_millis(1));
    for now in [at(0), at(31), at(86_400), late] {
        match ask(&row, &token, now) {
            Decision::Repeat(again) => assert_eq!(again.reveal(), successor.reveal()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_previous_token_is_stolen_thirty_seconds_after_the_confirmation() {
    let (row, token) = log_in();
    let row = confirmed(&rotated(&row, &token, START).0, at(35));
    assert!(matches!(ask(&row, &token, at(65)), Decision::Repeat(_)));
    let later = at(65).after(Duration::from_millis(1));
    assert!(matches!(ask(&row, &token, later), Decision::Theft));
}

#[test]
fn an_older_token_is_too_early_to_tell_and_then_stolen() {
    let (row, token) = log_in();
    let (row, successor) = rotated(&row, &token, START);
    let (row, _) = rotated(&row, &successor, at(10));
    assert!(matches!(ask(&row, &token, at(40)), Decision::TooEarly));
    let later = at(40).after(Duration::from_millis(1));
    assert!(matches!(ask(&row, &token, later), Decision::Theft));
    assert!(matches!(ask(&row, &successor, later), Decision::Repeat(_)));
}

#[test]
fn what_the_session_id_alone_can_make_is_refused_and_kills_nothing() {
    let (row, token) = log_in();
    let garbage = RefreshToken::generate(token.session());
    assert!(matches!(ask(&row, &garbage, at(0)), Decision::Refuse));
    assert!(matches!(ask(&row, &garbage, at(9_999)), Decision::Refuse));
    let no_row = decide(None, &token, 3, START, [9; 32]);
    assert!(matches!(no_row, Decision::Refuse));
}

#[test]
fn another_sessions_row_is_refused_even_with_its_hashes() {
    let (row, token) = log_in();
    let row = RefreshRow {
        session: SessionId::random(),
        ..row
    };
    assert!(matches!(ask(&row, &token, at(0)), Decision::Refuse));
}

#[test]
fn a_session_that_is_over_refuses_each_of_its_tokens() {
    let (row, token) = log_in();
    let (row, successor) = rotated(&row, &token, START);
    let (row, third) = rotated(&row, &successor, at(1));
    let dead = RefreshRow {
        dead: true,
        ..row.clone()
    };
    for token in [token, successor, third] {
        for now in [at(2), at(9_999)] {
            assert!(matches!(ask(&dead, &token, now), Decision::Refuse));
            let newer_epoch = decide(Some(&row), &token, 4, now, [9; 32]);
            assert!(matches!(newer_epoch, Decision::Refuse));
        }
        let expired = ask(&row, &token, row.expires_at);
        assert!(matches!(expired, Decision::Refuse));
    }
}

#[test]
fn a_clock_that_went_back_steals_nothing() {
    let (row, token) = log_in();
    let (row, successor) = rotated(&row, &token, at(100));
    let (row, _) = rotated(&row, &successor, at(101));
    assert!(matches!(ask(&row, &token, at(0)), Decision::TooEarly));
    assert!(!confirms(&row, 2, at(0)));
}

#[test]
fn an_access_token_of_the_current_generation_confirms_once_it_is_old_enough() {
    let (row, token) = log_in();
    let (row, _) = rotated(&row, &token, at(100));
    let just_before = at(135).before(Duration::from_millis(1));
    assert!(!confirms(&row, 1, just_before));
    assert!(confirms(&row, 1, at(135)));
    assert!(!confirms(&row, 0, at(135)), "of the generation before");
    assert!(!confirms(&row, 2, at(135)), "of no generation yet");
    let dead = RefreshRow {
        dead: true,
        ..row.clone()
    };
    assert!(!confirms(&dead, 1, at(135)));
    assert!(!confirms(&confirmed(&row, at(140)), 1, at(150)), "again");
}

#[test]
fn debug_prints_no_hash() {
    let (row, token) = log_in();
    let shown = format!("{:?} {:?}", row, ask(&row, &token, START));
    for hidden in ["family", "current", "salt", "Hashed"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains(&row.session.to_string()));
}
